"""What exists and what is wanted, determined before anything is changed."""

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final, cast

from kubetasks.deployers import belonging, manifest_files, scaling
from kubetasks.deployers.base import Deployer, Release
from kubetasks.deployers.concealed import Digest, digester
from kubetasks.deployers.fingerprint import changed, fingerprint
from kubetasks.deployers.finished import Known, known
from kubetasks.deployers.history import Revision, revisions
from kubetasks.deployers.rollout import progress
from kubetasks.diagnose.leaving import Scope, uses_claim
from kubetasks.errors import DeployLocked, KubetasksError, RenderFailed, SettingsError
from kubetasks.images import recorded
from kubetasks.images.content import running
from kubetasks.images.engine import View, view
from kubetasks.images.ledger import Ledger
from kubetasks.images.plan import Image
from kubetasks.images.plan import plan as plan_images
from kubetasks.objects import (
    PART_OF,
    WORKLOADS,
    Objects,
    digest,
    identity,
    is_controlled,
    is_hook,
    is_leaving,
    of_kind,
    staying,
)  # fmt: skip
from kubetasks.redact import Sensitive
from kubetasks.release import compose, database_mode
from kubetasks.runner import Runner
from kubetasks.secrets import places, volumes
from kubetasks.secrets import store as secrets
from kubetasks.secrets.values import Given
from kubetasks.settings import Settings
from kubetasks.sources import files_digest, kustomizations
from kubetasks.targets import departure
from kubetasks.targets.base import Target
from kubetasks.targets.departure import beside, namespace_of, refuse_leaving

# All that a deploy reads before it decides; one call, beside the one for the namespace.
SURVEYED = (
    "Deployment",
    "StatefulSet",
    "Job",
    "Service",
    "ConfigMap",
    "Secret",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Pod",
)
# Where these may be listed, too.
OPTIONAL = ("HorizontalPodAutoscaler", "PersistentVolumeClaim", "DaemonSet", "CronJob")
# An engine that takes longer to say what it has is not waited for: a survey is to be quick.
ENGINE_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Survey:
    """The state before a deploy.

    Args:
        target: where.
        images: service name to what is to be built.
        live: the project's live objects, Secrets and records of revisions among them; none that is being deleted.
        history: the revisions, oldest first.
        live_secrets: the secrets' values in live Secrets by declared name, also while those are being deleted.
        secrets: the values that they are to have.
        release: what is to be deployed.
        inputs: digest of everything that goes in.
        leaving: the project's objects that are being deleted.
        finished: what is known about completed Jobs, which may have been deleted.
        lost: generated secrets that something else remembers, and that have no value any more.
        unused: secrets whose given value is not used, as something else remembers the live one.
        held: what each Secret that is written holds by now.
        stale: the Secrets that have to be written, with the keys that differ.
        given: the secrets' values that the user gave, and where each came from.
        forced: build the images again, and go through every step even when nothing changed.
        reasons: service to why its image has to be looked at although nothing that goes in changed.
        strays: the services whose pods run another content than the one that was deployed.
        kinds: the kinds of objects that were read.
        namespace: whether the namespace exists.
        runner: starts docker.
        composed: makes the release, and the digest of everything that goes in, from images.
    """

    target: Target
    images: Mapping[str, Image]
    live: Objects
    history: list[Revision]
    live_secrets: Mapping[str, Sensitive]
    secrets: Mapping[str, Sensitive]
    release: Release
    inputs: str
    leaving: Objects = field(default_factory=list)
    finished: Known = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    held: places.Contents = field(default_factory=dict)
    stale: Mapping[str, Sequence[str]] = field(default_factory=dict)
    given: Given = field(default_factory=Given)
    forced: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)
    strays: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset(SURVEYED)
    namespace: bool = True
    runner: Runner | None = field(default=None, repr=False, compare=False)
    composed: Callable[[Mapping[str, Image]], tuple[Release, str]] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def last(self) -> Revision | None:
        """The newest revision."""
        return self.history[-1] if self.history else None

    @property
    def secrets_changed(self) -> bool:
        """Whether a Secret has to be written."""
        names = {f"Secret/{name}" for name in self.held}
        return bool(self.stale) or any(identity(item) in names for item in self.leaving)

    @property
    def digest(self) -> Digest:
        """Makes the digests of Secrets among the project's own objects."""
        return digester(self.release.digest_key)

    @cached_property
    def autoscaled(self) -> dict[str, str]:
        """``Kind/name`` of each live workload whose replicas an autoscaler owns, to the autoscaler's; one more call."""
        there = {identity(item) for item in self.live}
        owned = scaling.live_owners(self.target.store, self.release.project)
        return {name: owner for name, owner in owned.items() if name in there}

    @property
    def edited(self) -> bool:
        """Whether live objects differ from those of the newest revision; what an autoscaler has set is no edit."""
        last = self.last
        edited, scaled = changed(last.fingerprint if last else {}, fingerprint(self.live))
        return bool(edited) or (bool(scaled) and not scaled <= set(self.autoscaled))

    @cached_property
    def unchanged(self) -> bool:
        """Whether the newest revision is this one: same inputs, objects untouched since, every workload ready."""
        last = self.last
        if self.forced or last is None or not last.good or last.inputs != self.inputs or self.secrets_changed:
            return False
        if not last.inventory:  # an earlier version of kubetasks deployed it, without our label
            return False
        workloads = [
            item
            for item in of_kind(self.live, *WORKLOADS, "DaemonSet")
            if not is_controlled(item) and not is_hook(item)
        ]
        # Last what may take one more call.
        return not self.reasons and all(progress(item).done for item in workloads) and not self.edited

    def with_images(self, images: Mapping[str, Image]) -> "Survey":
        """The same survey for images that got other names."""
        if images == self.images or self.composed is None:
            return self
        release, inputs = self.composed(images)
        return replace(self, images=images, release=release, inputs=inputs)

    def known(self, reference: str) -> Collection[str]:
        """The identities of the content that an image's name stands for; none where no revision had it."""
        return recorded.lookup([each.images for each in self.history])(reference)

    def check_current(self) -> None:
        """Make sure, once the deploy lock is held, that no other deploy ended since the survey.

        What it wrote (a generated secret, a revision) would be overwritten.

        Raises:
            DeployLocked: one did.
        """
        self.refreshed(None)

    def refreshed(self, again: "Callable[[], Survey] | None") -> "Survey":
        """This survey where it is current, once the deploy lock is held; else the one that ``again`` makes.

        Args:
            again: surveys again; None if that is rejected.

        Raises:
            DeployLocked: as ``check_current``, without ``again``.
        """
        live = self.target.store.get(["ConfigMap", "Secret"], selector=f"{PART_OF}={self.release.project}")
        same = places.held(live, self.held) == self.held
        if same and revisions(live) == self.history:
            return self
        if again is not None:
            return again()
        raise DeployLocked(
            "another deploy finished while this one was being prepared",
            fix="run the same command again; finished builds are kept",
        )

    def refuse_lost_volumes(self) -> None:
        """Refuse to deploy while a volume is being deleted: it goes, with its data, once its pod ends.

        Raises:
            DeletionHeld: one is, with what still uses it.
        """
        pods, cluster = of_kind(self.live, "Pod"), self.target.cluster
        claims = [
            item
            for item in of_kind(self.leaving, "PersistentVolumeClaim")
            if any(uses_claim(pod, item["metadata"]["name"]) for pod in pods)
        ]
        if claims and cluster is not None:
            raise departure.held(claims, pods, Scope(cluster.context, cluster.namespace), lost=True)


