"""The manifests deployer: server-side apply of what is rendered, and pruning by our own label and the records."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from kubetasks.deployers import belonging, ownership, scaling
from kubetasks.deployers.base import Release, Renderer
from kubetasks.deployers.history import revisions
from kubetasks.errors import ApplyFailed
from kubetasks.objects import (
    MANAGED_BY,
    PROJECT,
    Object,
    Objects,
    identity,
    is_controlled,
    is_hook,
    is_leaving,
    is_record,
    kind_of,
    staying,
)
from kubetasks.settings import Settings
from kubetasks.targets.base import Progress, Store
from kubetasks.targets.departure import beside
from kubetasks.targets.kubectl_store import KubectlStore

# What is looked at beside the kinds that are rendered and those that the records name.
KINDS: Final = (
    "Deployment", "StatefulSet", "Job", "Service", "ConfigMap", "NetworkPolicy", "PodDisruptionBudget",
)  # fmt: skip
# Those, too, where they may be listed.
OPTIONAL: Final = (scaling.AUTOSCALER, "DaemonSet", "CronJob")
# Objects with data that cannot be recreated, or with other objects' data: they stay when no longer rendered.
KEPT: Final = frozenset(
    {"Secret", "PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition", "StorageClass", "Namespace"}
)
# What the cluster makes, with the labels of what it is made for.
COPIED: Final = frozenset({"Endpoints", "EndpointSlice", "ControllerRevision", "Event", "Lease"})
# The kinds that others need, first, and those that judge others, last; as Helm orders them.
FIRST: Final = (
    "PriorityClass", "CustomResourceDefinition", "ResourceQuota", "LimitRange", "ServiceAccount", "StorageClass",
    "PersistentVolume", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
)  # fmt: skip
LAST: Final = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService")


def ordered(objects: Objects) -> Objects:
    """The objects, those that others need first; else in their own order."""
    places = {kind: index - len(FIRST) for index, kind in enumerate(FIRST)} | dict.fromkeys(LAST, 1)
    return sorted(objects, key=lambda item: places.get(item["kind"], 0))


def no_longer_rendered(live: Objects, rendered: Objects, project: str) -> Objects:
    """The live objects that were applied for the project and are no longer rendered.

    What a controller made for another object (a CronJob its Jobs) goes with that one, and what is being deleted goes.
    """
    wanted = {identity(item) for item in rendered}
    return [
        item
        for item in live
        if item["kind"] not in COPIED
        and belonging.is_labelled(item, project)
        and (PROJECT in (item["metadata"].get("labels") or {}) or item["kind"] not in belonging.MADE)
        and not (is_record(item) or is_leaving(item) or is_controlled(item) or is_hook(item))
        and identity(item) not in wanted
    ]


def orphans(live: Objects, rendered: Objects, project: str) -> Objects:
    """What is pruned: what is no longer rendered, but for what holds data."""
    return [item for item in no_longer_rendered(live, rendered, project) if item["kind"] not in KEPT]


def left_behind(live: Objects, rendered: Objects, project: str, secrets: Collection[str]) -> Objects:
    """What is no longer rendered and stays, as it holds data; not the Secrets that kubetasks writes itself."""
    own = {f"Secret/{name}" for name in secrets}
    spare = no_longer_rendered(live, rendered, project)
    return [item for item in spare if item["kind"] in KEPT and identity(item) not in own]


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

    @property
    def left_out(self) -> Sequence[str]:
        """See ``Deployer.left_out``."""
        return list(getattr(self.renderer, "left_out", ()))

    def render(self, release: Release) -> Objects:
        """See ``Deployer.render``."""
        return [_managed(item) for item in self.renderer.render(release)]  # the chart's, on the local target, name Helm

    def apply(self, release: Release, objects: Objects, progress: Progress) -> str:
        """See ``Deployer.apply``. Takes over from a Helm release without touching what runs."""
        return self._bring(objects, progress)

    def rollback(self, objects: Objects, revision: str, progress: Progress) -> str:
        """See ``Deployer.rollback``."""
        return self._bring(objects, progress)

    def live(self, rendered: Objects) -> Objects:
        """The project's live objects, of every kind that it has or had."""
        return live_of(self.store, self.settings.project, rendered)

    def _bring(self, objects: Objects, progress: Progress) -> str:
        project = self.settings.project
        # Asked every time: a switch that was interrupted may have left these records alone.
        records = self._helm_records()
        owners = beside(lambda: scaling.live_owners(self.store, project, objects))
        live, held = self.live(objects), records()
        if held and isinstance(self.store, KubectlStore):
            progress("taking over from the Helm release")
            ownership.take_over(
                self.store, sorted({*KINDS, *map(kind_of, live)} - {"Pod"}), project, ownership.KUBETASKS
            )
        owned = scaling.live_owners(self.store, project, objects) if held else owners()
        scaling.hand_over(self.store, owned)
        progress(f"applying {len(objects)} objects")
        chosen = ordered([item for item in objects if not is_hook(item)])
        wanted = [_managed(item) for item in scaling.without_replicas(chosen, owned, staying(live))]
        definitions = [item for item in wanted if item["kind"] == "CustomResourceDefinition"]
        if definitions:
            self.store.apply(definitions)
            established(self.store, definitions)
        self.store.apply([item for item in wanted if item["kind"] != "CustomResourceDefinition"])
        return ""

    def _helm_records(self) -> Callable[[], Objects]:
        """Ask beside other calls for the Secrets in which Helm keeps revisions; none where there is no Helm."""
        if not isinstance(self.store, KubectlStore):
            return list
        return beside(lambda: helm_secrets(self.store, self.settings.project))

    def prune(self, objects: Objects, progress: Progress) -> list[str]:
        """See ``Deployer.prune``."""
        project = self.settings.project
        records = self._helm_records()
        live = self.live(objects)
        spare = orphans(live, objects, project)
        if spare:
            progress(f"pruning {', '.join(identity(item) for item in spare)}")
            self.store.delete(spare, wait=False)
        # Only Helm's own records: the objects are applied under their new owner by now.
        self.store.delete(records())
        return [stays(item) for item in left_behind(live, objects, project, self.settings.secret_places)]

    def delete(self, progress: Progress) -> None:
        """See ``Deployer.delete``."""
        project = self.settings.project
        live = no_longer_rendered(self.live([]), [], project)
        spare = [item for item in live if item["kind"] not in {"Secret", "PersistentVolumeClaim"}]
        progress(f"deleting {len(spare)} objects")
        self.store.delete([item for item in spare if not is_record(item)])
        if isinstance(self.store, KubectlStore):
            self.store.delete(helm_secrets(self.store, project))


