"""The page of the commands, from tasks."""

import importlib
import pkgutil

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import Task, task

from kubetasks import collection, commands, tasks


@task(help={"question": "what to ask", "dry_run": "change nothing", "proof": "check it", "count": "how many | each"})
def ask(c: Context, question: str, dry_run: bool = False, proof: bool = True, count: int = 3, with_: str = "") -> None:
    """Ask a question.

    Args:
        c: the context.
    """


@task
def plain(c: Context) -> None:
    """Do it."""


def test_a_task_with_every_kind_of_option() -> None:
    page = commands.page(Collection(ask))
    assert '## `inv ask`\n\nAsk a question.\n\n```sh\ninv ask "QUESTION"\n```\n' in page
    assert "| `QUESTION` | required | what to ask |\n" in page
    assert "| `--dry-run` |  | change nothing |\n" in page
    assert "| `--no-proof` | without it: on | check it |\n" in page
    assert "| `--count NUMBER` | `3` | how many \\| each |\n" in page
    assert "| `--with TEXT` |  |  |" in page
    assert "Args:" not in page


def test_nouns_come_after_the_tasks_without_one() -> None:
    below = Collection("noun", plain)
    page = commands.page(Collection(ask, below))
    assert page.index("## `inv ask`") < page.index("## `noun`") < page.index("### `inv noun.plain`\n\nDo it.\n")


def test_every_task_is_on_the_page() -> None:
    page = commands.page(collection)
    assert [name for name in collection.task_names if f"# `inv {name}`\n" not in page] == []


def test_every_option_has_a_description() -> None:
    assert [
        line for line in commands.page(collection).splitlines() if line.startswith("| `") and line.endswith("|  |")
    ] == []


def test_no_task_is_left_out_of_the_collection() -> None:
    defined = {
        value.name
        for module in pkgutil.iter_modules(tasks.__path__)
        for value in vars(importlib.import_module(f"kubetasks.tasks.{module.name}")).values()
        if isinstance(value, Task)
    }
    listed = {collection[name].name for name in collection.task_names}
    assert defined - listed == set()
