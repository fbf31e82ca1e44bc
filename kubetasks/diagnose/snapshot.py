"""A snapshot: everything that a diagnosis reads, as one JSON document. A bug report and a test's input are the same.

It holds no value of a Secret, only names and keys. What looks like a secret in a log, a message, an argument or a
variable is hidden before it gets here (``kubetasks.diagnose.hide``).
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, field

from kubetasks.errors import UsageError
from kubetasks.objects import Object

# Raised when a field changes its meaning; an older snapshot is still read.
VERSION: Final = 1
LARGEST: Final = 200 * 2**20


class Log(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of a container's log."""

    pod: str
    container: str
    previous: Annotated[bool, Meta(description="The run before the current one.")] = False
    text: Annotated[str, Meta(description="The last lines, each with the time at which it was written.")] = ""
    head: Annotated[str, Meta(description="The first lines, where the last ones are not the whole log.")] = ""


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a container answered to the request of a failing HTTP probe, asked once more through the API server."""

    pod: str
    port: int
    path: str = "/"
    scheme: str = "HTTP"
    status: Annotated[int, Meta(description="The HTTP status; 0 where the container does not answer there.")] = 0
    body: str = ""


class Ours(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The settings of the project that is deployed here, as far as a fix names them."""

    project: str = ""
    target: str = ""
    deployer: str = ""
    services: list[str] = field(default_factory=list)
    images: Annotated[str, Meta(description="The first part of the names of its images.")] = ""
    secret: Annotated[str, Meta(description="The name of its Secret.")] = ""
    secrets: Annotated[list[str], Meta(description="The keys of its Secret.")] = field(default_factory=list)
    config: Annotated[str, Meta(description="The name of its ConfigMap.")] = ""
    manifests: str = ""
    chart: str = ""
    cluster: Annotated[str, Meta(description="The name of the kind cluster or the minikube profile.")] = ""
    offline: bool = False


class Snapshot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one namespace, and of the cluster as far as it concerns it."""

    version: int = VERSION
    taken: Annotated[str, Meta(description="When, as RFC 3339 in UTC.")] = ""
    context: Annotated[str, Meta(description="The kubeconfig context; empty on the local target.")] = ""
    namespace: str = ""
    objects: list[dict[str, Any]] = field(default_factory=list)
    logs: list[Log] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    requested: Annotated[
        dict[str, dict[str, float]],
        Meta(description="What all pods of a node request: node to resource to cores, bytes or a count."),
    ] = field(default_factory=dict)
    elsewhere: Annotated[
        list[str], Meta(description="Services of other namespaces as NAMESPACE/NAME, where one is missing here.")
    ] = field(default_factory=list)
    unread: Annotated[
        dict[str, str], Meta(description="What could not be read, with the reason; rules that need it stay silent.")
    ] = field(default_factory=dict)
    ours: Ours = Ours()

    def to_json(self) -> str:
        """The document, one object a line, so that two snapshots can be compared."""
        document = msgspec.to_builtins(self)
        lines = [
            f" {json.dumps(key)}: {_lines(value) if isinstance(value, list) else json.dumps(value)}"
            for key, value in document.items()
        ]
        return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(items: list[Any]) -> str:
    if not items:
        return "[]"
    return "[\n" + ",\n".join("  " + json.dumps(each, sort_keys=True) for each in items) + "\n ]"


def from_json(text: str | bytes, source: str = "the snapshot") -> Snapshot:
    """Read a snapshot.

    Args:
        text: the document.
        source: its name, for the error.

    Raises:
        UsageError: it is not a snapshot, or one of a newer version.
    """
    try:
        found = msgspec.json.decode(text, type=Snapshot)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{source} is not a snapshot", why=str(error), fix="record one: inv diagnose --record FILE"
        ) from None
    if found.version > VERSION:
        raise UsageError(
            f"{source} is a snapshot of version {found.version}",
            why=f"this kubetasks reads up to version {VERSION}",
            fix="use the kubetasks that recorded it, or a newer one",
        )
    broken = next((each for each in found.objects if not _is_object(each)), None)
    if broken is not None:
        raise UsageError(
            f"{source} is not a snapshot", why="an object in it has no kind or no name", fix="record it again"
        )
    return found


def read(path: Path) -> Snapshot:
    """Read a snapshot from a file.

    Raises:
        UsageError: there is no such file, or it is not a snapshot.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is not a snapshot", why="it is larger than 200 MiB", fix="record it again")
        return from_json(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read", why=str(error.strerror), fix="record one: inv diagnose --record FILE"
        ) from None


def _is_object(item: Object) -> bool:
    meta = item.get("metadata")
    return isinstance(item.get("kind"), str) and isinstance(meta, dict) and isinstance(meta.get("name"), str)


def schema() -> dict[str, Any]:
    """The JSON Schema of a snapshot."""
    return msgspec.json.schema(Snapshot)