def live_of(store: Store, project: str, rendered: Objects) -> Objects:
    """The project's live objects: of the usual kinds, of those that are rendered, and of those that records name."""
    kinds = {*KINDS, *belonging.kinds_of([belonging.inventory(rendered)])} - {*OPTIONAL}
    live = belonging.everything(store, sorted(kinds), project, optional=OPTIONAL)
    more = belonging.kinds_of(each.inventory for each in revisions(belonging.mine(live, project))) - kinds - {*OPTIONAL}
    if more:
        live += belonging.everything(store, sorted(more), project)
    return belonging.mine(live, project)


def established(store: Store, definitions: Objects, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until the API server serves custom resources.

    Raises:
        ApplyFailed: it does not.
    """
    names = {item["metadata"]["name"] for item in definitions}
    for _ in range(60):
        served = {
            item["metadata"]["name"]
            for item in store.get(["CustomResourceDefinition"])
            for each in (item.get("status") or {}).get("conditions") or ()
            if each.get("type") == "Established" and each.get("status") == "True"
        }
        if names <= served or not isinstance(store, KubectlStore):
            return
        sleep(0.5)
    raise ApplyFailed(
        f"CustomResourceDefinition/{min(names - served)} is not established",
        why="the API server does not serve it after 30 s",
        fix="see its conditions: kubectl describe customresourcedefinition",
    )


def stays(item: Object) -> str:
    """The line about an object that is not pruned."""
    return f"{identity(item)} is no longer rendered and stays, as it holds data; delete it with kubectl if it may go"


def _managed(item: Object) -> Object:
    labels = {**item["metadata"].get("labels", {}), MANAGED_BY: ownership.KUBETASKS}
    return {**item, "metadata": {**item["metadata"], "labels": labels}}
