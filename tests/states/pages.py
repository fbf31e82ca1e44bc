"""The pages below ``docs/diagnoses``, made from the rules and the recorded states: ``python -m tests.states.pages``."""

import json
from pathlib import Path
from typing import Final

from kubetasks.diagnose import diagnose, finding, rules, snapshot
from kubetasks.diagnose.rule import FOR_EVER, RULES, Rule
from tests.states.catalogue import HERE, Fault, load
from tests.states.record import live

ROOT: Final = HERE.parent.parent
PAGES: Final = ROOT / "docs" / "diagnoses"
FAMILIES: Final = {
    "image": "images that cannot be had",
    "configuration": "ConfigMaps, Secrets, variables and files of configuration",
    "start": "containers that cannot be started",
    "exit": "programs that end",
    "probes": "probes that fail",
    "scheduling": "pods that fit on no node, and autoscalers",
    "storage": "claims and volumes",
    "network": "Services, Ingresses, policies, names and connections",
    "admission": "what the API server refuses",
    "jobs": "Jobs and CronJobs",
    "cluster": "nodes, rollouts, Helm releases, what does not go away",
    "database": "databases, caches and migrations",
}
HEAD: Final = """\
# Diagnoses

`inv diagnose` names the root cause of what is wrong in a namespace, and the command that fixes it. This is the list of
all causes that it knows. The pages are made from the rules and from recorded states of a real cluster:
`python -m tests.states.pages`.

- **signal**: what in the cluster shows it. **wait**: how long a rollout waits for the problem to resolve itself.
- **tested**: *fixed* means that the printed fix was run on a real cluster and made the namespace healthy; *recorded*,
  that the cause was found in a real cluster's state; *unit*, that a test has it on what programs and clusters print.

Where no rule fits, the finding is `UNKNOWN`, `CRASH_LOOP` or `CRASH_SILENT` with the best evidence (exit
code 62). `inv diagnose --record FILE` writes the state for a bug report; it contains no secret
([snapshot.schema.json](snapshot.schema.json)). `--json` prints the findings
([findings.schema.json](findings.schema.json)).
"""


def tried(faults: list[Fault]) -> dict[str, list[Fault]]:
    """Which recorded faults have a rule as their cause."""
    found: dict[str, list[Fault]] = {}
    for fault in faults:
        names = set(fault.expected)
        if fault.entry.get("any") and recorded(fault).exists():
            names &= {each.id for each in diagnose(snapshot.read(recorded(fault)))}
        for name in names:
            found.setdefault(name, []).append(fault)
    return found


def recorded(fault: Fault) -> Path:
    """The state of a fault when it had settled."""
    return HERE / "recorded" / fault.family / f"{fault.name}.settled.json"


def heals(rule: Rule) -> str:
    """How long it may take to resolve itself, in words."""
    if rule.symptom:
        return "it is only shown as the consequence of a cause"
    if rule.grace == FOR_EVER:
        return "possibly: a rollout continues until its deadline"
    return f"possibly: a rollout waits {rule.grace:g} s" if rule.grace else "no: a rollout ends immediately"


def how(rule: Rule, faults: list[Fault]) -> str:
    """How a rule was tested, in a word."""
    there = [fault for fault in faults if recorded(fault).exists()]
    if any(fault.name in live() for fault in there):
        return "fixed"
    return "recorded" if there else "unit"


def page(rule: Rule, faults: list[Fault]) -> str:
    """The page of one rule."""
    text = f"# {rule.id}: {rule.title}\n\n"
    text += f"**Signal.** {sentence(rule.signal)}\n\n**Why.** {sentence(rule.why)}\n\n**Fix.** {sentence(rule.fix)}\n\n"
    text += f"**Resolves itself?** {sentence(heals(rule))}\n\n"
    text += f"Family: [{rule.family}](README.md#{rule.family}). Severity: {rule.severity}.\n"
    there = [fault for fault in faults if recorded(fault).exists()]
    if not there:
        return text + "\n## How it was tested\n\nBy unit tests, on the output of programs and clusters.\n"
    text += "\n## How it was tested\n"
    for fault in there:
        found = [each for each in diagnose(snapshot.read(recorded(fault))) if each.id == rule.id]
        if not found:
            continue
        text += f"\n`{fault.family}/{fault.name}` on a kind cluster"
        text += ", and the printed fix alone made it healthy:\n" if fault.name in live() else ":\n"
        text += f"\n```text\n{found[0].cause}\n-- {found[0].fix.text}\n```\n"
    return text


def sentence(text: str) -> str:
    """A text with a capital at its beginning and a full stop at its end; code stays as it is."""
    shown = text if text.startswith("`") else text[:1].upper() + text[1:]
    return shown if shown.endswith((".", "!", "?")) else f"{shown}."


def index(faults: dict[str, list[Fault]]) -> str:
    """The list of all rules."""
    text = HEAD
    for family, what in FAMILIES.items():
        text += f"\n## {family}\n\n{what[0].upper() + what[1:]}.\n\n"
        text += "| ID | problem | wait | tested |\n| --- | --- | --- | --- |\n"
        for rule in sorted(RULES.values(), key=lambda each: each.id):
            if rule.family == family and not rule.symptom:
                wait = "" if not rule.grace else "yes" if rule.grace == FOR_EVER else f"{rule.grace:g} s"
                text += (
                    f"| [{rule.id}]({rule.id}.md) | {rule.title} | {wait} | {how(rule, faults.get(rule.id, []))} |\n"
                )
    return text


def texts() -> dict[Path, str]:
    """The files and what they should hold."""
    assert rules.__doc__  # its import makes the rules known
    faults = tried([*load("faults"), *load("held"), *load("fresh")])
    made = {PAGES / f"{rule.id}.md": page(rule, faults.get(rule.id, [])) for rule in RULES.values() if not rule.symptom}
    made[PAGES / "README.md"] = index(faults)
    made[PAGES / "findings.schema.json"] = json.dumps(finding.schema(), indent=2) + "\n"
    made[PAGES / "snapshot.schema.json"] = json.dumps(snapshot.schema(), indent=2) + "\n"
    return made


def write() -> list[Path]:
    """Write what changed, and delete the pages of rules that are gone."""
    made = texts()
    PAGES.mkdir(exist_ok=True)
    for path in PAGES.iterdir():
        if path not in made:
            path.unlink()
    changed = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in changed:
        path.write_text(made[path], encoding="utf-8")
    return changed


if __name__ == "__main__":
    for written in write():
        print(written.relative_to(ROOT))
