"""The built-in checks, made from what is rendered and from the settings."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from kubetasks.objects import identity, of_kind
from kubetasks.verify import ending, probes
from kubetasks.verify.check import Check
from kubetasks.verify.cluster import check_object, check_service, check_workload
from kubetasks.verify.context import SETTLING, Context, Scene
from kubetasks.verify.contract import Contract
from kubetasks.verify.front import check_front
from kubetasks.verify.images import NAME as IMAGES
from kubetasks.verify.images import check_images
from kubetasks.verify.journeys import Journey
from kubetasks.verify.play import Play
from kubetasks.verify.probes import Probe
from kubetasks.verify.restarts import NAME as RESTARTS
from kubetasks.verify.restarts import check_restarts

ENTRY: Final = "the entry can be reached"
# What must have passed before anything is tried through the entry: else pods of an older revision may answer.
ROLLED_OUT: Final = ("entry", "deployed", "rollout", "endpoints", "probes")


def checks(scene: Scene) -> list[Check]:
    """All of them, by layer. None has begun."""
    limit = scene.settings.verify.limit
    return [
        Check(each.name, each.run, each.layer, each.needs, limit, each.changes, each.last) for each in _checks(scene)
    ]


def empty(scene: Scene) -> dict[str, str]:
    """Why a layer has no check, for those that have none."""
    verify = scene.settings.verify
    entry = scene.lacks("entry") if scene.settings.verify.contract or scene.settings.verify.journeys else ""
    found = {
        "rollout": "no workload is rendered",
        "endpoints": "no Service is rendered",
        "probes": "no workload has an HTTP probe",
        "contract": entry or "`verify.contract` names no document",
        "journeys": entry or "`verify.journeys` names none, and nothing rendered speaks HTTP",
    }
    return {layer: why for layer, why in found.items() if layer != "contract" or not verify.contract or entry}


def _checks(scene: Scene) -> Iterator[Check]:
    yield from _of_cluster(scene)
    yield Check(IMAGES, check_images, "images", needs=("cluster", "deployed"))
    if scene.entry is not None and (scene.document or scene.journeys):
        service = f"endpoints/Service/{scene.entry[0]}"
        yield Check(ENTRY, lambda context: f"at {context.url()}", "endpoints", needs=("deployed", service))
    for probe in probes.find(scene.objects):
        way = (f"endpoints/Service/{probe.door[0]}",) if probe.door is not None and probe.scheme == "HTTP" else ()
        yield Check(probe.name, partial(_probe, probe), "probes", needs=("deployed", *way))
    if scene.entry is not None and scene.document is not None:
        yield Check("contract", _contract, "contract", needs=ROLLED_OUT, changes=True)
    for front in scene.ways_in if scene.document is None and not scene.journeys else []:
        needs = ("deployed", "rollout", f"endpoints/Service/{front.service}")
        yield Check(front.title, partial(check_front, front), "journeys", needs=needs)
    taken: set[str] = set()
    for journey in scene.journeys if scene.entry is not None else []:
        name = journey.name if journey.name not in taken else f"{journey.name} ({len(taken)})"
        taken.add(name)
        yield Check(name, partial(_journey, journey), "journeys", needs=ROLLED_OUT, changes=True)
    yield Check(RESTARTS, check_restarts, "restarts", needs=("deployed",), last=True)


def _of_cluster(scene: Scene) -> Iterator[Check]:
    """What is judged by the live objects alone."""
    live, leaving, complete = scene.live, scene.leaving, scene.complete

    def of_object(item: dict[str, object], context: Context) -> None:
        check_object(context.results, item, live, leaving, complete)

    def of_workload(item: dict[str, object], context: Context) -> None:
        check_workload(context.results, item, live, complete)

    def of_service(item: dict[str, object], context: Context) -> None:
        check_service(context.results, item, live)

    for item in scene.compared:
        yield Check(identity(item), partial(of_object, item), "objects")
    workloads = of_kind(scene.objects, "Deployment", "StatefulSet", "Job", "DaemonSet", "ReplicaSet", "Pod")
    for item in workloads:
        yield Check(identity(item), partial(of_workload, item), "rollout", needs=("deployed",))
    if of_kind(workloads, "Deployment", "StatefulSet"):
        needs = ("deployed", *(f"rollout/{identity(item)}" for item in workloads))
        yield Check(ending.NAME, _ending, "rollout", needs=needs)
    for item in of_kind(scene.objects, "Service"):
        yield Check(identity(item), partial(of_service, item), "endpoints", needs=("deployed",))


def _ending(context: Context) -> None:
    ending.wait(context.results, context.store, context.scene.objects, sleep=context.stop.wait)


def _probe(probe: Probe, context: Context) -> None:
    doors = context.scene.doors
    probes.check_probe(context.results, probe, lambda door: context.client_at(doors.url(*door)))


def _contract(context: Context) -> None:
    scene = context.scene
    assert scene.document is not None  # noqa: S101  (there is no such check without one)
    patience = SETTLING if scene.target.cluster is not None else 0.0
    login = scene.settings.verify.login
    with context.client() as client:
        Contract(scene.document, client, context.results, login, scene.redactor, patience).check()


def _journey(journey: Journey, context: Context) -> None:
    with context.client() as client:
        Play(journey, client, context.results, context.scene.redactor, context.declared).check()
