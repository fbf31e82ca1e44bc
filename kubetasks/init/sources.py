"""What can be deployed: kustomizations, folders and files of objects, and charts."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from kubetasks import documents
from kubetasks.init import charts, kustomizations, manifests
from kubetasks.init.walk import Tree, folder_of
from kubetasks.objects import Objects, is_built_in, pod_specs
from kubetasks.settings.checking import REFERENCE

Kind = Literal["kustomization", "folder", "file", "chart"]
MOST: Final = 300
# The overlay that fits a developer's cluster, the better one first; then what is for elsewhere.
OVERLAYS: Final = ("local", "dev", "development", "default", "kind", "minikube", "base")
LAST: Final = ("prod", "production", "live", "staging", "stage", "qa", "gke", "eks", "aks", "gcp", "aws", "azure")


@dataclass(frozen=True)
class Source:
    """Something that can be deployed.

    Args:
        kind: what it is.
        entries: the entries of the setting ``manifests``, or the chart's folder.
        objects: what it brings, as far as reading says.
        flaws: what is wrong with it: parts that are missing or remote, unmet dependencies.
        guessed: the objects are only images.
    """

    kind: Kind
    entries: tuple[str, ...]
    objects: Objects = field(repr=False)
    flaws: tuple[str, ...] = ()
    guessed: bool = False

    @property
    def workloads(self) -> int:
        """How many objects have pods."""
        return sum(any(True for _ in pod_specs(item)) for item in self.objects)

    @property
    def path(self) -> str:
        """Its first entry."""
        return self.entries[0]

    @property
    def described(self) -> str:
        """What it is, for people."""
        kind = {
            "kustomization": "the kustomization",
            "folder": "the manifests in",
            "file": "the manifests",
            "chart": "the chart",
        }
        return f"{kind[self.kind]} {', '.join(self.entries)}"

    @property
    def overlay_rank(self) -> int:
        """How well its name fits a developer's cluster; more is better."""
        words = self.path.lower().split("/")
        if any(each in LAST for each in words):
            return -1
        return max((len(OVERLAYS) - OVERLAYS.index(each) for each in words if each in OVERLAYS), default=1)

    @property
    def foreign(self) -> tuple[str, ...]:
        """The kinds of custom resources whose definitions it does not bring: the cluster needs them before."""
        brought = {
            str(names.get("kind"))
            for item in self.objects
            if item["kind"] == "CustomResourceDefinition" and isinstance(item.get("spec"), dict)
            for names in [item["spec"].get("names")]
            if isinstance(names, dict)
        }
        kinds = dict.fromkeys(item["kind"] for item in self.objects if not is_built_in(item))
        return tuple(each for each in kinds if each not in brought)


def find(tree: Tree, template: charts.Template) -> tuple[list[Source], dict[str, Objects]]:
    """Everything that can be deployed and has pods, and every file that holds objects."""
    chart_folders = charts.folders(tree)
    index = manifests.index(tree, chart_folders if "." not in chart_folders else ["templates", "charts"])
    kustomized = kustomizations.find(tree)
    found = [_of_kustomization(each) for each in kustomizations.tops(kustomized)]
    found += _plain(tree, index, kustomized, chart_folders)
    found += [
        Source(
            "chart",
            (each.folder,),
            each.objects,
            tuple(
                f"its dependency {name} is not in charts/: run `helm dependency build {each.folder}`"
                for name in each.unmet
            ),
            each.guessed,
        )
        for each in charts.find(tree, template)
    ]
    return [_with_placeholders(each) for each in found if each.workloads][:MOST], index


def _with_placeholders(source: Source) -> Source:
    """The source, with a flaw for each placeholder: something else fills it in."""
    odd = dict.fromkeys(use.image for use in manifests.uses(source.objects) if not REFERENCE.fullmatch(use.image))
    return replace(source, flaws=(*source.flaws, *(f"its image {each} is a placeholder" for each in odd)))


