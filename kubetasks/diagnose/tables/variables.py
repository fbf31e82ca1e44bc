"""Log classes: configuration that is missing or malformed."""

import re
from typing import Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, run, words
from kubetasks.diagnose.hide import is_secret_name
from kubetasks.diagnose.logs import Match, log_class, undo
from kubetasks.diagnose.refs import references
from kubetasks.diagnose.rule import Candidate
from kubetasks.diagnose.words import nearest, unquoted
from kubetasks.objects import Object

NAME: Final = r"(?P<name>[A-Z][A-Z0-9_]{2,})"
QUOTE: Final = r"['\"`‘’“”]?"
# Words in capitals that logs are full of.
NO_VARIABLES: Final = frozenset(
    [
        "ERROR",
        "WARNING",
        "WARN",
        "INFO",
        "FATAL",
        "DEBUG",
        "TRACE",
        "CRITICAL",
        "PANIC",
        "SSL",
        "TLS",
        "HTTP",
        "HTTPS",
        "JSON",
        "YAML",
        "XML",
        "GET",
        "POST",
        "PUT",
        "DELETE",
        "PATCH",
        "HEAD",
        "URL",
        "URI",
        "FILE",
        "DNS",
        "TCP",
        "UDP",
        "SQL",
        "API",
        "CERT",
        "LOGIN",
        "AUTH",
        "NOTICE",
        "HINT",
        "DETAIL",
        "STATEMENT",
        "NULL",
        "NONE",
        "TRUE",
        "FALSE",
        "OK",
        "FAILED",
        "EOF",
        "ASCII",
        "UTF",
        "CPU",
        "GPU",
        "RAM",
    ]
)
PLACEHOLDER: Final = "CHANGE_ME"


def missing_variable(match: Match) -> Candidate | None:
    """A variable that the program wants and has not got."""
    name = match.group("name")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name) or name in NO_VARIABLES:
        return None
    given = match.container.env
    value = given.get(name, {}).get("value")
    near = nearest(name, given)
    if name in given and value == "":
        cause = f"{match.who}: variable {name} is empty"
    elif name in given:
        cause = f"{match.who}: variable {name} is refused: {match.line}"
    elif near.typo:
        cause = f"{match.who}: variable {name} is not set; {near.name} is, nearest to it"
    else:
        cause = f"{match.who}: variable {name} is not set{near.hint}"
    return Candidate(MISSING.rule, match.workload.key, cause, _set(match, name, near.name if near.typo else ""))


def _set(match: Match, name: str, near: str) -> Fix:
    """Rename the variable that was meant, take it from where it is, go back, or set it."""
    world, workload = match.world, match.workload
    place = workload.where(match.container.name)
    if place is None:
        return words(MISSING.rule.fix)
    at = f"{place[0]}/{place[1]}"
    if near and name not in match.container.env:
        number = list(match.container.env).index(near)
        return change(
            world, workload, f"rename variable {near} to {name}", [("replace", f"{at}/env/{number}/name", name)]
        )
    source = _source(match, name)
    if source is not None:
        step: Step = ("add", f"{at}/env/-", {"name": name, "valueFrom": source})
        steps: list[Step] = [step] if match.container.spec.get("env") else [("add", f"{at}/env", [step[2]])]
        kind, ref = (
            ("Secret", source["secretKeyRef"]) if "secretKeyRef" in source else ("ConfigMap", source["configMapKeyRef"])
        )
        return change(world, workload, f"take {name} from {kind} {ref['name']}", steps)
    before = undo(match)
    if before is not None:
        return before
    return set_variable(match, name)


def _source(match: Match, name: str) -> Object | None:
    """A key of that name in a ConfigMap or Secret of the namespace; those that the workload uses already come first."""
    world = match.world
    used = {(each.kind, each.name) for each in references(match.workload.spec)}
    found = [
        (kind, item["metadata"]["name"])
        for kind in ("Secret", "ConfigMap")
        for item in world.all(kind)
        if name in (item.get("data") or {})
    ]
    chosen = [each for each in found if each in used] or (found if len(found) == 1 else [])
    if not chosen or name in match.container.env:
        return None
    kind, owner = chosen[0]
    return {"secretKeyRef" if kind == "Secret" else "configMapKeyRef": {"name": owner, "key": name}}


