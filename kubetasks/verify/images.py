"""The layer that compares what pods run with what was built, by digest and not by name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from kubetasks.deployers.history import revisions
from kubetasks.errors import Forbidden, KubetasksError, NoContact
from kubetasks.images import recorded
from kubetasks.images.content import CONFIG, MANIFEST, Content
from kubetasks.images.ledger import Ledger
from kubetasks.images.names import repository
from kubetasks.objects import PART_OF, Objects, containers, is_leaving, of_kind
from kubetasks.verify.context import Context

NAME: Final = "running images"
ENDED: Final = frozenset({"Succeeded", "Failed"})
SHOWN: Final = 12  # digits of a digest
Verdict = Literal["same", "other", "unknown"]


@dataclass(frozen=True)
class Built:
    """What an image's name stands for.

    Args:
        identities: ``config:sha256:…`` and ``manifest:sha256:…``; none where nothing is known.
        where: how that is known.
        held: the kinds of identity that the target's own store gives.
    """

    identities: frozenset[str]
    where: str
    held: frozenset[str] = frozenset()


def references(objects: Objects, name: str, paths: Mapping[str, str]) -> list[str]:
    """The names under which objects of any kind run one repository's image, whatever its tag.

    Args:
        objects: the rendered objects.
        name: the repository.
        paths: where custom resources keep a pod template.
    """
    named = [str(each.get("image") or "") for item in objects for each in containers(item, paths)]
    return list(dict.fromkeys(image for image in named if repository(image) == repository(name)))


def seen(pods: Objects) -> dict[str, dict[str, list[str]]]:
    """Image reference to the image IDs that pods report for it, each with the pods' names.

    Pods of Jobs, pods that have ended and pods that are being deleted do not count.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for pod in of_kind(pods, "Pod"):
        spec, status, meta = pod.get("spec") or {}, pod.get("status") or {}, pod["metadata"]
        if is_leaving(pod) or status.get("phase") in ENDED or "job-name" in (meta.get("labels") or {}):
            continue
        names = {
            each["name"]: each.get("image", "")
            for key in ("containers", "initContainers")
            for each in spec.get(key) or ()
        }
        for key in ("containerStatuses", "initContainerStatuses"):
            for state in status.get(key) or ():
                reference, number = names.get(state["name"], ""), str(state.get("imageID") or "")
                if reference and number:
                    pods_of = found.setdefault(reference, {}).setdefault(number, [])
                    if meta["name"] not in pods_of:
                        pods_of.append(meta["name"])
    return found


def verdict(number: str, built: Built) -> Verdict:
    """Whether an image ID, as a pod's status gives it, is of the built content.

    ``NAME@sha256:…`` is a manifest. ``sha256:…`` alone is a configuration (containerd, CRI-O). After ``docker://`` it
    is what the engine uses: the configuration, or with its containerd store the manifest. Digests of two kinds say
    nothing about each other.
    """
    digest = number.rpartition("@")[2].rpartition("//")[2]
    if any(each.partition(":")[2] == digest for each in built.identities):
        return "same"
    kinds = {each.partition(":")[0] for each in built.identities}
    if "@" in number:
        kind = MANIFEST
    elif number.startswith("docker://") and built.held:
        kind = CONFIG if CONFIG in built.held else MANIFEST
    else:
        kind = CONFIG
    return "other" if kind in kinds else "unknown"


def check_images(context: Context) -> None:
    """The pods of each service run the content that was built for it."""
    scene, results = context.scene, context.results
    target, services = scene.target, scene.settings.services
    if not services:
        results.skipped(NAME, "`services` names nothing that is built")
        return
    if scene.pods is None:
        results.skipped(NAME, "unknown: you are not allowed to list pods")
        return
    paths = scene.settings.pod_templates
    wanted = {name: references(scene.objects, target.repository(name), paths) for name in services}
    built = _built(context, [each for found in wanted.values() for each in found])
    running = seen(scene.pods)
    for name, found in wanted.items():
        if not found:
            results.failed(name, f"no rendered object uses {target.repository(name)}")
            continue
        own = repository(target.repository(name))
        others = sorted(each for each in running if repository(each) == own and each not in found)
        if others:
            pods = sorted(pod for names in running[others[0]].values() for pod in names)
            results.failed(name, f"Pod/{pods[0]} runs {others[0]}, not {', '.join(found)}")
        for reference in found:
            label = name if len(found) == 1 else f"{name} {reference}"
            if reference in running or not others:
                _judge(context, label, reference, built[reference], running.get(reference, {}))


def _judge(context: Context, label: str, reference: str, built: Built, running: Mapping[str, Collection[str]]) -> None:
    results = context.results
    if not running:
        results.skipped(label, f"no pod reports what it runs as {reference}")
        return
    if not built.identities:
        results.skipped(label, f"unknown: nothing says what was built as {reference}")
        return
    by = {number: verdict(number, built) for number in running}
    others = [number for number, each in by.items() if each == "other"]
    unknown = [number for number, each in by.items() if each == "unknown"]
    known = ", ".join(sorted(short(each) for each in built.identities))
    if others:
        listed = "; ".join(f"Pod/{', Pod/'.join(running[each])} runs {short(each)}" for each in others)
        results.failed(label, f"{listed}, and {reference} is {known} ({built.where})")
    elif unknown:
        listed = ", ".join(short(each) for each in unknown)
        results.skipped(label, f"unknown: the runtime reports {listed}, and only {known} is known ({built.where})")
    else:
        count = sum(len(each) for each in running.values())
        listed = ", ".join(sorted(short(each) for each in running))
        results.passed(label, f"{count} pod{'s' * (count != 1)} run{'s' * (count == 1)} {listed}, {built.where}")


def short(number: str) -> str:
    """An image ID or identity with the beginning of its digest: ``config:sha256:0c22df3be53f``."""
    before, _, digest = number.rpartition("sha256:")
    return f"{before.rpartition('/')[2]}sha256:{digest[:SHOWN]}" if digest else number


def _built(context: Context, names: list[str]) -> dict[str, Built]:
    """What each name stands for, as a revision recorded, else as this machine built, else as the target has it."""
    scene = context.scene
    store, target = scene.target.store, scene.target
    try:
        history = revisions(store.get(["ConfigMap"], selector=f"{PART_OF}={scene.settings.project}"))
    except Forbidden:
        history = []
    known = recorded.lookup([each.images for each in history])
    ledger = Ledger.of(scene.root, target)
    there: Mapping[str, Content] = {}
    try:
        there = target.contents(names)
    except NoContact:
        raise
    except KubetasksError:
        pass  # the engine or the registry does not answer: what is recorded has to do
    found = {}
    for name in names:
        held = there[name].identities if name in there else frozenset()
        kinds = frozenset(each.partition(":")[0] for each in held)
        deployed, built = frozenset(known(name)), frozenset(ledger.built(name))
        identities, where = (
            (deployed, "as it was deployed")
            if deployed
            else (built, "as it was built here")
            if built
            else (held, "as the target has it; there is no record of its build")
        )
        # The other kind of digest of the same content.
        more = held if held & identities else frozenset()
        found[name] = Built(identities | more, where, kinds)
    return found
