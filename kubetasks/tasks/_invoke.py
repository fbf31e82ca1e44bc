"""Invoke's own options, each kept or refused; none is silently without effect.

Invoke's core flags, its ``INVOKE_*`` variables and its sections in configuration files promise something of the
programs that tasks start. kubetasks starts its programs itself, without a shell, so it has to keep each promise or say
that it cannot. A test goes through all that Invoke has, so that a new option fails there.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from invoke.config import Config
from invoke.context import Context

from kubetasks.errors import SettingsError, UsageError
from kubetasks.tasks import _configuration

# Where a value can come from, the level that goes first first; what Invoke's configuration calls each.
LEVELS: Final = ("modifications", "overrides", "runtime", "env", "project", "user", "system", "collection")
EVERY: Final = frozenset(LEVELS)
OWN: Final = "INVOKE_"
# Variables that are no keys of the configuration.
OTHER_VARIABLES: Final = ("INVOKE_DEBUG", "INVOKE_RUNTIME_CONFIG")

# Options that are kept, and the levels that Invoke reads early enough for them.
KEPT: Final[Mapping[str, frozenset[str]]] = {
    "run.dry": EVERY,
    "run.echo": EVERY,
    "run.echo_format": EVERY,
    "run.hide": EVERY,
    "timeouts.command": EVERY,
    "tasks.collection_name": frozenset({"user", "system"}),
    "tasks.search_root": frozenset({"user", "system"}),
    "tasks.auto_dash_names": frozenset({"project", "user", "system"}),
    "tasks.ignore_unknown_help": frozenset({"project", "user", "system"}),
    "tasks.dedupe": frozenset({"overrides", "runtime", "project", "user", "system"}),
    "tasks.executor_class": frozenset({"runtime", "project", "user", "system"}),
}
# Options that are rejected, and why.
REFUSED: Final[Mapping[str, str]] = {
    "run.asynchronous": "every step waits for its programs",
    "run.disown": "every step waits for its programs",
    "run.echo_stdin": "programs get no input from the terminal",
    "run.in_stream": "programs get no input from the terminal",
    "run.encoding": "the output of programs is read as UTF-8",
    "run.env": "programs get the environment of this process; export the variables instead",
    "run.replace_env": "programs get the environment of this process",
    "run.err_stream": "the output of programs is captured and not passed on",
    "run.out_stream": "the output of programs is captured and not passed on",
    "run.fallback": "programs get no terminal",
    "run.pty": "programs get no terminal",
    "run.shell": "programs are started without a shell",
    "run.warn": "a step must not continue after a program failed",
    "run.watchers": "kubetasks does not answer the prompts of programs",
    "runners.local": "programs are started by kubetasks itself",
    "sudo.password": "kubetasks does not use sudo",
    "sudo.prompt": "kubetasks does not use sudo",
    "sudo.user": "kubetasks does not use sudo",
}
TOO_LATE: Final = "Invoke has already looked for tasks when it reads this"
# The core flag that sets a key.
FLAGS: Final[Mapping[str, str]] = {
    "run.dry": "--dry",
    "run.echo": "--echo",
    "run.hide": "--hide",
    "run.pty": "--pty",
    "run.warn": "--warn-only",
    "sudo.password": "--prompt-for-sudo-password",
    "tasks.dedupe": "--no-dedupe",
    "timeouts.command": "--command-timeout",
}
HIDDEN: Final = ("out", "stdout", "err", "stderr", "both", True)


@dataclass(frozen=True)
class Options:
    """What Invoke's options ask of a task.

    Args:
        dry: change nothing; say what would be done.
        echo: how each command line is shown before it runs, with ``{command}`` in it; None shows none.
        hide: do not show what programs print while they run.
        limit: the longest any program may take that is run to its end, in seconds; None for each one's own limit.
    """

    dry: bool = False
    echo: str | None = None
    hide: bool = False
    limit: int | None = None


def options(context: Context) -> Options:
    """What Invoke's options ask of a task.

    Raises:
        UsageError: one that cannot be kept has a value other than its default.
        SettingsError: a configuration file that is named is missing, or one is damaged.
    """
    config = context.config
    _check_runtime(config)
    _configuration.check(config)
    if context.remainder:
        raise UsageError(f"-- {context.remainder}", why="tasks take nothing after --", fix="see inv --help TASK")
    _check_variables(config)
    defaults = dict(_leaves(Config.global_defaults()))
    for path, value in _leaves({name: config[name] for name in Config.global_defaults()}):
        if path not in defaults and not path.startswith("run.env."):
            outer, _, name = path.partition(".")
            beside = {each.partition(".")[2]: each for each in defaults if each.startswith(f"{outer}.")}
            near = difflib.get_close_matches(name, beside, n=1, cutoff=0.6)
            raise UsageError(
                _place(config, path)[1],
                why="Invoke has no such option",
                fix=f"did you mean {beside[near[0]]}?" if near else "remove it",
            )
        if path.startswith("run.env.") or value != defaults[path]:
            _check(config, path)
    return Options(
        dry=bool(config.run.dry),
        echo=_echo_format(config) if config.run.echo else None,
        hide=_hide(config),
        limit=_limit(config),
    )


def _leaves(nested: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested mappings by its dotted path; an empty mapping is a value."""
    for key, value in nested.items():
        path = f"{prefix}{key}"
        if hasattr(value, "items") and len(value):
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _check(config: Config, path: str) -> None:
    """Reject a value other than the default where nothing would come of it."""
    level, place = _place(config, path)
    if level in KEPT.get(path, ()):
        return
    outer = ".".join(path.split(".")[:2])
    raise UsageError(place, why=REFUSED.get(outer, TOO_LATE), fix="remove it, or set its default for this project")


