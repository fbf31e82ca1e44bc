"""A cluster in memory: a ``Store`` that answers as an API server would, its controllers, and a target around it."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from kubetasks.errors import ApplyFailed, DeletionHeld, KubetasksError, NamespaceTerminating, ToolFailed
from kubetasks.images.content import Content, of_engine
from kubetasks.objects import WORKLOADS, Object, Objects, digest, identity, is_leaving, kind_of
from kubetasks.targets import fence
from kubetasks.targets.base import Cluster, Progress, Volume
from kubetasks.targets.local.applying import matches
from kubetasks.targets.nodes import Nodes
from kubetasks.tools.docker import Inspected

LEAVING_AT = "2026-01-02T03:04:05Z"
REVISION = "deployment.kubernetes.io/revision"
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "todo"}}


def selects(selector: str, item: Object) -> bool:
    """Whether a selector (``a=b,c!=d``) matches an object's labels."""
    return matches(item["metadata"].get("labels") or {}, selector)


def _without(live: Any, before: Any, now: Any) -> Any:
    """Server-side apply: what this manager named before and names no more goes."""
    if not (isinstance(live, dict) and isinstance(before, dict)):
        return live
    now = now if isinstance(now, dict) else {}
    return {
        key: _without(value, before.get(key), now.get(key))
        for key, value in live.items()
        if key in now or key not in before
    }


def _merged(live: Any, now: Any) -> Any:
    if isinstance(live, dict) and isinstance(now, dict):
        return {**live, **{key: _merged(live.get(key), value) for key, value in now.items()}}
    return deepcopy(now)