def _of_kustomization(each: kustomizations.Kustomization) -> Source:
    flaws = [f"it names {name}, which is remote" for name in each.remote]
    flaws += [f"it names {name}, which does not exist" for name in each.missing]
    return Source("kustomization", (each.folder,), each.objects, tuple(flaws))


def _plain(
    tree: Tree,
    index: Mapping[str, Objects],
    kustomized: Mapping[str, kustomizations.Kustomization],
    chart_folders: Iterable[str],
) -> list[Source]:
    """Folders and files of objects that belong to no kustomization."""
    named = {path for each in kustomized.values() for path in each.files}
    taken = {*kustomized, *chart_folders}
    direct: dict[str, list[str]] = {}
    for path in index:
        if folder_of(path) not in taken and path not in named:
            direct.setdefault(folder_of(path), []).append(path)
    whole = {above for folder in direct for above in _upwards(folder)} - {"."}
    found: list[Source] = []
    for folder in sorted(whole):
        objects, read, usable = _in_folder(tree, folder, index, kustomized, chart_folders)
        if usable and not manifests.duplicates(objects) and read:
            found.append(Source("folder", (folder,), objects))
    found = [each for each in found if not any(_holds_all_of(other, each) for other in found)]
    for folder, files in direct.items():
        objects = [item for path in files for item in index[path]]
        if folder != "." and any(each.path == folder for each in found):
            continue
        if not manifests.duplicates(objects):
            found.append(Source("file", tuple(_globbed(tree, folder, files)), objects))
        else:
            found += [Source("file", (path,), index[path]) for path in files if not manifests.duplicates(index[path])]
    return found


def _holds_all_of(inner: Source, outer: Source) -> bool:
    """Whether a folder below another one has all objects of that."""
    return inner.path.startswith(f"{outer.path}/") and len(inner.objects) == len(outer.objects)


def _upwards(folder: str) -> list[str]:
    return [folder, *(_upwards(folder_of(folder)) if folder != "." else [])]


def _in_folder(
    tree: Tree,
    folder: str,
    index: Mapping[str, Objects],
    kustomized: Mapping[str, kustomizations.Kustomization],
    chart_folders: Iterable[str],
) -> tuple[Objects, int, bool]:
    """What the setting ``manifests`` makes of a folder: the objects, how many files, and whether all can be read."""
    inside = [each for each in kustomized if each == folder or each.startswith(f"{folder}/")]
    tops = [each for each in inside if not any(each.startswith(f"{other}/") for other in inside)]
    objects = [item for each in tops for item in kustomized[each].objects]
    usable = not any(kustomized[each].component for each in tops)
    closed = tuple(f"{each}/" for each in [*inside, *chart_folders])
    files = 0
    for path in tree.within(folder):
        if not path.endswith(manifests.YAML) or path.startswith(closed):
            continue
        files += 1
        if path in index:
            objects += index[path]
        usable = usable and _is_valid(tree.text(path))
    return objects, files, usable


def _is_valid(text: str) -> bool:
    if len(text) > 200_000:
        return True  # a document of objects, else something else
    try:
        documents.load_all(text)
    except documents.NotYamlError:
        return False
    return True


def _globbed(tree: Tree, folder: str, files: list[str]) -> list[str]:
    """Files as one glob where that matches nothing else."""
    for suffix in (".yaml", ".yml"):
        every = [each for each in tree.files if folder_of(each) == folder and each.endswith(suffix)]
        if sorted(every) == sorted(files) and len(files) > 1:
            return [f"{folder}/*{suffix}" if folder != "." else f"*{suffix}"]
    return files


def overlapping(one: Source, other: Source) -> bool:
    """Whether two sources share files or objects."""
    for a in one.entries:
        for b in other.entries:
            if os.path.commonpath([a, b]) in {a, b}:
                return True
    return bool({manifests.key_of(item) for item in one.objects} & {manifests.key_of(item) for item in other.objects})
