"""The steps behind ``inv deploy``, in their one order, and the plan that shows them before they run.

A step says what it will do and why, or why it is not needed. ``inv plan`` and ``inv deploy --dry-run`` print that and
stop.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from kubetasks.console import Console, Step
from kubetasks.deployers import history
from kubetasks.deployers.base import Deployer, Release
from kubetasks.deployers.history import DEPLOYED, FAILED, Revision
from kubetasks.deployers.lock import locked
from kubetasks.deployers.rollout import Watch
from kubetasks.errors import DeployError, Forbidden, Interrupted, KubetasksError, LocalError, VerifyFailed
from kubetasks.images.arrival import Arrival
from kubetasks.images.content import running
from kubetasks.images.ledger import Ledger
from kubetasks.objects import PART_OF, Objects, by_identity, has_failed, identity, of_kind
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.survey import SURVEYED, Survey
from kubetasks.targets.base import clock_of
from kubetasks.verify.report import Report


@dataclass
class Deploy:
    """One deploy: the steps, and what they hand on to each other.

    Args:
        settings: the settings.
        root: the project's root.
        runner: starts processes.
        console: what a person sees.
        deployer: manifests or helm.
        survey: what is there and what is wanted.
        check: whether to verify at the end.
    """

    settings: Settings
    root: Path
    runner: Runner
    console: Console
    deployer: Deployer
    survey: Survey
    check: bool = True
    objects: Objects = field(default_factory=list)
    revision: Revision | None = None
    report: Report | None = None
    _rendered: Release | None = None

    @property
    def number(self) -> int:
        """The number of the revision that this deploy makes."""
        return self.survey.last.number + 1 if self.survey.last else 1

    @cached_property
    def arrival(self) -> Arrival:
        """The way of the images to the target."""
        survey = self.survey
        # No registry has it: it is in the engine, where docker/offline made it.
        bundled = self.settings.offline and survey.release.database == "bundled"
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

    def plan(self) -> "list[PlannedStep]":
        """The ordered steps, each with what it will do and why, or why it is skipped."""
        survey, target = self.survey, self.survey.target
        steps = [PlannedStep("target", f"{target.name}: {target.reason}", needed=True)]
        if survey.unchanged:
            last = survey.last
            assert last is not None  # noqa: S101  (unchanged says so)
            steps.append(PlannedStep("deploy", f"nothing changed since revision {last.number}", needed=False))
            if self.check and not last.verified:
                steps.append(PlannedStep("verify", f"revision {last.number} was not verified yet", True, self._verify))
            return steps
        steps += [PlannedStep("volumes", note, needed=False) for note in self._check_inputs()]
        namespace = PlannedStep("namespace", self.settings.in_namespace, not survey.live, self._namespace)
        images, begin = self._image_steps(), [namespace, PlannedStep("lock", "one deploy at a time", needed=True)]
        # Building everything anew takes long; another deploy that is under way is told of first.
        steps += [*begin, *images] if survey.forced and survey.live else [*images, *begin]
        held = len(self._secret_names())
        steps += [
            PlannedStep(
                "secrets",
                f"{held} {'key' if held == 1 else 'keys'} in {self.settings.secret_name}"
                if survey.secrets_changed
                else "unchanged",
                survey.secrets_changed,
                self._secrets,
            ),
            PlannedStep("apply", f"revision {self.number} with {self.deployer.name}", True, self._apply),
            PlannedStep("rollout", f"wait up to {self.settings.deadline} s", True, self._rollout),
            PlannedStep("verify", "prove that it works" if self.check else "not asked for", self.check, self._verify),
            PlannedStep("record", f"revision {self.number}", True, self._record),
        ]
        return steps

    def _check_inputs(self) -> list[str]:
        """Refuse what can never work before anything is built or changed; returns what to take note of.

        Raises:
            SettingsError: a contract or journey is damaged, or a setting is at odds with what is rendered.
            RenderFailed: the manifests or the chart do not render, or give something that cannot work.
            SecretInVolume: a generated secret is gone that a volume depends on.
        """
        from kubetasks.deployers import sound  # noqa: PLC0415
        from kubetasks.secrets import volumes  # noqa: PLC0415

        survey = self.survey
        if self.check:
            from kubetasks.verify.run import prepare  # noqa: PLC0415

            prepare(self.settings, self.root)
        self._render()
        sound.check(self.settings, self.objects)
        return volumes.check(self.settings, survey.target, self.objects, survey.lost, survey.live)

    def _render(self) -> None:
        """Render the release, unless that was done: the images may have got other names since."""
        if self._rendered != self.survey.release:
            self.objects = self.deployer.render(self.survey.release)
            self._rendered = self.survey.release

    def _image_steps(self) -> "list[PlannedStep]":
        target = self.survey.target
        if target.cluster is None:
            return [PlannedStep("images", "none needed: the local target runs the source", needed=False)]
        arrival = self.arrival
        build, deliver = arrival.shown()
        if not deliver:
            return [PlannedStep("images", "the target has them all", needed=False)]
        return [
            PlannedStep("build", build or "already built", bool(build), self._build),
            PlannedStep("load", deliver, True, self._load),
        ]

    def run(self) -> None:
        """Carry out the plan.

        Raises:
            KubetasksError: the step that failed says why; those before it stay done, and the next run goes on from
                there.
        """
        with contextlib.ExitStack() as stack:
            for step in self.plan():
                if step.title == "lock":
                    survey = self.survey
                    stack.enter_context(locked(survey.target.store, self.settings.project, self.settings.in_namespace))
                    survey.check_current()
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
                        shown.done(step.run(shown))
                    except Interrupted:
                        raise
                    except (DeployError, Forbidden, LocalError) as error:
                        # Only what the cluster said: of a lost connection nothing follows for the revision.
                        if step.title in {"apply", "rollout"}:
                            self._failed(error)
                        raise

    def _build(self, shown: Step) -> str:
        for image in self.arrival.to_build:
            for note in image.notes():
                self.console.line(note, mark="note")
        done = self.arrival.build(lambda service, line: shown.update(f"{service}: {line}"))
        return ", ".join(done)

    def _load(self, shown: Step) -> str:
        delivered = self.arrival.load(shown.update)
        self.survey = self.survey.with_images(self.arrival.images)
        return f"{len(delivered)} on every node"

    def _namespace(self, shown: Step) -> str:
        from kubetasks.deployers import ownership  # noqa: PLC0415
        from kubetasks.deployers.render import namespace_object  # noqa: PLC0415

        store, name = self.survey.target.store, self.settings.in_namespace
        if any(not ownership.owned(item, self.settings.project) for item in store.get(["Namespace"])):
            # With our labels on it, destroy would delete it and what else is in it.
            return f"{name} is there and not ours; it stays as it is"
        store.apply([namespace_object(self.settings)])
        return name

    def _secrets(self, shown: Step) -> str:
        from kubetasks.secrets.store import secret_object  # noqa: PLC0415

        self.survey.target.store.apply([secret_object(self.settings, self.survey.secrets)])
        return f"{self.settings.secret_name} has {', '.join(sorted(self._secret_names())) or 'no keys of its own yet'}"

    def _secret_names(self) -> list[str]:
        """The declared ones that have a value; the key of the digests is none of them."""
        return [name for name in self.survey.secrets if name in self.settings.secrets]

    def _apply(self, shown: Step) -> str:
        self._render()
        self._clear_jobs()
        own = self.deployer.apply(self.survey.release, self.objects, shown.update)
        self.revision = Revision(
            number=self.number,
            status=DEPLOYED,
            deployer=self.deployer.name,
            inputs=self.survey.inputs,
            deployer_revision=own,
            objects=self.objects,
            images=self._contents(),
        )
        return f"revision {self.number} with {self.deployer.name}, {len(self.objects)} objects"

    def _contents(self) -> dict[str, list[str]]:
        """What the names of the images stand for, for the record."""
        if self.survey.target.cluster is None:
            return {}
        return self.arrival.record()

    def _clear_jobs(self) -> None:
        """Delete Jobs to be made anew: one that failed, and one whose template, which cannot be changed, is another."""
        from kubetasks.verify.compare import differences  # noqa: PLC0415

        rendered = by_identity(of_kind(self.objects, "Job"))
        spent = [
            item
            for item in of_kind(self.survey.live, "Job")
            if identity(item) in rendered
            and (has_failed(item) or differences({"spec": rendered[identity(item)]["spec"]}, item))
        ]
        self.survey.target.store.delete(spent)

    def _rollout(self, shown: Step) -> str:
        before = frozenset(pod["metadata"]["uid"] for pod in of_kind(self.survey.live, "Pod"))
        store = self.survey.target.store
        clock = clock_of(self.survey.target)
        watch = Watch(store, self.settings.project, self.settings.deadline, shown.update, clock, before=before)
        seen = watch.until_ready(self.objects)
        return ", ".join(f"{each.workload.split('/')[1]} {each.line}" for each in seen)

    def _verify(self, shown: Step) -> str:
        from kubetasks.verify import verify  # noqa: PLC0415

        objects = self.objects or self.deployer.render(self.survey.release)
        self.report = verify(self.settings, self.root, self.survey.target, objects, self.console)
        if not self.report.ok:
            if self.revision is not None:
                self._record(shown)  # rolled out, but not proven: it can be rolled back from
            raise failure(self.report)
        if self.revision is not None:
            self.revision = replace(self.revision, verified=True)
        elif self.survey.last is not None:
            packed = history.objects_of(self.survey.live, self.survey.last.number)
            self.revision = replace(self.survey.last, verified=True, objects=packed)
            self._record(shown)
        return f"{sum(1 for check in self.report.checks if check.status == 'pass')} checks hold"

    def _record(self, shown: Step) -> str:
        assert self.revision is not None  # noqa: S101  (apply comes first)
        store = self.survey.target.store
        live = store.get(SURVEYED, selector=f"{PART_OF}={self.settings.project}")
        ours = {*self.survey.release.images.values()}
        ran = {name: sorted(digests) for name, digests in running(live).items() if name in ours}
        self.revision = replace(self.revision, fingerprint=history.fingerprint(live), at=history.now(), running=ran)
        history.save(store, self.revision, self.settings, self.survey.history)
        if "arrival" in self.__dict__:
            self.arrival.settle()
        return f"revision {self.revision.number}"

    def _failed(self, error: KubetasksError) -> None:
        """Note a revision that did not become good; the error itself matters more than this note."""
        revision = self.revision or Revision(
            self.number, FAILED, self.deployer.name, self.survey.inputs, images=self._contents()
        )
        revision = replace(
            revision, status=FAILED, at=history.now(), note=self.runner.redactor(error.what), objects=self.objects
        )
        with contextlib.suppress(KubetasksError):
            history.save(self.survey.target.store, revision, self.settings, self.survey.history)


@dataclass(frozen=True)
class PlannedStep:
    """One step of a plan.

    Args:
        title: its name.
        what: what it will do and why, or why it is skipped.
        needed: whether it will run.
        run: does it, and returns how it ended; None for a step that only says something.
    """

    title: str
    what: str
    needed: bool
    run: Callable[[Step], str] | None = None

    def row(self) -> list[str]:
        """The step as a row of the plan's table."""
        return [self.title, "run" if self.needed else "skip", self.what]


def failure(report: Report) -> VerifyFailed:
    """The error for a report in which a check does not hold."""
    bad = [check for check in report.checks if check.status == "fail"]
    return VerifyFailed(
        f"{len(bad)} of {len(report.checks)} checks do not hold",
        why=f"{bad[0].layer}/{bad[0].name}: {bad[0].evidence}" if bad else "none could be tried",
        fix="see inv status and inv logs; go back with inv rollback",
        detail="\n".join(f"{check.layer}/{check.name}: {check.evidence}" for check in bad[1:]),
    )
