"""What is deployed: the kustomization, manifests or chart that fit the Dockerfiles best."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kubetasks.init import manifests
from kubetasks.init.builds import Build
from kubetasks.init.pairing import Ask, Pairing, pair
from kubetasks.init.sources import Source, overlapping
from kubetasks.init.walk import folder_of, is_aside
from kubetasks.objects import Objects


@dataclass(frozen=True)
class Choice:
    """What is deployed.

    Args:
        source: it.
        others: what else could be, the better first.
        supplied: files that were added, with what each supplies.
    """

    source: Source
    others: tuple[Source, ...] = ()
    supplied: tuple[tuple[str, str], ...] = ()

    @property
    def chart(self) -> Source | None:
        """The best chart among the others, which could be deployed instead."""
        return next((each for each in self.others if each.kind == "chart"), None)


def choose(
    sources: Sequence[Source], builds: list[Build], hints: Iterable[str], index: Mapping[str, Objects]
) -> Choice | None:
    """The best source, with what it lacks and other files have; None where there is none.

    Args:
        sources: what can be deployed.
        builds: what can be built.
        hints: paths that Skaffold deploys.
        index: every file that holds objects.
    """
    if not sources:
        return None
    hinted = set(hints)
    pairings = {id(each): of_source(each, builds) for each in sources}
    ranked = sorted(sources, key=lambda each: _rank(each, pairings[id(each)], hinted), reverse=True)
    best = _united(ranked, builds, pairings)
    best, supplied = _supplied(best, index)
    built = len(pairings[id(ranked[0])].pairs)
    built = len(pairings[id(ranked[0])].pairs)
    rest = [each for each in ranked[1:] if not {*each.entries} & {*best.entries}]
    others = [each for each in rest if len(pairings[id(each)].pairs) == built]
    return Choice(best, tuple(others), tuple(supplied))


# As many images as custom resources that the cluster may not know have to outweigh.
FOREIGN: Final = 2


def of_source(source: Source, builds: list[Build], ask: Ask | None = None) -> Pairing:
    """The pairs of builds and of the images of a source."""
    near = source.path if source.kind != "file" else folder_of(source.path)
    return pair(builds, manifests.uses(source.objects), ask, near)


def _rank(source: Source, pairing: Pairing, hinted: set[str]) -> tuple[object, ...]:
    built, sure = pairing.worth
    aside = any(is_aside(f"{each}/x") for each in source.entries)
    kinds = {"kustomization": 3, "folder": 2, "file": 1, "chart": 0}
    depth = sum(each.count("/") for each in source.entries)
    hint = any(each in hinted or any(path.startswith(f"{each}/") for path in hinted) for each in source.entries)
    worth = built - (FOREIGN if source.foreign else 0)
    return (
        0 if aside else worth, not aside, not source.flaws, hint, -len(pairing.ambiguous), source.kind != "chart",
        source.workloads if not built else 0, source.overlay_rank, round(sure / built / 10) if built else 0, -depth,
        kinds[source.kind], -len(source.entries), source.path,
    )  # fmt: skip


def _united(ranked: Sequence[Source], builds: list[Build], pairings: Mapping[int, Pairing]) -> Source:
    """The best source, and others beside it as long as each brings images of Dockerfiles that are still unused."""
    best = ranked[0]
    if best.kind == "chart" or not pairings[id(best)].pairs:
        return best
    built = len(pairings[id(best)].pairs)
    for other in ranked[1:]:
        if other.kind == "chart" or other.flaws or not pairings[id(other)].pairs or overlapping(best, other):
            continue
        if any(is_aside(f"{each}/x") for each in other.entries) and not is_aside(f"{best.path}/x"):
            continue
        both = replace(best, entries=(*best.entries, *other.entries), objects=[*best.objects, *other.objects])
        more = len(of_source(both, builds).pairs)
        if more > built:
            best, built = both, more
    return best


def _supplied(source: Source, index: Mapping[str, Objects]) -> tuple[Source, list[tuple[str, str]]]:
    """The source with the files that supply Secrets, ConfigMaps and ServiceAccounts which it names and lacks.

    A file is added only where no other one supplies the same, and where it holds no workload.
    """
    if source.kind == "chart":
        return source, []
    added: list[tuple[str, str]] = []
    wanted = [("Secret", each.secret) for each in manifests.secrets(source.objects)]
    wanted += [("ConfigMap", name) for name in sorted(manifests.config_maps(source.objects))]
    wanted += [("ServiceAccount", name) for name in sorted(manifests.service_accounts(source.objects))]
    for kind, name in dict.fromkeys(wanted):
        files = [
            path for path, objects in index.items() if name in manifests.names(objects, kind) and not is_aside(path)
        ]
        if len(files) != 1 or files[0] in source.entries:
            continue
        objects = index[files[0]]
        if Source("file", (files[0],), objects).workloads or manifests.duplicates([*source.objects, *objects]):
            continue
        source = replace(source, entries=(*source.entries, files[0]), objects=[*source.objects, *objects])
        added.append((files[0], f"{kind}/{name}"))
    return source, added
