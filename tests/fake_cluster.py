"""A runner behind which kubectl and helm work on a cluster in memory, and lose the connection when a test says so."""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubetasks.errors import ApplyFailed, KubetasksError, ToolFailed
from kubetasks.objects import MANAGED_BY, Object, Objects, by_identity, identity
from kubetasks.redact import Redactor
from kubetasks.runner import Environment, Process, Result, Runner
from kubetasks.targets.link import Link
from tests.memory_store import Clock, MemoryStore

LOST = "Unable to connect to the server: net/http: TLS handshake timeout"
HELM_LOST = 'Error: UPGRADE FAILED: Get "https://127.0.0.1:6443/api/v1": net/http: TLS handshake timeout'
BEFORE, AFTER, MIDDLE = "before", "after", "in the middle"


def quick(patience: float = 120.0, clock: Clock | None = None) -> Link:
    """A connection whose waiting takes no time; it has been answered before."""
    time = clock or Clock()
    return Link(patience, monotonic=time, sleep=time.sleep, answered=True)


def _kind_of(lower: str, store: MemoryStore) -> list[str]:
    return [item["kind"] for item in store.objects.values() if item["kind"].lower() == lower]


@dataclass
class FakeCluster:
    """See above.

    Args:
        store: the objects.
        lose: asked for every call to the cluster, with its number from 0 and its argv: when its answer is lost, before
            or after the cluster carried it out, or in the middle (helm: its release is left pending).
        chart: what helm installs.
        other: answers of calls that need no cluster, by the first words of their argv.
        engine: runs docker.
    """

    store: MemoryStore = field(default_factory=MemoryStore)
    lose: Callable[[int, list[str]], str] = lambda _, __: ""
    chart: Callable[[], Objects] = list
    other: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    engine: Runner | None = None
    redactor: Redactor = field(default_factory=Redactor)
    argvs: list[list[str]] = field(default_factory=list)

    def which(self, program: str) -> str | None:
        return f"/usr/bin/{program}"

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | bytes | None = None,  # noqa: A002
        env: Environment | None = None,
        cwd: Path | None = None,
        timeout: float = 60.0,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        for words, answer in self.other.items():
            if tuple(argv[: len(words)]) == words:
                return Result(tuple(argv), 0, answer)
        if argv[0] == "docker" and self.engine is not None:
            return self.engine.run(argv, input=input, env=env, cwd=cwd, timeout=timeout, check=check)
        when = self.lose(len(self.argvs), list(argv))
        self.argvs.append(list(argv))
        lost = Result(tuple(argv), 1, "", HELM_LOST if argv[0] == "helm" else LOST)
        if when == BEFORE:
            return lost
        text = input if isinstance(input, str) else ""
        try:
            out = self._helm(list(argv), when) if argv[0] == "helm" else self._kubectl(list(argv), text)
            result = Result(tuple(argv), 0, out)
        except ApplyFailed as refused:
            result = Result(tuple(argv), 1, "", f"Error from server (Invalid): {refused.why}")
        except KubetasksError as error:
            result = Result(tuple(argv), 1, "", f"Error from server (NotFound): {error.why}")
        except _Existing as error:
            result = Result(tuple(argv), 1, "", f"Error from server (AlreadyExists): {error}")
        return lost if when in {AFTER, MIDDLE} else result

    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Environment | None = None,
        cwd: Path | None = None,
        stdin: bool = False,
        merge: bool = False,
    ) -> contextlib.AbstractContextManager[Process]:
        raise AssertionError(f"nobody foresaw {argv}")

    def _kubectl(self, argv: list[str], text: str) -> str:
        words = [word for word in argv[1:] if not word.startswith("--request-timeout")]
        while words[0] in {"--context", "--namespace"}:
            words = words[2:]
        verb, *rest = words
        items: Objects = json.loads(text).get("items", [json.loads(text)]) if text else []
        if verb == "get" and rest[0] == "namespace":
            return _one(self.store.get(["Namespace"]))
        if verb == "get" and "--filename" in rest:
            found = by_identity(self.store.get([item["kind"] for item in items]))
            return _list([found[identity(item)] for item in items if identity(item) in found])
        if verb == "get":
            selector = rest[rest.index("--selector") + 1] if "--selector" in rest else ""
            kinds = [kind for lower in rest[0].split(",") for kind in _kind_of(lower, self.store)]
            return _list(self.store.get(kinds, selector=selector))
        if verb == "apply":
            return _list(self.store.apply(items, dry_run="--dry-run=server" in rest))
        if verb == "create":
            if not self.store.create(items[0]):
                raise _Existing("already exists")
        elif verb == "delete":
            self._delete(rest, items)
        elif verb == "replace":
            self.store.put(*items)
        elif verb == "logs":
            return self.store.logs(rest[0])
        else:
            raise AssertionError(f"nobody foresaw {argv}")
        return ""

    def _delete(self, rest: list[str], items: Objects) -> None:
        if rest[0] == "namespace":
            self.store.delete_all()
        elif "--raw" in rest:
            self._delete_as_read(rest[rest.index("--raw") + 1], items[0]["preconditions"])
        else:
            self.store.delete(items)

    def _delete_as_read(self, path: str, preconditions: dict[str, str]) -> None:
        plural, name = path.split("/")[-2:]
        for item in list(self.store.objects.values()):
            if item["metadata"]["name"] == name and f"{item['kind'].lower()}s" == plural:
                read = {**item, "metadata": {**item["metadata"], **preconditions}}
                if self.store.delete_as_read(read):
                    return
        raise ToolFailed("", why=f'{plural} "{name}" not found')

    def _helm(self, argv: list[str], when: str) -> str:
        verb, release = argv[5], argv[6]
        held = self.store.get(["Secret"], selector=f"owner=helm,name={release}")
        newest = max((int(item["metadata"]["labels"]["version"]) for item in held), default=0)
        if verb in {"upgrade", "rollback"}:
            if any(item["metadata"]["labels"]["status"].startswith("pending") for item in held):
                raise ApplyFailed("", why="another operation (install/upgrade/rollback) is in progress")
            objects = [_by_helm(item) for item in self.chart()]
            self.store.apply(objects[: len(objects) // 2] if when == MIDDLE else objects)
            status = f"pending-{verb}" if when == MIDDLE else "deployed"
            self.store.put(helm_record(release, newest + 1, status))
        elif verb == "uninstall":
            self.store.delete([_by_helm(item) for item in self.chart()])
            self.store.delete(held if when != MIDDLE else [])
        else:
            raise AssertionError(f"nobody foresaw {argv}")
        return ""


class _Existing(Exception):
    pass


def helm_record(release: str, version: int, status: str = "deployed") -> Object:
    """The Secret in which helm keeps a revision of a release."""
    labels = {"owner": "helm", "name": release, "version": str(version), "status": status}
    meta = {"name": f"sh.helm.release.v1.{release}.v{version}", "namespace": release, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta}


def _by_helm(item: Object) -> Object:
    labels = {**item["metadata"].get("labels", {}), MANAGED_BY: "Helm"}
    return {**item, "metadata": {**item["metadata"], "labels": labels}}


def _list(items: Sequence[Any]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})


def _one(items: Objects) -> str:
    return json.dumps(items[0]) if items else ""
