"""What the tasks of an agent have in common."""

from typing import TYPE_CHECKING

from kubetasks.tasks._edge import Edge

if TYPE_CHECKING:
    from kubetasks.aiops.kagent.cluster import Kagent

WHERE = ("target", "context", "namespace")
KAGENT = "the namespace of kagent itself"


def kagent_of(found: Edge, namespace: str) -> "Kagent":
    """Kagent in the target's cluster.

    Raises:
        UsageError: the target has no cluster.
    """
    from kubetasks.aiops.kagent.cluster import Kagent
    from kubetasks.errors import UsageError

    if found.target.cluster is None:
        raise UsageError("--target local", why="kagent needs a cluster", fix="inv cluster.up --target kind")
    return Kagent(found.target.cluster, found.target.store, found.runner, namespace)
