"""Log classes: the program itself cannot be started, by a shell or an interpreter."""

from kubetasks.diagnose import commands
from kubetasks.diagnose.fixes import change, words
from kubetasks.diagnose.logs import Match, log_class, undo
from kubetasks.diagnose.rule import START, Candidate
from kubetasks.diagnose.words import nearest


def _not_found(match: Match) -> Candidate | None:
    program = match.group("name")
    if not program or program in {"file", "line"}:
        return None
    cause, fix = commands.missing(match.world, match.workload, match.container, program)
    return Candidate(SHELL.rule, match.workload.key, f"{match.who}: {cause}", fix)


SHELL = log_class(
    "COMMAND_NOT_IN_IMAGE",
    r"(?:^|/| )(?:[\w.-]*sh|[\w./-]+\.sh|entrypoint): (?:line )?\d+: (?:exec: )?(?P<name>[\w./-]+): (?:command )?not found",
    r"^(?:/bin/)?(?:sh|bash|ash): (?:exec: )?(?P<name>[\w./-]+): (?:command )?not found",
    r"exec: (?:line \d+: )?(?P<name>[\w./-]+): not found|env: ['‘`\"](?P<other>[\w./-]+)['’\"]: No such file",
    r"(?P<name>[\w./-]+): command not found",
    title="a shell does not find a command",
    why="The command is misspelt, or the image does not have it.",
    fix="correct the command, or use an image that has it",
    makes=_not_found,
    family="start",
    depth=START,
)

log_class(
    "LINE_ENDINGS",
    r"\$'\\r': command not found|bad interpreter: .*\^M|env: ['‘`\"]?\w+\\r['’\"]?|\\r: No such file",
    title="a script has Windows line ends",
    why="The script was saved with carriage returns, which the shell takes for a part of each word.",
    fix="save the script with Unix line ends (dos2unix; .gitattributes: *.sh text eol=lf) and build the image again",
    says="a script in the image has Windows line ends (CR LF)",
    family="start",
)

log_class(
    "BAD_INTERPRETER",
    r"bad interpreter: (?P<what>.+)|(?:exec|standard_init_linux\.go:\d+: exec user process caused:?) ?(?P<file>/\S+)?:? \"?no such file or directory",
    title="a script's interpreter is not in the image",
    why="The first line of the script names a shell or a program that the image does not have.",
    fix="name an interpreter that the image has in the script's first line (#!/bin/sh), and build the image again",
    says="the interpreter of a script is not in the image",
    family="start",
)

log_class(
    "WRONG_ARCHITECTURE",
    r"exec format error|cannot execute binary file|Exec format error",
    title="the image is for another processor",
    why="The image was built for another architecture than the node's, or its entry point is a script without a first line.",
    fix="build the image for the node's platform (docker build --platform, images.platform in invoke.yaml)",
    makes=lambda match: _architecture(match),
    family="image",
    depth=START,
)


def _architecture(match: Match) -> Candidate:
    node = match.world.get("Node", match.container.pod.node) or {}
    machine = ((node.get("status") or {}).get("nodeInfo") or {}).get("architecture", "")
    of_node = f"; the node is {machine}" if machine else ""
    cause = f"{match.who}: image {match.container.image} is for another architecture{of_node}"
    platform = f"linux/{machine}" if machine else "the node's platform"
    fix = undo(match) or words(f"build the image for {platform}: docker build --platform {platform} …")
    from kubetasks.diagnose.rule import RULES  # noqa: PLC0415

    return Candidate(RULES["WRONG_ARCHITECTURE"], match.workload.key, cause, fix)


def _script(match: Match) -> Candidate | None:
    """A script that the interpreter does not find: misspelt, or not where the volume or the image has it."""
    path = match.group("path")
    if not path:
        return None
    world, workload, container = match.world, match.workload, match.container
    files = mounted_files(match)
    near = nearest(path, files)
    cause = f"{match.who}: file {path} is not in the container{near.hint}"
    place = workload.where(container.name)
    arguments = [(at, text) for at, text in commands.words_of(container) if path in text]
    if near.typo and place and arguments:
        steps = [("replace", f"{place[0]}/{place[1]}/{at}", text.replace(path, near.name)) for at, text in arguments]
        return Candidate(SCRIPT.rule, workload.key, cause, change(world, workload, f"use {near.name}", steps))
    return Candidate(
        SCRIPT.rule,
        workload.key,
        cause,
        undo(match) or words(f"correct the path {path}, or put the file into the image"),
    )


def mounted_files(match: Match) -> list[str]:
    """The files that ConfigMaps and Secrets bring into the container."""
    from kubetasks.diagnose.volumes import files_of  # noqa: PLC0415

    return files_of(match.world, match.workload, match.container)


SCRIPT = log_class(
    "SCRIPT_MISSING",
    r"can't open file '(?P<path>[^']+)': \[Errno 2\]",
    r"Error: Cannot find module '(?P<path>/[^']+)'",
    r"(?:sh|bash|ash): (?:\d+: )?(?:can't open '?|cannot open )(?P<path>[^':\s]+)",
    r"Unable to access jarfile (?P<path>\S+)|Could not open input file: (?P<other>\S+)",
    title="the program's own file is not in the container",
    why="The path in the command is misspelt, the volume hides it, or the image does not contain it.",
    fix="correct the path in the command, or put the file into the image or the ConfigMap",
    makes=_script,
    family="start",
)
