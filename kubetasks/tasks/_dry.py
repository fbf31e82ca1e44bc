"""Invoke's ``--dry``: a task runs until the first thing that it would change, says what that is, and ends.

Tasks that can say more than that look at ``Edge.dry`` themselves. What is here makes sure that none changes anything
by an oversight: the target's store refuses to be written to, and the runner starts only programs that read.
"""

import contextlib
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kubetasks.errors import ToolTimeout
from kubetasks.objects import Object, Objects, identity
from kubetasks.runner import Environment, Process, Result, SystemRunner
from kubetasks.tasks._invoke import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubetasks.images.content import Content
    from kubetasks.targets.base import Progress, Store, Target


class WouldChange(Exception):
    """What a task would have changed next."""


@dataclass(frozen=True)
class ReadOnlyStore:
    """A store that can be read, and tells what would be written."""

    store: "Store"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def apply(self, objects: Objects, *, dry_run: bool = False) -> Objects:
        """See ``Store.apply``."""
        if dry_run:
            return self.store.apply(objects, dry_run=True)
        raise WouldChange(f"apply {_named(objects)}")

    def create(self, item: Object) -> bool:
        """See ``Store.create``."""
        raise WouldChange(f"create {identity(item)}")

    def delete(self, objects: Objects, *, wait: bool = True) -> None:
        """See ``Store.delete``."""
        if objects:
            raise WouldChange(f"delete {_named(objects)}")

    def delete_as_read(self, item: Object) -> bool:
        """See ``Store.delete_as_read``."""
        raise WouldChange(f"delete {identity(item)}")

    def delete_all(self) -> None:
        """See ``Store.delete_all``."""
        raise WouldChange("delete the namespace with everything in it")

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """A program that writes is rejected by the runner."""
        return cast("Any", self.store).call(*args, **kwargs)


@dataclass(frozen=True)
class ReadOnlyTarget:
    """A target whose store is read-only and which gets no images."""

    target: "Target"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)

    @property
    def store(self) -> "Store":
        """See ``Target.store``."""
        return cast("Store", ReadOnlyStore(self.target.store))

    def deliver(self, references: Sequence[str], progress: "Progress") -> "Mapping[str, Content]":
        """See ``Target.deliver``."""
        raise WouldChange(f"load {', '.join(references)}")


def _named(objects: Objects) -> str:
    return ", ".join(identity(item) for item in objects)


def _unseen(line: str) -> None:
    """Drop a line."""


@dataclass
class TaskRunner(SystemRunner):
    """Runs programs as Invoke's options want it: limited (``-T``), unseen (``--hide``), or only if they read."""

    options: Options = field(default_factory=Options)
    reading: Collection[tuple[str, ...]] = ()  # calls that only read, beside those that are known to

    def _permit(self, argv: Sequence[str]) -> None:
        if not self.options.dry or tuple(argv) in self.reading:
            return
        from kubetasks.tools.reading import reads

        if not reads(argv):
            raise WouldChange(f"run `{self.redactor(shlex.join(argv))}`")

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | bytes | None = None,
        env: Environment | None = None,
        cwd: Path | None = None,
        timeout: float = 60.0,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """See ``SystemRunner.run``."""
        self._permit(argv)
        limit = self.options.limit
        shown = _unseen if on_line is not None and self.options.hide else on_line
        within = timeout if limit is None else min(timeout, limit)
        try:
            return super().run(argv, input=input, env=env, cwd=cwd, timeout=within, check=check, on_line=shown)
        except ToolTimeout as error:
            if within < timeout:
                raise ToolTimeout(error.what, fix="--command-timeout (-T) does not allow more; raise it") from None
            raise

    @contextlib.contextmanager
    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Environment | None = None,
        cwd: Path | None = None,
        stdin: bool = False,
        merge: bool = False,
    ) -> Iterator[Process]:
        """See ``SystemRunner.spawn``."""
        self._permit(argv)
        with super().spawn(argv, env=env, cwd=cwd, stdin=stdin, merge=merge) as process:
            yield process
