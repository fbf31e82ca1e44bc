"""Log classes: what interpreters and runtimes say when they end."""

import re

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, words
from kubetasks.diagnose.logs import Match, log_class, undo
from kubetasks.diagnose.rule import RULES, Candidate
from kubetasks.diagnose.volumes import mount_of, source_of


def _module(match: Match) -> Candidate:
    name = match.group("name")
    cause = f"{match.who}: module {name} is not in the image {match.container.image}"
    package = name.partition(".")[0]
    if match.world.snapshot.ours.target == "local":
        cause = f"{match.who}: module {name} is not installed where the local target runs it"
        where = "on this machine, or in the environment that services.<name>.local.python names"
        return Candidate(RULES["MODULE_MISSING"], match.workload.key, cause, words(f"install {package} {where}"))
    fix = undo(match) or words(
        f"add {package} to the image's dependencies and build it again, or correct the import of {name}"
    )
    return Candidate(RULES["MODULE_MISSING"], match.workload.key, cause, fix)


log_class(
    "MODULE_MISSING",
    r"(?:ModuleNotFoundError|ImportError): No module named '?(?P<name>[\w.]+)'?",
    r"python[\d.]*: No module named (?P<name>[\w.]+)",
    r"(?:Cannot find module|Cannot find package) '(?P<name>[^/'][^']*)'",
    r"cannot load such file -- (?P<name>\S+)",
    r"Could not find or load main class (?P<name>\S+)|NoClassDefFoundError: (?P<other>\S+)|ClassNotFoundException: (?P<third>\S+)",
    r"Could not import module \"(?P<name>[\w.]+)\"",
    r"PHP Fatal error:  Uncaught Error: Class [\"'](?P<name>[^\"']+)[\"'] not found",
    title="a module is not in the image",
    why="A dependency is not installed, the program's name is misspelt, or a volume hides the folder.",
    fix="add the dependency to the image, or correct the name",
    makes=_module,
)

log_class(
    "IMPORT_FAILS",
    r"ImportError: (?P<what>cannot import name .+|.+: cannot open shared object file.*|.+: undefined symbol.*|.+GLIBC_.+)",
    r"(?P<what>error while loading shared libraries: .+|version `GLIBC_[\d.]+' not found.*|symbol not found: .+)",
    r"(?P<what>Attribute \"\w+\" not found in module \"[\w.]+\"|Failed to find attribute '\w+' in '[\w.]+')",
    r"(?P<what>.+ has been compiled by a more recent version of the Java Runtime.*|UnsupportedClassVersionError: .+)",
    r"(?P<what>does not provide an export named .+|You must install or update \.NET.*|The framework '.+', version '.+' was not found)",
    title="the program cannot be loaded",
    why="A library is missing or of another version than the program was built with.",
    fix="build the image with versions that fit each other",
    says="{what}",
)

log_class(
    "SYNTAX_ERROR",
    r"(?P<what>(?:SyntaxError|IndentationError|TabError): .+)",
    r"(?P<what>(?:PHP )?Parse error: .+|syntax error, unexpected .+|.*: [Ss]yntax error[: ].+)",
    title="the source does not parse",
    why="The file was not tried before it was put into the image or the ConfigMap, or it is for another version.",
    fix="correct the line, build the image again and deploy it",
    makes=lambda match: _syntax(match),
)


def _where(match: Match) -> str:
    """File and line of the innermost frame above an exception."""
    for line in [each.text for each in match.lines[max(match.index - 30, 0) : match.index]][::-1]:
        found = re.search(
            r'File "(?P<file>[^"]+)", line (?P<line>\d+)|^\s+at .*?\(?(?P<js>[/\w.-]+):(?P<number>\d+)', line
        )
        if found:
            return f"{(found['file'] or found['js']).rpartition('/')[2]}:{found['line'] or found['number']}"
    return ""


def _home(match: Match) -> str:
    """Where the file of the innermost frame comes from: a ConfigMap, or the image."""
    for line in [each.text for each in match.lines[max(match.index - 30, 0) : match.index]][::-1]:
        found = re.search(r'File "(?P<file>/[^"]+)", line', line)
        mount = mount_of(match.workload, match.container, found["file"]) if found else None
        kind, name = source_of(mount[1]) if mount else ("", "")
        if kind:
            return f"{kind} {name}, then restart the pods"
        if found:
            break
    return "the source, build the image again and deploy it"


