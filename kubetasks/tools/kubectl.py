"""kubectl: the argument vectors of every call, each with context and namespace, and the parsers of what comes back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FIELD_MANAGER: Final = "kubetasks"
REQUEST_TIMEOUT: Final = "20s"


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
        return self.argv("get", ",".join(kind.lower() for kind in kinds), *chosen, *owners, "--output", "json")

    def get_namespace(self) -> list[str]:
        """The namespace itself as JSON; nothing at all when it is not there."""
        return self.argv("get", "namespace", self.namespace, "--ignore-not-found", "--output", "json")

    def get_these(self) -> list[str]:
        """Those of the objects named on stdin that are there, as JSON; nothing at all when none is."""
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

    def create(self) -> list[str]:
        """Create what comes on stdin; fails when it exists."""
        return self.argv("create", f"--field-manager={FIELD_MANAGER}", "--output", "name", "--filename", "-")

    def delete(self, *, wait: bool = True, timeout: int = 90) -> list[str]:
        """Delete what comes on stdin."""
        # Dependents go before their owner, so that "gone" means the pods too.
        waiting = ["--wait=true", "--cascade=foreground", f"--timeout={timeout}s"] if wait else ["--wait=false"]
        return [
            word
            for word in self.argv("delete", "--ignore-not-found", *waiting, "--filename", "-")
            if not word.startswith("--request-timeout")  # it would end the wait
        ]

    def delete_namespace(self, *, timeout: int = 180) -> list[str]:
        """Delete the namespace and wait until it is gone."""
        return [
            "kubectl", "--context", self.context, "delete", "namespace", self.namespace,
            "--ignore-not-found", "--wait=true", f"--timeout={timeout}s",
        ]  # fmt: skip

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

    def port_forward(self, resource: str, port: int) -> list[str]:
        """A free loopback port to the port of a resource: ``pod/NAME`` or ``service/NAME``."""
        return [
            "kubectl", "--context", self.context, "--namespace", self.namespace,
            "port-forward", resource, f":{port}", "--address", "127.0.0.1",
        ]  # fmt: skip

    def cluster_version(self) -> list[str]:
        """Client's and server's version as JSON."""
        return ["kubectl", "--context", self.context, "--request-timeout=5s", "version", "--output", "json"]


def client_version() -> list[str]:
    """The client's own version as JSON; asks no cluster."""
    return ["kubectl", "version", "--client", "--output", "json"]


def kustomize(folder: str) -> list[str]:
    """Render a kustomization; needs no cluster."""
    return ["kubectl", "kustomize", folder]


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


def is_missing_namespace(text: str) -> bool:
    """Whether an object was refused because its namespace is not there."""
    return re.search(r'namespaces "[^"]+" not found', text) is not None


def reason(text: str) -> str:
    """The first line of an error that says why, without kubectl's own preamble."""
    for line in text.splitlines():
        clean = line.strip()
        if clean and not clean.startswith(("Warning:", "E1", "E0", "I0", "I1")):
            return re.sub(r"^(error|Error from server)( \(\w+\))?: (error when \w+ \"[^\"]+\": )?", "", clean)
    return text.strip() or "kubectl printed no reason"
