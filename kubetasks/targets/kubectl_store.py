"""The objects of one namespace behind an API server, through kubectl."""

import contextlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubetasks.errors import (
    ApplyFailed,
    ClusterError,
    ClusterUnreachable,
    KubetasksError,
    NamespaceTerminating,
    ToolFailed,
    ToolTimeout,
)
from kubetasks.objects import Object, Objects
from kubetasks.runner import Result, Runner
from kubetasks.targets.base import Cluster, Progress
from kubetasks.tools import kubectl as tool

CLUSTER_SCOPED = frozenset({"Namespace", "Node"})


@dataclass(frozen=True)
class KubectlStore:
    """A ``Store`` over kubectl. Every call names the cluster's context and namespace."""

    cluster: Cluster
    runner: Runner

    @property
    def kubectl(self) -> tool.Kubectl:
        """kubectl, bound to this cluster and namespace."""
        return tool.Kubectl(self.cluster.context, self.cluster.namespace)

    @property
    def env(self) -> Mapping[str, str | None]:
        """What kubectl needs in its environment to find the context."""
        return {"KUBECONFIG": self.cluster.kubeconfig} if self.cluster.kubeconfig else {}

    def call(self, argv: Sequence[str], *, input: str | None = None, timeout: float = 60.0) -> Result:  # noqa: A002
        """Run kubectl; an API server that does not answer is an error here, any other failure is the caller's to read.

        Raises:
            ClusterUnreachable: the API server does not answer.
            NamespaceTerminating: the namespace is still being deleted.
        """
        try:
            result = self.runner.run(argv, input=input, env=self.env, timeout=timeout, check=False)
        except ToolTimeout as slow:
            raise self._unreachable(slow.what) from None
        if not result.ok and tool.is_unreachable(result.stderr):
            raise self._unreachable(tool.reason(result.stderr))
        if not result.ok and tool.is_terminating(result.stderr):
            raise NamespaceTerminating(
                f"namespace {self.cluster.namespace} is still being deleted",
                fix=f"wait for it: kubectl --context {self.cluster.context} wait --for=delete "
                f"namespace/{self.cluster.namespace} --timeout=120s",
            )
        return result

    def _unreachable(self, why: str) -> ClusterUnreachable:
        server = f" at {self.cluster.server}" if self.cluster.server else ""
        return ClusterUnreachable(
            f"the cluster of context {self.cluster.context}{server} does not answer",
            why=why,
            fix="start it (inv cluster.up), or see what is wrong: inv doctor",
        )

    def _failed(self, result: Result) -> KubetasksError:
        return ToolFailed(
            f"kubectl could not {tool.verb(result.argv)}", why=self.runner.redactor(tool.reason(result.stderr))
        )

    def get(self, kinds: Sequence[str], *, selector: str = "") -> Objects:
        """See ``Store.get``."""
        found: Objects = []
        listed = [kind for kind in kinds if kind != "Namespace"]
        if "Namespace" in kinds:
            result = self.call(self.kubectl.get_namespace())
            if not result.ok:
                raise self._failed(result)
            if result.stdout.strip():
                found.append(json.loads(result.stdout))
        if listed:
            result = self.call(self.kubectl.get(listed, selector=selector))
            if not result.ok:
                raise self._failed(result)
            found += json.loads(result.stdout or "{}").get("items", [])
        return found

    def apply(self, objects: Objects, *, dry_run: bool = False) -> Objects:
        """See ``Store.apply``."""
        if not objects:
            return []
        result = self.call(self.kubectl.apply(dry_run=dry_run), input=_list(objects))
        if result.ok:
            applied = json.loads(result.stdout)
            items = applied.get("items") if applied.get("kind") == "List" else [applied]
            return list(items or [])
        if dry_run and tool.is_missing_namespace(result.stderr):
            return objects
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        raise ApplyFailed(
            "the cluster refused an object",
            why=self.runner.redactor(tool.reason(result.stderr)),
            fix="nothing that runs was stopped; mend it and deploy again",
            detail=self.runner.redactor("\n".join(lines[1:])),
        )

    def create(self, item: Object) -> bool:
        """See ``Store.create``."""
        result = self.call(self.kubectl.create(), input=json.dumps(item))
        if not result.ok and not tool.is_existing(result.stderr):
            raise self._failed(result)
        return result.ok

    def delete(self, objects: Objects, *, wait: bool = True) -> None:
        """See ``Store.delete``."""
        if not objects:
            return
        named = [
            {
                "apiVersion": item["apiVersion"],
                "kind": item["kind"],
                "metadata": {"name": item["metadata"]["name"], **self._scope(item["kind"])},
            }
            for item in objects
        ]
        result = self.call(self.kubectl.delete(wait=wait), input=_list(named), timeout=120)
        if not result.ok:
            raise self._failed(result)

    def _scope(self, kind: str) -> dict[str, str]:
        return {} if kind in CLUSTER_SCOPED else {"namespace": self.cluster.namespace}

    def delete_all(self) -> None:
        """See ``Store.delete_all``."""
        result = self.call(self.kubectl.delete_namespace(), timeout=200)
        if not result.ok:
            raise ClusterError(
                f"namespace {self.cluster.namespace} could not be deleted",
                why=tool.reason(result.stderr),
                fix="run inv destroy again; it goes on from where it stopped",
            )

    def logs(self, pod: str, container: str = "", *, tail: int = 20, previous: bool = False) -> str:
        """See ``Store.logs``."""
        result = self.call(self.kubectl.logs(pod, container, tail=tail, previous=previous))
        return self.runner.redactor(result.stdout) if result.ok else ""

    def follow(self, pods: Sequence[str], on_line: Progress) -> None:
        """See ``Store.follow``."""
        with contextlib.ExitStack() as stack:
            threads = []
            for pod in pods:
                process = stack.enter_context(self.runner.spawn(self.kubectl.follow(pod), env=self.env, merge=True))
                thread = threading.Thread(target=self._pump, args=(process.stdout, on_line), daemon=True)
                thread.start()
                threads.append(thread)
            for thread in threads:
                thread.join()

    def _pump(self, stream: Any, on_line: Progress) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed when the block ends
            for raw in stream:
                on_line(self.runner.redactor(raw.decode(errors="replace").rstrip("\n")))


def _list(objects: Objects) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
