"""The docker client: command lines, and what it prints."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# BuildKit where it has to be asked for, plain progress lines, and no attestation manifests: a single-platform image
# is one manifest then, the same with every engine. Then variables of the user's that would change an image without its
# tag, as if they were not set.
BUILD_ENV: Final[Mapping[str, str]] = {
    "DOCKER_BUILDKIT": "1",
    "BUILDKIT_PROGRESS": "plain",
    "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    "BUILDX_GIT_INFO": "0",
    "BUILDX_GIT_LABELS": "0",
    "DOCKER_DEFAULT_PLATFORM": "",
    "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY": "",
    "SOURCE_DATE_EPOCH": "",
}

# Docker 23 took BuildKit out of the client: from there on a build needs the buildx plugin.
# https://docs.docker.com/engine/release-notes/23.0/
FIRST_WITHOUT_BUILDKIT: Final = 23

_DOWN = re.compile(
    r"cannot connect to the docker daemon|is the docker daemon running|error during connect"
    r"|permission denied while trying to connect to the docker (?:daemon|api)|failed to connect to the docker api",
    re.IGNORECASE,
)
_STEP = re.compile(r"^#\d+ (?:\d+\.\d+ )?(?P<text>.*)$")
# Bookkeeping of BuildKit's that tells a person nothing.
_NOISE = re.compile(
    r"^(?:DONE \d|CACHED$|\.\.\.$|sha256:|transferring |resolve |extracting |writing |naming |exporting )"
)


@dataclass(frozen=True)
class Listed:
    """One row of ``docker image ls``: newest first, as docker prints them."""

    repository: str
    tag: str
    id: str
    created: str
    size: str

    @property
    def reference(self) -> str:
        """``repository:tag``."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class Inspected:
    """One image of ``docker image inspect``.

    Args:
        id: the engine's ID, ``sha256:…``: the digest of the configuration, or with the containerd image store that of
            the manifest.
        is_manifest: whether the ID is a manifest's digest.
        tags: every ``repository:tag``.
        labels: its labels.
        platform: ``linux/amd64``.
        layers: the digests of its layers.
        configuration: changes with what it is configured to do, and not with the time of the build.
    """

    id: str
    is_manifest: bool = False
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""
    layers: tuple[str, ...] = ()
    configuration: str = ""


def build(
    client: str,
    *,
    tag: str,
    dockerfile: str,
    context: str,
    build_args: Mapping[str, str],
    labels: Mapping[str, str],
    platform: str = "",
    cache: bool = True,
) -> list[str]:
    """``docker build``; give it ``BUILD_ENV``. ``cache``: whether layers of earlier builds may be used."""
    argv = [client, "build", "--progress=plain", "-t", tag, "-f", dockerfile]
    if not cache:
        argv.append("--no-cache")
    if platform:
        argv += ["--platform", platform]
    for name, value in build_args.items():
        argv += ["--build-arg", f"{name}={value}"]
    for name, value in labels.items():
        argv += ["--label", f"{name}={value}"]
    return [*argv, context]


def image_inspect(references: Sequence[str], template: str = "{{json .}}") -> list[str]:
    """``docker image inspect`` of many images in one call; exits 1 when one is absent, and prints the others."""
    return ["docker", "image", "inspect", "--format", template, *references]


def history(reference: str) -> list[str]:
    """``docker history`` as JSON lines: what each layer was made by, newest first, and its size in bytes."""
    return ["docker", "history", "--no-trunc", "--human=false", "--format", "{{json .}}", reference]


def image_ls(repository: str = "") -> list[str]:
    """``docker image ls`` as JSON lines, of one repository or of all."""
    return ["docker", "image", "ls", "--no-trunc", "--format", "{{json .}}", *([repository] if repository else [])]


def load(path: str) -> list[str]:
    """``docker load`` of a file that ``save`` wrote."""
    return ["docker", "load", "-i", path]


def save(references: Sequence[str], path: str) -> list[str]:
    """``docker save`` of images into one file."""
    return ["docker", "save", "-o", path, *references]


def tag(reference: str, other: str) -> list[str]:
    """``docker tag``: give an image another name."""
    return ["docker", "tag", reference, other]


def push(reference: str) -> list[str]:
    """``docker push``."""
    return ["docker", "push", reference]


def rmi(references: Sequence[str]) -> list[str]:
    """``docker rmi``: take names away, and the image with its last one. Never its untagged parents, the build cache."""
    return ["docker", "rmi", "--no-prune", *references]


def manifest_inspect(reference: str, *, insecure: bool = False) -> list[str]:
    """``docker manifest inspect``: exits 0 when the registry has it. ``insecure``: also over plain HTTP."""
    return ["docker", "manifest", "inspect", "--verbose", *(["--insecure"] if insecure else []), reference]


def server_version() -> list[str]:
    """``docker version``: the engine's; fails when it does not answer."""
    return ["docker", "version", "--format", "{{.Server.Version}}"]


def client_version(client: str = "docker") -> list[str]:
    """``docker version``: the client's; printed even when the engine does not answer."""
    return [client, "version", "--format", "{{.Client.Version}}"]


def buildx_version(client: str = "docker") -> list[str]:
    """``docker buildx version``: exits 0 when the plugin exists."""
    return [client, "buildx", "version"]


def info() -> list[str]:
    """``docker info`` as JSON."""
    return ["docker", "info", "--format", "{{json .}}"]


