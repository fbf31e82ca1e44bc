"""The manifests deployer: server-side apply of what kustomize (or the chart) renders, then pruning by label."""

from dataclasses import dataclass
from typing import Final

from kubetasks.deployers import ownership, scaling
from kubetasks.deployers.base import Release, Renderer
from kubetasks.objects import (
    MANAGED_BY,
    PART_OF,
    Object,
    Objects,
    identity,
    is_controlled,
    is_leaving,
    is_record,
    staying,
)
from kubetasks.settings import Settings
from kubetasks.targets import departure
from kubetasks.targets.base import Progress, Store
from kubetasks.targets.kubectl_store import KubectlStore

# What belongs to a project and is taken away when it is no longer rendered. Secrets and volumes stay: they hold what
# cannot be made again.
KINDS: Final = (
    "Deployment", "StatefulSet", "Job", "Service", "ConfigMap", "NetworkPolicy", "PodDisruptionBudget",
)  # fmt: skip
# Those, too, where they may be listed.
OPTIONAL: Final = (scaling.AUTOSCALER,)


def _label(item: Object, key: str) -> str:
    return str((item["metadata"].get("labels") or {}).get(key, ""))


def orphans(live: Objects, rendered: Objects, project: str) -> Objects:
    """The live objects of the project that are no longer rendered.

    What a controller made for another object (a CronJob its Jobs) goes with that one, and what is being deleted goes.
    """
    wanted = {identity(item) for item in rendered}
    return [
        item
        for item in live
        if item["kind"] in (*KINDS, *OPTIONAL)
        and _label(item, PART_OF) == project
        and not is_record(item)
        and not is_leaving(item)
        and not is_controlled(item)
        and identity(item) not in wanted
    ]


def helm_secrets(store: Store, project: str) -> Objects:
    """The Secrets in which Helm keeps the revisions of the project's release, oldest first."""
    found = store.get(["Secret"], selector=f"owner=helm,name={project}")
    return sorted(found, key=lambda item: int(item["metadata"]["labels"].get("version", "0")))


@dataclass(frozen=True)
class ManifestsDeployer:
    """Applies rendered objects itself. Works over any ``Store``."""

    settings: Settings
    store: Store
    renderer: Renderer

    @property
    def name(self) -> str:
        """See ``Deployer.name``."""
        return self.renderer.name

    def render(self, release: Release) -> Objects:
        """See ``Deployer.render``."""
        return [_managed(item) for item in self.renderer.render(release)]  # the chart's, on the local target, name Helm

    def apply(self, release: Release, objects: Objects, progress: Progress) -> str:
        """See ``Deployer.apply``. Takes over from a Helm release without touching what runs."""
        return self._bring(objects, progress)

    def rollback(self, objects: Objects, revision: str, progress: Progress) -> str:
        """See ``Deployer.rollback``."""
        return self._bring(objects, progress)

    def _bring(self, objects: Objects, progress: Progress) -> str:
        project = self.settings.project
        live = departure.some(self.store, KINDS, OPTIONAL, selector=f"{PART_OF}={project}")
        held: Objects = []
        if isinstance(self.store, KubectlStore):
            # Asked every time: a switch that was interrupted may have left these records alone.
            held = helm_secrets(self.store, project)
        if held and isinstance(self.store, KubectlStore):
            progress("taking over from the Helm release")
            ownership.take_over(self.store, KINDS, project, ownership.KUBETASKS)
        owned = scaling.live_owners(self.store, project, objects)
        scaling.hand_over(self.store, owned)
        progress(f"applying {len(objects)} objects")
        self.store.apply([_managed(item) for item in scaling.without_replicas(objects, owned, staying(live))])
        spare = orphans(live, objects, project)
        if spare:
            progress(f"pruning {', '.join(identity(item) for item in spare)}")
            self.store.delete(spare, wait=False)
        if held:
            # Only Helm's own records: the objects are applied under their new owner by now.
            self.store.delete(held)
        return ""

    def delete(self, progress: Progress) -> None:
        """See ``Deployer.delete``."""
        project = self.settings.project
        live = departure.some(self.store, KINDS, OPTIONAL, selector=f"{PART_OF}={project}")
        progress(f"deleting {len(live)} objects")
        self.store.delete([item for item in live if not is_record(item) and not is_controlled(item)])
        if isinstance(self.store, KubectlStore):
            self.store.delete(helm_secrets(self.store, project))


def _managed(item: Object) -> Object:
    labels = {**item["metadata"].get("labels", {}), MANAGED_BY: ownership.KUBETASKS}
    return {**item, "metadata": {**item["metadata"], "labels": labels}}