Collect = Callable[[Collection[str]], Given]


def look(
    settings: Settings,
    root: Path,
    target: Target,
    deployer: Deployer,
    collect: Collect,
    *,
    runner: Runner | None = None,
    env_files: Sequence[Path] = (),
    forced: bool = False,
) -> Survey:
    """Find out what is there and what is wanted; one look at the cluster.

    Where this machine built the images, its engine is asked meanwhile whether their bases are still the same.

    Args:
        settings: the settings.
        root: the project's root.
        target: where.
        deployer: what deploys.
        collect: gives the secrets' values that the user gave; called with the names that have one already.
        runner: starts docker; None asks no engine.
        env_files: env files beside the one that the settings name.
        forced: go through every step even when nothing changed, and run Jobs again that completed and no longer exist.

    Raises:
        SettingsError: no service is described.
        DockerfileMissing: a service's Dockerfile or context does not exist.
        ContextUnusable: a file of a context cannot be sent to a builder.
        SecretInImage: a secret would get into an image.
        SecretMissing: required secrets have no value.
        SecretNotOurs: a Secret that is to be written belongs to something else.
        ClusterUnreachable: the API server does not answer.
        NamespaceTerminating: the namespace is being deleted, with what holds it.
    """
    plain = Settings()
    if not settings.services and (settings.manifests, settings.chart) == (plain.manifests, plain.chart):
        raise SettingsError(
            "there is nothing to deploy",
            why=f"{root / 'invoke.yaml'} defines no services",
            fix="define them under kubetasks.services; see docs/composing.md",
        )
    planned = plan_images(settings, root, target.repository, env_files)
    if target.cluster is not None:
        for image in planned.values():
            image.check()
    with _asked(planned, Ledger.of(root, target), runner if target.own_engine else None) as engine:
        kinds = {*SURVEYED, *_rendered_kinds(settings, root, deployer)}
        asked = beside(lambda: namespace_of(target.store)) if target.cluster is not None else lambda: None
        found = belonging.everything(target.store, sorted(kinds), settings.project, optional=OPTIONAL)
    namespace = asked()
    refuse_leaving(target.store, target.cluster, namespace)
    more = belonging.kinds_of(each.inventory for each in revisions(found)) - kinds - {*OPTIONAL}
    if more:  # of custom resources, and of what the sources no longer hold
        found += belonging.everything(target.store, sorted(more), settings.project)
    places.refuse_foreign(settings, found)
    found = belonging.mine(found, settings.project)
    live = staying(found)
    held = places.held(found, settings.secret_places)
    live_secrets = places.values(settings, found)
    given = collect(live_secrets)
    wanted = secrets.desired(settings, given, live_secrets)
    history = revisions(live)
    images = recorded.named(planned, [each.images for each in history])
    sources = files_digest(root, dict.fromkeys(_sources(settings, root, target, wanted, deployer)))
    finished = {} if forced else known(history)
    # Helm recreates a Job of its chart that no longer exists, so the image of that Job must exist.
    kept = finished if deployer.name == "manifests" else {}

    def composed(named: Mapping[str, Image]) -> tuple[Release, str]:
        release = compose(settings, root, target, named, live, wanted, kept)
        inputs = digest([_plain(release), deployer.name, sources])
        # The files may contain a Secret. Without the key, short values cannot be tried against the digest.
        return release, digester(release.digest_key)(inputs)

    release, inputs = composed(images)
    strays = _strays(images, history, live)
    rebuilt = _rebuilt(images, engine) if target.cluster is not None else {}
    reasons = {**rebuilt, **dict.fromkeys(strays, "its pods run another image with that name")}
    return Survey(
        target=target,
        images=images,
        live=live,
        history=history,
        live_secrets=live_secrets,
        secrets=wanted,
        release=release,
        inputs=inputs,
        leaving=[item for item in found if is_leaving(item)],
        kinds=frozenset({*kinds, *more}),
        namespace=namespace is not None or target.cluster is None or bool(found),
        finished=finished,
        lost=volumes.lost(settings, live_secrets, given),
        unused=tuple(name for name in given if wanted.get(name) != given[name]),
        held=held,
        stale=places.stale(secrets.contents(settings, wanted), held, settings.secret_name),
        given=given,
        forced=forced,
        reasons=reasons,
        strays=frozenset(strays),
        runner=runner,
        composed=composed,
    )


