"""The page ``docs/commands.md``: every task with its options, from the tasks' own code."""

import inspect
import json
from collections.abc import Iterator
from typing import Any, Final

from invoke.collection import Collection
from invoke.parser.argument import Argument
from invoke.tasks import Task

HEAD: Final = """\
# Commands

Every task with its options. `inv --list` prints the tasks, and `inv --help TASK` prints the options of one.
Options of many tasks are also [settings](settings.md). Invoke's own options have [their own page](invoke.md).

`python -m kubetasks.docs` writes this page from the code of the tasks.
"""
TABLE: Final = "| option | default | description |\n| --- | --- | --- |"
KINDS: Final = {str: "TEXT", int: "NUMBER"}


def page(collection: Collection) -> str:
    """The page, for the tasks of a collection: those without a noun first, then each noun's."""
    names = sorted(collection.task_names, key=lambda name: (name.count("."), name))
    top = [name for name in names if "." not in name]
    nouns = sorted({name.partition(".")[0] for name in names if "." in name})
    sections = [_section(name, collection[name]) for name in top]
    for noun in nouns:
        sections += [f"## `{noun}`\n"]
        below = [name for name in names if name.startswith(f"{noun}.")]
        sections += [_section(name, collection[name], "###") for name in below]
    return "\n".join([HEAD, *sections])


def _section(name: str, task: Task[Any], level: str = "##") -> str:
    """A task's heading, its description, and the table of its options."""
    arguments = task.get_arguments()
    words = [argument.names[0].upper() for argument in arguments if argument.positional]
    usage = f"inv {name}" + "".join(f' "{word}"' for word in words)
    text = inspect.getdoc(task.body) or ""
    lines = [f"{level} `inv {name}`", "", text.partition("\n\n")[0].replace("\n", " "), ""]
    if words:
        lines += ["```sh", usage, "```", ""]
    rows = [row for argument in arguments for row in _rows(argument)]
    if rows:
        lines += [TABLE, *rows, ""]
    return "\n".join(lines)


def _rows(argument: Argument) -> Iterator[str]:
    """The row of an option; a word that is given without its name is one, too."""
    described = (argument.help or "").replace("|", r"\|")
    if argument.positional:
        yield f"| `{argument.names[0].upper()}` | required | {described} |"
        return
    if argument.kind is bool:
        # A flag that is on by default can only be turned off.
        on = argument.default is True
        yield f"| `--{'no-' if on else ''}{argument.names[0]}` | {'without it: on' if on else ''} | {described} |"
        return
    default = "" if argument.default in (None, "") else f"`{json.dumps(argument.default)}`".replace('"', "")
    yield f"| `--{argument.names[0]} {KINDS.get(argument.kind, 'TEXT')}` | {default} | {described} |"
