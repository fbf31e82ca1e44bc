"""Invoke's command line. Its own flags are honored before and after a task's name, or rejected.

Invoke reads the flags for itself both before and after a task's name, but acts on some of them only before it.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from invoke import __version__ as invoke_version
from invoke.completion.complete import print_completion_script
from invoke.exceptions import Exit
from invoke.program import Program as InvokeProgram
from invoke.util import enable_logging

from kubetasks import __version__
from kubetasks.errors import UsageError
from kubetasks.tasks._configuration import Configuration
from kubetasks.tasks._edge import OwnTask

NAMES: Final = ["inv", "invoke", "./inv", "kubetasks"]
LIST_FORMATS: Final = ("flat", "nested", "json")
# Read before the tasks are loaded: after a task's name they are too late.
EARLY: Final = ("search-root", "collection")
# The flags of `inv diagnose` that take a value.
VALUED: Final = ("--target", "--context", "--namespace", "--snapshot", "--record", "--workload")


class Program(InvokeProgram):
    """Invoke's program for ``kubetasks``, ``python -m kubetasks`` and ``./inv``."""

    root: str | None = None
    begun = False

    def __init__(self) -> None:
        super().__init__(
            name="kubetasks",
            binary="inv",
            binary_names=NAMES,
            version=f"{__version__} (Invoke {invoke_version})",
            config_class=Configuration,
        )

    def normalize_argv(self, argv: Any) -> None:
        """As Invoke; a search root in the first place (from ./inv) is where to look unless another one is given."""
        super().normalize_argv(argv)
        if self.argv[1:2] == ["--search-root"]:
            self.root = "".join(self.argv[2:3])
            self.argv = [self.argv[0], *self.argv[3:]]
        self.argv = with_flag(self.argv)

    def parse_collection(self) -> None:
        """As Invoke, for a folder that exists.

        Raises:
            UsageError: the folder to look for tasks in does not exist.
        """
        if self.root is not None and not self.args["search-root"].got_value:
            self.args["search-root"].value = self.root
        root = self.args["search-root"].value
        if root is not None and not os.path.isdir(root):  # noqa: PTH112  (as Invoke: an empty text is not a folder)
            raise UsageError(f"--search-root {root}", why="there is no such folder", fix="give the folder of tasks.py")
        if self.args.collection.value == "":
            raise UsageError("--collection", why="it is empty", fix="give the name of a module with tasks")
        super().parse_collection()

    def load_collection(self) -> None:
        """As Invoke; where no folder from here upwards has a tasks.py, the tasks are ours."""
        start = Path(self.args["search-root"].value or ".").resolve()
        folders = [start, *start.parents]
        if self.args.collection.value is not None or any(map(_has_tasks, folders)):
            super().load_collection()
            if "init" in self.argv[1:] and "init" not in self.collection.task_names:
                from kubetasks.tasks.init import init  # noqa: PLC0415

                self.collection.add_task(init)
            return
        from kubetasks.tasks import collection  # noqa: PLC0415

        project = next((each for each in folders if (each / "invoke.yaml").is_file()), start)
        self.config.set_project_location(str(project))
        self.config.load_project()
        self.collection = collection

    def parse_tasks(self) -> None:
        """As Invoke, and act on its flags after a task's name.

        Raises:
            UsageError: one must come before it.
        """
        super().parse_tasks()
        late = {name for name, argument in self.core_via_tasks.args.items() if argument.got_value}
        for name in EARLY:
            if name in late:
                raise UsageError(f"--{name}", why="it comes after a task", fix="write it before the task's name")
        if "debug" in late:
            enable_logging()
        if "write-pyc" in late:
            sys.dont_write_bytecode = False
        if "version" in late:
            self.print_version()
            raise Exit
        if "print-completion-script" in late:
            print_completion_script(shell=self.args["print-completion-script"].value, names=self.binary_names)
            raise Exit

    def parse_cleanup(self) -> None:
        """As Invoke, for values that it has.

        Raises:
            UsageError: the list's format or depth does not exist.
        """
        shown = self.args["list-format"].value
        if shown not in LIST_FORMATS:
            raise UsageError(
                f"--list-format {shown}", why="unknown value", fix=f"choose one of {', '.join(LIST_FORMATS)}"
            )
        if self.args["list-depth"].value < 0:
            raise UsageError(
                f"--list-depth {self.args['list-depth'].value}", why="it is negative", fix="0 is not a limit"
            )
        if self.args.complete.value:
            # The shell gives the whole line, however the program was called.
            _, _, line = self.core.remainder.partition(" ")
            self.core.remainder = line
        super().parse_cleanup()

    def update_config(self, merge: bool = True) -> None:
        """As Invoke, without asking for a password that none of our tasks has a use for.

        Raises:
            UsageError: a flag is given that our tasks cannot keep, or the configuration file has no name.
        """
        ours = any(isinstance(self.collection[task.name], OwnTask) for task in self.tasks)
        if ours and self.args["prompt-for-sudo-password"].value:
            raise UsageError("--prompt-for-sudo-password", why="kubetasks does not use sudo", fix="leave it out")
        limit = self.args["command-timeout"].value
        if ours and limit is not None and limit < 1:
            raise UsageError(f"--command-timeout {limit}", why="it is not a number of seconds above 0", fix="e.g. 60")
        if self.args.config.value == "":
            raise UsageError("--config", why="it is empty", fix="give the path of a YAML or JSON file")
        super().update_config(merge)

    def execute(self) -> None:
        """As Invoke; from here on Ctrl-C is an exception, which tasks clean up after."""
        self.begun = True
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        super().execute()


def _has_tasks(folder: Path) -> bool:
    return (folder / "tasks.py").is_file() or (folder / "tasks" / "__init__.py").is_file()


def with_flag(argv: list[str]) -> list[str]:
    """``inv diagnose web`` as ``inv diagnose --workload=web``: Invoke has no optional word after a task's name."""
    if "diagnose" not in argv[1:] or "--complete" in argv:
        return argv
    start = argv.index("diagnose", 1) + 1
    skip = False
    for index in range(start, len(argv)):
        word = argv[index]
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in VALUED
        else:
            return [*argv[:index], f"--workload={word}", *argv[index + 1 :]]
    return argv
