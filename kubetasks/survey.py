"""What is there and what is wanted, found out before anything is changed."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kubetasks.deployers.base import Deployer, Release
from kubetasks.deployers.history import Revision, fingerprint, revisions
from kubetasks.deployers.rollout import progress
from kubetasks.errors import DeployLocked, SecretMissing, SettingsError
from kubetasks.images.plan import Image
from kubetasks.images.plan import plan as plan_images
from kubetasks.objects import PART_OF, Objects, digest, has_failed, of_kind
from kubetasks.redact import Sensitive
from kubetasks.secrets import store as secrets
from kubetasks.settings import Settings
from kubetasks.targets.base import Target

# All that a deploy reads before it decides; one call.
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


@dataclass(frozen=True)
class Survey:
    """The state before a deploy.

    Args:
        target: where.
        images: service name to what is to be built.
        live: the project's live objects, Secrets and records of revisions among them.
        history: the revisions, oldest first.
        live_secrets: the values that the live Secret holds.
        secrets: the values that it is to hold.
        release: what is to be deployed.
        inputs: digest of everything that goes in.
        forced: go through every step even when nothing changed.
    """

    target: Target
    images: Mapping[str, Image]
    live: Objects
    history: list[Revision]
    live_secrets: Mapping[str, Sensitive]
    secrets: Mapping[str, Sensitive]
    release: Release
    inputs: str
    forced: bool = False

    @property
    def last(self) -> Revision | None:
        """The newest revision."""
        return self.history[-1] if self.history else None

    @property
    def secrets_changed(self) -> bool:
        """Whether the Secret has to be written."""
        return dict(self.secrets) != dict(self.live_secrets)

    @property
    def unchanged(self) -> bool:
        """Whether the newest revision is this one: same inputs, objects untouched since, every workload ready."""
        last = self.last
        return (
            not self.forced
            and last is not None
            and last.good
            and last.inputs == self.inputs
            and not self.secrets_changed
            and dict(last.fingerprint) == fingerprint(self.live)
            and all(progress(item).done for item in of_kind(self.live, "Deployment", "StatefulSet", "Job"))
        )

    def check_current(self) -> None:
        """Make sure, once the deploy lock is held, that no other deploy ended since the survey.

        What it wrote (a generated secret, a revision) would be overwritten.

        Raises:
            DeployLocked: one did.
        """
        project = self.release.project
        live = self.target.store.get(["ConfigMap", "Secret"], selector=f"{PART_OF}={project}")
        if revisions(live) != self.history or secrets.of_live(live, self.release.secret_name) != self.live_secrets:
            raise DeployLocked(
                "another deploy ended while this one was prepared",
                fix="run the same command again; what is built already stays",
            )


def database_mode(settings: Settings, target: Target, values: Mapping[str, Sensitive]) -> str:
    """``sqlite``, ``bundled`` or ``external``.

    Raises:
        SecretMissing: an external database is wanted, or the only possibility, and its URL has no value.
    """
    if target.cluster is None:
        return "sqlite"
    key = settings.database.url_secret
    if settings.database.mode == "external" or (settings.database.mode == "auto" and values.get(key)):
        if not values.get(key):
            raise SecretMissing(
                f"{key} has no value",
                why="database.mode is external",
                fix=f"set it in {settings.env_file} or export it",
            )
        return "external"
    if settings.database.mode == "auto" and not target.bundled_database:
        raise SecretMissing(
            f"{key} has no value",
            why="a remote cluster gets no database of its own by itself",
            fix=f"set it in {settings.env_file}, export it, or set database.mode to bundled",
        )
    return "bundled"


def files_digest(root: Path, paths: Iterable[str]) -> str:
    """SHA-256 over the relative names and bytes of files and of everything in folders."""
    total = hashlib.sha256()
    for path in paths:
        top = root / path
        files = sorted(each for each in top.rglob("*") if each.is_file()) if top.is_dir() else [top]
        for each in files:
            if "__pycache__" in each.parts or not each.is_file():
                continue
            total.update(f"{each.relative_to(root).as_posix()}\0".encode())
            total.update(hashlib.sha256(each.read_bytes()).digest())
    return total.hexdigest()


def kustomizations(root: Path, folder: str) -> list[str]:
    """A kustomization's folder and all those that it draws on, relative to the root; kustomize reads no others."""
    import yaml  # noqa: PLC0415

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as quick, where PyYAML was built with it

    found: list[str] = []
    waiting = [os.path.normpath(folder)]
    while waiting:
        each = waiting.pop()
        if each in found:
            continue
        found.append(each)
        for name in ("kustomization.yaml", "kustomization.yml", "Kustomization"):
            file = root / each / name
            try:
                document = yaml.load(file.read_text(encoding="utf-8"), Loader=loader) if file.is_file() else None  # noqa: S506  (a safe one)
            except (yaml.YAMLError, ValueError, OSError):
                document = None  # rendering will say what is wrong with it
            if isinstance(document, dict):
                lists = [document.get(key) for key in ("resources", "components", "bases")]
                drawn = [str(path) for listed in lists if isinstance(listed, list) for path in listed]
                near = [os.path.normpath(root / each / path) for path in drawn]
                waiting += [os.path.relpath(path, root) for path in near if Path(path).is_dir()]
    return sorted(found)


