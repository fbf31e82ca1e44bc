"""Calls of kubectl and helm to a cluster: with its private kubeconfig, and again while the connection is lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from kubetasks.errors import Forbidden, KubetasksError, NamespaceTerminating, ToolTimeout, Unauthorized
from kubetasks.runner import Environment, Result, Runner
from kubetasks.targets import fence
from kubetasks.targets.base import Cluster
from kubetasks.targets.contact import error_for, explain
from kubetasks.targets.link import Attempt, Lost
from kubetasks.tools.kubectl import is_terminating
from kubetasks.tools.trouble import Kind, Trouble, classify

REQUEST: Final = 60.0  # seconds for a call that only asks; one with a longer limit waits for something
FIRST: Final = 40.0  # seconds for the first one: a server that takes connections and says nothing
SHORTEST: Final = 10.0
# An API server that has just started may refuse even its own administrator for a moment.
STARTING: Final = 30.0  # seconds

T = TypeVar("T")


@dataclass(frozen=True)
class Calls:
    """Starts kubectl and helm for one cluster.

    Args:
        cluster: where the calls go.
        runner: starts the programs.
    """

    cluster: Cluster
    runner: Runner

    def call(
        self,
        argv: Sequence[str],
        *,
        input: str | None = None,  # noqa: A002
        timeout: float = REQUEST,
        repeat: bool = True,
        partial: bool = False,
    ) -> Result:
        """Run a program until the cluster answers; what it answers is the caller's to read.

        Args:
            argv: the program and its arguments.
            input: what it reads on standard input.
            timeout: seconds for one attempt.
            repeat: whether the call may be made again when it is not known whether the cluster carried it out.
            partial: whether an answer is returned of which the user may read only a part.

        Raises:
            NoContact: the cluster did not answer; each reason has a class of its own.
            Forbidden: it answered that the user may not do this.
            NamespaceTerminating: the namespace is still being deleted.
            KubeconfigError: the kubeconfig's entries cannot be used.
        """
        return self.until_answered(
            lambda attempt: self.once(argv, attempt, input=input, timeout=timeout, partial=partial), repeat
        )

    def change(
        self,
        argv: Sequence[str],
        *,
        input: str | None = None,  # noqa: A002
        timeout: float = REQUEST,
    ) -> Result:
        """As ``call``, for a program that changes something: each attempt is made only while ``fence`` allows it.

        Another process may have taken the deploy lock over while the connection was lost.
        """

        def attempt(state: Attempt) -> Result:
            fence.check()
            return self.once(argv, state, input=input, timeout=timeout)

        return self.until_answered(attempt)

    def until_answered(self, attempt: Callable[[Attempt], T], repeat: bool = True) -> T:
        """As ``Link.until_answered``, for callers that look at each attempt."""
        return self.cluster.link.until_answered(attempt, repeat=repeat)

    def once(
        self,
        argv: Sequence[str],
        attempt: Attempt,
        *,
        input: str | None = None,  # noqa: A002
        timeout: float = REQUEST,
        more: Environment | None = None,
        partial: bool = False,
    ) -> Result:
        """One attempt of ``call``; ``more`` is added to its environment.

        Raises:
            Lost: there was no answer.
            KubetasksError: as ``call``, for what was answered.
        """
        try:
            env = {**self.cluster.env, **(more or {})}
            result = self.runner.run(argv, input=input, env=env, timeout=self._limit(attempt, timeout), check=False)
        except ToolTimeout as slow:
            raise Lost(self._too_slow(slow)) from None
        if result.ok:
            return result
        trouble = classify(result.stderr, self.cluster.server)
        if trouble is not None:
            error = self._hidden(error_for(self.cluster, trouble))
            starting = attempt.lost and attempt.elapsed < STARTING and isinstance(error, (Forbidden, Unauthorized))
            if isinstance(error, Forbidden) and not starting:
                if partial and result.stdout.strip():
                    return result
                raise error
            raise Lost(error, passing=trouble.passing or starting)
        if is_terminating(result.stderr):
            raise NamespaceTerminating(
                f"namespace {self.cluster.namespace} is still being deleted",
                fix=f"wait for it: kubectl --context {self.cluster.context} wait --for=delete "
                f"namespace/{self.cluster.namespace} --timeout=120s",
            )
        return result

    def _limit(self, attempt: Attempt, timeout: float) -> float:
        if timeout > REQUEST:
            return timeout
        if not self.cluster.link.answered and not self.cluster.plugin:  # a plugin may ask the user to log in
            return min(timeout, FIRST)
        return min(timeout, max(attempt.left, SHORTEST)) if attempt.lost else timeout

    def _too_slow(self, slow: ToolTimeout) -> KubetasksError:
        """What was printed until then may say why; else it is only known that no answer came."""
        told = explain(self.cluster, slow.detail)
        return self._hidden(told or error_for(self.cluster, Trouble(Kind.LOST, slow.what, passing=True)))

    def _hidden(self, error: KubetasksError) -> KubetasksError:
        error.why = self.runner.redactor(error.why)
        return error
