"""Looking at what is being deleted: whether a namespace is, what holds it, and waiting until objects are gone."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from kubetasks.diagnose.leaving import Hold, Scope, needs_help, of_namespace, of_object, remaining, summary
from kubetasks.errors import DeletionHeld, Forbidden, NamespaceTerminating, ToolFailed
from kubetasks.objects import Object, Objects, identity, is_leaving
from kubetasks.targets.base import Cluster, Progress, Store

T = TypeVar("T")
UNLISTED: Final = (Forbidden, ToolFailed)  # a kind that the cluster does not have, or that may not be listed

# Looked at while a namespace does not say yet what remains: its controller begins 5 s after the deletion.
USUAL: Final = ("pods", "persistentvolumeclaims", "configmaps", "secrets", "services", "jobs")
GONE_IN: Final = 60.0  # seconds within which an object that is being deleted should be gone
POLL: Final = 0.5


def beside(call: Callable[[], T]) -> Callable[[], T]:
    """Start a call in a thread of its own; what is returned waits for it and gives its result, or raises its error."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def result() -> T:
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    return result


def read(
    store: Store, cluster: Cluster | None, kinds: Sequence[str], selector: str, *, optional: Sequence[str] = ()
) -> tuple[Objects, Object | None]:
    """The objects of these kinds, as ``some`` gives them, and the namespace itself, asked for at the same time.

    The namespace is None where it is not there, where there is no cluster, and where it may not be read.
    """
    namespace = beside(lambda: namespace_of(store)) if cluster is not None else lambda: None
    return some(store, kinds, optional, selector=selector), namespace()


def some(store: Store, kinds: Sequence[str], optional: Sequence[str], *, selector: str = "") -> Objects:
    """The objects of these kinds, with those of ``optional`` kinds where all of them may be listed; one call there."""
    try:
        return store.get([*kinds, *optional], selector=selector)
    except (Forbidden, ToolFailed):
        return store.get(kinds, selector=selector)


def namespaces(store: Store) -> Objects | None:
    """The namespace, where it is there; None where it may not be read.

    Raises:
        NoContact: the API server does not answer.
    """
    try:
        return store.get(["Namespace"])
    except (Forbidden, ToolFailed):
        return None


def namespace_of(store: Store) -> Object | None:
    """The namespace; None where it is not there or may not be read."""
    found = namespaces(store)
    return found[0] if found else None


def holds(store: Store, cluster: Cluster, namespace: Object) -> list[Hold]:
    """What holds a namespace that is being deleted."""
    kinds = remaining(namespace) or list(USUAL)
    try:
        content = store.get(kinds)
    except (Forbidden, ToolFailed):  # one of them cannot be listed
        content = [item for kind in kinds for item in _listed(store, kind)]
    return of_namespace(namespace, content, Scope(cluster.context, cluster.namespace))


def _listed(store: Store, kind: str) -> Objects:
    try:
        return store.get([kind])
    except (Forbidden, ToolFailed):
        return []


def terminating(store: Store, cluster: Cluster, namespace: Object | None = None) -> NamespaceTerminating:
    """The error for a namespace that is being deleted, with what holds it."""
    live = namespace if namespace is not None else namespace_of(store)
    found = holds(store, cluster, live) if live is not None else []
    why, fix, detail = summary(found)
    if not needs_help(found):
        fix = (
            f"wait for it: kubectl --context {cluster.context} wait --for=delete namespace/{cluster.namespace} "
            "--timeout=120s"
        )
    return NamespaceTerminating(
        f"namespace {cluster.namespace} is still being deleted", why=why, fix=fix, detail=detail
    )


def refuse_leaving(store: Store, cluster: Cluster | None, namespace: Object | None) -> None:
    """Refuse to work in a namespace that is being deleted.

    Raises:
        NamespaceTerminating: it is, with what holds it.
    """
    if cluster is not None and namespace is not None and is_leaving(namespace):
        raise terminating(store, cluster, namespace)


def held(items: Iterable[Object], others: Objects, scope: Scope, why: str = "", *, lost: bool = False) -> DeletionHeld:
    """The error for objects that are being deleted and stay; ``lost``: they take data with them once they go."""
    leaving = list(items)
    names = ", ".join(identity(item) for item in leaving)
    found = [hold for item in leaving for hold in of_object(item, others, scope)]
    reason, fix, detail = summary(found)
    return DeletionHeld(
        f"{names} {'is' if len(leaving) == 1 else 'are'} being deleted"
        + (", and the data will go too" if lost else " and still there"),
        why=reason or why,
        fix=fix or "run the same command again; it goes on from where it stopped",
        detail=detail,
    )


def wait_gone(
    store: Store,
    cluster: Cluster | None,
    items: Objects,
    progress: Progress,
    *,
    limit: float = GONE_IN,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until objects that are being deleted are gone: what is applied onto one would go with it.

    Raises:
        DeletionHeld: one is still there after ``limit`` seconds, with what holds it.
    """
    uids = {item["metadata"].get("uid") for item in items}
    kinds = sorted({item["kind"] for item in items})
    began = time.monotonic()
    while items:
        progress(f"waiting for {', '.join(map(identity, items))} to be gone")
        items = [item for item in store.get(kinds) if item["metadata"].get("uid") in uids and is_leaving(item)]
        if items and time.monotonic() - began > limit:
            scope = Scope(cluster.context, cluster.namespace) if cluster else Scope("", "")
            raise held(items, store.get(["Pod", *kinds]), scope)
        if items:
            sleep(POLL)