def _rendered_kinds(settings: Settings, root: Path, deployer: Deployer) -> set[str]:
    """The built-in kinds that the deployer's files name."""
    if deployer.name != "manifests":
        return belonging.kinds_in(root, [settings.chart.path])
    return belonging.kinds_in(root, manifest_files.tops(settings.manifests))


def _sources(
    settings: Settings, root: Path, target: Target, values: Mapping[str, Sensitive], deployer: Deployer
) -> list[str]:
    """The files that the deployer renders from, relative to the root."""
    if deployer.name == "manifests":
        found: list[str] = []
        with contextlib.suppress(RenderFailed):  # rendering will say so
            for path in manifest_files.paths(root, settings.manifests, database_mode(settings, target, values)):
                found += kustomizations(root, path) if (root / path).is_dir() else [path]
        return found
    return [settings.chart.path, *settings.chart.values]


@contextlib.contextmanager
def _asked(images: Mapping[str, Image], ledger: Ledger, runner: Runner | None) -> Iterator[View]:
    """What the engine has, asked while the block runs. An engine that does not answer is no error here."""
    found = View(ledger)
    built = [image for image in images.values() if runner is not None and any(ledger.built(image.built_as).values())]

    def ask() -> None:
        with contextlib.suppress(KubetasksError, OSError, ValueError):
            found.held.update(view(built, ledger, cast("Runner", runner)).held)

    asking = threading.Thread(target=ask, daemon=True)
    if built:
        asking.start()
    yield found
    if built:
        asking.join(ENGINE_SECONDS)


def _rebuilt(images: Mapping[str, Image], engine: View) -> dict[str, str]:
    """Service to why the content that was built from its source is not the one that is deployed."""
    found = {}
    for name, image in images.items():
        if engine.ledger.pending(image.built_as):
            found[name] = "it was rebuilt and is not deployed yet"
        moved = engine.moved(image)
        if moved:
            found[name] = f"its base {', '.join(moved)} changed"
    return found


def _strays(images: Mapping[str, Image], history: Sequence[Revision], live: Objects) -> list[str]:
    """The services whose pods run another content than the one that the newest revision recorded."""
    last = history[-1] if history else None
    if last is None or not last.running:
        return []
    now = running(live)
    found = []
    for name, image in images.items():
        noted = last.running.get(image.reference)
        known = {each.partition(":")[2] for each in last.images.get(image.reference, ())}
        if noted and now.get(image.reference, set()) - {*noted, *known}:
            found.append(name)
    return found


def _plain(release: Release) -> dict[str, object]:
    """What decides whether something changed; a migration's ID says all of it that does."""
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in vars(release).items()
        if name not in {"digest_key", "migration_image"}
    }