@dataclass
class MemoryStore:
    """The objects of one namespace.

    Args:
        namespace: its name. Nothing but the Namespace itself can be applied before it is there.
        refuse: ``Kind/name`` to the reason for which the API server refuses it.
        broken: ``Kind/name`` of a workload to the container status that its pods get stuck in; None: no pod is made.
        conditions: ``Kind/name`` of a workload to conditions that its controller reports.
        image_ids: image name to the content that a new pod runs under it.
        stuck: ``Kind/name`` of workloads whose controllers never look at them.
        fail: the name of a call (``get``, ``apply``, …) to the error that it raises.
        log: what was asked, in order: ``apply ConfigMap/todo-config``.
    """

    namespace: str = "todo"
    refuse: dict[str, str] = field(default_factory=dict)
    broken: dict[str, Object | None] = field(default_factory=dict)
    conditions: dict[str, Objects] = field(default_factory=dict)
    image_ids: dict[str, str] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    fail: dict[str, KubetasksError] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    objects: dict[str, Object] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    _applied: dict[str, Object] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # What a Store is asked.

    def get(self, kinds: Sequence[str], *, selector: str = "") -> Objects:
        self._maybe_fail("get")
        self.log.append(f"get {','.join(kinds)}")
        return [
            deepcopy(item)
            for item in self.objects.values()
            if {item["kind"], kind_of(item), f"{item['kind'].lower()}s"} & {*kinds}
            and (item["kind"] == "Namespace" or not selector or selects(selector, item))
        ]

    def apply(self, objects: Objects, *, dry_run: bool = False) -> Objects:
        if not dry_run:
            fence.check()
            self._refuse_terminating(objects)
        self._maybe_fail("apply")
        done: Objects = []
        for item in deepcopy(objects):
            name = identity(item)
            if self._missing_namespace(item):
                if dry_run:
                    return objects
                raise ApplyFailed("the cluster refused an object", why=f'namespaces "{self.namespace}" not found')
            if name in self.refuse:
                raise ApplyFailed("the cluster refused an object", why=self.refuse[name])
            self.log.append(f"{'dry-run' if dry_run else 'apply'} {name}")
            old = self.objects.get(name)
            version, uid = item["metadata"].pop("resourceVersion", None), item["metadata"].pop("uid", None)
            if version is not None and old is not None and old["metadata"]["resourceVersion"] != version:
                raise ApplyFailed("the cluster refused an object", why=f"{name}: the object has been modified")
            if uid is not None and (old is None or old["metadata"]["uid"] != uid):
                raise ApplyFailed("the cluster refused an object", why=f"{name}: uid mismatch")
            if old is not None and is_leaving(old) and not dry_run:
                raise DeletionHeld(f"{name} is being deleted and still there")
            new = self._become(name, old, item)
            done.append(deepcopy(new))
            if dry_run:
                continue
            self._applied[name] = item
            if new != old:
                self.objects[name] = new
                self._control(new)
        return done

    def create(self, item: Object) -> bool:
        fence.check()
        self._refuse_terminating([item])
        self._maybe_fail("create")
        name = identity(item)
        self.log.append(f"create {name}")
        if self._missing_namespace(item):
            raise ToolFailed("kubectl could not create", why=f'namespaces "{self.namespace}" not found')
        if name in self.objects:
            return False
        self.objects[name] = self._become(name, None, deepcopy(item))
        return True

    def delete(self, objects: Objects, *, wait: bool = True) -> None:
        fence.check()
        self._maybe_fail("delete")
        for item in objects:
            self.log.append(f"delete {identity(item)}")
            if not self._remove(identity(item)) and wait:
                raise DeletionHeld(f"{identity(item)} is being deleted and still there")

    def delete_as_read(self, item: Object) -> bool:
        fence.check()
        self._maybe_fail("delete")
        self.log.append(f"delete {identity(item)}")
        now = self.objects.get(identity(item))
        same = now is not None and now["metadata"]["resourceVersion"] == item["metadata"]["resourceVersion"]
        return same and self._remove(identity(item))

    def delete_all(self) -> None:
        fence.check()
        self._maybe_fail("delete_all")
        self.log.append("delete everything")
        namespace = self.objects.pop(f"Namespace/{self.namespace}", None)
        for name in list(self.objects):
            if name in self.objects:
                self._remove(name)
        if namespace is not None and self.objects:
            self.objects[f"Namespace/{self.namespace}"] = namespace
            namespace["metadata"]["deletionTimestamp"] = LEAVING_AT
        self._applied.clear()

    def _remove(self, name: str) -> bool:
        """Whether it is gone: one with finalizers is only marked."""
        item = self.objects.get(name)
        if item is not None and item["metadata"].get("finalizers"):
            item["metadata"].setdefault("deletionTimestamp", LEAVING_AT)
            return False
        self.objects.pop(name, None)
        self._applied.pop(name, None)
        if item is not None:
            self._collect(item["metadata"]["uid"])
        return True

    def _refuse_terminating(self, objects: Objects) -> None:
        namespace = self.objects.get(f"Namespace/{self.namespace}")
        made = [item for item in objects if identity(item) not in self.objects]
        if namespace is not None and is_leaving(namespace) and made:
            raise NamespaceTerminating(f"namespace {self.namespace} is still being deleted")

    def logs(self, pod: str, container: str = "", *, tail: int = 20, previous: bool = False) -> str:
        self._maybe_fail("logs")
        self.log.append(f"logs {pod}{' before' if previous else ''}")
        return self.lines.get(f"{pod}{' before' if previous else ''}", "")

    def follow(self, pods: Sequence[str], on_line: Progress) -> None:
        for pod in pods:
            for line in self.logs(pod).splitlines():
                on_line(f"[pod/{pod}] {line}")

    # What a test does to it.

    def put(self, *objects: Object) -> None:
        """Have objects there as they are given, with what the API server adds."""
        for item in objects:
            new = self._become(identity(item), None, deepcopy(item))
            self.objects[identity(item)] = new

    def edit(self, name: str, **spec: Any) -> None:
        """Change an object behind everybody's back."""
        item = self.objects[name]
        self.objects[name] = self._become(name, item, {**item, "spec": {**item.get("spec", {}), **spec}})

    def named(self, kind: str) -> list[str]:
        """The names of all objects of a kind."""
        return [item["metadata"]["name"] for item in self.objects.values() if item["kind"] == kind]

    def uids(self, kind: str) -> dict[str, str]:
        """The names and UIDs of all objects of a kind."""
        found = [item["metadata"] for item in self.objects.values() if item["kind"] == kind]
        return {meta["name"]: meta["uid"] for meta in found}

    @property
    def changes(self) -> list[str]:
        """What was asked that changes something, but for the lock."""
        return [line for line in self.log if line.split()[0] in {"apply", "create", "delete"} and "Lease" not in line]

    # What the API server and its controllers do by themselves.

    def _maybe_fail(self, call: str) -> None:
        if call in self.fail:
            raise self.fail[call]

    def _missing_namespace(self, item: Object) -> bool:
        return item["kind"] != "Namespace" and f"Namespace/{self.namespace}" not in self.objects

    def _become(self, name: str, old: Object | None, item: Object) -> Object:
        if old is None:
            meta = {
                **item["metadata"],
                "uid": item["metadata"].get("uid") or f"uid-{next(self._numbers)}",
                "generation": 1,
                "resourceVersion": str(next(self._numbers)),
                "creationTimestamp": "2026-01-02T03:04:05Z",
            }
            return {**item, "metadata": meta}
        new: Object = _merged(_without(old, self._applied.get(name), item), item)
        if new == old:
            return old
        if new["kind"] == "Job" and new["spec"]["template"] != old["spec"]["template"]:
            raise ApplyFailed("the cluster refused an object", why=f"{name}: spec.template: field is immutable")
        meta = {**new["metadata"], "resourceVersion": str(next(self._numbers))}
        if new.get("spec") != old.get("spec"):
            meta["generation"] += 1
        return {**new, "metadata": meta}

    def _collect(self, owner: str) -> None:
        for name, item in list(self.objects.items()):
            if any(each["uid"] == owner for each in item["metadata"].get("ownerReferences") or ()):
                del self.objects[name]
                self._collect(item["metadata"]["uid"])

    def _control(self, item: Object) -> None:
        name = identity(item)
        if item["kind"] not in WORKLOADS or name in self.stuck:
            return
        meta, template = item["metadata"], item["spec"]["template"]
        mark = digest(template, length=10)
        owner = item
        if item["kind"] == "Deployment":
            owner = self._replicaset(item, mark)
        pod = f"{meta['name']}-{mark}"
        keep = f"Pod/{pod}" in self.objects
        if not keep and not (name in self.broken and self.broken[name] is None):
            self._pod(owner, pod, template, mark, self.broken.get(name))
        healthy = name not in self.broken
        if healthy:
            for each in list(self.objects.values()):
                if each["kind"] == "Pod" and each["metadata"]["name"] != pod and each["metadata"]["of"] == meta["uid"]:
                    del self.objects[identity(each)]
        item["status"] = self._status(item, healthy=healthy)
        if name in self.conditions:
            item["status"]["conditions"] = deepcopy(self.conditions[name])

    def _replicaset(self, item: Object, mark: str) -> Object:
        meta = item["metadata"]
        name = f"ReplicaSet/{meta['name']}-{mark}"
        mine = [
            each
            for each in self.objects.values()
            if each["kind"] == "ReplicaSet" and each["metadata"]["ownerReferences"][0]["uid"] == meta["uid"]
        ]
        revision = int((meta.get("annotations") or {}).get(REVISION, "0"))
        if name not in self.objects or self.objects[name]["metadata"]["annotations"][REVISION] != str(revision):
            revision = len(mine) + 1
            meta["annotations"] = {**(meta.get("annotations") or {}), REVISION: str(revision)}
        if name not in self.objects:
            self.put(
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "metadata": {
                        "name": f"{meta['name']}-{mark}",
                        "labels": {**item["spec"]["template"]["metadata"]["labels"], "pod-template-hash": mark},
                        "annotations": {REVISION: str(revision)},
                        "ownerReferences": [{"kind": "Deployment", "name": meta["name"], "uid": meta["uid"]}],
                    },
                    "spec": {},
                }
            )
        self.objects[name]["metadata"]["annotations"][REVISION] = meta["annotations"][REVISION]
        return self.objects[name]

    def _pod(self, owner: Object, name: str, template: Object, mark: str, status: Object | None) -> None:
        labels = {**template["metadata"]["labels"], "pod-template-hash": mark}
        if owner["kind"] == "Job":
            labels["job-name"] = owner["metadata"]["name"]
        top = owner["metadata"].get("ownerReferences") or [{"uid": owner["metadata"]["uid"]}]
        main = template["spec"]["containers"][0]
        ready = {"name": main["name"], "ready": True, "restartCount": 0, "state": {}}
        if main.get("image") in self.image_ids:
            ready["imageID"] = self.image_ids[main["image"]]
        self.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "labels": labels,
                    "ownerReferences": [{"kind": owner["kind"], "uid": owner["metadata"]["uid"]}],
                    "of": top[0]["uid"],
                },
                "spec": deepcopy(template["spec"]),
                "status": {"containerStatuses": [{**ready, **status} if status else ready]},
            }
        )

    def _status(self, item: Object, *, healthy: bool) -> Object:
        seen = {"observedGeneration": item["metadata"]["generation"]}
        wanted = item["spec"].get("replicas", 1)
        if item["kind"] == "Job":
            if not healthy:
                return {"active": 1}
            return {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
        if item["kind"] == "StatefulSet":
            return {**seen, "readyReplicas": wanted if healthy else 0, "updatedReplicas": wanted}
        if healthy:
            numbers = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), wanted)
            return {**seen, **numbers}
        return {**seen, "replicas": wanted, "updatedReplicas": wanted, "unavailableReplicas": wanted}


