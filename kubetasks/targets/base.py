"""What a target is: a place that runs workloads, and the way images get there."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from kubetasks.environment import PROXIES
from kubetasks.images.content import Content
from kubetasks.objects import Object, Objects
from kubetasks.targets.link import Link

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Cluster:
    """A cluster and the namespace in it, named on every call; never the ambient current context.

    Args:
        context: the kubeconfig context's name.
        namespace: the namespace that everything goes to.
        server: the API server's URL, for messages.
        kubeconfig: the private kubeconfig that holds this context alone, the one that the guard checked. Empty in
            tests: then there is none at all, never the user's.
        kind: what the cluster is: ``kind``, ``minikube`` or ``context``; for advice.
        plugin: the program that gives the credentials; empty for none.
        proxy: the proxy that requests go through; empty for none.
        local: whether it is a local cluster, which is never reached through a proxy.
        link: the connection to it.
    """

    context: str
    namespace: str
    server: str = ""
    kubeconfig: str = ""
    kind: str = field(default="", compare=False)
    plugin: str = field(default="", compare=False)
    proxy: str = field(default="", compare=False)
    local: bool = field(default=False, compare=False)
    link: Link = field(default_factory=Link, compare=False, repr=False)

    @property
    def env(self) -> dict[str, str | None]:
        """What kubectl and helm get in their environment to reach this cluster and no other."""
        made: dict[str, str | None] = dict.fromkeys(PROXIES) if self.local else {}
        if self.kubeconfig:
            made["KUBECONFIG"] = self.kubeconfig
        return made


@dataclass(frozen=True)
class Volume:
    """Something that keeps data when the pods that wrote it are gone.

    Args:
        shown: how people know it: ``PersistentVolumeClaim/data-db-0``.
        delete: the command that deletes it.
        claim: the name of its claim; empty where every workload has it (local).
        part_of: the project that its claim belongs to; empty where that is not known.
        claimed: whether the claim itself is there; else a volume waits for a claim of that name.
        idle: whether no claim will get it again.
        released: whether the claim that it was bound to is gone.
        retained: whether the cluster keeps it until a person deletes it (reclaim policy Retain).
        path: the folder on the node that holds the data; empty where that is not known.
        erase: removes it with its data; None where the cluster does that, or only a person may.
    """

    shown: str
    delete: str
    claim: str = ""
    part_of: str = ""
    claimed: bool = False
    idle: bool = False
    released: bool = False
    retained: bool = False
    path: str = ""
    erase: Callable[[], None] | None = field(default=None, compare=False)


class Store(Protocol):
    """Where objects live: a namespace behind an API server, or the local target's state folder.

    Both keep what was applied and report status in Kubernetes' own fields, so that secrets, history, waiting, diff,
    verify and status are written once.
    """

    def get(self, kinds: Sequence[str], *, selector: str = "") -> Objects:
        """The live objects of these kinds (``Deployment``, ``Pod``, …) in the namespace, with status.

        Args:
            kinds: Kubernetes kinds; also ``Namespace`` (the one object) and ``Event``.
            selector: a label selector, ``key=value[,key=value]``; all objects where empty.

        Raises:
            ClusterUnreachable: the API server does not answer.
        """

    def apply(self, objects: Objects, *, dry_run: bool = False) -> Objects:
        """Apply on the server side (``dry_run``: only what would come of it) and return what is then there.

        An object that is being deleted is waited for, and applied once it is gone.

        Raises:
            ApplyFailed: an object was refused, with the API server's reason.
            DeletionHeld: an object is being deleted and does not go.
            LockLost: the deploy lock that this process held is no longer its own.
        """

    def create(self, item: Object) -> bool:
        """Create an object; False when one of that name exists. Atomic: the deploy lock stands on it."""

    def delete(self, objects: Objects, *, wait: bool = True) -> None:
        """Delete objects by kind and name; those that are gone already do not matter. ``wait``: until they are gone.

        Raises:
            DeletionHeld: the deletion was refused, or something holds an object.
        """

    def delete_as_read(self, item: Object) -> bool:
        """Delete an object if it still has the ``resourceVersion`` with which it was read; False where it has not.

        Raises:
            ToolFailed: it may not be deleted.
        """

    def delete_all(self) -> None:
        """Begin to delete the namespace with everything in it. It is gone once ``get`` no longer finds it.

        Raises:
            DeletionHeld: the deletion was refused, with what refused it.
        """

    def logs(self, pod: str, container: str = "", *, tail: int = 20, previous: bool = False) -> str:
        """The last ``tail`` lines of a container's log; empty when there is none."""

    def follow(self, pods: Sequence[str], on_line: Progress) -> None:
        """Hand on log lines of these pods, each with its pod's name before it, until Ctrl-C."""


class Target(Protocol):
    """One place to deploy to. One file per implementation; nothing else asks which one it is."""

    @property
    def name(self) -> str:
        """``kind``, ``minikube``, ``context`` or ``local``."""

    @property
    def reason(self) -> str:
        """Why this one was chosen, in one line."""

    @property
    def cluster(self) -> Cluster | None:
        """The cluster; None where there is none (local)."""

    @property
    def pull_policy(self) -> str:
        """``Never`` where images are delivered into the nodes, ``IfNotPresent`` where they are pulled."""

    @property
    def bundled_database(self) -> bool:
        """Whether a database of its own is the default here."""

    def repository(self, service: str) -> str:
        """The image name (without a tag) for a service on this target."""

    def preflight(self) -> None:
        """Refuse early when the engine or a program that ``missing`` and ``deliver`` need is not there."""

    def build_env(self) -> Mapping[str, str | None]:
        """What the docker client's environment gets for a build: empty for the host's own engine."""

    @property
    def own_engine(self) -> bool:
        """Whether images are built by the host's engine, which can be asked at any time and at once."""

    def engine_free(self) -> int | None:
        """Bytes free on the disk of the engine that builds; None where that is not known, or nothing is built."""

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        """What the target's own store has under these ``repository:tag``.

        A name that some node lacks, or under which nodes have different contents, is left out.
        """

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        """Bring built images to every node, and make sure that the engine's content arrived under every name.

        Where builds happen there, there is nothing to bring. Returns what is there afterwards.
        """

    @property
    def store(self) -> Store:
        """Where this target's objects live."""

    def volumes(self) -> list[Volume]:
        """The volumes in the namespace, and those outside that wait for a claim in it or are left of one."""

    def endpoint(self, service: str, port: int) -> AbstractContextManager[str]:
        """A base URL (``http://127.0.0.1:PORT``) that reaches a Service's port while the block lasts."""


def clock_of(target: Target) -> Callable[[], float]:
    """Seconds, monotonic, for what is measured on a target; it stands still while there is no connection to it."""
    return target.cluster.link.clock if target.cluster is not None else time.monotonic
