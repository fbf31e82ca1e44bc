"""kubectl: the argument vectors of every call, each with context and namespace, and the parsers of what comes back."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

FIELD_MANAGER: Final = "kubetasks"
REQUEST_TIMEOUT: Final = "20s"
# Makes `kubectl proxy` refuse whatever could change something: a list of regular expressions.
REJECT_WRITES: Final = "--reject-methods=^POST$,^PUT$,^PATCH$,^DELETE$"


@dataclass(frozen=True)
class Kubectl:
    """kubectl, bound to one context and one namespace.

    Args:
        context: the kubeconfig context's name.
        namespace: the namespace; empty for calls about the cluster.
    """

    context: str
    namespace: str = ""

    def argv(self, *words: str) -> list[str]:
        """Any call, with context, namespace and a limit on each request to the API server."""
        scope = ["--namespace", self.namespace] if self.namespace else []
        return ["kubectl", "--context", self.context, *scope, f"--request-timeout={REQUEST_TIMEOUT}", *words]

    def get(self, kinds: Sequence[str], *, selector: str = "", managed_fields: bool = False) -> list[str]:
        """All objects of these kinds as one JSON list; with ``managed_fields``, who owns their fields."""
        chosen = ["--selector", selector] if selector else []
        owners = ["--show-managed-fields"] if managed_fields else []
        return self.argv(
            "get",
            ",".join(kind if "." in kind else kind.lower() for kind in kinds),
            *chosen,
            *owners,
            "--output",
            "json",
        )

    def everywhere(self, kind: str) -> list[str]:
        """The namespaces and names of all objects of a kind in the cluster, a line each."""
        return [
            "kubectl", "--context", self.context, f"--request-timeout={REQUEST_TIMEOUT}", "get", kind,
            "--all-namespaces", "--no-headers", "--output", "custom-columns=NS:.metadata.namespace,N:.metadata.name",
        ]  # fmt: skip

    def get_everywhere(self, kinds: Sequence[str], *, selector: str) -> list[str]:
        """The objects of these kinds in all namespaces as one JSON list."""
        named = ",".join(kind.lower() for kind in kinds)
        scope = Kubectl(self.context, "")
        return scope.argv("get", named, "--all-namespaces", "--selector", selector, "--output", "json")

    def get_namespace(self) -> list[str]:
        """The namespace itself as JSON; nothing at all when it does not exist."""
        return self.argv("get", "namespace", self.namespace, "--ignore-not-found", "--output", "json")

    def get_these(self) -> list[str]:
        """Those of the objects named on stdin that exist, as JSON; nothing at all when none is."""
        return self.argv("get", "--ignore-not-found", "--output", "json", "--filename", "-")

    def apply(self, *, dry_run: bool = False) -> list[str]:
        """Server-side apply of what comes on stdin; prints the objects as they then are.

        Server-side apply leaves no last-applied annotation, in which a Secret would stand in clear text.
        """
        dry = ["--dry-run=server"] if dry_run else []
        return self.argv(
            "apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", *dry,
            "--output", "json", "--filename", "-",
        )  # fmt: skip

    def co_own(self, manager: str) -> list[str]:
        """Let another field manager own, too, what comes on stdin, as long as it is as it comes."""
        return self.argv("apply", "--server-side", f"--field-manager={manager}", "--output", "name", "--filename", "-")

    def create(self) -> list[str]:
        """Create what comes on stdin; fails when it exists."""
        return self.argv("create", f"--field-manager={FIELD_MANAGER}", "--output", "name", "--filename", "-")

    def delete(self, *, wait: bool = True, timeout: int = 90) -> list[str]:
        """Delete what comes on stdin."""
        # Dependents are deleted before their owner, so that "deleted" includes the pods.
        waiting = ["--wait=true", "--cascade=foreground", f"--timeout={timeout}s"] if wait else ["--wait=false"]
        return [
            word
            for word in self.argv("delete", "--ignore-not-found", *waiting, "--filename", "-")
            if not word.startswith("--request-timeout")  # it would end the wait
        ]

    def delete_as_read(self, item: Mapping[str, Any]) -> list[str]:
        """Delete one object if it is still as it was read; ``preconditions`` go in on stdin."""
        version, kind, meta = str(item["apiVersion"]), str(item["kind"]), item["metadata"]
        api = f"/apis/{version}" if "/" in version else f"/api/{version}"
        path = f"{api}/namespaces/{self.namespace}/{kind.lower()}s/{meta['name']}"
        return self.argv("delete", "--raw", path, "--filename", "-")

    def delete_namespace(self) -> list[str]:
        """Begin to delete the namespace; returns immediately."""
        return self.argv("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")

    def create_token(self, account: str, duration: str) -> list[str]:
        """A new token of a ServiceAccount, on standard output; ``duration`` as in ``10m``."""
        return self.argv("create", "token", account, f"--duration={duration}")

    def replace(self) -> list[str]:
        """Replace what comes on stdin, refused when it was changed in between."""
        return self.argv("replace", f"--field-manager={FIELD_MANAGER}", "--output", "name", "--filename", "-")

    def logs(self, pod: str, container: str = "", *, tail: int = 20, previous: bool = False) -> list[str]:
        """The last lines of one container's log."""
        which = ["--container", container] if container else ["--all-containers"]
        before = ["--previous"] if previous else []
        return self.argv("logs", pod, *which, f"--tail={tail}", *before)

    def follow(self, pod: str, *, tail: int = 10) -> list[str]:
        """The log of one pod as it grows, each line with the pod's and container's name before it."""
        return [
            "kubectl", "--context", self.context, "--namespace", self.namespace,
            "logs", pod, "--all-containers", "--follow", "--prefix", f"--tail={tail}",
        ]  # fmt: skip

    def port_forward(self, resource: str, port: int, local: int = 0) -> list[str]:
        """A loopback port (a free one where 0) to the port of a resource: ``pod/NAME`` or ``service/NAME``."""
        return [
            "kubectl", "--context", self.context, "--namespace", self.namespace,
            "port-forward", resource, f"{local or ''}:{port}", "--address", "127.0.0.1",
        ]  # fmt: skip

    def proxy(self, path: str) -> list[str]:
        """A way for GET requests to the API server, on a Unix socket."""
        return ["kubectl", "--context", self.context, "proxy", f"--unix-socket={path}", REJECT_WRITES]

    def cluster_version(self) -> list[str]:
        """Client's and server's version as JSON."""
        return ["kubectl", "--context", self.context, "--request-timeout=5s", "version", "--output", "json"]


