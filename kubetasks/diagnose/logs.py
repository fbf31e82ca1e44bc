"""Last words: classes of log lines, each with what it means, whether it resolves itself and what fixes it.

A class is one entry of a table (``kubetasks.diagnose.tables``): its rule, its patterns, and how the cause and the fix
are worded from what matched.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.rule import LOG, Candidate, Rule, define
from kubetasks.diagnose.views import Container, Line
from kubetasks.diagnose.words import one_line, unquoted

# So many lines from the end are a crash's last words; what stands before them is of before.
LAST_WORDS: Final = 40
LONGEST_LINE: Final = 2000
# What a server writes about a request that it answered: the trouble is the client's.
SERVED: Final = re.compile(
    r"\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\b[\"']?[\s,]{0,3}"
    r"(?:[\"']?(?:path|url|uri|target)[\"']?[:= ]{1,3})?[\"']?/"
)
# Postgres' own log (the default log_line_prefix, with or without user and database): what a client got wrong.
DATABASE_SERVED: Final = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* \S+ \[\d+\](?: \S+)* (?:(?:ERROR|STATEMENT|DETAIL|HINT|CONTEXT):  "
    r"|FATAL:  (?:password authentication|database \"|role \"|no pg_hba|sorry, too many|remaining connection"
    r"|the database system is|terminating connection|canceling|unsupported front))"
)
# A revision that was the newest for so many seconds probably worked.
LIVED: Final = 60.0
# Groups that are not an alternative of another one.
TOLD_APART: Final = ("code", "kind")


@dataclass(frozen=True)
class Match:
    """A class that was recognised in a log.

    Args:
        world: the snapshot.
        workload: the workload.
        container: the container.
        found: the regular expression's match.
        lines: all lines that were looked at.
        index: the line that matched, among them.
    """

    world: World
    workload: Workload
    container: Container
    found: re.Match[str]
    lines: Sequence[Line]
    index: int

    def group(self, name: str) -> str:
        """A named group's text, safe to print. Of alternatives, which need their own names, the one that matched."""
        named = self.found.groupdict()
        text = named.get(name) or next((each for key, each in named.items() if each and key not in TOLD_APART), "")
        return unquoted(one_line(text or "", 120))

    @property
    def line(self) -> str:
        """The line that matched."""
        return one_line(self.lines[self.index].text, 300)

    @property
    def who(self) -> str:
        """The workload, with the container's name where it has several."""
        return who(self.workload, self.container)

    def around(self, before: int = 12, after: int = 3) -> list[str]:
        """The lines around the one that matched, itself first, then the nearest ones."""
        near = [self.lines[self.index].text]
        for step in range(1, max(before, after) + 1):
            if step <= after and self.index + step < len(self.lines):
                near.append(self.lines[self.index + step].text)
            if step <= before and self.index - step >= 0:
                near.append(self.lines[self.index - step].text)
        return near


def who(workload: Workload, container: Container) -> str:
    """``Deployment/web``, and ``Deployment/web container proxy`` where it has several containers."""
    alone = len(list(workload.containers())) == 1
    return workload.key if alone else f"{workload.key} {container.label}"


Says = Callable[[Match], str]
Remedy = Callable[[Match], Fix]
Makes = Callable[[Match], Candidate | None]


@dataclass(frozen=True)
class LogClass:
    """One class of log lines.

    Args:
        rule: what is known about it.
        patterns: what its lines look like.
        says: the cause, without the workload's name.
        remedy: the fix.
        makes: makes the whole candidate, instead of ``says`` and ``fixes``.
        running: it also counts where the container runs on and writes it again and again.
    """

    rule: Rule
    patterns: tuple[re.Pattern[str], ...]
    says: Says | None
    remedy: Remedy | None
    makes: Makes | None
    running: bool


CLASSES: Final[list[LogClass]] = []