def set_variable(match: Match, name: str) -> Fix:
    """Set a variable to a value that has to be filled in; a secret one by a Secret, whose value is not typed."""
    world, workload, container = match.world, match.workload, match.container
    ours = world.snapshot.ours
    if name in ours.secrets:
        return Fix(
            kind="command", text="inv secret.apply", what=f"set {name}", note="inv secret.check says what is set"
        )
    if workload.kind in {"Pod", "Job"}:
        place = workload.where(container.name)
        at = f"{place[0]}/{place[1]}" if place else "containers/0"
        entry = {"name": name, "value": PLACEHOLDER}
        if name in container.env:
            number = list(container.env).index(name)
            steps: list[Step] = [("replace", f"{at}/env/{number}", entry)]
        else:
            steps = [("add", f"{at}/env/-", entry) if container.spec.get("env") else ("add", f"{at}/env", [entry])]
        return change(world, workload, f"set {name}, with its value in place of {PLACEHOLDER}", steps)
    target = f"{workload.kind.lower()}/{workload.name}"
    if is_secret_name(name):
        secret = f"{workload.name}-{name.lower().replace('_', '-')}"[:63].strip("-")
        then = [run(world, "", "set", "env", target, "-c", container.name, f"--from=secret/{secret}").text]
        return run(
            world,
            f"make Secret {secret} from your shell's variable {name} and give it to the container",
            "create",
            "secret",
            "generic",
            secret,
            "--from-env-file=/dev/stdin",
            stdin=f"{name}\n",
            then=then,
            note=f"export {name} first: kubectl takes the value from there",
        )
    return run(
        world,
        f"set {name}, with its value in place of {PLACEHOLDER}",
        "set",
        "env",
        target,
        "-c",
        container.name,
        f"{name}={PLACEHOLDER}",
    )


MISSING = log_class(
    "ENV_MISSING",
    rf"[Ee]nvironment [Vv]ariables? {QUOTE}{NAME}{QUOTE}",
    rf"\benv(?:ironment)? var(?:iable)?s? (?:named |called )?{QUOTE}{NAME}{QUOTE}",
    rf"{QUOTE}\b{NAME}{QUOTE}(?: environment)?(?: variable)?(?: env(?:ironment)? var(?:iable)?)? "
    r"(?:is |was |are |has |have |must |needs to |should )?(?:be |been )?(?:not |n't )?"
    r"(?:set\b|missing|undefined|required|unset|defined|provided|empty|configured|found|specified|present)(?! to)",
    rf"(?:[Mm]issing|[Uu]ndefined|[Uu]nset|[Rr]equired?|[Rr]equires|[Nn]eeds?|[Ss]et|[Dd]efine|[Pp]rovide|specify)"
    rf" (?:the |a |an )?(?:required |mandatory |following )?(?:config(?:uration)? |env(?:ironment)? |settings? |option |key )?"
    rf"(?:variables?|vars?|keys?|options?)?:? ?{QUOTE}{NAME}{QUOTE}",
    rf"KeyError: {QUOTE}{NAME}{QUOTE}",
    rf"required key {NAME} missing value",
    rf"(?:^|: ){NAME}: (?:parameter (?:not set|null or not set)|unbound variable|parameter null or not set)",
    rf"(?:^|\s){NAME}\s*(?:-|:)?\s*[Ff]ield required",
    rf"(?:key not found|env): {QUOTE}{NAME}{QUOTE}(?: not set)?$",
    rf"(?:process\.env\.|os\.environ\[{QUOTE}|os\.Getenv\({QUOTE}|ENV\[{QUOTE}|System\.getenv\({QUOTE}){NAME}.{{0,30}}"
    r"(?:undefined|null|None|missing|not set|empty|required)",
    r"Could not resolve placeholder '(?P<name>[\w.]+)' in value",
    title="a variable is missing",
    why="The program reads an environment variable that the container does not have, often for a slip in its name.",
    fix="set the variable in the container's env",
    makes=missing_variable,
    family="configuration",
)

