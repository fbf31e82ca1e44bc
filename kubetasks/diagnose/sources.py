"""Where a snapshot is read from: a cluster through kubectl, or any other store."""

import contextlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

from kubetasks.diagnose.proxy import Proxy
from kubetasks.diagnose.snapshot import Answer
from kubetasks.errors import KubetasksError, NoContact
from kubetasks.objects import Object, Objects
from kubetasks.targets.base import Store
from kubetasks.targets.kubectl_store import KubectlStore
from kubetasks.tools import kubectl as tool

NAMESPACED: Final = (
    "Pod",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Service",
    "EndpointSlice",
    "Ingress",
    "PersistentVolumeClaim",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "ResourceQuota",
    "LimitRange",
    "Event",
)
CLUSTER_WIDE: Final = (
    "Namespace",
    "Node",
    "PersistentVolume",
    "StorageClass",
    "IngressClass",
    "PriorityClass",
    "RuntimeClass",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
)
TAIL: Final = 60
HEAD_BYTES: Final = 3000
UNKNOWN_KIND: Final = re.compile(r"doesn't have a resource type \"([a-z.]+)\"")
FORBIDDEN: Final = re.compile(r"(\S+) is forbidden: (.+)")
# What the API server says of a pod that it could not reach.
UNREACHED: Final = re.compile(r"error trying to reach service: |^Error: '.*\nTrying to reach: '")
# What the kubelet writes instead of a log that it no longer has.
REMOVED: Final = ("unable to retrieve container logs for ", "failed to try resolving symlinks in path ")


class Source(Protocol):
    """What a snapshot is made from."""

    @property
    def context(self) -> str:
        """The kubeconfig context; empty if there is none."""

    @property
    def namespace(self) -> str:
        """The namespace."""

    @property
    def tail(self) -> int:
        """How many lines ``log`` gives at most."""

    def objects(self) -> tuple[Objects, dict[str, str]]:
        """All objects, and the kinds that could not be read with the reason."""

    def log(self, pod: str, container: str, *, previous: bool) -> str:
        """The last lines of a container's log; empty if there is none."""

    def head(self, pod: str, container: str, *, previous: bool) -> str:
        """The first lines of a container's log."""

    def ask(self, asked: Answer) -> tuple[int, str]:
        """HTTP status and body of a GET to a pod: 0 if nothing answers, below 0 if it could not be asked."""

    def all_pods(self) -> Objects:
        """The pods of all namespaces."""

    def services(self) -> list[str]:
        """The Services of all namespaces as ``NAMESPACE/NAME``."""


@dataclass
class StoreSource:
    """Any store: the local target's, or the tests'."""

    store: Store
    context: str = ""
    namespace: str = ""
    tail: int = TAIL

    def objects(self) -> tuple[Objects, dict[str, str]]:
        """See ``Source``. Where the store refuses some kinds, the others are read one by one."""
        kinds = [*NAMESPACED, "Namespace"]
        try:
            return self.store.get(kinds), {}
        except NoContact:
            raise
        except KubetasksError:
            found = self.store.get(["Pod"])  # nothing can be said without them
        unread: dict[str, str] = {}
        for kind in kinds:
            if kind == "Pod":
                continue
            try:
                found += self.store.get([kind])
            except KubetasksError as error:
                unread[f"{kind.lower()}s"] = error.line
        return found, unread

    def log(self, pod: str, container: str, *, previous: bool) -> str:
        """See ``Source``."""
        with contextlib.suppress(KubetasksError):  # the rest is still worth having
            return self.store.logs(pod, container, tail=TAIL, previous=previous)
        return ""

    def head(self, pod: str, container: str, *, previous: bool) -> str:
        """See ``Source``."""
        return ""

    def ask(self, asked: Answer) -> tuple[int, str]:
        """See ``Source``."""
        return -1, ""

    def all_pods(self) -> Objects:
        """See ``Source``."""
        return []

    def services(self) -> list[str]:
        """See ``Source``."""
        return []