def log_class(
    id: str,  # noqa: A002
    *patterns: str,
    title: str,
    why: str,
    fix: str,
    says: str | Says = "",
    remedy: Remedy | None = None,
    makes: Makes | None = None,
    running: bool = False,
    grace: float = 0.0,
    family: str = "exit",
    depth: int = LOG,
    flags: int = 0,
) -> LogClass:
    """Add a class to the table.

    Args:
        id: the rule's ID.
        patterns: regular expressions; the named groups can be used in ``says``.
        title: what is wrong, in a few words.
        why: how it comes about.
        fix: what fixes it, in words; shown where ``fixes`` has nothing better.
        says: the cause, as a template with the patterns' groups or as a function.
        remedy: makes the fix.
        makes: makes the whole candidate.
        running: see ``LogClass``.
        grace: how many seconds a rollout waits whether it resolves itself.
        family: the rule's group.
        depth: the rule's depth.
        flags: of the regular expressions.
    """
    signal = "a line in the container's log: " + ", ".join(f"`{_example(each)}`" for each in patterns[:3])
    rule = define(id, family, title, signal=signal, why=why, fix=fix, depth=depth, grace=grace)
    says_function = _template(says) if isinstance(says, str) and says else says or None
    made = LogClass(
        rule,
        tuple(re.compile(each, flags) for each in patterns),
        says_function if callable(says_function) else None,
        remedy or (lambda match: undo(match) or words(fix)),
        makes,
        running,
    )
    CLASSES.append(made)
    return made


def _example(pattern: str) -> str:
    """A pattern as a person reads it: groups by their names, no syntax."""
    text = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda match: f"<{match[1].upper()}>", pattern)
    text = re.sub(r"\(\?[:!=<i]+|[()^$?*+]|\\b", "", text)
    return re.sub(r"\\(.)", r"\1", text.replace("\\s", " ").replace("\\d", "N").replace("|", " or "))[:90].strip()


def _template(text: str) -> Says:
    def says(match: Match) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: match.group(found[1]), text)

    return says


def search(
    lines: Sequence[Line], *, running: bool = False, last: int = LAST_WORDS
) -> Iterator[tuple[LogClass, re.Match[str], int]]:
    """The classes recognised in the last lines of a log, the most telling first, each with its last line.

    The table's order is the order of how much a class tells: of two that match, the one that stands first wins.
    """
    first = max(len(lines) - last, 0)
    for each in CLASSES:
        if running and not each.running:
            continue
        for index in range(len(lines) - 1, first - 1, -1):
            text = lines[index].text[:LONGEST_LINE]
            if SERVED.search(text) or DATABASE_SERVED.match(text):
                continue
            found = next((match for pattern in each.patterns if (match := pattern.search(text))), None)
            if found:
                yield each, found, index
                break


def candidate(match: Match, of: LogClass) -> Candidate | None:
    """The candidate for a match."""
    if of.makes is not None:
        made = of.makes(match)
    else:
        says = of.says(match) if of.says else match.line
        fix = of.remedy(match) if of.remedy else words(of.rule.fix)
        made = Candidate(of.rule, match.workload.key, f"{match.who}: {says}", fix)
    if made is not None:
        made.at = made.at or match.container.name
        made.because = [f"log of {match.container.label}: {match.line}", *made.because]
    return made


def undo(match: Match) -> Fix | None:
    """Going back to the revision before, where there is one that has worked; None if there is none."""
    return back(match.world, match.workload)


def back(world: World, workload: Workload) -> Fix | None:
    """The command that goes back to a Deployment's revision before; None if that is no remedy.

    It is one where the newest revision has no ready pod, and the one before still serves or existed for a while.
    """
    if workload.kind != "Deployment" or any(pod.ready for pod in workload.current):
        return None
    earlier = world.earlier(workload)
    serving = [each for each in earlier if (each.get("status") or {}).get("readyReplicas")]
    newest = world.newest(workload.item)
    if not serving and not (earlier and newest and world.age(earlier[0]) - world.age(newest) > LIVED):
        return None
    ours = world.snapshot.ours
    labels = workload.item["metadata"].get("labels") or {}
    note = "inv rollback does it for the whole project" if ours.project and ours.project in labels.values() else ""
    return run(
        world,
        f"go back to the revision {'that still serves' if serving else 'before'}",
        "rollout",
        "undo",
        f"deployment/{workload.name}",
        note=note,
    )
