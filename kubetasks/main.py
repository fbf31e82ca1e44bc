"""Invoke, with errors outside of any task reported in one line.

Invoke reads its configuration and the flags before any task could catch what is wrong with them. Tasks tell their own
errors; what still comes out of one is a bug in kubetasks, or in the project's tasks.py.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, NoReturn, TextIO

from kubetasks.console import report
from kubetasks.errors import Interrupted, KubetasksError, SettingsError, UsageError, of_os_error

if TYPE_CHECKING:
    from kubetasks.program import Program


def main() -> NoReturn:
    """Run Invoke.

    Exits with 2 when a configuration file cannot be read, with 3 when a flag's value cannot, and with 1 for a fault.
    """
    _make_streams_whole()
    sys.unraisablehook = _unraisable
    try:
        code = _run()
    finally:
        # From here on Python itself would answer Ctrl-C, with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_written_out(code))


def _run() -> int:
    """Run Invoke; returns the exit code."""
    program = None
    try:
        from kubetasks.program import Program  # noqa: PLC0415  (a tenth of a second in which Ctrl-C may come)

        program = Program()
        program.run()
    except KeyboardInterrupt:
        return _interrupted(program)
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):  # outside of a task: Invoke exits with 1, without a word
            return _interrupted(program)
        if isinstance(stop.code, str):
            sys.stderr.write(f"{stop.code}\n")
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BrokenPipeError:
        return 0  # the reader has seen enough: inv --list | head
    except Exception as error:  # noqa: BLE001  (the last place where it can be reported in one line)
        refused = explained(error)
        if logging.getLogger("invoke").isEnabledFor(logging.DEBUG):
            sys.stderr.write(_hide(traceback.format_exc()))
        report(refused, _hide)
        return refused.exit_code
    return 0


def _interrupted(program: "Program | None") -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begun = program is not None and program.begun
    again = "run the same command again; it continues where it stopped"
    report(Interrupted("interrupted", why="" if begun else "nothing was started yet", fix=again if begun else ""))
    return Interrupted.exit_code


def _unraisable(hooked: "sys.UnraisableHookArgs") -> None:
    """Raise Ctrl-C once more where it came in a place that cannot raise, such as a finaliser."""
    if not issubclass(hooked.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(hooked)
        return
    again = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


def explained(error: Exception) -> KubetasksError:
    """The message for an error that no task caught, by the part of Invoke that it came through."""
    if isinstance(error, KubetasksError):
        return error
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    if "invoke.config" in modules:
        return SettingsError(
            f"{_configuration_file(error)} cannot be used",
            why=_reason(error),
            fix="it must be a mapping, in UTF-8; docs/settings.md lists the keys",
        )
    if "invoke.parser.argument" in modules:
        return UsageError("a flag has a value of the wrong type", why=str(error), fix="see inv --help TASK")
    if isinstance(error, OSError):
        return of_os_error(error)
    at = traceback.extract_tb(error.__traceback__)[-1]
    return KubetasksError(
        f"{type(error).__name__} in {at.filename}, line {at.lineno}",
        why=str(error),
        fix="this is a bug in kubetasks; run `inv --debug …` for the traceback",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return str(error.strerror)
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, AttributeError):  # Invoke takes whatever the file holds for a mapping
        return "it is not a mapping"
    return str(error).partition(" ({")[0]  # the rest is all of Invoke's defaults


def _configuration_file(error: Exception) -> str:
    """The path that Invoke was reading: a local variable of its reader."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        if frame.f_globals.get("__name__") == "invoke.config":
            path = (
                frame.f_locals.get("filepath")
                or frame.f_locals.get("path")
                or getattr(frame.f_locals.get("self"), "_project_path", "")
            )
            if path:
                return str(path)
    return "invoke.yaml"


def _hide(text: str) -> str:
    """Hide the secrets that a task has read by now."""
    edge = sys.modules.get("kubetasks.tasks._edge")
    return str(edge._redactor(text)) if edge else text  # the one that all tasks share


def _make_streams_whole() -> None:
    """Let every standard stream be there, and take every character.

    A closed one (``inv … <&-``) is None in Python; one in ASCII (LC_ALL=C with PYTHONIOENCODING) refuses a check mark.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            # Left open on purpose: it is the stream from now on.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _written_out(code: int) -> int:
    """Write what is still held back, and let go of a stream that takes no more: Python would complain of it at its end.

    Returns:
        The exit code; that of the failure to write standard output (a full disk) where nothing else has failed.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if stream is sys.stdout and code == 0 and not isinstance(error, BrokenPipeError):
                error.filename = "standard output"
                lost = of_os_error(error)
                report(lost, _hide)
                code = lost.exit_code
    return code
