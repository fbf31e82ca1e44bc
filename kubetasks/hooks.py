"""Hooks: an application's own tasks and commands at fixed points of a deploy (settings ``hooks``)."""

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubetasks.environment import HOOK
from kubetasks.errors import HookFailed, KubetasksError, ToolFailed, ToolMissing, ToolTimeout
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.targets.base import Target

BEFORE_BUILD: Final = "before_build"
BEFORE_APPLY: Final = "before_apply"
AFTER_DEPLOY: Final = "after_deploy"
ON_FAILURE: Final = "on_failure"


@dataclass(frozen=True)
class Hooks:
    """The hooks of one deploy.

    Args:
        settings: name the tasks and commands.
        root: the project's root, where they run.
        runner: starts them.
        target: where the deploy goes; what a hook runs goes to the same place by default.
        nested: whether this deploy was started by a hook.
    """

    settings: Settings
    root: Path
    runner: Runner
    target: Target
    nested: bool = False

    def of(self, point: str) -> Sequence[str | list[str]]:
        """The tasks (as text) and commands (as lists) at a point."""
        found: Sequence[str | list[str]] = getattr(self.settings.hooks, point)
        return () if self.nested else found

    def shown(self, point: str) -> str:
        """What runs at a point, in words; empty for nothing."""
        return ", ".join(
            f"task {each}" if isinstance(each, str) else self.runner.redactor(shlex.join(each))
            for each in self.of(point)
        )

    def run(self, point: str, update: Callable[[str], None], reason: str = "") -> str:
        """Run what is set for a point, one after another.

        Args:
            point: the point's name.
            update: called with each line of output.
            reason: what failed, for ``on_failure``.

        Returns:
            What ran.

        Raises:
            HookFailed: one failed; those after it did not run.
        """
        env = {**self._place(), HOOK: point, "KUBETASKS_FAILURE": reason or None}
        for each in self.of(point):
            self._run(point, each, env, update)
        return self.shown(point)

    def _run(
        self, point: str, each: str | list[str], env: dict[str, str | None], update: Callable[[str], None]
    ) -> None:
        ours = [sys.executable, "-m", "kubetasks", "--search-root", str(self.root)]
        argv = [*ours, each] if isinstance(each, str) else each
        if isinstance(each, str):  # this kubetasks, wherever it is
            env = {**env, "PYTHONPATH": str(Path(__file__).parents[1])}
        lines: list[str] = []

        def on_line(line: str) -> None:
            lines.append(line)
            update(line)

        limit = self.settings.hooks.timeout
        try:
            result = self.runner.run(argv, env=env, cwd=self.root, timeout=limit, check=False, on_line=on_line)
        except (ToolMissing, ToolTimeout, ToolFailed) as error:
            raise self._failed(point, each, error.why or error.what) from None
        if result.code != 0:
            raise self._failed(point, each, f"it exited with {result.code}", "\n".join(lines[-20:]))

    def _failed(self, point: str, each: str | list[str], why: str, detail: str = "") -> KubetasksError:
        name = f"task {each}" if isinstance(each, str) else self.runner.redactor(shlex.join(each))
        return HookFailed(
            f"the hook {point} failed: {name}", why=why, fix="fix it, or change kubetasks.hooks", detail=detail
        )

    def _place(self) -> dict[str, str | None]:
        """The settings that name the place of this deploy, for our tasks and for other programs."""
        return dict(self._pairs())

    def _pairs(self) -> Iterator[tuple[str, str | None]]:
        cluster = self.target.cluster
        yield "KUBETASKS_NAMESPACE", self.settings.in_namespace
        # The kubeconfig has this one context: whatever kind of cluster it is, it is found by that.
        yield "KUBETASKS_TARGET", self.target.name if self.target.name in {"local", "context"} else "auto"
        yield "KUBETASKS_CONTEXT", cluster.context if cluster is not None and self.target.name == "context" else None
        if cluster is not None:
            yield from cluster.env.items()
