"""The objects of one namespace behind an API server, through kubectl."""

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kubetasks.diagnose.leaving import Scope, refusal
from kubetasks.errors import (
    ApplyFailed,
    DeletionHeld,
    Forbidden,
    KubetasksError,
    NamespaceTerminating,
    NotEffective,
    ToolFailed,
)
from kubetasks.objects import CLUSTER_SCOPED, DOMAIN, Object, Objects, is_built_in, is_leaving, is_record
from kubetasks.runner import Process, Result, Runner
from kubetasks.targets import departure, fence
from kubetasks.targets.base import Cluster, Progress
from kubetasks.targets.calls import REQUEST, Calls
from kubetasks.targets.confirm import unapplied, undeleted
from kubetasks.targets.link import Attempt
from kubetasks.tools import kubectl as tool
from kubetasks.tools.trouble import classify

FIRST_LINES: Final = 10  # of a log that is followed
# Tells an object that this very request created from one that was there before, where the answer was lost.
CREATED_BY: Final = f"{DOMAIN}/created-by"


@dataclass(frozen=True)
class KubectlStore:
    """A ``Store`` over kubectl. Every call names the cluster's context and namespace.

    Each change is looked for afterwards: what the cluster shows counts, not what kubectl reports.
    """

    cluster: Cluster
    runner: Runner

    @property
    def kubectl(self) -> tool.Kubectl:
        """kubectl, bound to this cluster and namespace."""
        return tool.Kubectl(self.cluster.context, self.cluster.namespace)

    @property
    def calls(self) -> Calls:
        """Starts kubectl for this cluster."""
        return Calls(self.cluster, self.runner)

    def call(self, argv: Sequence[str], *, input: str | None = None, timeout: float = REQUEST) -> Result:  # noqa: A002
        """Run kubectl until the cluster answers; see ``Calls.call``."""
        return self.calls.call(argv, input=input, timeout=timeout)

    def change(self, argv: Sequence[str], *, input: str | None = None, timeout: float = REQUEST) -> Result:  # noqa: A002
        """As ``call``, for what changes something; see ``Calls.change``."""
        with self._explained():
            return self.calls.change(argv, input=input, timeout=timeout)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Name what holds a namespace that is being deleted."""
        try:
            yield
        except NamespaceTerminating:
            raise departure.terminating(self, self.cluster) from None

    def _failed(self, result: Result) -> KubetasksError:
        return ToolFailed(
            f"kubectl could not {tool.verb(result.argv)}", why=self.runner.redactor(tool.reason(result.stderr))
        )

    def _listed(self, argv: Sequence[str], *, input: str | None = None) -> Objects:  # noqa: A002
        result = self.call(argv, input=input)
        if not result.ok:
            raise self._failed(result)
        return _items(result.stdout)

    def get(self, kinds: Sequence[str], *, selector: str = "") -> Objects:
        """See ``Store.get``."""
        found: Objects = []
        listed = [kind for kind in kinds if kind != "Namespace"]
        if "Namespace" in kinds:
            found += self._listed(self.kubectl.get_namespace())
        if listed:
            found += self._listed(self.kubectl.get(listed, selector=selector))
        return found

    def get_everywhere(self, kinds: Sequence[str], *, selector: str) -> Objects | None:
        """The objects of these kinds in all namespaces; None where not all of them may be listed."""
        try:
            return self._listed(self.kubectl.get_everywhere(kinds, selector=selector))
        except (Forbidden, ToolFailed):
            return None

    def look(self, objects: Objects) -> Objects:
        """Those of the objects that are there now, by kind and name; one call."""
        return self._listed(self.kubectl.get_these(), input=_list([self._named(item) for item in objects]))

    def apply(self, objects: Objects, *, dry_run: bool = False) -> Objects:
        """See ``Store.apply``."""
        if not objects:
            return []
        send = self.call if dry_run else self.change
        result = send(self.kubectl.apply(dry_run=dry_run), input=_list(objects))
        if result.ok:
            answered = _items(result.stdout)
            if dry_run:
                return answered
            leaving = [item for item in answered if is_leaving(item)]
            if leaving:  # what is applied onto an object that is being deleted goes with it
                departure.wait_gone(self, self.cluster, leaving, lambda _text: None)
                return self.apply(objects)
            checked = _lasting(objects)
            if checked:
                _effective("applied", unapplied(checked, answered, self.look(checked)))
            return answered
        if dry_run and tool.is_missing_namespace(result.stderr):
            return objects
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        raise ApplyFailed(
            "the cluster refused an object",
            why=self.runner.redactor(tool.reason(result.stderr)),
            fix="nothing that runs was stopped; mend it and deploy again",
            detail=self.runner.redactor("\n".join(lines[1:])),
        )

    def create(self, item: Object) -> bool:
        """See ``Store.create``. A mark on the object tells whether it was this request that created it."""
        mark = uuid.uuid4().hex
        metadata = item["metadata"]
        marked = {**metadata, "annotations": {**(metadata.get("annotations") or {}), CREATED_BY: mark}}
        text = json.dumps({**item, "metadata": marked})

        def attempt(state: Attempt) -> bool:
            fence.check()
            result = self.calls.once(self.kubectl.create(), state, input=text)
            if result.ok:
                return True
            if not tool.is_existing(result.stderr):
                raise self._failed(result)
            if not state.lost:
                return False
            there = self.look([item])  # the attempt before may have created it
            return bool(there) and (there[0]["metadata"].get("annotations") or {}).get(CREATED_BY) == mark

        with self._explained():
            return self.calls.until_answered(attempt)

    def delete(self, objects: Objects, *, wait: bool = True) -> None:
        """See ``Store.delete``."""
        if not objects:
            return
        named = [self._named(item) for item in objects]
        result = self.change(self.kubectl.delete(wait=wait), input=_list(named), timeout=120)
        if not result.ok:
            raise self._not_deleted(objects, result)
        checked = _lasting(objects)
        if checked:
            _effective("deleted", undeleted(checked, self.look(checked), waited=wait))

    def _not_deleted(self, objects: Objects, result: Result) -> KubetasksError:
        """The error for a deletion that was refused, or that something holds."""
        scope = Scope(self.cluster.context, self.cluster.namespace)
        refused = refusal(self.runner.redactor(result.stderr), scope)
        if refused is not None:
            return DeletionHeld("an object could not be deleted", why=refused.line, fix=refused.fix)
        if "timed out waiting" not in result.stderr:
            return self._failed(result)
        kinds = sorted({item["kind"] for item in objects})
        names = {(item["kind"], item["metadata"]["name"]) for item in objects}
        there = [item for item in self.get(kinds) if (item["kind"], item["metadata"]["name"]) in names]
        leaving = [item for item in there if is_leaving(item)]
        return departure.held(leaving or objects, self.get(["Pod", *kinds]), scope, tool.reason(result.stderr))

    def delete_as_read(self, item: Object) -> bool:
        """See ``Store.delete_as_read``."""
        text = tool.preconditions(item)

        def attempt(state: Attempt) -> bool:
            fence.check()
            result = self.calls.once(self.kubectl.delete_as_read(item), state, input=text)
            if not result.ok and not tool.is_changed(result.stderr):
                raise self._failed(result)
            # The attempt before may have deleted it.
            return result.ok or (state.lost and not self.look([item]))

        return self.calls.until_answered(attempt)

    def _named(self, item: Object) -> Object:
        inside = is_built_in(item) and item["kind"] not in CLUSTER_SCOPED
        scope = {"namespace": self.cluster.namespace} if inside or item["metadata"].get("namespace") else {}
        named = {"name": item["metadata"]["name"], **scope}
        return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": named}

    def delete_all(self) -> None:
        """See ``Store.delete_all``."""
        result = self.change(self.kubectl.delete_namespace())
        if not result.ok:
            scope = Scope(self.cluster.context, self.cluster.namespace)
            refused = refusal(self.runner.redactor(result.stderr), scope)
            raise DeletionHeld(
                f"namespace {self.cluster.namespace} could not be deleted",
                why=refused.line if refused else self.runner.redactor(tool.reason(result.stderr)),
                fix=refused.fix if refused else "run inv destroy again; it goes on from where it stopped",
            )
        gone = {"kind": "Namespace", "metadata": {"name": self.cluster.namespace}}
        _effective("deleted", undeleted([gone], self.get(["Namespace"]), waited=False))

    def logs(self, pod: str, container: str = "", *, tail: int = 20, previous: bool = False) -> str:
        """See ``Store.logs``."""
        result = self.call(self.kubectl.logs(pod, container, tail=tail, previous=previous))
        return self.runner.redactor(result.stdout) if result.ok else ""

    def follow(self, pods: Sequence[str], on_line: Progress) -> None:
        """See ``Store.follow``. Where the connection is lost, the lines go on once the cluster answers again."""
        failures: list[KubetasksError] = []
        with contextlib.ExitStack() as stack:

            def follow(pod: str) -> None:
                tail = FIRST_LINES
                try:
                    while self._pump(stack.enter_context(self._logs_of(pod, tail)), on_line):
                        self.calls.call(self.kubectl.get_namespace())
                        tail = 0
                except KubetasksError as error:
                    failures.append(error)

            threads = [threading.Thread(target=follow, args=(pod,), daemon=True) for pod in pods]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]

    def _logs_of(self, pod: str, tail: int) -> contextlib.AbstractContextManager[Process]:
        return self.runner.spawn(self.kubectl.follow(pod, tail=tail), env=self.cluster.env, merge=True)

    def _pump(self, process: Process, on_line: Progress) -> bool:
        """Hand on the lines of one stream until it ends; whether it ended because the connection was lost."""
        line = ""
        with contextlib.suppress(ValueError, OSError):  # closed when the block ends
            for raw in process.stdout or ():
                line = raw.decode(errors="replace").rstrip("\n")
                on_line(self.runner.redactor(line))
        trouble = None if line.startswith("[pod/") else classify(line, self.cluster.server)
        return trouble is not None and trouble.passing


def _lasting(objects: Objects) -> Objects:
    """The objects whose change is looked for afterwards: not our own records and the lock.

    Without its record a deploy goes through every step again; a lock expires.
    """
    return [item for item in objects if not is_record(item)]


def _effective(what: str, problems: list[str]) -> None:
    """Refuse to go on where the cluster does not show what kubectl reported.

    Raises:
        NotEffective: there are problems.
    """
    if problems:
        raise NotEffective(
            f"kubectl reported objects as {what}, but the cluster does not show it",
            why=problems[0] + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""),
            fix="see which kubectl that is (type -a kubectl, setting programs.kubectl), and who else changes them",
            detail="\n".join(problems[1:]),
        )


def _items(text: str) -> Objects:
    """The objects that kubectl printed as JSON: a list, a single one, or nothing.

    Raises:
        ToolFailed: it printed something else, as a wrapper in its place may.
    """
    if not text.strip():
        return []
    try:
        document = json.loads(text)
    except ValueError:
        raise ToolFailed(
            "kubectl printed something that is not JSON",
            why=text.strip().splitlines()[0][:200],
            fix="see which kubectl that is: type -a kubectl, setting programs.kubectl",
        ) from None
    if "items" in document:
        return list(document["items"] or [])
    return [document] if document.get("metadata") else []


def _list(objects: Objects) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
