"""Our own checks of a built image: its user, its size by layer, caches, secrets, and the age of its base."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kubetasks import private
from kubetasks.aiops.scan import layers
from kubetasks.aiops.scan.findings import Scan, made
from kubetasks.diagnose.finding import Finding
from kubetasks.diagnose.hide import is_secret_name, masked
from kubetasks.errors import ScanImpossible
from kubetasks.runner import Environment, Runner
from kubetasks.tools import docker

MIB: Final = 1 << 20
LARGE_IMAGE: Final = 500 * MIB
LARGE_LAYER: Final = 150 * MIB
WORTH_IT: Final = 1 * MIB  # a smaller cache is not worth a line
OLD: Final = dt.timedelta(days=90)
VERY_OLD: Final = dt.timedelta(days=365)
# Reproducible builds set a time of their own: 1970, or 1980 for zip's sake.
REAL: Final = dt.datetime(2013, 3, 20, tzinfo=dt.UTC)  # Docker's first release
SAVING: Final = 600.0  # seconds


def scan(
    runner: Runner,
    reference: str,
    base: str,
    *,
    env: Environment,
    values: Mapping[str, str],
    now: dt.datetime,
) -> Scan:
    """Look at one image in the engine.

    Args:
        runner: starts docker.
        reference: ``repository:tag``.
        base: what it is built from.
        env: the engine's environment.
        values: the project's secrets that are known, by name.
        now: the time.

    Raises:
        ScanImpossible: docker printed something that cannot be read.
    """
    found = runner.run(docker.image_inspect([reference]), env=env, check=False)
    if not found.ok:
        if docker.is_down(found.stderr):
            return Scan(notes=[f"{reference} was not scanned: the container engine does not answer"])
        return Scan(notes=[f"{reference} is not built: inv image.build"])
    try:
        image: dict[str, Any] = json.loads(found.stdout)
        history = runner.run(docker.history(reference), env=env).stdout
        rows = [json.loads(line) for line in history.splitlines() if line.startswith("{")]
        of_base = json.loads(runner.run(docker.image_inspect([base]), env=env, check=False).stdout or "{}")
    except (ValueError, TypeError) as error:
        raise ScanImpossible("what docker printed cannot be read", why=str(error)) from None
    hide = runner.redactor
    findings = [
        *_user(reference, image),
        *_sizes(reference, image, rows, lambda text: masked(text, hide)),
        *_variables(reference, image, rows, values),
        *_age(reference, base, of_base, now),
    ]
    notes = [] if of_base else [f"the age of {base} is not known: it is not in the engine"]
    findings += _contents(reference, _layers(runner, reference, env, values))
    return Scan(findings, notes, [f"image {reference}"])


def _layers(runner: Runner, reference: str, env: Environment, values: Mapping[str, str]) -> list[layers.Layer]:
    archive = private.folder() / "scan.tar"
    try:
        runner.run(docker.save([reference], str(archive)), env=env, timeout=SAVING)
        return layers.read(Path(archive), values)
    except ValueError as error:
        raise ScanImpossible(f"the layers of {reference} cannot be read", why=str(error)) from None
    finally:
        archive.unlink(missing_ok=True)


def _user(reference: str, image: Mapping[str, Any]) -> Iterator[Finding]:
    user = str((image.get("Config") or {}).get("User") or "")
    if user.partition(":")[0] in {"", "0", "root"}:
        yield made(
            "image.user-root",
            "error",
            reference,
            f"its processes run as {'root' if user else 'root, since no USER is set'}",
            "end the Dockerfile with USER 10001:10001, and own its files: COPY --chown=10001:10001 …",
        )
    elif not user.partition(":")[0].isdigit():
        yield made(
            "image.user-name",
            "warning",
            reference,
            f"its user is a name, {user}: Kubernetes cannot prove that it is not root (runAsNonRoot)",
            "write the number: USER 10001:10001",
        )


def _sizes(reference: str, image: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], hide: Any) -> Iterator[Finding]:
    sizes = [(int(row.get("Size") or 0), hide(" ".join(str(row.get("CreatedBy", "")).split()))) for row in rows]
    largest = [f"{size // MIB} MiB: {step[:200]}" for size, step in sorted(sizes, reverse=True)[:5] if size >= MIB]
    whole = int(image.get("Size") or 0)
    if whole > LARGE_IMAGE:
        yield made(
            "image.large",
            "warning",
            reference,
            f"it has {whole // MIB} MiB; every new node has to pull all of it",
            "build in one stage and copy only what runs into a small last one (FROM … AS build; COPY --from=build)",
            because=largest,
        )
    for size, step in sizes:
        if size > LARGE_LAYER:
            yield made(
                "image.layer-large",
                "warning",
                reference,
                f"one layer has {size // MIB} MiB: {step}",
                "put what seldom changes into an earlier layer of its own, and leave build tools in an earlier stage",
                because=largest,
            )


def _variables(
    reference: str, image: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], values: Mapping[str, str]
) -> Iterator[Finding]:
    fix = "remove it, build without the cache, and rotate the secret: anyone with the image has it"
    for line in (image.get("Config") or {}).get("Env") or ():
        name, _, value = str(line).partition("=")
        known = next((each for each, secret in values.items() if len(secret) >= 8 and secret in value), "")
        if known or (value and is_secret_name(name) and value not in {"***", "placeholder"}):
            what = f"the value of {known}" if known else "what looks like a secret"
            yield made("image.secret-env", "critical", reference, f"its variable {name} holds {what}", fix)
    for row in rows:
        step = str(row.get("CreatedBy", ""))
        known = next((each for each, secret in values.items() if len(secret) >= 8 and secret in step), "")
        if known:
            yield made("image.secret-history", "critical", reference, f"its history holds the value of {known}", fix)


def _contents(reference: str, found: Sequence[layers.Layer]) -> Iterator[Finding]:
    for layer in found:
        for path, what in layer.secrets.items():
            yield made(
                "image.secret-file",
                "critical",
                reference,
                f"/{path} holds {what}, in a layer that everyone with the image can read",
                "leave it out (.dockerignore), or mount it: RUN --mount=type=secret,id=…; then rotate the secret",
                because=[f"layer {layer.digest[:19]}; a later layer that deletes the file does not help"],
            )
    for kind, size in layers.total(found).items():
        if size >= WORTH_IT:
            fix = layers.CACHES[kind][1]
            yield made("image.cache", "warning", reference, f"it holds {size // MIB} MiB of {kind}", fix)


def _age(reference: str, base: str, image: Mapping[str, Any], now: dt.datetime) -> Iterator[Finding]:
    try:
        created = dt.datetime.fromisoformat(str(image.get("Created", "")))
    except ValueError:
        return
    if created.tzinfo is None or created < REAL:
        return
    age = now - created
    if age > OLD:
        yield made(
            "image.base-old",
            "error" if age > VERY_OLD else "warning",
            reference,
            f"its base {base} is {age.days} days old and lacks the security fixes since then",
            f"docker pull {base} && inv deploy --force",
        )