def client_version() -> list[str]:
    """The client's own version as JSON; asks no cluster."""
    return ["kubectl", "version", "--client", "--output", "json"]


def kustomize(folder: str) -> list[str]:
    """Render a kustomization; needs no cluster."""
    return ["kubectl", "kustomize", folder]


def preconditions(item: Mapping[str, Any]) -> str:
    """What ``delete_as_read`` reads: the version, and the UID where it is known, that the object must still have."""
    meta = item["metadata"]
    kept = {key: meta[key] for key in ("resourceVersion", "uid") if meta.get(key)}
    return json.dumps({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": kept})


def verb(argv: Sequence[str]) -> str:
    """What a call does: ``get deployment,pod``, ``delete``, …, without what says where."""
    words = iter(argv[1:])
    said: list[str] = []
    for word in words:
        if word in {"--context", "--namespace"}:
            next(words, "")
        elif not word.startswith("-"):
            said.append(word)
        elif said:
            break
    return " ".join(said)


def is_terminating(text: str) -> bool:
    """Whether the namespace is still being deleted."""
    return "because it is being terminated" in text


def is_existing(text: str) -> bool:
    """Whether a create failed because the object exists."""
    return "(AlreadyExists)" in text


def is_changed(text: str) -> bool:
    """Whether a call was refused because the object is no longer as it was read, or no longer there."""
    return "(Conflict)" in text or "(NotFound)" in text


def is_missing_namespace(text: str) -> bool:
    """Whether an object was refused because its namespace does not exist."""
    return re.search(r'namespaces "[^"]+" not found', text) is not None


def reason(text: str) -> str:
    """The first line of an error that says why, without kubectl's own preamble."""
    for line in text.splitlines():
        clean = line.strip()
        if clean and not clean.startswith(("Warning:", "E1", "E0", "I0", "I1")):
            return re.sub(r"^(error|Error from server)( \(\w+\))?: (error when \w+ \"[^\"]+\": )?", "", clean)
    return text.strip() or "kubectl printed no reason"
