"""The Helm deployer: one release, values on stdin, waiting left to kubetasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from kubetasks.deployers import ownership
from kubetasks.deployers.base import Release
from kubetasks.deployers.history import is_record
from kubetasks.deployers.manifests import KINDS, helm_secrets, orphans
from kubetasks.deployers.render import ChartRenderer
from kubetasks.errors import ApplyFailed, ClusterUnreachable, NothingToRollBack, RenderFailed, ToolMissing
from kubetasks.objects import MANAGED_BY, PART_OF, Object, Objects
from kubetasks.runner import Result, Runner
from kubetasks.settings import Settings
from kubetasks.targets.base import Cluster, Progress, Store
from kubetasks.targets.kubectl_store import KubectlStore
from kubetasks.tools import helm as tool
from kubetasks.tools import kubectl

TIMEOUT: Final = 180.0
# What Helm was doing when it was interrupted; no upgrade is possible until that record is gone.
STUCK: Final = (*tool.PENDING, "uninstalling")


@dataclass(frozen=True)
class HelmDeployer:
    """Upgrades (or installs) the chart. Works with Helm 3.17 and later, and with Helm 4."""

    settings: Settings
    root: Path
    runner: Runner
    store: Store
    cluster: Cluster

    @property
    def name(self) -> str:
        """See ``Deployer.name``."""
        return "helm"

    @cached_property
    def renderer(self) -> ChartRenderer:
        """Renders the chart."""
        return ChartRenderer(self.settings, self.root, self.runner)

    @cached_property
    def helm(self) -> tool.Helm:
        """The helm there is, bound to the cluster and namespace.

        Raises:
            ToolMissing: it is too old to take objects over.
        """
        text = self.runner.run(tool.version()).stdout.strip()
        version = tool.parse_version(text)
        if version is None or version < tool.OLDEST:
            needed = ".".join(map(str, tool.OLDEST))
            raise ToolMissing(
                f"helm is {text or 'of an unknown version'}, {needed} or later is needed",
                fix="update Helm (https://helm.sh/docs/intro/install/), or deploy --with manifests",
            )
        return tool.Helm(self.cluster.context, self.cluster.namespace, version)

    def render(self, release: Release) -> Objects:
        """See ``Deployer.render``."""
        return self.renderer.render(release)

    def _call(self, argv: Sequence[str], *, values: str | None = None) -> Result:
        env = {"KUBECONFIG": self.cluster.kubeconfig} if self.cluster.kubeconfig else {}
        result = self.runner.run(argv, input=values, env=env, timeout=TIMEOUT, check=False)
        if not result.ok and (kubectl.is_unreachable(result.stderr) or "cluster unreachable" in result.stderr.lower()):
            raise ClusterUnreachable(
                f"the cluster of context {self.cluster.context} does not answer",
                why=tool.reason(result.stderr),
                fix="start it (inv cluster.up), or see what is wrong: inv doctor",
            )
        return result

    def _refused(self, what: str, result: Result) -> ApplyFailed:
        return ApplyFailed(
            what,
            why=self.runner.redactor(tool.reason(result.stderr)),
            fix="nothing that runs was stopped; mend it and deploy again",
        )

    def recover(self, progress: Progress) -> None:
        """Free a release that an interrupted run left in ``pending-*``.

        Only Helm's record of the attempt is deleted. What that attempt applied stays; the next one takes it over.
        """
        stuck = [item for item in helm_secrets(self.store, self.settings.project) if _status(item) in STUCK]
        if stuck:
            names = ", ".join(f"{_status(item)} revision {item['metadata']['labels'].get('version')}" for item in stuck)
            progress(f"recovering the release from {names}")
            self.store.delete(stuck)

    def apply(self, release: Release, objects: Objects, progress: Progress) -> str:
        """See ``Deployer.apply``. Takes over from the manifests without touching what runs."""
        project = self.settings.project
        self.recover(progress)
        live = self.store.get(KINDS, selector=f"{PART_OF}={project}")
        self._take_over(live)
        progress("helm upgrade --install")
        values = tool.values_text(self.renderer.values(release))
        files = [str(self.root / path) for path in self.settings.chart.values]
        chart = str(self.root / self.settings.chart.path)
        argv = self.helm.upgrade_install(project, chart, values=files, history=self.settings.history)
        result = self._call(argv, values=values)
        if not result.ok:
            if "YAML parse error" in result.stderr or "parse error" in result.stderr:
                raise RenderFailed("the chart does not render", why=tool.reason(result.stderr), fix="inv chart.lint")
            raise self._refused("helm could not upgrade the release", result)
        spare = [item for item in orphans(live, objects, project) if _owner(item) != "Helm"]
        if spare:
            progress(f"pruning {len(spare)} objects")
            self.store.delete(spare, wait=False)
        return str(self.newest())

    def _take_over(self, live: Objects) -> None:
        """Helm 4 applies on the server's side: what it drops later must not be held by another owner."""
        others = any(_owner(item) not in {"Helm", ""} and not is_record(item) for item in live)
        if others and self.helm.version[0] >= 4 and isinstance(self.store, KubectlStore):
            ownership.take_over(self.store, KINDS, self.settings.project, ownership.HELM)

    def newest(self) -> int:
        """The number of the release's newest revision; 0 when there is no release."""
        held = helm_secrets(self.store, self.settings.project)
        return int(held[-1]["metadata"]["labels"].get("version", "0")) if held else 0

    def rollback(self, objects: Objects, revision: str, progress: Progress) -> str:
        """See ``Deployer.rollback``."""
        self.recover(progress)
        project = self.settings.project
        kept = [str(item["metadata"]["labels"].get("version", "")) for item in helm_secrets(self.store, project)]
        if revision not in kept:
            raise NothingToRollBack(
                f"Helm no longer has its revision {revision}",
                why=f"it keeps {', '.join(kept) or 'none'}",
                fix="deploy that source again: git checkout … && inv deploy",
            )
        progress(f"helm rollback {project} {revision}")
        result = self._call(self.helm.rollback(project, int(revision), history=self.settings.history))
        if not result.ok:
            raise self._refused("helm could not roll back", result)
        return str(self.newest())

    def delete(self, progress: Progress) -> None:
        """See ``Deployer.delete``."""
        progress("helm uninstall")
        self.recover(progress)
        result = self._call(self.helm.uninstall(self.settings.project))
        if not result.ok:
            raise self._refused("helm could not uninstall", result)

    def test(self) -> Result:
        """Run the chart's own tests against the release."""
        return self._call(self.helm.test(self.settings.project))


def _status(item: Object) -> str:
    return str(item["metadata"]["labels"].get("status", ""))


def _owner(item: Object) -> str:
    return str((item["metadata"].get("labels") or {}).get(MANAGED_BY, ""))
