"""What is there and what is wanted, found out before anything is changed."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from kubetasks.deployers.base import Deployer, Release
from kubetasks.deployers.history import Revision, fingerprint, revisions
from kubetasks.deployers.rollout import progress
from kubetasks.errors import DeployLocked, SettingsError
from kubetasks.images.plan import Image
from kubetasks.images.plan import plan as plan_images
from kubetasks.objects import PART_OF, Objects, digest, of_kind
from kubetasks.redact import Sensitive
from kubetasks.release import compose
from kubetasks.secrets import store as secrets
from kubetasks.settings import Settings
from kubetasks.sources import files_digest, kustomizations
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
    release = compose(settings, root, target, images, live, wanted)
    sources = (
        kustomizations(root, f"{settings.manifests.path}/{release.database}")
        if deployer.name == "manifests"
        else [settings.chart.path, *settings.chart.values]
    )
    inputs = digest([_plain(release), deployer.name, files_digest(root, dict.fromkeys(sources))])
    return Survey(target, images, live, revisions(live), live_secrets, wanted, release, inputs)


def _plain(release: Release) -> dict[str, object]:
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(release).items()}
