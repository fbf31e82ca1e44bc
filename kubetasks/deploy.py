"""The steps of ``inv deploy``, in order, and the plan that shows them before they run.

A step says what it will do and why, or why it is not needed. ``inv plan`` and ``inv deploy --dry-run`` print that and
stop.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from kubetasks.console import Console, Step
from kubetasks.deployers import belonging, finished, history, scaling, succession, timings
from kubetasks.deployers.base import Deployer, Release
from kubetasks.deployers.concealed import all_concealed
from kubetasks.deployers.history import DEPLOYED, DEPLOYING, FAILED, Revision
from kubetasks.deployers.rollout import Watch
from kubetasks.diagnose.finding import Finding
from kubetasks.diagnose.ours import cause, ours
from kubetasks.diagnose.show import evidence
from kubetasks.errors import (
    ApplyFailed,
    DeployError,
    DeployLocked,
    Forbidden,
    Interrupted,
    KubetasksError,
    LocalError,
    LockUnusable,
    VerifyFailed,
)
from kubetasks.hooks import AFTER_DEPLOY, BEFORE_APPLY, ON_FAILURE, Hooks
from kubetasks.images import architecture, room
from kubetasks.images.arrival import Arrival
from kubetasks.images.content import running
from kubetasks.images.ledger import Ledger
from kubetasks.objects import WORKLOADS, Objects, identity, of_kind, staying
from kubetasks.planned import PlannedStep
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.survey import OPTIONAL, Survey
from kubetasks.targets.base import clock_of
from kubetasks.targets.departure import beside
from kubetasks.verify.report import Report
from kubetasks.verify.timeline import FIRST_READY, Span


@dataclass
class Deploy:
    """One deploy: the steps, and the data that they pass to each other.

    Args:
        settings: the settings.
        root: the project's root.
        runner: starts processes.
        console: the output for the user.
        deployer: manifests or helm.
        survey: the current and the wanted state.
        check: whether to verify at the end.
        lock_wait: how many seconds to wait for a deploy lock that another process holds.
        again: surveys again, after such a wait.
        hooks: the application's own steps.
    """

    settings: Settings
    root: Path
    runner: Runner
    console: Console
    deployer: Deployer
    survey: Survey
    check: bool = True
    lock_wait: float = 0.0
    again: Callable[[], Survey] | None = None
    hooks: Hooks | None = None
    objects: Objects = field(default_factory=list)
    revision: Revision | None = None
    report: Report | None = None
    spans: list[Span] = field(default_factory=list)
    _rendered: Release | None = None
    _short: str = ""
    _opened: Revision | None = None
    _follow: Objects = field(default_factory=list)
    _complete: set[str] = field(default_factory=set)

    @property
    def number(self) -> int:
        """The number of the revision that this deploy creates."""
        return self._opened.number if self._opened else history.next_number(self.survey.history)

    @cached_property
    def arrival(self) -> Arrival:
        """How the images get to the target."""
        survey = self.survey
        # No registry has it: it is in the engine, where docker/offline made it.
        bundled = self.settings.offline and survey.release.database == "bundled" and survey.release.postgres_image
        return Arrival(
            self.settings,
            self.runner,
            survey.target,
            dict(survey.images),
            Ledger.of(self.root, survey.target),
            survey.known,
            reasons=survey.reasons,
            strays=survey.strays,
            forced=survey.forced,
            others=[survey.release.postgres_image] if bundled else [],
        )

    def plan(self) -> list[PlannedStep]:
        """The ordered steps, each with what it will do and why, or why it is skipped."""
        survey, target = self.survey, self.survey.target
        steps = [PlannedStep("target", f"{target.name}: {target.reason}", needed=True)]
        if survey.unchanged:
            last = survey.last
            assert last is not None  # noqa: S101  (unchanged says so)
            steps.append(PlannedStep("deploy", f"nothing changed since revision {last.number}", needed=False))
            if "autoscaled" in vars(survey):  # asked for by then
                steps += self._replica_steps()
            if self.check and not last.verified:
                steps.append(
                    PlannedStep("verify", f"revision {last.number} has not been verified yet", True, self._verify)
                )
            return steps
        # The engine and the nodes are asked for images while the inputs are rendered and tried.
        images = beside(self._image_steps)
        steps += [PlannedStep(title, note, needed=False) for title, note in self._check_inputs()]
        namespace = PlannedStep("namespace", self.settings.in_namespace, not survey.live, self._namespace)
        begin = [namespace, PlannedStep("lock", "one deploy at a time", needed=True)]
        # Building everything again takes long, so another deploy in progress is reported first.
        steps += [*begin, *images()] if survey.forced and survey.live else [*images(), *begin]
        held = len(self._secret_names())
        steps += [
            PlannedStep(
                "secrets",
                f"{held} {'key' if held == 1 else 'keys'} in {self._secret_objects()}"
                if survey.secrets_changed
                else "unchanged",
                survey.secrets_changed,
                self._secrets,
            ),
            *self._replica_steps(),
            *self._hook_steps(BEFORE_APPLY),
            PlannedStep("apply", f"revision {self.number} with {self.deployer.name}", True, self._apply),
            PlannedStep("rollout", f"wait up to {self.settings.deadline} s", True, self._rollout),
            PlannedStep("verify", "prove that it works" if self.check else "not asked for", self.check, self._verify),
            PlannedStep("record", f"revision {self.number}", True, self._record),
            *self._hook_steps(AFTER_DEPLOY),
        ]
        return steps

    def _hook_steps(self, point: str) -> list[PlannedStep]:
        hooks = self.hooks
        what = hooks.shown(point) if hooks is not None else ""
        if hooks is None or not what:
            return []
        return [PlannedStep(point, what, True, lambda shown: hooks.run(point, shown.update))]

    def _check_inputs(self) -> list[tuple[str, str]]:
        """Refuse what can never work before anything is built or changed; returns notes, each with its title.

        Raises:
            SettingsError: a contract or journey is damaged, or a setting contradicts the rendered objects.
            RenderFailed: the manifests or the chart do not render, or produce something that cannot work.
            SecretInVolume: a generated secret that a volume depends on no longer exists.
            ImageUnused: no object uses the image of a service.
            ApplyFailed: the cluster would refuse an object.
        """
        from kubetasks.deployers import rehearsal, sound  # noqa: PLC0415
        from kubetasks.secrets import volumes  # noqa: PLC0415

        survey = self.survey
        self._render()
        if self.check:
            from kubetasks.verify.run import prepare  # noqa: PLC0415

            prepare(self.settings, self.root, self.objects)
        # The local target has checked images and entry already, with what it leaves out.
        sound.check(self.settings, self.objects, survey.release.images, whole=survey.target.cluster is not None)
        notes = volumes.check(self.settings, survey.target, self.objects, survey.lost, survey.live)
        gone = finished.gone(self.objects, survey.live, survey.finished)
        asked = [item for item in self.objects if identity(item) not in gone]
        untried = rehearsal.rehearse(
            survey.target.store, survey.target.cluster, asked, survey.live, namespace=survey.namespace
        )
        left_out = [("left out", line) for line in self.deployer.left_out]
        return [*left_out, *(("volumes", note) for note in notes), *([("dry run", untried)] if untried else [])]

    def _render(self) -> None:
        """Render the release, unless that was done: the images may have got other names since."""
        if self._rendered != self.survey.release:
            self.objects = self.deployer.render(self.survey.release)
            self._rendered = self.survey.release

    def _image_steps(self) -> list[PlannedStep]:
        target = self.survey.target
        if target.cluster is None:
            return [PlannedStep("images", "none needed: the local target runs the source", needed=False)]
        arrival = self.arrival
        architecture.check(arrival.to_build, target.store)
        self._short = room.shortage(arrival.to_build, target, self.runner)
        build, deliver = arrival.shown()
        if not deliver:
            return [PlannedStep("images", "the target already has all of them", needed=False)]
        return [
            PlannedStep("build", build or "already built", bool(build), self._build),
            PlannedStep("load", deliver, True, self._load),
        ]

    def _replica_steps(self) -> list[PlannedStep]:
        owned = self.survey.autoscaled
        left = ", ".join(scaling.line(name, owner) for name, owner in sorted(owned.items()))
        return [PlannedStep("replicas", left, needed=False)] if owned else []

    def run(self) -> None:
        """Carry out the plan.

        Raises:
            KubetasksError: the step that failed says why; those before it stay done, and the next run continues from
                there.
        """
        try:
            self._run()
        except Interrupted:
            raise
        except KubetasksError as error:
            self._tell_failure(error)
            raise

    def _tell_failure(self, error: KubetasksError) -> None:
        """Run the hook for failures. Where it fails too, that is a note: the first failure is what counts."""
        if self.hooks is None or not self.hooks.of(ON_FAILURE):
            return
        try:
            with self.console.step(ON_FAILURE) as shown:
                shown.done(self.hooks.run(ON_FAILURE, shown.update, self.console.hide(error.line)))
        except Interrupted:
            raise
        except KubetasksError as other:
            self.console.line(other.line, mark="note")

    def _run(self) -> None:
        self.survey.refuse_lost_volumes()
        with contextlib.ExitStack() as stack:
            steps = self.plan()
            while steps:
                step = steps.pop(0)
                if step.title == "lock":
                    steps = self._lock(stack) or steps
                    continue
                with self.console.step(step.title) as shown:
                    if not step.needed:
                        shown.skip(step.what)
                        continue
                    if step.run is None:
                        shown.done(step.what)
                        continue
                    shown.update(step.what)
                    try:
                        shown.done(self._timed(step.title, step.run, shown))
                    except Interrupted:
                        raise
                    except (DeployError, Forbidden, LocalError) as error:
                        # Only what the cluster said: of a lost connection nothing follows for the revision.
                        if step.title in {"secrets", "apply", "rollout"}:
                            self._failed(error)
                        raise

    def _timed(self, title: str, run: Callable[[Step], str], shown: Step) -> str:
        """Carry out a step, and note for the timeline when it ran."""
        started, began = datetime.now(UTC), time.monotonic()
        done = run(shown)
        if title not in {"verify", "record"}:  # verify has its own timeline
            name = {"load": "delivery"}.get(title, title)
            self.spans.append(Span(name, started, time.monotonic() - began, what=self.console.hide(done)))
        elif title == "record" and self.revision is not None:
            timings.save(self.root, self.survey.target, self.settings, self.revision, self.spans)
        return done

    def _lock(self, stack: contextlib.ExitStack) -> list[PlannedStep]:
        """Take the deploy lock and open the record; returns other steps to continue with, if things have changed."""
        from kubetasks.deployers.lock import locked, noted  # noqa: PLC0415  (most deploys change nothing)

        store, project, namespace = self.survey.target.store, self.settings.project, self.settings.in_namespace
        show = noted(self.console)
        lock = stack.enter_context(locked(store, project, namespace, "deploy", wait=self.lock_wait, show=show))
        steps: list[PlannedStep] = []
        before, self.survey = self.survey, self.survey.refreshed(self.again if lock.waited else None)
        if self.survey is not before:
            self.__dict__.pop("arrival", None)
            self.survey.refuse_lost_volumes()
            # What the other command deployed may have changed which images are needed.
            begun = {"target", "volumes", "dry run", "images", "namespace", "lock"}
            steps = [step for step in self.plan() if step.title not in begun]
        if not self.survey.unchanged:
            made = Revision(self.number, DEPLOYING, self.deployer.name, self.survey.inputs)
            self._opened = history.open_record(store, made, self.settings, self.survey.history)
            history.conceal(store, self.survey.live, self.survey.digest)
        return steps

    def _build(self, shown: Step) -> str:
        for image in self.arrival.to_build:
            for note in image.notes():
                self.console.line(note, mark="note")
        if self._short:
            self.console.line(self._short, mark="note")
        done = self.arrival.build(lambda service, line: shown.update(f"{service}: {line}"))
        return ", ".join(done)

    def _load(self, shown: Step) -> str:
        delivered = self.arrival.load(shown.update)
        self.survey = self.survey.with_images(self.arrival.images)
        if self.survey.target.build_env():
            return f"nothing to load: {len(delivered)} in the engine that the node uses"
        pulled = self.survey.release.pull_policy != "Never"
        return f"{len(delivered)} in the registry" if pulled else f"{len(delivered)} on every node"

    def _namespace(self, shown: Step) -> str:
        from kubetasks.deployers.namespace import ensure  # noqa: PLC0415

        return ensure(self.survey.target, self.settings)

    def _secrets(self, shown: Step) -> str:
        from kubetasks.secrets.store import secret_objects  # noqa: PLC0415

        self.survey.target.store.apply(secret_objects(self.settings, self.survey.secrets))
        return f"{self._secret_objects()} has {', '.join(sorted(self._secret_names())) or 'no keys of its own yet'}"

    def _secret_objects(self) -> str:
        """The Secrets that get a value, by name; the application's own where there is none."""
        written = self.settings.secret_places
        return ", ".join(name for name, keys in written.items() if keys) or self.settings.secret_name

    def _secret_names(self) -> list[str]:
        """The declared ones that have a value; the key of the digests is none of them."""
        return [name for name in self.survey.secrets if name in self.settings.secrets]

    def _apply(self, shown: Step) -> str:
        self._render()
        self._clear_jobs()
        gone = finished.gone(self.objects, self.survey.live, self.survey.finished)
        wanted = [item for item in self.objects if identity(item) not in gone]
        held = succession.held_back(wanted, self.survey.live)
        own = self.deployer.apply(self.survey.release, held, shown.update)
        self._follow = wanted if held != wanted else []
        self._complete |= gone
        self.revision = Revision(
            number=self.number,
            status=DEPLOYED,
            deployer=self.deployer.name,
            inputs=self.survey.inputs,
            deployer_revision=own,
            objects=all_concealed(self.objects, self.survey.digest),
            images=self._contents(),
            inventory=belonging.inventory(self.objects),
        )
        return f"revision {self.number} with {self.deployer.name}, {len(self.objects)} objects"

    def _contents(self) -> dict[str, list[str]]:
        """What the names of the images stand for, for the record."""
        if self.survey.target.cluster is None:
            return {}
        return self.arrival.record()

    def _clear_jobs(self) -> None:
        """Delete what is to be recreated; see ``rehearsal.recreated``."""
        from kubetasks.deployers import rehearsal  # noqa: PLC0415

        self.survey.target.store.delete(rehearsal.recreated(self.objects, self.survey.live))

    def _rollout(self, shown: Step) -> str:
        before = frozenset(pod["metadata"]["uid"] for pod in of_kind(self.survey.live, "Pod"))
        store = self.survey.target.store
        watch = Watch(
            store,
            self.settings.project,
            self.settings.deadline,
            shown.update,
            clock_of(self.survey.target),
            before=before,
            finished=frozenset(self._complete),
            complete=self._complete,
            ours=ours(self.settings, self.survey.target.name),
            known=self.runner.redactor,
        )
        local = self.survey.target.cluster is None  # it runs no other kinds
        seen = watch.until_ready(of_kind(self.objects, *WORKLOADS) if local else self.objects)
        if watch.first_ready is not None:
            self.spans.append(Span(FIRST_READY, watch.first_ready, kind="moment"))
        if self._follow:
            shown.update("the Services follow")
            own = self.deployer.apply(self.survey.release, self._follow, shown.update)
            self.revision = replace(self.revision, deployer_revision=own) if self.revision else None
        if not self.is_switch:
            self._prune(shown)
        return ", ".join(f"{each.workload.split('/')[1]} {each.line}" for each in seen)

    @property
    def is_switch(self) -> bool:
        """Whether another deployer deployed what runs: its objects stay until the new ones are proven."""
        good = [each for each in self.survey.history if each.good]
        return bool(good) and good[-1].deployer != self.deployer.name

    def _prune(self, shown: Step) -> None:
        for line in self.deployer.prune(self.objects, shown.update):
            self.console.line(line, mark="note")

    def _verify(self, shown: Step) -> str:
        from kubetasks.verify import verify  # noqa: PLC0415

        self._render()
        self.report = verify(
            self.settings, self.root, self.survey.target, self.objects, self.console, before=self.spans
        )
        if not self.report.ok:
            if self.revision is not None:
                if self.is_switch:  # the next deploy goes through every step again
                    self.revision = replace(self.revision, inputs="")
                    self.console.line("what ran before stays beside it until a deploy is verified", mark="note")
                self._write(shown)  # rolled out, but not proven: it can be rolled back from
            raise failure(self.report, cause(self.settings, self.survey.target, self.objects, self.runner.redactor))
        held = f"{sum(1 for check in self.report.checks if check.status == 'pass')} checks passed"
        if self.revision is not None:
            self.revision = replace(self.revision, verified=True)
            return held
        return held + self._note_verified()

    def _note_verified(self) -> str:
        """Note that the newest revision, which was deployed earlier, is verified; returns why that was not possible."""
        from kubetasks.deployers.lock import locked  # noqa: PLC0415

        last, store = self.survey.last, self.survey.target.store
        assert last is not None  # noqa: S101  (verify comes without apply only where nothing changed)
        self.revision = replace(last, verified=True)
        try:
            with locked(store, self.settings.project, self.settings.in_namespace, "deploy"):
                self.survey.check_current()
                history.mark_verified(store, self.survey.live, last.number)
        except (DeployLocked, LockUnusable, ApplyFailed, Forbidden) as error:
            return f"; not recorded: {error.what}"
        return ""

    def _record(self, shown: Step) -> str:
        if self.is_switch:
            self._prune(shown)
        return self._write(shown)

    def _write(self, shown: Step) -> str:
        assert self.revision is not None  # noqa: S101  (apply comes first)
        store = self.survey.target.store
        live = self._live()
        ours = {*self.survey.release.images.values()}
        self.revision = replace(
            self.revision,
            fingerprint=history.fingerprint(live),
            finished=finished.recorded(self.objects, self._complete),
            at=history.now(),
            running={name: sorted(digests) for name, digests in running(live).items() if name in ours},
        )
        left_out = history.save(store, self.revision, self.settings, self.survey.history)
        if "arrival" in self.__dict__:
            self.arrival.settle()
        return f"revision {self.revision.number}" + (
            f"; inv rollback cannot go back to it: {left_out}" * bool(left_out)
        )

    def _live(self) -> Objects:
        """The project's live objects of every kind that it had or has by now."""
        kinds = {*self.survey.kinds, *belonging.kinds_of([belonging.inventory(self.objects)])} - {*OPTIONAL}
        return staying(
            belonging.read(self.survey.target.store, sorted(kinds), self.settings.project, optional=OPTIONAL)
        )

    def _failed(self, error: KubetasksError) -> None:
        """Note a revision that did not become good; the error itself matters more than this note."""
        revision = self.revision or Revision(
            self.number, FAILED, self.deployer.name, self.survey.inputs, images=self._contents()
        )
        revision = replace(
            revision,
            status=FAILED,
            at=history.now(),
            note=self.runner.redactor(error.what),
            objects=all_concealed(self.objects, self.survey.digest),
            inventory=belonging.inventory(self.objects),
            finished=finished.recorded(self.objects, self._complete),
        )
        with contextlib.suppress(KubetasksError):
            history.save(self.survey.target.store, revision, self.settings, self.survey.history)


def failure(report: Report, root: Finding | None = None) -> VerifyFailed:
    """The error for a report with a failed check.

    Args:
        report: the report.
        root: the root cause in the cluster, where there is one; else the first failed check is the reason.
    """
    bad = [check for check in report.checks if check.status == "fail"]
    said = [f"{check.layer}/{check.name}: {check.evidence}" for check in bad]
    what = f"{len(bad)} of {len(report.checks)} checks failed"
    if root is not None:
        return VerifyFailed(
            what, why=root.cause, fix=root.fix.text, detail="\n".join([*evidence(root).splitlines(), *said])
        )
    return VerifyFailed(
        what,
        why=said[0] if said else "none could run",
        fix="see inv status and inv logs, or roll back: inv rollback",
        detail="\n".join(said[1:]),
    )
