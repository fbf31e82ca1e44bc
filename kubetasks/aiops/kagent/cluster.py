"""kagent in a cluster: what exists, installing it with our agent, and removing both."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from kubetasks.aiops.kagent import lines, objects
from kubetasks.aiops.kagent.objects import NAME, TOKEN_SECRET, Wanted
from kubetasks.errors import Forbidden, KagentFailed, KubetasksError
from kubetasks.objects import Object, Objects
from kubetasks.runner import Runner
from kubetasks.targets.base import Cluster, Store
from kubetasks.targets.calls import Calls
from kubetasks.tools import helm
from kubetasks.tools.kubectl import Kubectl

CHARTS: Final = "oci://ghcr.io/kagent-dev/kagent/helm"
RELEASES: Final = ("kagent-crds", "kagent")  # in this order; removed in the other
CONTROLLER: Final = "kagent-controller"
PORT: Final = 8083
HELM_LIMIT: Final = 300.0  # seconds
PAUSE: Final = 2.0


@dataclass(frozen=True)
class Kagent:
    """kagent in one cluster.

    Args:
        cluster: the context, and the namespace of our agent.
        store: the objects of that namespace.
        runner: starts kubectl and helm.
        namespace: kagent's own namespace.
        sleep: waits.
        clock: monotonic seconds.
    """

    cluster: Cluster
    store: Store
    runner: Runner
    namespace: str = "kagent"
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    @property
    def own(self) -> Cluster:
        """The same cluster, at kagent's own namespace."""
        return replace(self.cluster, namespace=self.namespace)

    @property
    def _calls(self) -> Calls:
        return Calls(self.cluster, self.runner)

    def _get(self, *words: str, namespace: str = "") -> Objects:
        """Objects as kubectl lists them; none where there is no such kind."""
        kubectl = Kubectl(self.cluster.context, namespace)
        result = self._calls.call(kubectl.argv("get", *words, "--ignore-not-found", "--output", "json"))
        if not result.ok or not result.stdout.strip():
            return []
        found: dict[str, Any] = json.loads(result.stdout)
        items: Objects = found.get("items", [found] if found.get("metadata") else [])
        return items

    def look(self) -> lines.Found:
        """What the cluster has of kagent.

        Raises:
            Forbidden: you are not allowed to read CustomResourceDefinitions.
            NoContact: the API server does not answer.
        """
        crds = self._get("customresourcedefinitions.apiextensions.k8s.io")
        controllers = self._get("deployment", CONTROLLER, namespace=self.namespace)
        answer = self._calls.call(Kubectl(self.cluster.context).cluster_version())
        server = json.loads(answer.stdout or "{}").get("serverVersion") or {}
        kubernetes = (_number(server.get("major")), _number(server.get("minor")))
        controller = controllers[0] if controllers else None
        return lines.Found(
            kubernetes,
            lines.served(crds),
            (lines.version_of(controller) or "?") if controller else "",
            bool(controller and (controller.get("status") or {}).get("readyReplicas")),
        )

    def agent(self) -> Object | None:
        """Our agent as it is in the cluster; None if it is not."""
        found = self._get(f"agents.{lines.VERSION}.{lines.GROUP}", NAME, namespace=self.cluster.namespace)
        return found[0] if found else None

    def check_key(self, wanted: Wanted) -> None:
        """Reject a Secret for the endpoint's key that does not exist, or lacks the key. Its value is not checked.

        Raises:
            KagentFailed: with the command that makes it.
        """
        found = [item for item in self.store.get(["Secret"]) if item["metadata"]["name"] == wanted.secret]
        if not found or wanted.key not in (found[0].get("data") or {}):
            what = f"key {wanted.key} in Secret {wanted.secret}" if found else f"Secret {wanted.secret}"
            raise KagentFailed(
                f"there is no {what} in namespace {wanted.namespace}",
                why="kagent reads the model's key from an existing Secret",
                fix="deploy with that secret set, or name another one: --key-secret NAME/KEY",
            )

    def install_charts(self, root: Path, progress: Callable[[str], None]) -> None:
        """Install or upgrade kagent's charts at the pinned version, the CRDs first.

        Raises:
            KagentFailed: with Helm's reason.
        """
        tool = helm.Helm(self.cluster.context, self.namespace)
        for release in RELEASES:
            progress(f"{release} {lines.PINNED}")
            file = root / objects.FOLDER / "values" / f"{release}.yaml"
            if not file.is_file():
                raise KagentFailed(f"there is no {objects.FOLDER / 'values' / file.name}", fix="copy it from kubetasks")
            watched = [self.namespace, self.cluster.namespace]
            more = {"controller": {"watchNamespaces": watched}, "rbac": {"namespaces": watched}}
            argv = tool.upgrade_published(release, f"{CHARTS}/{release}", lines.PINNED, values=[str(file)])
            given = json.dumps(more if release == "kagent" else {})
            # Not through ``Calls``: what Helm says of a chart registry is not about the cluster.
            result = self.runner.run(argv, input=given, env=self.own.env, timeout=HELM_LIMIT, check=False)
            if not result.ok:
                raise KagentFailed(
                    f"the chart {release} {lines.PINNED} could not be installed",
                    why=self.runner.redactor(helm.reason(result.stderr)),
                    fix=f"see whether {CHARTS} can be reached from here",
                )

    def apply(self, items: Objects) -> None:
        """Apply our agent's objects; the token of its MCP server is made once and kept."""
        there = {item["metadata"]["name"] for item in self.store.get(["Secret"])}
        if TOKEN_SECRET not in there:
            items = [objects.token_secret(self.cluster.namespace, secrets.token_urlsafe(32)), *items]
        self.store.apply(items)

    def wait(self, limit: float) -> None:
        """Wait until the agent is ready. The condition Accepted of the RemoteMCPServer is not waited for.

        Raises:
            KagentFailed: it is not ready within the limit, with the reason that kagent gives.
        """
        deadline = self.clock() + limit
        while True:
            agent = self.agent()
            if condition(agent, "Ready") == "True":
                return
            if self.clock() >= deadline:
                raise KagentFailed(
                    f"the agent {NAME} is not ready after {limit:g} s",
                    why=reason(agent),
                    fix=f"inv diagnose --namespace {self.cluster.namespace}; inv aiops.agent.status",
                )
            self.sleep(PAUSE)

    def remove(self, items: Objects) -> None:
        """Delete our agent's objects; those that do not exist, and kinds that are not known, do not matter."""
        served = self.look().served
        known = [item for item in items if _is_served(item, served)]
        token = objects.token_secret(self.cluster.namespace, "")
        self.store.delete([*known, token])

    def others(self) -> list[str]:
        """The agents in the cluster that are not ours, as ``namespace/name``."""
        every = self._get(f"agents.{lines.VERSION}.{lines.GROUP}", "--all-namespaces")
        ours = (self.cluster.namespace, NAME)
        names = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in every]
        return sorted("/".join(name) for name in names if name != ours)

    def remove_charts(self) -> None:
        """Uninstall kagent and its CRDs.

        Raises:
            KagentFailed: agents of others exist, which would be deleted with the CRDs, or Helm failed.
        """
        others = self.others()
        if others:
            raise KagentFailed(
                "kagent stays installed",
                why=f"other agents exist and would be deleted with its CRDs: {', '.join(others[:3])}",
                fix="remove them first",
            )
        tool = helm.Helm(self.cluster.context, self.namespace)
        for release in reversed(RELEASES):
            result = Calls(self.own, self.runner).change(tool.uninstall(release), timeout=HELM_LIMIT)
            if not result.ok:
                raise KagentFailed(f"{release} could not be uninstalled", why=helm.reason(result.stderr))


