"""Invoke, with what fails outside of any task told in one line.

Invoke reads its configuration and the flags before any task could catch what is wrong with them. Tasks tell their own
errors; what still comes out of one is a fault of ours, or of the project's tasks.py.
"""

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


def main() -> None:
    """Run Invoke.

    Exits with 2 when a configuration file cannot be read, with 3 when a flag's value cannot, and with 1 for a fault.
    """
    _make_streams_whole()
    sys.unraisablehook = _unraisable
    program = None
    try:
        from kubetasks.program import Program  # noqa: PLC0415  (a tenth of a second in which Ctrl-C may come)

        program = Program()
        program.run()
    except KeyboardInterrupt:
        _interrupted(program)
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):  # outside of a task: Invoke exits with 1, without a word
            _interrupted(program)
        raise
    except BrokenPipeError:
        pass  # whoever read us has seen enough: inv --list | head
    except Exception as error:  # noqa: BLE001  (the last place where anybody could tell it in a line)
        refused = told(error)
        if logging.getLogger("invoke").isEnabledFor(logging.DEBUG):
            sys.stderr.write(_hide(traceback.format_exc()))
        report(refused, _hide)
        sys.exit(refused.exit_code)
    finally:
        # From here on Python itself would answer with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _let_go_of_a_broken_pipe()


def _interrupted(program: "Program | None") -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begun = program is not None and program.begun
    again = "run the same command again; it goes on from where it stopped"
    report(Interrupted("interrupted", why="" if begun else "nothing was begun yet", fix=again if begun else ""))
    sys.exit(Interrupted.exit_code)


def _unraisable(hooked: "sys.UnraisableHookArgs") -> None:
    """Raise Ctrl-C once more where it came in a place that cannot raise, such as a finaliser."""
    if not issubclass(hooked.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(hooked)
        return
    again = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


def told(error: Exception) -> KubetasksError:
    """What a user is told of an error that no task caught, by the part of Invoke that it came through."""
    if isinstance(error, KubetasksError):
        return error
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    if "invoke.config" in modules:
        return SettingsError(
            f"{_configuration_file(error)} cannot be used",
            why=_reason(error),
            fix="it has to be a mapping, in UTF-8; docs/settings.md has the keys",
        )
    if "invoke.parser.argument" in modules:
        return UsageError("a flag has a value of the wrong type", why=str(error), fix="see inv --help TASK")
    if isinstance(error, OSError):
        return of_os_error(error)
    at = traceback.extract_tb(error.__traceback__)[-1]
    return KubetasksError(
        f"{type(error).__name__} in {at.filename}, line {at.lineno}",
        why=str(error),
        fix="this is a fault; see it whole: inv --debug …",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return str(error.strerror)
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, AttributeError):  # Invoke takes whatever the file holds for a mapping
        return "it is no mapping"
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


def _let_go_of_a_broken_pipe() -> None:
    """Python flushes standard output when it ends, and complains when nobody reads it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError:
        pass  # a full disk: reported where it was written
