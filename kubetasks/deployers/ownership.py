"""Who owns the fields of a live object, and handing them from one deployer to the other.

Server-side apply removes a field only when its last owner stops naming it. Where another deployer still owns fields,
what is dropped later would stay forever; so at a switch its entries in ``metadata.managedFields`` go to the one that
takes over (as kubectl's own move from client-side apply does: ``k8s.io/client-go/util/csaupgrade``).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kubetasks.deployers.belonging import NOT_HELMS, mine
from kubetasks.objects import MANAGED_BY, PART_OF, Object, is_record
from kubetasks.targets.kubectl_store import KubectlStore

KUBETASKS: Final = "kubetasks"
HELM: Final = "helm"
DEPLOYERS: Final = frozenset({KUBETASKS, HELM})


def owned(item: Object, project: str) -> bool:
    """Whether kubetasks made an object (a namespace) for this project, by the labels that it gave it."""
    labels = item["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == KUBETASKS and labels.get(PART_OF) == project


def _union(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """Two FieldsV1 sets as one."""
    both = dict(left)
    for key, value in right.items():
        both[key] = _union(both[key], value) if key in both else value
    return both


def handed_over(item: Object, owner: str) -> Object | None:
    """The object with every deployer's fields owned by ``owner``; None when no other deployer owns any."""
    entries = item["metadata"].get("managedFields") or []
    ours = [each for each in entries if each.get("manager") in DEPLOYERS and not each.get("subresource")]
    if not any(each["manager"] != owner or each.get("operation") != "Apply" for each in ours):
        return None
    fields: dict[str, Any] = {}
    for each in ours:
        fields = _union(fields, each.get("fieldsV1") or {})
    merged = {**ours[-1], "manager": owner, "operation": "Apply", "fieldsV1": fields}
    rest = [each for each in entries if each not in ours]
    return {**item, "metadata": {**item["metadata"], "managedFields": [merged, *rest]}}


def take_over(store: KubectlStore, kinds: Sequence[str], project: str, owner: str) -> int:
    """Hand the fields of a project's live objects to ``owner``; returns how many objects were changed.

    An object that a controller changes in the same moment is left as it is: the next deploy tries again.
    """
    argv = store.kubectl.get(kinds, selector=NOT_HELMS, managed_fields=True)
    live = mine(json.loads(store.call(argv).stdout or "{}").get("items", []), project)
    changed = [new for new in (handed_over(item, owner) for item in live if not is_record(item)) if new is not None]
    if changed:
        store.change(store.kubectl.replace(), input=json.dumps({"apiVersion": "v1", "kind": "List", "items": changed}))
    return len(changed)