def _is_served(item: Object, served: Any) -> bool:
    group = str(item["apiVersion"]).partition("/")[0]
    return group != lines.GROUP or f"{item['kind'].lower()}s.{group}" in served


def _number(text: object) -> int:
    digits = "".join(each for each in str(text or "") if each.isdigit())
    return int(digits) if digits else 0


def condition(item: Object | None, name: str) -> str:
    """The status of a condition: ``True``, ``False``, ``Unknown``; empty if there is none."""
    rows = ((item or {}).get("status") or {}).get("conditions") or ()
    return next((str(row.get("status", "")) for row in rows if row.get("type") == name), "")


def reason(item: Object | None) -> str:
    """Why an agent is not ready, as kagent says."""
    if item is None:
        return "it does not exist"
    rows = (item.get("status") or {}).get("conditions") or ()
    said = [
        f"{row.get('type')}: {row.get('message') or row.get('reason')}" for row in rows if row.get("status") != "True"
    ]
    return (
        "; ".join(said)
        or "kagent's controller has not processed it yet; is it running, and does it watch the namespace?"
    )


def readable(error: KubetasksError) -> str:
    """Why the cluster's CRDs cannot be seen, for the status."""
    return "you are not allowed to read CustomResourceDefinitions" if isinstance(error, Forbidden) else error.what
