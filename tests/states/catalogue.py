"""The catalogue of faults: data in ``faults/*.yaml``, each a change to one of the healthy applications in ``bases/``.

A fault has a name, a base and any of:

- ``set``, ``add``, ``unset``: paths to values, as ``Kind/name path``. ``c0``: the first container, ``pod``: the spec.
- ``drop``, ``only``, ``extra``: objects to leave out, to keep, and more of them as YAML.
- ``wrap``: put the base's bare pod into a Deployment.
- ``before``: YAML that is applied first (quotas); ``first``: the healthy base is applied and ready first.
- ``then``: kubectl commands after it was applied; ``namespace``: labels of the namespace.
- ``ready``: workloads that have to be ready before the clock of ``settle`` starts.
- ``settle``: seconds until the state has settled.
- ``expect``: the ID of the finding, or several; ``any``: one of them is enough.
- ``early``: further IDs that may be found soon after the first sign; ``unsettled``: nothing is judged that early.
- ``words``: what its cause names; ``fix``: the kind of its fix; ``healed``: false where one fix is not enough.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).parent
FOLDERS: Final = {name: HERE / name for name in ("faults", "held", "fresh", "healthy")}
Object = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One entry of the catalogue."""

    name: str
    family: str
    base: str
    entry: Object = field(hash=False, compare=False)

    @property
    def expected(self) -> list[str]:
        """The IDs of the findings."""
        found = self.entry.get("expect") or []
        return [found] if isinstance(found, str) else list(found)

    @property
    def words(self) -> list[str]:
        """What the cause names."""
        return [str(each) for each in self.entry.get("words") or ()]

    @property
    def fix(self) -> str:
        """The kind of fix: command, patch, words or any."""
        return str(self.entry.get("fix", "any"))

    @property
    def heals(self) -> bool:
        """Whether the printed fix alone makes the namespace healthy."""
        return self.fix in {"command", "patch"} and bool(self.entry.get("healed", True))

    @property
    def early(self) -> list[str]:
        """The IDs of findings that may come before the state has settled."""
        found = self.entry.get("early") or []
        return [found] if isinstance(found, str) else list(found)

    @property
    def settle(self) -> float:
        """Seconds until the state has settled."""
        return float(self.entry.get("settle", 25))

    def healthy(self) -> list[Object]:
        """The objects of the base, untouched."""
        return documents((HERE / "bases" / f"{self.base}.yaml").read_text(encoding="utf-8"))

    def objects(self) -> list[Object]:
        """The objects with the fault in them."""
        entry = self.entry
        items = {f"{item['kind']}/{item['metadata']['name']}": item for item in self.healthy()}
        if entry.get("wrap"):
            items = {f"{entry['wrap']}/{item['metadata']['name']}": wrapped(item) for item in items.values()}
        if entry.get("only"):
            items = {key: items[key] for key in entry["only"]}
        for key in entry.get("drop") or ():
            del items[key]
        for address, value in (entry.get("set") or {}).items():
            put(items, address, value)
        for address, value in (entry.get("add") or {}).items():
            put(items, address, value)
        for address in entry.get("unset") or ():
            put(items, address, None, remove=True)
        return [*items.values(), *documents(str(entry.get("extra") or ""))]


def documents(text: str) -> list[Object]:
    """The objects of a YAML stream."""
    return [item for item in yaml.safe_load_all(text) if item]


def wrapped(pod: Object) -> Object:
    """A bare pod as a Deployment."""
    labels = pod["metadata"]["labels"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": pod["metadata"]["name"]},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod["spec"]},
        },
    }


POD_SPEC: Final = {"Pod": "spec", "CronJob": "spec/jobTemplate/spec/template/spec"}


def put(items: dict[str, Object], address: str, value: Any, *, remove: bool = False) -> None:
    """Set, append (``-``) or remove what a path leads to; folders on the way are made."""
    key, path = address.split(" ", 1)
    pod = POD_SPEC.get(key.partition("/")[0], "spec/template/spec")
    path = re.sub(r"^c0(?=/|$)", f"{pod}/containers/0", path)
    path = re.sub(r"^pod(?=/|$)", pod, path)
    parts = path.split("/")
    # nvidia.com/gpu and the like are written as they are: the rest of the path is one key where it has a dot.
    node: Any = items[key]
    for index, part in enumerate(parts[:-1]):
        if isinstance(node, list):
            node = node[int(part)]
        else:
            node = node.setdefault(part, [] if parts[index + 1] == "-" else {})
    last = parts[-1]
    if remove:
        del node[int(last) if isinstance(node, list) else last]
    elif isinstance(node, list):
        if last == "-":
            node.append(copy.deepcopy(value))
        else:
            node[int(last)] = copy.deepcopy(value)
    else:
        node[last] = copy.deepcopy(value)


def load(folder: str = "faults") -> list[Fault]:
    """The entries of a folder of the catalogue, in their order."""
    return list(_load(FOLDERS[folder]))


def _load(folder: Path) -> Iterator[Fault]:
    for path in sorted(folder.glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")) or ():
            yield Fault(entry["name"], path.stem, entry.get("base", ""), entry)
