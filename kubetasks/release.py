"""What to deploy: the database's mode, the migration Job's identity, the images, as one release."""

from collections.abc import Mapping
from pathlib import Path

from kubetasks.deployers.base import Release
from kubetasks.deployers.finished import IMAGE, Known
from kubetasks.errors import SecretMissing
from kubetasks.images.plan import Image
from kubetasks.objects import Objects, digest, has_failed, of_kind
from kubetasks.redact import Sensitive
from kubetasks.secrets import store as secrets
from kubetasks.settings import Settings
from kubetasks.sources import files_digest
from kubetasks.targets.base import Target


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
                fix=secrets.advice(settings),
            )
        return "external"
    needed = key in settings.secrets
    if settings.database.mode == "auto" and needed and not target.bundled_database:
        raise SecretMissing(
            f"{key} has no value",
            why="a remote cluster gets no database of its own by itself",
            fix=f"{secrets.advice(settings)}; or set database.mode to bundled",
        )
    return "bundled"


def compose(
    settings: Settings,
    root: Path,
    target: Target,
    images: Mapping[str, Image],
    live: Objects,
    values: Mapping[str, Sensitive],
    finished: Known | None = None,
) -> Release:
    """The release for what is wanted and what exists.

    Args:
        settings: the settings.
        root: the project's root.
        target: where.
        images: service name to what is to be built.
        live: the project's live objects; a migration Job among them keeps its image.
        values: what the Secret is to hold.
        finished: what is known about completed Jobs, which may have been deleted.

    Raises:
        SecretMissing: there is no way to a database without a value that is missing.
    """
    database = database_mode(settings, target, values)
    references = {name: image.reference for name, image in images.items()}
    migration_id = migration_image = ""
    job = settings.migrations.job
    if job:
        migration_id, migration_image = _migration(settings, root, database, references, live, values, finished or {})
    return Release(
        project=settings.project,
        namespace=settings.in_namespace,
        images=references,
        pull_policy=target.pull_policy,
        database=database,
        postgres_image=settings.postgres_image if settings.database.url_secret in settings.secrets else "",
        secret_name=settings.secret_name,
        secret_digest=secrets.own_digest(settings, values),
        secret_keys=secrets.key_digests(settings, values),
        digest_key=values[secrets.DIGEST_KEY],
        migration_job=job,
        migration_id=migration_id,
        migration_image=migration_image,
        config=settings.config,
        names=settings.image_names,
        pod_templates=settings.pod_templates,
    )


def _migration(
    settings: Settings,
    root: Path,
    database: str,
    references: Mapping[str, str],
    live: Objects,
    values: Mapping[str, Sensitive],
    finished: Known,
) -> tuple[str, str]:
    """The ID and image of the migration Job.

    The ID changes with the migrations and with the database they are for. A Job that ran or runs for this ID stays as
    it is, with the image it began with: a Job's template cannot be changed, and nothing new is to be migrated. Where
    images come from another place by now, it runs again with the new image.
    """
    url = secrets.digest(values, only=settings.database.url_secret)
    files = files_digest(root, settings.migrations.paths)
    identity = digest([files, database, url], length=12)
    name = f"{settings.migrations.job}-{identity}"
    own = references.get(settings.migrations.service, "")
    image = finished.get(f"Job/{name}", {}).get(IMAGE) or own
    for item in of_kind(live, "Job"):
        if item["metadata"]["name"] == name and not has_failed(item):
            image = item["spec"]["template"]["spec"]["containers"][0]["image"]
    # From another place than the images of today (a local registry came or went) it may not be there any more.
    moved = own and _repository(image) != _repository(own)
    return identity, own if moved else image


def _repository(reference: str) -> str:
    """A reference without its tag."""
    name, separator, tag = reference.rpartition(":")
    return name if separator and "/" not in tag else reference