def engine_identity() -> list[str]:
    """``docker info``: the engine's ID, which no other engine has, and the name of its machine."""
    return ["docker", "info", "--format", "{{.ID}} {{.Name}}"]


def data_root() -> list[str]:
    """``docker info``: the name of the engine's machine, and the folder there that holds its images."""
    return ["docker", "info", "--format", "{{.Name}} {{.DockerRootDir}}"]


def ps(label: str, shown: str) -> list[str]:
    """``docker ps``: of each running container with a label, its name and another label's value."""
    return ["docker", "ps", "--filter", f"label={label}", "--format", f'{{{{.Names}}}} {{{{.Label "{shown}"}}}}']


def execute(container: str, argv: Sequence[str], *, stdin: bool = False) -> list[str]:
    """``docker exec`` of a program in a container."""
    return ["docker", "exec", *(["-i"] if stdin else []), container, *argv]


def port(container: str, number: int) -> list[str]:
    """``docker port``: where the host publishes a TCP port of a container; exits with 1 where it does not."""
    return ["docker", "port", container, f"{number}/tcp"]


def parse_port(text: str) -> list[tuple[str, int]]:
    """Address and port of each line of ``port``: ``0.0.0.0:30080`` or ``[::]:30080``."""
    rows = (line.strip().rpartition(":") for line in text.splitlines())
    return [(host.strip("[]"), int(number)) for host, _, number in rows if host and number.isdigit()]


def parse_inspect(text: str) -> list[Inspected]:
    """The images in what ``image_inspect`` printed."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [_inspected(row) for row in rows]


def _inspected(row: Mapping[str, Any]) -> Inspected:
    config = {key: value for key, value in (row.get("Config") or {}).items() if key not in {"Hostname", "Image"}}
    platform = f"{row.get('Os', '')}/{row.get('Architecture', '')}"
    basis = json.dumps([config, platform], sort_keys=True)
    return Inspected(
        id=str(row.get("Id", "")),
        is_manifest=bool(row.get("Descriptor")),
        tags=tuple(row.get("RepoTags") or ()),
        labels={str(key): str(value) for key, value in (config.get("Labels") or {}).items()},
        platform=platform,
        layers=tuple((row.get("RootFS") or {}).get("Layers") or ()),
        configuration=hashlib.sha256(basis.encode()).hexdigest(),
    )


def parse_manifest(text: str) -> tuple[set[str], set[str]]:
    """The digests in what ``manifest_inspect`` printed: of manifests, and of configurations."""
    try:
        document = json.loads(text)
    except ValueError:
        return set(), set()
    manifests: set[str] = set()
    configs: set[str] = set()
    for each in document if isinstance(document, list) else [document]:
        manifests.add(str((each.get("Descriptor") or {}).get("digest", "")))
        for key in ("SchemaV2Manifest", "OCIManifest"):
            configs.add(str(((each.get(key) or {}).get("config") or {}).get("digest", "")))
    return manifests - {""}, configs - {""}


def parse_identity(text: str) -> str:
    """What ``engine_identity`` printed; empty unless both the ID and the name are known."""
    words = text.split()
    return " ".join(words) if len(words) == 2 else ""


def parse_ps(text: str) -> dict[str, str]:
    """Container name to the value of the label that ``ps`` was asked to show."""
    rows = (line.partition(" ") for line in text.splitlines() if line.strip())
    return {name: value.strip() for name, _, value in rows}


def parse_image_ls(text: str) -> list[Listed]:
    """The tagged images in what ``image_ls`` printed."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [
        Listed(row["Repository"], row["Tag"], row["ID"], row.get("CreatedAt", ""), row.get("Size", ""))
        for row in rows
        if row["Tag"] != "<none>" and row["Repository"] != "<none>"
    ]


def parse_size(text: str) -> int:
    """The bytes of a size as docker prints it for people: ``136MB``, ``1.02GB``, ``0B``; 0 where it is none."""
    row = re.fullmatch(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kMGTP]?)B\s*", text)
    return int(float(row["number"]) * 1000 ** " kMGTP".index(row["unit"] or " ")) if row else 0


def parse_major(version: str) -> int:
    """The first number of a version: 20 of ``20.10.24+dfsg1``; 0 when there is none."""
    found = re.match(r"\s*v?(\d+)", version)
    return int(found[1]) if found else 0


def is_down(text: str) -> bool:
    """Whether the client says that the engine does not answer."""
    return bool(_DOWN.search(text))


def is_disk_full(text: str) -> bool:
    """Whether a disk is full."""
    return "no space left on device" in text.lower()


def progress_line(line: str) -> str:
    """What a line of ``--progress=plain`` tells a person; empty for bookkeeping."""
    found = _STEP.match(line)
    text = (found["text"] if found else "").strip()
    return "" if not text or _NOISE.match(text) or text.startswith("[internal]") else text


def build_error(lines: Iterable[str]) -> str:
    """The line of a failed build's output that says why; empty when it printed nothing."""
    kept = [line.strip() for line in lines if line.strip()]
    for line in reversed(kept):
        found = re.search(r"ERROR: (?P<why>.+)$", line)
        if found and "failed to build" not in found["why"]:
            return found["why"]
    return kept[-1] if kept else ""


def is_registry_unreachable(text: str) -> bool:
    """Whether a build failed because the base image's registry does not answer."""
    return re.search(r"load metadata for|failed to do request", text) is not None and any(
        sign in text for sign in ("no such host", "i/o timeout", "connection refused", "network is unreachable")
    )