@dataclass
class ClusterSource:
    """A namespace behind an API server."""

    store: KubectlStore
    proxy: Proxy
    tail: int = TAIL

    @property
    def context(self) -> str:
        """The kubeconfig context."""
        return self.store.cluster.context

    @property
    def namespace(self) -> str:
        """The namespace."""
        return self.store.cluster.namespace

    def objects(self) -> tuple[Objects, dict[str, str]]:
        """See ``Source``. What may not be read, or is unknown to an older API server, is left out.

        Raises:
            NoContact: the API server does not answer.
            Forbidden: the user is not allowed to read the namespace's pods.
        """
        kinds = [*NAMESPACED, *CLUSTER_WIDE]
        unread: dict[str, str] = {}
        while True:
            result = self.store.calls.call(self.store.kubectl.get(kinds), partial=True)
            unknown = UNKNOWN_KIND.search(result.stderr) if not result.ok else None
            gone = [kind for kind in kinds if unknown and kind.lower() == unknown[1].partition(".")[0]]
            if not gone:
                break
            unread[gone[0]] = "the API server does not know it"
            kinds.remove(gone[0])
        for line in result.stderr.splitlines():
            if found := FORBIDDEN.search(line):
                unread[found[1]] = found[0]
        if "pods" in unread:  # nothing can be said without them
            self.store.call(self.store.kubectl.get(["Pod"]))
        return _items(result.stdout), unread

    def log(self, pod: str, container: str, *, previous: bool) -> str:
        """See ``Source``."""
        return self._log(pod, container, previous, f"tailLines={TAIL}", f"--tail={TAIL}")

    def head(self, pod: str, container: str, *, previous: bool) -> str:
        """See ``Source``."""
        return self._log(pod, container, previous, f"limitBytes={HEAD_BYTES}", f"--limit-bytes={HEAD_BYTES}")

    def _log(self, pod: str, container: str, previous: bool, query: str, flag: str) -> str:
        text = self._raw_log(pod, container, previous, query, flag)
        if text.startswith(REMOVED):  # the kubelet has just removed the log of this run: the other run's log exists
            text = self._raw_log(pod, container, not previous, query, flag)
        return "" if text.startswith(REMOVED) else text

    def _raw_log(self, pod: str, container: str, previous: bool, query: str, flag: str) -> str:
        before = "&previous=true" if previous else ""
        path = f"{self._pods}/{pod}/log?container={container}&timestamps=true&{query}{before}"
        answer = self.proxy.get(path)
        if answer is not None:
            return answer[1] if answer[0] == 200 else ""
        argv = self.store.kubectl.argv("logs", pod, "--container", container, "--timestamps", flag)
        try:
            result = self.store.call([*argv, *(["--previous"] if previous else [])], timeout=20)
        except KubetasksError:  # a kubelet that does not answer: the rest is still worth having
            return ""
        return result.stdout if result.ok else ""

    @property
    def _pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    def ask(self, asked: Answer) -> tuple[int, str]:
        """See ``Source``. Goes through the API server, which reaches what the kubelet reaches."""
        scheme = "https:" if asked.scheme == "HTTPS" else ""
        answer = self.proxy.get(f"{self._pods}/{scheme}{asked.pod}:{asked.port}/proxy{asked.path}", 4.0)
        if answer is None:
            return -1, ""
        status, body = answer
        # The API server's own words for a pod that it could not reach; a pod's answer is passed on as it is.
        if status in {0, 502, 503, 504} and (not body or UNREACHED.search(body)):
            return 0, ""
        return status, body

    def all_pods(self) -> Objects:
        """See ``Source``."""
        return self._everywhere("pods")

    def services(self) -> list[str]:
        """See ``Source``."""
        return [f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in self._everywhere("services")]

    def _everywhere(self, kind: str) -> Objects:
        argv = tool.Kubectl(self.context).argv("get", kind, "--all-namespaces", "--output", "json")
        try:
            result = self.store.call(argv)
        except KubetasksError:
            return []
        return _items(result.stdout) if result.ok else []


def _items(text: str) -> Objects:
    """The objects of a list as kubectl printed it, as far as it got."""
    try:
        found: Any = json.loads(text or "{}")
    except ValueError:
        return []
    items: list[Object] = found.get("items", []) if "items" in found else [found] if found.get("kind") else []
    return items
