"""Going back to an earlier good revision."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from kubetasks.console import Console
from kubetasks.deployers import belonging, finished, history
from kubetasks.deployers.base import Deployer
from kubetasks.deployers.concealed import all_concealed, changed_keys, rolled
from kubetasks.deployers.history import FAILED, Revision
from kubetasks.deployers.lock import locked, noted
from kubetasks.deployers.rollout import Watch
from kubetasks.diagnose.ours import ours
from kubetasks.errors import (
    DeployError,
    Forbidden,
    KubetasksError,
    LocalError,
    NothingToRollBack,
    RecordDamaged,
    VerifyFailed,
)
from kubetasks.images.content import running
from kubetasks.images.recorded import bring, lost
from kubetasks.objects import Objects, by_identity, containers, identity, of_kind, staying
from kubetasks.settings import Settings
from kubetasks.survey import OPTIONAL, Survey
from kubetasks.targets.base import clock_of


def choose(survey: Survey, to: int) -> Revision:
    """The revision to go back to: the one asked for, else the newest verified one that is not what runs now.

    Raises:
        NothingToRollBack: there is none, or the one asked for is not good.
        RecordDamaged: the record of the one asked for cannot be used.
    """
    return candidates(survey, to)[0]


def candidates(survey: Survey, to: int) -> list[Revision]:
    """The revisions to go back to, the best one first; more than one only where none is asked for. See ``choose``."""
    goods = [each for each in survey.history if each.good]
    known = ", ".join(str(each.number) for each in goods) or "none"
    if to:
        for each in survey.history:
            if each.number == to and each.problem:
                raise RecordDamaged(
                    f"the record of revision {to} cannot be used", why=each.problem, fix=f"good revisions: {known}"
                )
            if each.number == to and each.good:
                return [each]
        raise NothingToRollBack(f"revision {to} is not a good one", fix=f"good revisions: {known}")
    last = survey.last
    running = last is not None and last.good and not survey.edited
    earlier = [each for each in goods if not (running and last is not None and each.number == last.number)]
    if not earlier:
        raise NothingToRollBack(
            "there is no earlier good revision", fix=f"good revisions: {known}; deploy one: inv deploy"
        )
    proven = [each for each in earlier if each.verified]
    if not proven:
        numbers = ", ".join(str(each.number) for each in earlier)
        raise NothingToRollBack(
            "there is no earlier verified revision",
            why=f"deployed but not verified: {numbers}",
            fix=f"inv rollback --to {earlier[-1].number}",
        )
    return proven[::-1]


@dataclass
class Rollback:
    """Going back to an earlier good revision, which becomes the newest one.

    Args:
        settings: the settings.
        console: what a person sees.
        survey: what exists.
        deployer_named: the deployers by name.
        to: the revision's number; 0 for the newest verified one that is not what runs now.
        lock_wait: how many seconds to wait for a deploy lock that another process holds.
        again: surveys again, after such a wait.
        verify: proves that the objects work, and says how; None proves nothing.
        failure: the checks that failed.
    """

    settings: Settings
    console: Console
    survey: Survey
    deployer_named: Callable[[str], Deployer]
    to: int = 0
    lock_wait: float = 0.0
    again: Callable[[], Survey] | None = None
    verify: Callable[[Objects], str] | None = None
    failure: VerifyFailed | None = None

    def run(self) -> Revision:
        """Go back.

        Secrets are not changed: a key that was rotated because it leaked must not come back.

        Raises:
            NothingToRollBack: there is no revision to go back to.
            RecordDamaged: the records of all that could be rolled back to are damaged, or lack a Secret's values.
        """
        goal, objects = self._goal()
        self.console.line(f"{self.survey.target.name}: {self.survey.target.reason}")
        self.survey.refuse_lost_volumes()
        self._deliver(objects)
        store, project, namespace = self.survey.target.store, self.settings.project, self.settings.in_namespace
        with locked(store, project, namespace, "rollback", wait=self.lock_wait, show=noted(self.console)) as lock:
            before, self.survey = self.survey, self.survey.refreshed(self.again if lock.waited else None)
            if self.survey is not before:
                goal, objects = self._goal()
                self._deliver(objects)
            return self._bring(goal, objects)

    def _goal(self) -> tuple[Revision, Objects]:
        """The revision to go back to, and its objects; one whose record is damaged is skipped, and named."""
        found = candidates(self.survey, self.to)
        store = self.survey.target.store
        for number, each in enumerate(found, 1):
            try:
                objects = history.objects_of(store, self.survey.live, each.number, self.settings.in_namespace)
            except RecordDamaged as error:
                if number == len(found):
                    raise
                self.console.line(f"revision {each.number} is skipped: {error.why or error.what}", mark="note")
                continue
            self._refuse_lost_secrets(each, objects)
            return each, objects
        raise AssertionError("there is at least one")

    def _refuse_lost_secrets(self, goal: Revision, objects: Objects) -> None:
        there = {identity(item) for item in of_kind(self.survey.live, "Secret")}
        gone = [identity(item) for item in of_kind(objects, "Secret") if identity(item) not in there]
        if gone and not self._is_helms(goal):
            raise RecordDamaged(
                f"revision {goal.number} needs {', '.join(gone)}, which no longer exists",
                why="a record keeps only digests of a Secret's values",
                fix="deploy that source again: git checkout … && inv deploy",
            )

    def _deliver(self, objects: Objects) -> None:
        survey, references = self.survey, self._references(objects)
        missing = lost(references, survey.known, survey.target) if references else []
        if missing:
            with self.console.step("load") as shown:
                bring(missing, survey.known, survey.target, survey.runner, shown.update)
                shown.done(f"{len(missing)} on every node")

    def _references(self, objects: Objects) -> list[str]:
        """The references of images that are built here, among those that objects run."""
        repositories = {reference.rpartition(":")[0] for reference in self.survey.release.images.values()}
        used = {container["image"] for item in objects for container in containers(item)}
        return sorted(reference for reference in used if reference.rpartition(":")[0] in repositories)

    def _bring(self, goal: Revision, objects: Objects) -> Revision:
        survey, store, settings = self.survey, self.survey.target.store, self.settings
        note = f"rollback to {goal.number}"
        recorded, objects = objects, self._with_live_secrets(goal, objects)
        made = replace(goal, number=history.next_number(survey.history), note=note, verified=False, objects=objects)
        made = history.open_record(store, made, settings, survey.history)
        try:
            deployer, own = self._apply(goal, objects)
            self._note_secrets(goal, recorded, by_helm=deployer.name == "helm" and self._is_helms(goal))
            complete = self._wait(objects)
        except (DeployError, Forbidden, LocalError) as error:
            # Only what the cluster said: a lost connection says nothing about the revision.
            failed = replace(made, status=FAILED, note=f"{note}: {error.what}", at=history.now())
            with contextlib.suppress(KubetasksError):
                history.save(store, failed, settings, survey.history)
            raise
        lines = deployer.prune(objects, lambda _text: None)
        for line in lines:
            self.console.line(line, mark="note")
        kinds = {*survey.kinds, *belonging.kinds_of([belonging.inventory(objects)])} - {*OPTIONAL}
        live = staying(belonging.read(store, sorted(kinds), settings.project, optional=OPTIONAL))
        references = self._references(objects)
        made = replace(
            made,
            status=goal.status,
            deployer=deployer.name,
            inventory=belonging.inventory(objects),
            deployer_revision=own,
            fingerprint=history.fingerprint(live),
            finished=finished.recorded(objects, complete),
            at=history.now(),
            running={name: sorted(digests) for name, digests in running(live).items() if name in references},
        )
        made = self._verified(made, objects)
        history.save(store, made, settings, survey.history)
        if self.failure is not None:
            raise self.failure
        return made

    def _verified(self, made: Revision, objects: Objects) -> Revision:
        """The revision, once it is proven; a check that fails is raised after it was recorded."""
        if self.verify is None:
            return made
        try:
            with self.console.step("verify") as shown:
                shown.done(self.verify(objects))
        except VerifyFailed as error:
            self.failure = error
            return made
        return replace(made, verified=True)

    def _is_helms(self, goal: Revision) -> bool:
        """Whether Helm itself goes back; the local target has no Helm, and applies a chart's objects as manifests."""
        return goal.deployer == "helm" and self.survey.target.cluster is not None

    def _note_secrets(self, goal: Revision, objects: Objects, *, by_helm: bool) -> None:
        """A line for each Secret of the project's own objects: what became of it."""
        live = by_identity(of_kind(self.survey.live, "Secret"))
        for item in of_kind(objects, "Secret"):
            name = identity(item)
            line = f"{name} is not changed"
            if by_helm:
                line = f"{name} has the values of Helm's own revision {goal.deployer_revision} again"
            elif name in live:
                keys = changed_keys(item, live[name], self.survey.digest)
                line += f"; {', '.join(keys)} had another value in revision {goal.number}" if keys else ""
            self.console.line(line, mark="note")

    def _with_live_secrets(self, goal: Revision, objects: Objects) -> Objects:
        """The objects of a revision with the Secrets that are live by now; Helm brings its own."""
        live = by_identity(of_kind(self.survey.live, "Secret"))
        if self._is_helms(goal):
            return objects
        now = [live.get(identity(item), item) if item["kind"] == "Secret" else item for item in objects]
        return all_concealed(rolled(now, self.survey.digest, self.survey.release.secret_keys), self.survey.digest)

    def _gone(self, objects: Objects) -> set[str]:
        return finished.gone(objects, self.survey.live, finished.known(self.survey.history))

    def _apply(self, goal: Revision, objects: Objects) -> tuple[Deployer, str]:
        """Apply the objects; returns the deployer that did, and what it calls the new revision."""
        gone = self._gone(objects)
        wanted = [item for item in objects if item["kind"] != "Secret" and identity(item) not in gone]
        with self.console.step("rollback") as shown:
            deployer = self.deployer_named(goal.deployer)
            try:
                own = deployer.rollback(wanted, goal.deployer_revision, shown.update)
            except NothingToRollBack:
                # A switch to the manifests removed Helm's records, or Helm would reset an autoscaler. Our own record
                # has the objects.
                deployer = self.deployer_named("manifests")
                own = deployer.rollback(wanted, "", shown.update)
            shown.done(f"to revision {goal.number} of {goal.at} with {deployer.name}")
        return deployer, own

    def _wait(self, objects: Objects) -> set[str]:
        """Wait for the rollout; returns the Jobs that are complete."""
        gone, settings = self._gone(objects), self.settings
        with self.console.step("rollout") as shown:
            store = self.survey.target.store
            watch = Watch(
                store,
                settings.project,
                settings.deadline,
                shown.update,
                clock_of(self.survey.target),
                finished=gone,
                complete=set(gone),
                ours=ours(settings, self.survey.target.name),
                known=self.console.hide,
            )
            seen = watch.until_ready(objects)
            shown.done(", ".join(f"{each.workload.split('/')[1]} {each.line}" for each in seen))
        return watch.complete
