"""Taking back everything that was deployed, and naming what holds it where it does not go."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kubetasks.console import Console, Step
from kubetasks.deployers import belonging, ownership
from kubetasks.deployers.base import Deployer
from kubetasks.deployers.lease import name_of
from kubetasks.deployers.lock import locked, noted
from kubetasks.deployers.manifests import helm_secrets, live_of
from kubetasks.deployers.record import RECORD_OF
from kubetasks.diagnose.leaving import needs_help
from kubetasks.errors import NamespaceTerminating
from kubetasks.objects import (
    CLUSTER_SCOPED,
    PART_OF,
    WORKLOADS,
    Object,
    Objects,
    identity,
    is_built_in,
    is_controlled,
    is_leaving,
    kind_of,
    of_kind,
    staying,
)
from kubetasks.settings import Settings
from kubetasks.targets import departure, leftovers
from kubetasks.targets.base import Store, Target
from kubetasks.targets.kubectl_store import KubectlStore

LIMIT: Final = 180.0  # seconds until a namespace must be deleted
STUCK: Final = 30.0  # seconds without any change, where something needs a person's help
NOTED: Final = 10.0  # seconds until a line says what it waits for
PODS_END_IN: Final = 60.0  # seconds, in a namespace that stays: a pod has 30 to end by default
POLL: Final = 1.0


@dataclass
class Destroy:
    """Deletes what was deployed, and the namespace when kubetasks made it.

    A namespace that kubetasks did not create stays, without our objects in it. After an interruption the next run
    continues.

    Args:
        settings: the settings.
        console: what a person sees.
        target: where.
        deployer_named: the deployers by name.
        lock_wait: how many seconds to wait for a deploy lock that another process holds.
        clock: seconds, monotonic.
        sleep: waits between two looks.
    """

    settings: Settings
    console: Console
    target: Target
    deployer_named: Callable[[str], Deployer]
    lock_wait: float = 0.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> None:
        """Delete it.

        Raises:
            DeployLocked: another command is changing the namespace.
            NamespaceTerminating: the namespace does not go, with what holds it.
            DeletionHeld: an object's deletion was refused, or something holds it.
        """
        self.console.line(f"{self.target.name}: {self.target.reason}")
        with self.console.step("destroy") as shown:
            self._run(shown)

    def _run(self, shown: Step) -> None:
        store, project, name = self.target.store, self.settings.project, self.settings.in_namespace
        found = departure.namespaces(store)
        if found == []:
            shown.skip(f"there is no namespace {name}")
            return
        if not found or not is_leaving(found[0]):
            try:
                with locked(store, project, name, "destroy", wait=self.lock_wait, show=noted(self.console)) as lock:
                    ours = found is not None and ownership.owned(found[0], project)
                    pods = set() if ours or self.target.cluster is None else self._pods()
                    if self.target.cluster is not None:
                        self._release(shown)
                        self._outside(shown)
                    if not ours:
                        self._objects(shown, pods)
                        return
                    shown.update(f"deleting namespace {name}")
                    with lock.ending():
                        store.delete_all()
            except NamespaceTerminating:
                if not found:
                    raise
                # Another destroy began meanwhile.
        assert found  # noqa: S101  (one that may not be read is not deleted)
        self._wait(shown, str(found[0]["metadata"].get("uid")))
        self._volumes(shown)
        shown.done(f"namespace {name} is deleted")

    def _volumes(self, shown: Step) -> None:
        """Check that the data is deleted, too; name each volume that stays, with the command that deletes it."""
        for volume in leftovers.clear(self.target, shown.update, clock=self.clock, sleep=self.sleep):
            why = "its reclaim policy is Retain" if volume.retained else "its provisioner did not remove it"
            self.console.line(f"{volume.shown} stays with its data ({why}). To delete it: {volume.delete}", mark="note")

    def _release(self, shown: Step) -> None:
        """Uninstall the Helm release, where there is one: its hooks run, and what is outside the namespace goes."""
        if helm_secrets(self.target.store, self.settings.project):
            self.deployer_named("helm").delete(shown.update)

    def _outside(self, shown: Step) -> None:
        """Delete the project's objects outside of the namespace; a definition that others use stays, and is named."""
        store = self.target.store
        live = live_of(store, self.settings.project, [])
        outside = [
            item for item in live if item["kind"] in CLUSTER_SCOPED and is_built_in(item) and not is_leaving(item)
        ]
        spare = []
        for item in outside:
            users = _users(store, item) if item["kind"] == "CustomResourceDefinition" else []
            if users:
                self.console.line(f"{identity(item)} stays: {', '.join(users[:3])} use it", mark="note")
            else:
                spare.append(item)
        if spare:
            shown.update(f"deleting {', '.join(map(identity, spare))}")
            inside = [item for item in live if kind_of(item) in {_served(each) for each in spare}]
            store.delete(inside)
            store.delete(spare)

    def _pods(self) -> set[str]:
        """The UIDs of the project's pods: they are known by their owners, so this comes before those are deleted."""
        live = belonging.read(self.target.store, [*WORKLOADS, "ReplicaSet", "DaemonSet", "Pod"], self.settings.project)
        return {str(item["metadata"].get("uid")) for item in of_kind(live, "Pod")}

    def _ended(self, pods: set[str], shown: Step) -> Objects:
        """Wait until pods have ended; those that still exist when the time is over."""
        began = self.clock()
        while pods:
            left = [item for item in self.target.store.get(["Pod"]) if str(item["metadata"].get("uid")) in pods]
            if not left or self.clock() - began >= PODS_END_IN:
                return left
            shown.update(f"waiting for {', '.join(map(identity, left))} to end")
            self.sleep(POLL)
        return []

    def _objects(self, shown: Step, pods: set[str]) -> None:
        """Delete the project's objects in a namespace that stays; what says that there are any goes last."""
        store, project = self.target.store, self.settings.project
        # Read first: the claims of a StatefulSet are known by it.
        wanted = ["StatefulSet", "Secret", "PersistentVolumeClaim"]
        claims = belonging.read(store, wanted, project)
        self.deployer_named("manifests").delete(shown.update)
        kinds = ("Secret", "PersistentVolumeClaim", "Lease", "ConfigMap")
        rest = of_kind(store.get(kinds, selector=f"{PART_OF}={project}"), *kinds)
        held = of_kind(claims, "Secret", "PersistentVolumeClaim")
        rest += [item for item in held if identity(item) not in {identity(each) for each in rest}]
        rest += store.get(["ConfigMap"], selector=f"{RECORD_OF}={project}")
        # The lock's Lease is deleted last, when the lock is released.
        store.delete([item for item in rest if (item["kind"], item["metadata"]["name"]) != ("Lease", name_of(project))])
        stays = [] if self.target.cluster is None else staying(live_of(store, project, []))
        stays = [item for item in stays if not is_controlled(item) and item["kind"] != "Pod"]
        stays += self._ended(pods, shown)
        if stays:
            self.console.line(f"still there: {', '.join(map(identity, stays))}", mark="note")
        gone = "the objects are deleted" if not stays else f"all but {len(stays)} objects are deleted"
        shown.done(f"{gone}; namespace {self.settings.in_namespace} is not ours and stays")

    def _wait(self, shown: Step, uid: str) -> None:
        store, cluster, name = self.target.store, self.target.cluster, self.settings.in_namespace
        if cluster is None:
            return
        began = changed = self.clock()
        seen, noted_holds = "", False
        while True:
            there = [item for item in store.get(["Namespace"]) if str(item["metadata"].get("uid")) == uid]
            if not there:
                return
            namespace, now = there[0], self.clock()
            holds = departure.holds(store, cluster, namespace) if now - began >= POLL else []
            lines = "; ".join(hold.line for hold in holds)
            if lines != seen:
                seen, changed = lines, now
            shown.update(lines or f"deleting namespace {name}")
            if lines and not noted_holds and now - began >= NOTED:
                noted_holds = True
                self.console.line(f"namespace {name} waits for {lines}", mark="note")
            stuck = needs_help(holds) and now - changed >= STUCK
            if stuck or now - began >= LIMIT:
                raise self._held(namespace)
            self.sleep(POLL)

    def _held(self, namespace: Object) -> NamespaceTerminating:
        cluster = self.target.cluster
        assert cluster is not None  # noqa: S101  (only a cluster is waited for)
        return departure.terminating(self.target.store, cluster, namespace)


def _served(definition: Object) -> str:
    spec = definition.get("spec") or {}
    return f"{(spec.get('names') or {}).get('kind')}.{spec.get('group')}"


def _users(store: Store, definition: Object) -> list[str]:
    """The namespaces beside this one that have resources of a definition."""
    if not isinstance(store, KubectlStore):
        return []
    result = store.call(store.kubectl.everywhere(_served(definition)))
    names = {line.partition(" ")[0] for line in result.stdout.splitlines()} if result.ok else set()
    return sorted(f"namespace {name}" for name in names - {store.cluster.namespace, ""})
