"""How images are built and delivered, by what a cluster is made of: one table, read from the top.

``inv cluster.env`` shows the row that applies, and docs/targets.md shows the table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

ANY: Final = ""
INSIDE: Final = "in the engine inside the node"
HOST: Final = "by the host's engine"
NOTHING: Final = "nothing to deliver"
LAYERS: Final = "only the layers that the nodes lack, with ctr in each node"
LOAD: Final = "whole images, with minikube image load"
LOCAL_PUSH: Final = "docker push to the local registry, from which the nodes pull"
PUSH: Final = "docker push to images.registry"
# A kind cluster that advertises a local registry (KEP-1755).
WITH_REGISTRY: Final = "kind with a local registry"
ONE: Final = "one"
SEVERAL: Final = "several"
ANSWERS: Final = "answers"
SILENT: Final = "does not answer"


@dataclass(frozen=True)
class Strategy:
    """One row: what a cluster is made of, and what is done with images there.

    Args:
        provider: the name of what makes such clusters, or ``WITH_REGISTRY``.
        build: where images are built.
        deliver: how they get into the nodes.
        reason: why.
        runtime: the container runtime; any where empty, as in the next three.
        driver: minikube's driver.
        nodes: ``one`` or ``several``.
        engine: whether the engine inside the node answers.
        seen: on what this row was run.
    """

    provider: str
    build: str
    deliver: str
    reason: str
    runtime: str = ANY
    driver: str = ANY
    nodes: str = ANY
    engine: str = ANY
    seen: str = "recorded output only"

    def __str__(self) -> str:
        """The row for people."""
        return f"images are built {self.build}; delivery: {self.deliver} ({self.reason})"


TABLE: Final = (
    Strategy(WITH_REGISTRY, HOST, LOCAL_PUSH, "the cluster advertises it", seen="Docker's registry 2.8, end to end"),
    Strategy("kind", HOST, LAYERS, "its nodes are containers of the host's engine", seen="CI, end to end"),
    Strategy(
        "minikube", HOST, NOTHING, "with the driver none the node uses the host's engine",
        runtime="docker", driver="none",
    ),
    Strategy(
        "minikube", HOST, LOAD, "an image that is built in one node's engine is on that node alone",
        runtime="docker", nodes=SEVERAL,
    ),
    Strategy(
        "minikube", INSIDE, NOTHING, "what is built in the node's engine is there",
        runtime="docker", engine=ANSWERS, seen="minikube 1.38, docker driver",
    ),
    Strategy("minikube", HOST, LOAD, "the engine inside the node does not answer", runtime="docker", engine=SILENT),
    Strategy(
        "minikube", HOST, LAYERS, "the node is a container of the host's engine",
        runtime="containerd", driver="docker", seen="the same path as kind, not with minikube's own node",
    ),
    Strategy("minikube", HOST, LOAD, "no other tool reaches the node's image store"),
    Strategy("docker-desktop", HOST, NOTHING, "the node runs its containers in the engine that builds"),
    Strategy("k3d", HOST, LAYERS, "its nodes are containers of the host's engine", seen="the same path as kind"),
    Strategy("context", HOST, PUSH, "the nodes pull from a registry", seen="Docker's registry 2.8"),
)  # fmt: skip


def choose(
    provider: str,
    *,
    runtime: str = ANY,
    driver: str = ANY,
    nodes: int = 1,
    engine_answers: Callable[[], bool] = lambda: False,
) -> Strategy:
    """The first row that applies.

    Args:
        provider: what the cluster is.
        runtime: its container runtime.
        driver: minikube's driver.
        nodes: how many nodes there are.
        engine_answers: whether the engine inside the node answers; asked only where a row depends on it.

    Raises:
        LookupError: no row is for this provider.
    """
    amount = ONE if nodes == 1 else SEVERAL
    for row in TABLE:
        known = ((row.provider, provider), (row.runtime, runtime), (row.driver, driver), (row.nodes, amount))
        if any(wanted not in {ANY, there} for wanted, there in known):
            continue
        if row.engine == ANY or row.engine == (ANSWERS if engine_answers() else SILENT):
            return row
    raise LookupError(provider)
