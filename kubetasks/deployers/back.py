"""Going back: to an earlier good revision, or to nothing."""

from collections.abc import Callable
from dataclasses import replace

from kubetasks.console import Console
from kubetasks.deployers import history, ownership
from kubetasks.deployers.base import Deployer
from kubetasks.deployers.history import Revision
from kubetasks.deployers.lock import locked
from kubetasks.deployers.rollout import Watch
from kubetasks.errors import NothingToRollBack
from kubetasks.images.content import running
from kubetasks.images.recorded import bring, lost
from kubetasks.objects import PART_OF, Objects, containers, of_kind
from kubetasks.settings import Settings
from kubetasks.survey import SURVEYED, Survey
from kubetasks.targets.base import Target, clock_of


def choose(survey: Survey, to: int) -> Revision:
    """The revision to go back to: the one asked for, else the newest good one that is not what runs now.

    Raises:
        NothingToRollBack: there is none, or the one asked for is not good.
    """
    goods = [each for each in survey.history if each.good]
    known = ", ".join(str(each.number) for each in goods) or "none"
    if to:
        for each in goods:
            if each.number == to:
                return each
        raise NothingToRollBack(f"revision {to} is not a good one", fix=f"good revisions: {known}")
    last = survey.last
    running = last is not None and last.good and dict(last.fingerprint) == history.fingerprint(survey.live)
    earlier = [each for each in goods if not (running and last is not None and each.number == last.number)]
    if not earlier:
        raise NothingToRollBack(
            "there is no earlier good revision", fix=f"good revisions: {known}; deploy one: inv deploy"
        )
    return earlier[-1]


def roll_back(
    settings: Settings, console: Console, survey: Survey, deployer_named: Callable[[str], Deployer], to: int
) -> Revision:
    """Go back to an earlier good revision; it becomes the newest one.

    Secrets stay as they are: a key that was rotated because it leaked must not come back.

    Raises:
        NothingToRollBack: there is none.
    """
    goal = choose(survey, to)
    console.line(f"{survey.target.name}: {survey.target.reason}")
    objects = history.objects_of(survey.live, goal.number)
    store = survey.target.store
    references = sorted(_built(objects, set(_repositories(survey))))
    missing = lost(references, survey.known, survey.target) if references else []
    if missing:
        with console.step("load") as shown:
            bring(missing, survey.known, survey.target, survey.runner, shown.update)
            shown.done(f"{len(missing)} on every node")
    number = survey.history[-1].number + 1
    with locked(store, settings.project, settings.in_namespace):
        survey.check_current()
        with console.step("rollback") as shown:
            deployer = deployer_named(goal.deployer)
            try:
                own = deployer.rollback(objects, goal.deployer_revision, shown.update)
            except NothingToRollBack:
                # Helm's own records are gone since a switch to the manifests; the objects are recorded here.
                deployer = deployer_named("manifests")
                own = deployer.rollback(objects, "", shown.update)
            shown.done(f"to revision {goal.number} of {goal.at} with {deployer.name}")
        with console.step("rollout") as shown:
            watch = Watch(store, settings.project, settings.deadline, shown.update, clock_of(survey.target))
            seen = watch.until_ready(objects)
            shown.done(", ".join(f"{each.workload.split('/')[1]} {each.line}" for each in seen))
        live = store.get(SURVEYED, selector=f"{PART_OF}={settings.project}")
        made = replace(
            goal,
            deployer=deployer.name,
            number=number,
            deployer_revision=own,
            fingerprint=history.fingerprint(live),
            objects=objects,
            at=history.now(),
            running={name: sorted(digests) for name, digests in running(live).items() if name in references},
            note=f"rollback to {goal.number}",
        )
        history.save(store, made, settings, survey.history)
    return made


def _repositories(survey: Survey) -> list[str]:
    return [reference.rpartition(":")[0] for reference in survey.release.images.values()]


def _built(objects: Objects, repositories: set[str]) -> set[str]:
    """The references of images that are built here, among those that objects run."""
    used = {container["image"] for item in objects for container in containers(item)}
    return {reference for reference in used if reference.rpartition(":")[0] in repositories}


def take_down(settings: Settings, console: Console, target: Target, deployer_named: Callable[[str], Deployer]) -> None:
    """Delete everything: what was deployed, and the namespace when kubetasks made it.

    A namespace that somebody else made is left, without our objects in it.
    """
    store = target.store
    console.line(f"{target.name}: {target.reason}")
    with console.step("destroy") as shown:
        namespace = store.get(["Namespace"])
        if not namespace:
            shown.skip(f"there is no namespace {settings.in_namespace}")
            return
        if ownership.owned(namespace[0], settings.project):
            shown.update(f"deleting namespace {settings.in_namespace}")
            store.delete_all()
            shown.done(f"namespace {settings.in_namespace} is gone")
            return
        deployer_named("manifests").delete(shown.update)
        kinds = ("Secret", "PersistentVolumeClaim", "Lease", "ConfigMap")
        rest = of_kind(store.get(kinds, selector=f"{PART_OF}={settings.project}"), *kinds)
        store.delete(rest)
        shown.done(f"the objects are gone; namespace {settings.in_namespace} is not ours and stays")