@dataclass
class FakeTarget:
    """A target around a ``MemoryStore``.

    Args:
        store: where objects live; its log also tells of deliveries.
        cluster: None makes it the local target.
        present: the references that the nodes have.
    """

    store: MemoryStore = field(default_factory=MemoryStore)
    cluster: Cluster | None = field(default_factory=lambda: Cluster("kind-test", "todo"))
    # What its nodes have, and what the engine has that builds for it.
    present: dict[str, Content] = field(default_factory=dict)
    engine: dict[str, Inspected] = field(default_factory=dict)
    bundled_database: bool = True
    nodes_with_images: Nodes | None = None
    strategy: str = "images are built by the fake"
    name: str = "kind"
    reason: str = "the current context kind-test is a kind cluster"
    pull_policy: str = "Never"

    def repository(self, service: str) -> str:
        return f"kubetasks/todo-{service}"

    def preflight(self) -> None:
        self.store.log.append("preflight")

    def build_env(self) -> Mapping[str, str | None]:
        return {"DOCKER_HOST": "unix:///some.sock"}

    @property
    def own_engine(self) -> bool:
        return self.cluster is not None

    def engine_free(self) -> int | None:
        return None

    def contents(self, references: Sequence[str]) -> Mapping[str, Content]:
        return {each: self.present[each] for each in references if each in self.present}

    def deliver(self, references: Sequence[str], progress: Progress) -> Mapping[str, Content]:
        progress(f"loading {len(references)}")
        self.store.log.append(f"deliver {' '.join(references)}")
        for each in references:
            if each in self.engine:
                self.hold(each, self.engine[each])
        return self.contents(references)

    def hold(self, reference: str, image: Inspected) -> None:
        """Let every node have an image under a name."""
        self.present[reference] = of_engine(image)
        self.store.image_ids[reference] = image.id

    def sqlite_url(self) -> str:
        return "sqlite:////some/where.db"

    def get_everywhere(self, kinds: Sequence[str], *, selector: str) -> Objects | None:
        return self.store.get(kinds, selector=selector)

    def left_out(self) -> list[str]:
        return []

    def volumes(self) -> list[Volume]:
        claims = self.store.named("PersistentVolumeClaim")
        return [Volume(f"PersistentVolumeClaim/{name}", f"delete {name}", name, claimed=True) for name in claims]

    @contextlib.contextmanager
    def endpoint(self, service: str, port: int) -> Iterator[str]:
        yield f"http://127.0.0.1:{port}"


@dataclass
class Clock:
    """Time that goes on only while somebody sleeps; ``at`` runs what is due at a second."""

    now: float = 0.0
    at: dict[float, Any] = field(default_factory=dict)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for due in sorted(each for each in self.at if each <= self.now):
            self.at.pop(due)()


def at_look(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, kind: str, act: Callable[[], object], number: int = 3
) -> None:
    """Do something else once, before a store is asked for a kind for the third time, say: what others do meanwhile."""
    looks = 0
    real = store.get

    def get(kinds: Sequence[str], *, selector: str = "") -> Objects:
        nonlocal looks
        if list(kinds) == [kind]:
            looks += 1
            if looks == number:
                act()
        return real(kinds, selector=selector)

    monkeypatch.setattr(store, "get", get)