Collect = Callable[[Collection[str]], Mapping[str, Sensitive]]


def look(settings: Settings, root: Path, target: Target, deployer: Deployer, collect: Collect) -> Survey:
    """Find out what is there and what is wanted; one call to the cluster, and none to the engine.

    Args:
        settings: the settings.
        root: the project's root.
        target: where.
        deployer: what deploys.
        collect: gives the secrets' values that the user gave; called with the names that have one already.

    Raises:
        SettingsError: no service is described.
        DockerfileMissing: a service's Dockerfile or context is not there.
        SecretMissing: required secrets have no value.
        ClusterUnreachable: the API server does not answer.
    """
    if not settings.services:
        raise SettingsError(
            "there is nothing to deploy",
            why=f"{root / 'invoke.yaml'} describes no services",
            fix="describe them below kubetasks.services; see docs/composing.md",
        )
    images = plan_images(settings, root, target.repository)
    live = target.store.get(SURVEYED, selector=f"{PART_OF}={settings.project}")
    live_secrets = secrets.of_live(live, settings.secret_name)
    wanted = secrets.desired(settings, collect(live_secrets), live_secrets)
    release = _release(settings, root, target, images, live, wanted)
    sources = (
        kustomizations(root, f"{settings.manifests.path}/{release.database}")
        if deployer.name == "manifests"
        else [settings.chart.path, *settings.chart.values]
    )
    inputs = digest([_plain(release), deployer.name, files_digest(root, dict.fromkeys(sources))])
    return Survey(target, images, live, revisions(live), live_secrets, wanted, release, inputs)


def _plain(release: Release) -> dict[str, object]:
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(release).items()}


def _release(
    settings: Settings,
    root: Path,
    target: Target,
    images: Mapping[str, Image],
    live: Objects,
    values: Mapping[str, Sensitive],
) -> Release:
    database = database_mode(settings, target, values)
    references = {name: image.reference for name, image in images.items()}
    migration_id = migration_image = ""
    job = settings.migrations.job
    if job:
        migration_id, migration_image = _migration(settings, root, database, references, live, values)
    return Release(
        project=settings.project,
        namespace=settings.in_namespace,
        images=references,
        pull_policy=target.pull_policy,
        database=database,
        postgres_image=settings.postgres_image,
        secret_name=settings.secret_name,
        secret_digest=secrets.digest(values),
        migration_job=job,
        migration_id=migration_id,
        migration_image=migration_image,
    )


def _migration(
    settings: Settings,
    root: Path,
    database: str,
    references: Mapping[str, str],
    live: Objects,
    values: Mapping[str, Sensitive],
) -> tuple[str, str]:
    """The ID and image of the migration Job.

    The ID changes with the migrations and with the database they are for. A Job that ran, or runs, for this ID stays as
    it is, with the image it began with: a Job's template cannot be changed, and nothing new is to be migrated.
    """
    url = secrets.digest(values, only=settings.database.url_secret)
    files = files_digest(root, settings.migrations.paths)
    identity = digest([files, database, url], length=12)
    image = references.get(settings.migrations.service, "")
    for item in of_kind(live, "Job"):
        if item["metadata"]["name"] == f"{settings.migrations.job}-{identity}" and not has_failed(item):
            image = item["spec"]["template"]["spec"]["containers"][0]["image"]
    return identity, image