def _syntax(match: Match) -> Candidate:
    where = _where(match)
    cause = f"{match.who}: {match.group('what')}" + (f" ({where})" if where else "")
    fix = undo(match) or words(f"correct {where or 'the line'} in {_home(match)}")
    return Candidate(RULES["SYNTAX_ERROR"], match.workload.key, cause, fix)


log_class(
    "NPM_SCRIPT_MISSING",
    r"(?i)npm (?:ERR!|error) Missing script:? \"?(?P<name>[\w:.-]+)|error Command \"(?P<other>[\w:.-]+)\" not found",
    title="package.json has no such script",
    why="The script's name is misspelt, or package.json in the image is another one.",
    fix="correct the script's name in the container's command",
    says="package.json in the image has no script {name}",
    family="start",
)

log_class(
    "HEAP_FULL",
    r"(?P<what>JavaScript heap out of memory|java\.lang\.OutOfMemoryError: .+|OutOfMemoryException|runtime: out of memory|MemoryError)",
    r"(?P<what>Cannot allocate memory|Out of memory: Killed process|std::bad_alloc|Allowed memory size of \d+ bytes exhausted)",
    title="the program's own memory limit is reached",
    why="The heap of the runtime is smaller than what the program needs, whatever the container's limit is.",
    fix="raise the runtime's heap (NODE_OPTIONS, JAVA_TOOL_OPTIONS) together with the container's limit, or use less",
    says="{what}",
    remedy=lambda match: _heap(match),
)


def _heap(match: Match) -> Fix:
    """The variable that sets the heap, where there is one."""
    place = match.workload.where(match.container.name)
    name, value = "", ""
    if "JavaScript" in match.line:
        name, value = "NODE_OPTIONS", "--max-old-space-size=1024"
    elif "java" in match.line:
        name, value = "JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=75"
    if not name or place is None or name in match.container.env:
        return words(RULES["HEAP_FULL"].fix)
    at, entry = f"{place[0]}/{place[1]}/env", {"name": name, "value": value}
    step: Step = ("add", f"{at}/-", entry) if match.container.spec.get("env") else ("add", at, [entry])
    return change(match.world, match.workload, f"set {name}={value}", [step])


log_class(
    "ALLOWED_HOSTS",
    r"Invalid HTTP_HOST header: '(?P<what>[^']+)'|DisallowedHost|Blocked host: (?P<other>\S+)|Invalid Host header",
    title="the framework rejects the Host header",
    why="The probe and the Service ask by address or by name, and the framework only takes the hosts in its list.",
    fix="add the Service's name and the pod's address (or a * in development) to the framework's allowed hosts",
    says="it rejects requests for host {what}: not in its allowed hosts",
    running=True,
)


def _panic(match: Match) -> Candidate:
    cause = f"{match.who}: {match.group('what')}"
    where = _go_frame(match)
    cause += f" ({where})" if where and where not in cause else ""
    fix = undo(match) or words(f"correct the program{' at ' + where if where else ''}; its stack trace is in inv logs")
    return Candidate(RULES["PROGRAM_PANICS"], match.workload.key, cause, fix)


def _go_frame(match: Match) -> str:
    for line in match.lines[match.index + 1 : match.index + 20]:
        found = re.match(r"^\s+(/\S+\.go):(\d+)", line.text)
        if found and "/usr/local/go/" not in found[1]:
            return f"{found[1].rpartition('/')[2]}:{found[2]}"
    found = re.search(r"src/[\w/]+\.rs:\d+", match.line)
    return found[0].rpartition("/")[2] if found else ""


log_class(
    "PROGRAM_PANICS",
    r"^(?P<what>panic: .+)",
    r"(?P<what>fatal error: (?:all goroutines are asleep - deadlock!|concurrent map .+|unexpected signal.*|stack overflow.*))",
    r"(?P<what>thread '.+' (?:\(\d+\) )?panicked at .+)",
    title="the program panics",
    why="A Go or Rust program met a state that it was not written for.",
    fix="correct the program at the place that the stack trace names",
    makes=_panic,
)
