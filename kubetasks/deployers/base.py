"""What is deployed, and what a deployer does with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kubetasks.objects import Objects
from kubetasks.redact import Sensitive
from kubetasks.targets.base import Progress


@dataclass(frozen=True)
class Release:
    """Everything the manifests and the chart are rendered from.

    Args:
        project: the application's name; also the Helm release's.
        namespace: where it goes.
        images: service name to ``repository:tag``.
        pull_policy: ``Never`` or ``IfNotPresent``.
        database: ``external``, ``bundled`` or ``sqlite``.
        postgres_image: the image of the bundled Postgres.
        secret_name: the Secret with the application's secrets.
        secret_digest: changes when one of them does; tells nothing of their values.
        secret_keys: the other Secrets that are written, each with its keys and a digest of each value.
        migration_job: the migration Job's base name; empty for none.
        migration_id: its name's last part.
        migration_image: the ``repository:tag`` it runs.
        digest_key: makes the digests of Secrets among the project's own objects.
        names: service name to the image that stands for it in the manifests and the chart.
        pod_templates: where custom resources keep a pod template; as the setting of that name.
        config: keys of the ConfigMap ``<project>-config`` whose values differ from the source's own.
    """

    project: str
    namespace: str
    images: Mapping[str, str]
    pull_policy: str
    database: str
    postgres_image: str
    secret_name: str
    secret_digest: str = ""
    secret_keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    migration_job: str = ""
    migration_id: str = ""
    migration_image: str = ""
    digest_key: Sensitive = field(default_factory=lambda: Sensitive(""))
    config: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    pod_templates: Mapping[str, str] = field(default_factory=dict)

    @property
    def config_name(self) -> str:
        """The name of the application's ConfigMap."""
        return f"{self.project}-config"


class Renderer(Protocol):
    """Turns a release into objects, without a cluster."""

    @property
    def name(self) -> str:
        """``manifests`` or ``helm``."""

    def render(self, release: Release) -> Objects:
        """The objects, without Namespace and Secret.

        Raises:
            RenderFailed: with the line of the file at fault.
        """


class Deployer(Protocol):
    """Brings rendered objects to a target. One file per implementation."""

    @property
    def name(self) -> str:
        """``manifests`` or ``helm``."""

    @property
    def left_out(self) -> Sequence[str]:
        """What the last rendering left out, as the target cannot run it: a line each."""

    def render(self, release: Release) -> Objects:
        """The objects, without Namespace and Secret. Needs no cluster.

        Raises:
            RenderFailed: with the line of the file at fault.
        """

    def apply(self, release: Release, objects: Objects, progress: Progress) -> str:
        """Apply the rendered objects; returns its own revision. Objects that are no longer rendered stay."""

    def prune(self, objects: Objects, progress: Progress) -> list[str]:
        """Delete what is no longer rendered; returns a line for each object that stays, as it holds data."""

    def rollback(self, objects: Objects, revision: str, progress: Progress) -> str:
        """Go back to the objects of an earlier revision; ``revision`` is what ``apply`` returned for it."""

    def delete(self, progress: Progress) -> None:
        """Delete everything that ``apply`` created."""
