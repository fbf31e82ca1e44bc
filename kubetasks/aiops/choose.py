"""Which way a question takes, and the way to the model."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

from kubetasks.addresses import is_local_url
from kubetasks.aiops.audit import Audit
from kubetasks.aiops.cleaning import Cleaner
from kubetasks.aiops.outbound import Outbound
from kubetasks.aiops.upstream import Clock, Endpoint
from kubetasks.errors import KeyMissing, ModelMissing, ToolMissing, UsageError
from kubetasks.redact import Sensitive
from kubetasks.runner import HINTS, Runner
from kubetasks.secrets.store import advice
from kubetasks.settings import Settings
from kubetasks.targets.base import Cluster

Way = Literal["kubectl-ai", "direct", "rules"]
TOOLS: Final = ("auto", "kubectl-ai", "direct", "rules")
CONFIGURE: Final = "set aiops.endpoint and aiops.model in invoke.yaml, and give the key (docs/aiops.md)"


def check(question: str, tool: str) -> None:
    """Reject a question without words, and a tool that does not exist.

    Raises:
        UsageError: it is one of these.
    """
    if tool and tool not in TOOLS:
        raise UsageError(f"--tool {tool}", why="unknown value", fix=f"choose one of {', '.join(TOOLS)}")
    if not question.strip():
        raise UsageError("the question is empty", fix='ask in words: inv aiops.ask "why is it restarting?"')


def way(settings: Settings, cluster: Cluster | None, runner: Runner, tool: str = "") -> Way:
    """The way that a question takes.

    Args:
        settings: the settings.
        cluster: the cluster; None on the local target.
        runner: says whether kubectl-ai is installed.
        tool: what ``--tool`` says; the setting if empty.

    Raises:
        UsageError: it needs a cluster.
        ModelMissing: it needs a model, and none is configured.
        ToolMissing: kubectl-ai is asked for, and not installed.
    """
    wanted = tool or settings.aiops.tool
    if wanted == "rules":
        return "rules"
    if not settings.aiops.endpoint:
        if wanted == "auto":
            return "rules"
        raise ModelMissing(f"no model is configured, and {wanted} needs one", fix=CONFIGURE)
    if wanted == "direct":
        return "direct"
    installed = runner.which("kubectl-ai") is not None
    if wanted == "auto":
        return "kubectl-ai" if installed and cluster is not None and sys.platform == "linux" else "direct"
    if sys.platform == "win32":
        raise UsageError("kubectl-ai cannot be used on Windows", why="there are no Unix sockets", fix="--tool direct")
    if cluster is None:
        raise UsageError(
            "kubectl-ai needs a cluster",
            why="the local target has none",
            fix="ask with --tool direct, or name a target",
        )
    if not installed:
        raise ToolMissing("kubectl-ai is not installed", why="it is not on PATH", fix=HINTS["kubectl-ai"])
    return "kubectl-ai"


def outbound(
    settings: Settings,
    root: Path,
    known: Callable[[str], str],
    secrets: Mapping[str, Sensitive],
    proxy: Callable[[str], str],
) -> Outbound:
    """The way to the configured model, with its limits. Nothing is sent yet.

    Args:
        settings: the settings; ``aiops.endpoint`` is set.
        root: the project's root.
        known: replaces the secrets that are known, the key among them: a ``Redactor``.
        secrets: the values that are known by name.
        proxy: a URL to the proxy that it is reached through; empty for none.

    Raises:
        KeyMissing: the endpoint is not at a local address, and there is no key.
    """
    wanted = settings.aiops
    key = secrets.get(wanted.key_secret)
    local = is_local_url(wanted.endpoint)
    if not key and not local:
        raise KeyMissing(
            f"there is no key for {wanted.endpoint}",
            why=f"{wanted.key_secret} has no value",
            fix=advice(settings),
        )
    endpoint = Endpoint(
        url=wanted.endpoint,
        model=wanted.model,
        key=key or None,
        key_secret=wanted.key_secret,
        proxy="" if local else proxy(wanted.endpoint),
    )
    clock = Clock(wanted.timeout)
    return Outbound(endpoint, Cleaner(known), Audit(root), clock, wanted.requests, wanted.bytes)
