"""Asking an agent of kagent: ``aiops.agent.invoke``."""

from typing import TYPE_CHECKING

from invoke.context import Context

from kubetasks.tasks._agent import KAGENT, WHERE, kagent_of
from kubetasks.tasks._edge import Edge, command, edge, flags
from kubetasks.tasks._terminal import attended, confirmed
from kubetasks.tasks.diagnose import look

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from kubetasks.aiops.a2a import Call
    from kubetasks.aiops.kagent.cluster import Kagent

TIMEOUT = 120


@command(
    positional=["question"],
    help=flags(
        *WHERE,
        kagent_namespace=KAGENT,
        question="your question, in quotes",
        agent="the agent's name",
        url="kagent's address where it can be reached without a port-forward, as within the cluster",
        timeout="the time limit for one answer, in seconds",
    ),
)
def invoke(
    c: Context,
    question: str,
    target: str = "",
    context: str = "",
    namespace: str = "",
    kagent_namespace: str = "kagent",
    agent: str = "kubetasks-agent",
    url: str = "",
    timeout: int = TIMEOUT,
) -> None:
    """Ask the agent; approve or reject each call that it wants to make."""
    import contextlib

    from kubetasks.aiops import a2a
    from kubetasks.aiops.kagent import ask, lines
    from kubetasks.aiops.kagent.cluster import CONTROLLER, PORT
    from kubetasks.diagnose.hide import masked
    from kubetasks.errors import UsageError
    from kubetasks.tasks._operations import learn_secrets

    if timeout < 1:
        raise UsageError(f"--timeout {timeout}", why="it is not above 0", fix="specify a number of seconds")
    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    kagent = kagent_of(found, kagent_namespace)
    if found.dry:
        found.would(f"ask the agent {agent} of namespace {found.settings.in_namespace}")
        return
    learn_secrets(found)
    _, findings = look(found)
    if not url:
        there = kagent.look()
        lines.check_line(there)
        lines.check_there(there)
    text = ask.question(question, findings, lambda each: masked(each, found.redactor))
    path = f"/api/a2a/{found.settings.in_namespace}/{agent}/"
    way = contextlib.nullcontext(url) if url else _forwarded(found, kagent, CONTROLLER, PORT)
    approved: list[Call] = []
    with way as base:
        conversation = ask.Conversation(a2a.Agent(base, path, float(timeout)), found.console.line, _decider(), approved)
        turn = conversation.run(text)
    found.console.line("the agent says (not verified):")
    for line in turn.text.splitlines():
        found.console.line(f"    {line}")
    if approved:
        _check(found)


def _forwarded(found: Edge, kagent: "Kagent", service: str, port: int) -> "contextlib.AbstractContextManager[str]":
    from kubetasks.targets.forward import forward

    return forward(kagent.own, found.runner, service, port)


def _decider() -> "Callable[[Call], bool] | None":
    """Asks at the terminal whether a call may run; None if there is none."""
    if not attended():
        return None

    def decide(call: "Call") -> bool:
        return confirmed(f"allow {call.tool} this once? [y/N] ")

    return decide


def _check(found: Edge) -> None:
    """After an approved call: whether the application works, and what is wrong, whatever the agent says."""
    from kubetasks.errors import VerifyFailed
    from kubetasks.verify import verify

    found.console.line("checking what the call did:")
    _, objects = found.rendered()
    report = verify(found.settings, found.root, found.target, objects, found.console)
    _, findings = look(found)
    if not report.ok:
        raise VerifyFailed(report.summary, fix=findings[0].fix.text if findings else "see inv verify")
    found.console.line(report.summary, mark="done")