def _place(config: Config, path: str) -> tuple[str, str]:
    """The level that decides on a key, and how to name it there."""
    for level in LEVELS:
        nested: Any = getattr(config, f"_{level}")
        for key in path.split("."):
            nested = nested.get(key) if hasattr(nested, "get") else None
        if nested is None:
            continue
        if level == "overrides":
            return level, FLAGS.get(path, path)
        if level == "env":
            return level, f"{OWN}{path.replace('.', '_').upper()} in the environment"
        file = getattr(config, f"_{level}_path", None)
        return level, f"`{path}` in {file or 'the configuration of the tasks'}"
    return "collection", f"`{path}`"


def _check_runtime(config: Config) -> None:
    """Reject a configuration file that was named and does not exist; Invoke continues without it."""
    path = config._runtime_path
    if path is None or config._runtime_found:
        return
    if path == os.environ.get("INVOKE_RUNTIME_CONFIG"):
        raise SettingsError("INVOKE_RUNTIME_CONFIG in the environment", why=f"there is no file {path}", fix="unset it")
    raise UsageError(f"--config {path}", why="there is no such file", fix="give the path of a YAML or JSON file")


def _check_variables(config: Config) -> None:
    """Reject variables for Invoke that nothing reads, and those that name our settings."""
    known = [OWN + path.replace(".", "_").upper() for path, _ in _leaves(config)]
    for name in os.environ:
        if not name.startswith(OWN) or name in OTHER_VARIABLES:
            continue
        if name.startswith(f"{OWN}KUBETASKS_"):
            fix = f"set {name.removeprefix(OWN)}"
            raise UsageError(f"{name} in the environment", why="settings have their own variables", fix=fix)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            fix = f"did you mean {near[0]}?" if near else "unset it"
            raise UsageError(f"{name} in the environment", why="nothing reads it", fix=fix)


def _echo_format(config: Config) -> str:
    shown = config.run.echo_format
    if shown == Config.global_defaults()["run"]["echo_format"]:
        return "{command}"  # without the colours for a terminal
    try:
        shown.format(command="")
    except (AttributeError, KeyError, IndexError, ValueError):
        place = _place(config, "run.echo_format")[1]
        raise UsageError(place, why="its only placeholder is {command}", fix="write other braces twice") from None
    return str(shown)


def _hide(config: Config) -> bool:
    value = config.run.hide
    if value and value not in HIDDEN:
        place = _place(config, "run.hide")[1]
        raise UsageError(f"{place} {value}", why="unknown value", fix="choose one of out, err, both")
    return bool(value)


def _limit(config: Config) -> int | None:
    value = config.timeouts.command
    if value is None:
        return None
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and int(text)):
        place = _place(config, "timeouts.command")[1]
        raise UsageError(f"{place} {text}", why="it is not a number of seconds above 0", fix="e.g. 60")
    return int(text)
