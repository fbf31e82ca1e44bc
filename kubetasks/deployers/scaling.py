"""Workloads whose number of replicas belongs to an autoscaler.

A HorizontalPodAutoscaler writes ``spec.replicas`` of the workload that it names. Anyone else who sets it overrides
its decision. So a deploy omits the field, after making sure that another field manager has it: what
the last manager to name a field drops goes back to its default, and that is one replica
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership). Helm 3 does not apply on the
server's side and takes a field that its chart drops out as well; it is given the number that is live.
"""

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Final

from kubetasks import documents
from kubetasks.deployers.belonging import is_labelled
from kubetasks.deployers.fingerprint import SCALABLE
from kubetasks.deployers.ownership import DEPLOYERS
from kubetasks.errors import ApplyFailed, Forbidden, ToolFailed
from kubetasks.objects import Object, Objects, by_identity, identity, is_controlled, is_leaving
from kubetasks.targets.base import Store
from kubetasks.targets.kubectl_store import KubectlStore
from kubetasks.tools import kubectl

AUTOSCALER: Final = "HorizontalPodAutoscaler"
# KEDA makes an autoscaler for each of these, but not while it is paused (https://keda.sh/docs/latest/concepts/).
SCALED_OBJECT: Final = "ScaledObject"
# Has ``spec.replicas`` once the deployers have let go of it and the autoscaler has not written it yet.
MANAGER: Final = "kubetasks-autoscaled"

Owners = Mapping[str, str]


def owners(scalers: Iterable[Object]) -> dict[str, str]:
    """``Kind/name`` of each workload that an autoscaler among these objects names, to the autoscaler's."""
    found: dict[str, str] = {}
    for item in scalers:
        target = (item.get("spec") or {}).get("scaleTargetRef") if item["kind"] in {AUTOSCALER, SCALED_OBJECT} else None
        if isinstance(target, dict) and not is_leaving(item):
            kind = target.get("kind") or "Deployment"  # the default of a ScaledObject
            if kind in SCALABLE and target.get("name"):
                found.setdefault(f"{kind}/{target['name']}", identity(item))
    return found


def live_owners(store: Store, project: str, rendered: Objects | None = None) -> dict[str, str]:
    """What ``owners`` finds in the namespace, whatever labels an autoscaler has, and among rendered objects.

    Args:
        store: where it is looked for. Where autoscalers may not be listed there are none, as far as can be known.
        project: the project; its own autoscaler that is no longer rendered is about to be pruned.
        rendered: the rendered objects; None if what is live is all that counts.
    """
    try:
        live = store.get([AUTOSCALER])
    except (Forbidden, ToolFailed):
        live = []
    if rendered is None:
        return owners(live)
    kept = {identity(item) for item in rendered}
    staying = [item for item in live if identity(item) in kept or not _is_pruned(item, project)]
    return {**owners(rendered), **owners(staying)}


def _is_pruned(item: Object, project: str) -> bool:
    return is_labelled(item, project) and not is_controlled(item)


def line(name: str, owner: str) -> str:
    """What a plan says of a workload."""
    return f"{name} is left to {owner}"


def without_replicas(objects: Objects, owned: Owners, live: Iterable[Object]) -> Objects:
    """The objects without the replicas that an autoscaler owns. What does not exist yet starts with its own number."""
    there = by_identity(live)
    return [_replaced(item, None) if identity(item) in owned and identity(item) in there else item for item in objects]


def with_live_replicas(objects: Objects, owned: Owners, live: Iterable[Object]) -> Objects:
    """The objects with the replicas that an autoscaler owns as they are now."""
    there = by_identity(live)
    return [
        _replaced(item, _replicas(there[identity(item)]))
        if identity(item) in owned and identity(item) in there
        else item
        for item in objects
    ]


def _replicas(item: Object) -> int:
    return int((item.get("spec") or {}).get("replicas", 1))


def _replaced(item: Object, replicas: int | None) -> Object:
    new = deepcopy(item)
    new["spec"].pop("replicas", None)
    if replicas is not None:
        new["spec"]["replicas"] = replicas
    return new


def adopted(store: Store, project: str, objects: Objects, live: Iterable[Object]) -> Objects:
    """The objects as they may be compared with live ones: replicas that an autoscaler owns are as it has set them.

    Autoscalers are asked for only where some number of replicas differs.
    """
    there = by_identity(live)
    differ = [
        item
        for item in objects
        if item["kind"] in SCALABLE and identity(item) in there and _replicas(item) != _replicas(there[identity(item)])
    ]
    return with_live_replicas(objects, live_owners(store, project, objects), there.values()) if differ else objects


def hand_over(store: Store, owned: Owners) -> None:
    """See to it that a field manager of its own has the replicas that a deployer has applied and now leaves out.

    What an autoscaler changes in the same moment is its own by then: that conflict is the wanted end.
    """
    if not isinstance(store, KubectlStore) or not owned:
        return
    argv = store.kubectl.get(sorted({name.partition("/")[0] for name in owned}), managed_fields=True)
    for item in json.loads(store.call(argv).stdout or "{}").get("items", []):
        if identity(item) in owned and _is_applied(item):
            meta = {key: item["metadata"][key] for key in ("name", "namespace")}
            bare = {key: item[key] for key in ("apiVersion", "kind")}
            wanted = {**bare, "metadata": meta, "spec": {"replicas": _replicas(item)}}
            result = store.change(store.kubectl.co_own(MANAGER), input=json.dumps(wanted))
            if not result.ok and "conflict" not in result.stderr.lower():
                raise ApplyFailed(
                    f"the replicas of {identity(item)} could not be left to {owned[identity(item)]}",
                    why=store.runner.redactor(kubectl.reason(result.stderr)),
                    fix="nothing was changed; deploy again",
                )


def _is_applied(item: Object) -> bool:
    """Whether a deployer is among those that own a workload's replicas, and nothing else than deployers is."""
    having = {
        (str(each.get("manager")), each.get("subresource"))
        for each in item["metadata"].get("managedFields") or ()
        if "f:replicas" in ((each.get("fieldsV1") or {}).get("f:spec") or {})
    }
    return bool(having) and all(manager in DEPLOYERS and not subresource for manager, subresource in having)


def in_release(manifest: str, owned: Owners, live: Iterable[Object]) -> list[str]:
    """Workloads to which a manifest that Helm has kept gives other replicas than their autoscaler has.

    Args:
        manifest: the objects as YAML.
        owned: what ``live_owners`` found.
        live: the live objects.
    """
    try:
        kept = documents.load_all(manifest)
    except documents.NotYamlError:
        kept = []
    there = by_identity(live)
    return [
        identity(item)
        for item in kept
        if isinstance(item, dict)
        and isinstance(item.get("metadata"), dict)
        and f"{item.get('kind')}/{item['metadata'].get('name')}" in {*owned} & {*there}
        and "replicas" in (item.get("spec") or {})
        and item["spec"]["replicas"] != _replicas(there[identity(item)])
    ]