PYDANTIC = log_class(
    "SETTING_MISSING",
    r"^\s+(?:Field required|Input should be .+?|field required|value is not a valid \w+)\s*[\[(]type=(?P<kind>\w+)",
    title="a setting is missing or has the wrong type",
    why="The program checks its settings when it starts, and one of them is missing or malformed.",
    fix="set it to what the message asks for",
    makes=lambda match: _pydantic(match),
    family="configuration",
)


def _pydantic(match: Match) -> Candidate | None:
    """Pydantic prints a setting's name on its own line, and what is wrong with it below."""
    name = match.lines[match.index - 1].text.strip() if match.index else ""
    if not re.fullmatch(r"[\w.]{2,60}", name):
        return None
    if match.group("kind") != "missing":
        cause = f"{match.who}: setting {name} is refused: {match.line.partition(' [type')[0]}"
        return Candidate(PYDANTIC.rule, match.workload.key, cause, undo(match) or words(f"correct {name}"))
    variable = name.upper()
    near = nearest(variable, match.container.env)
    cause = f"{match.who}: variable {variable} is not set" + (
        f"; {near.name} is, nearest to it" if near.typo else near.hint
    )
    return Candidate(MISSING.rule, match.workload.key, cause, _set(match, variable, near.name if near.typo else ""))


log_class(
    "CONFIG_FILE_INVALID",
    r"nginx: \[emerg\] (?!host not found|bind|open\(\)|mkdir)(?P<what>.+? in \S+:\d+)",
    r"(?P<what>yaml\.\w+\.\w+Error.*|error converting YAML to JSON.*|yaml: (?:line \d+: .+|unmarshal errors.*))",
    r"(?P<what>(?:json\.decoder\.)?JSONDecodeError: .+|invalid character .+ looking for beginning of .+"
    r"|Unexpected token .+ in JSON at position \d+|Expected .+ in JSON at position \d+)",
    r"(?P<what>(?:tomllib?|toml)\.\w*Decode\w*Error.*|configparser\.\w+: .+)",
    r"(?i)(?P<what>(?:error|failed|unable|could not|cannot).{0,20}(?:pars|load|read|decod)\w* .{0,30}"
    r"config(?:uration)?(?: file)?\b.*)",
    r"(?i)(?P<what>invalid config(?:uration)?(?: file)?: .+|AH00526: Syntax error on line .+|Fatal error, can't open config file.*"
    r"|bad directive or wrong number of arguments.*|unknown configuration parameter.*|unrecognized configuration parameter.*)",
    title="a configuration file is malformed",
    why="The program cannot read its configuration: it is not valid YAML, JSON or whatever the program expects.",
    fix="correct the file at the place that the message names, then restart the pods",
    says="{what}",
    family="configuration",
)

log_class(
    "BAD_ARGUMENT",
    r"(?i)(?:unknown|unrecognized|invalid|no such|undefined) (?:flag|option|argument|switch|command)s?:? [`'\"]?(?P<what>-{0,2}[\w-]{2,})",
    r"flag provided but not defined: (?P<what>-\S+)",
    r"(?P<what>error: argument .+?: invalid .+)",
    r"Error: Invalid value for (?P<what>.+)",
    r"(?:the following arguments are required:|Error: Missing (?:option|argument)|required flag\(s\)) (?P<wanted>.+)",
    title="an argument is unknown, invalid or missing",
    why="The container's command or args do not fit this version of the program.",
    fix="correct command or args of the container",
    says=lambda match: (
        f"the program needs the argument {unquoted(match.found['wanted'].rstrip('.'))}"
        if match.found.groupdict().get("wanted")
        else f"the program does not take the argument {match.group('what')}"
    ),
    family="start",
)
