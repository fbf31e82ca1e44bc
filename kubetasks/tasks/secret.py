"""The application's Secret: ``secret.apply``, ``secret.check``, ``secret.rotate``."""

from typing import TYPE_CHECKING

from invoke.context import Context

from kubetasks.redact import Sensitive
from kubetasks.tasks._edge import Edge, command, edge, flags, waiting

if TYPE_CHECKING:
    from kubetasks.survey import Survey

COMMON = ("target", "context", "namespace", "env-file")


def _write(found: Edge, values: dict[str, Sensitive]) -> None:
    from kubetasks.secrets.store import secret_objects

    found.target.store.apply(secret_objects(found.settings, values))


def _places(found: Edge, name: str) -> str:
    """The Secrets that get the value of a declared secret."""
    return ", ".join(where for where, keys in found.settings.secret_places.items() if name in keys.values())


def _check_volumes(found: Edge, survey: "Survey") -> None:
    """Refuse to regenerate a secret that a volume depends on.

    Raises:
        SecretInVolume: there is one.
    """
    from kubetasks.secrets import volumes

    if survey.lost:
        objects = found.deployer.render(survey.release)
        volumes.check(found.settings, found.target, objects, survey.lost, survey.live)


@command(help=flags(*COMMON, "lock-wait"))
def apply(
    c: Context, target: str = "", context: str = "", namespace: str = "", env_file: str = "", lock_wait: int = 0
) -> None:
    """Send the values of the secrets to the cluster, over standard input."""
    found = edge(c, target=target, cluster_context=context, namespace=namespace, env_file=env_file)
    wait = waiting(lock_wait)
    survey = found.survey()
    _check_volumes(found, survey)
    with found.console.step("secrets") as shown:
        if not survey.secrets_changed:
            shown.skip("unchanged")
            return
        if found.dry:
            changed = (f"{', '.join(keys)} in {name}" for name, keys in survey.stale.items())
            shown.skip(f"would write {'; '.join(changed)}")
            return
        with found.changing("secret.apply", survey, wait) as now:
            _check_volumes(found, now)
            _write(found, dict(now.secrets))
        shown.done(f"{', '.join(survey.stale) or found.settings.secret_name} written; inv deploy rolls the pods")


@command(help=flags(*COMMON, "json"))
def check(
    c: Context, target: str = "", context: str = "", namespace: str = "", env_file: str = "", json: bool = False
) -> None:
    """List all declared secrets and whether they are set; values are never shown."""
    from kubetasks.secrets import store as secrets

    found = edge(c, target=target, cluster_context=context, namespace=namespace, env_file=env_file, as_json=json)
    live = secrets.read(found.target.store, found.settings)
    rows = secrets.check(found.settings, found.given(ask=False), live)
    columns = ["NAME", "KIND", "STATE", "FROM", "WHAT"]
    if json:
        found.print_json([dict(zip(map(str.lower, columns), row, strict=True)) for row in rows])
    else:
        found.console.table(columns, rows)


@command(positional=["name"], help=flags(*COMMON[:3], "lock-wait", name="the generated secret to replace"))
def rotate(c: Context, name: str, target: str = "", context: str = "", namespace: str = "", lock_wait: int = 0) -> None:
    """Replace a generated secret with a new value."""
    from kubetasks.errors import UsageError
    from kubetasks.secrets import store as secrets
    from kubetasks.secrets import volumes

    found, wait = edge(c, target=target, cluster_context=context, namespace=namespace), waiting(lock_wait)

    def rotated() -> dict[str, Sensitive]:
        live = secrets.read(found.target.store, found.settings)
        found.redactor.add(live.values())
        if not live:
            why = f"there is no Secret {_places(found, name) or found.settings.secret_name}"
            raise UsageError(f"{name} cannot be rotated", why=why, fix="create it: inv secret.apply")
        values = secrets.rotate(found.settings, live, [name])
        if volumes.lost(found.settings, live, {}):
            _check_volumes(found, found.survey(ask=False))
        found.redactor.add(values.values())
        return values

    rotated()  # what cannot be rotated is rejected before anything is changed
    if found.dry:
        found.would(f"replace {name} in {_places(found, name)} with a new value")
        return
    with found.console.step("rotate") as shown:
        with found.locked("secret.rotate", wait):
            _write(found, rotated())
        shown.done(f"{name} has a new value; inv deploy rolls the pods")
