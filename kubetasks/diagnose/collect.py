"""Take a snapshot: one ``kubectl get`` of everything, then, in parallel, logs and what the first answer asks for."""

import datetime as dt
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, cast

from kubetasks.diagnose import hide, wanted
from kubetasks.diagnose.proxy import Proxy
from kubetasks.diagnose.snapshot import Answer, Log, Ours, Snapshot
from kubetasks.diagnose.sources import ClusterSource, Source, StoreSource
from kubetasks.diagnose.trim import trimmed
from kubetasks.objects import Object, Objects, of_kind
from kubetasks.targets.base import Store

if TYPE_CHECKING:
    from kubetasks.targets.kubectl_store import KubectlStore

# Logs and look-ups at a time. Each is its own process, and most of its time is waiting.
AT_ONCE: Final = 8
LONGEST_LINE: Final = 600
LONGEST_LOG: Final = 24_000


def take(store: Store, ours: Ours | None = None, known: Callable[[str], str] = str, namespace: str = "") -> Snapshot:
    """Take a snapshot of a store's namespace.

    Args:
        store: where the objects live.
        ours: the settings of the project that is deployed there.
        known: replaces the secrets that are known; a ``Redactor``.
        namespace: the namespace's name, for a store that does not know it.

    Raises:
        ClusterUnreachable: the API server does not answer.
    """
    if getattr(store, "kubectl", None) is None:
        return _take(StoreSource(store, namespace=namespace), ours, known)
    cluster = cast("KubectlStore", store)  # or its read-only wrapper
    with Proxy(cluster) as proxy:
        return _take(ClusterSource(cluster, proxy), ours, known)


def _take(source: Source, ours: Ours | None, known: Callable[[str], str]) -> Snapshot:
    objects, unread = source.objects()
    objects = [item for item in objects if _concerns(item, source.namespace)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        logs = pool.map(lambda each: _log(source, each, known), wanted.logs(objects))
        answers = pool.map(lambda each: _answer(source, each, known), wanted.answers(objects))
        requested = pool.submit(_requested, source) if wanted.usage(objects) else None
        found_logs = [each for each in logs if each is not None]
        found_answers = [each for each in answers if each is not None]
        names = wanted.strangers(objects, found_logs)
        elsewhere = source.services() if names else []
    return Snapshot(
        taken=_now(objects),
        context=source.context,
        namespace=source.namespace,
        objects=[trimmed(item, known) for item in objects],
        logs=found_logs,
        answers=found_answers,
        requested=requested.result() if requested else {},
        elsewhere=[each for each in elsewhere if each.partition("/")[2] in names],
        unread=unread,
        ours=ours or Ours(),
    )


def _concerns(item: Object, namespace: str) -> bool:
    """Whether an object is about this namespace. Other namespaces and their volumes are not our business."""
    kind, name = item["kind"], item["metadata"]["name"]
    if kind == "Namespace":
        return not namespace or bool(name == namespace)
    if kind == "PersistentVolume":
        claim = item.get("spec", {}).get("claimRef") or {}
        return not claim or claim.get("namespace") == namespace
    return bool(name != "kube-root-ca.crt")


def _now(objects: Objects) -> str:
    """Now, or the newest time that the cluster reports: its clock may be ahead of this machine's."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    times = (str(each.get("lastTimestamp") or each.get("eventTime") or "") for each in of_kind(objects, "Event"))
    return max([now, *(time[:19] + "Z" for time in times if re.match(r"\d{4}-\d\d-\d\dT", time))])


def _log(source: Source, asked: wanted.Wanted, known: Callable[[str], str]) -> Log | None:
    text = source.log(asked.pod, asked.container, previous=asked.previous)
    head = ""
    if text.count("\n") >= source.tail - 1:
        head = source.head(asked.pod, asked.container, previous=asked.previous)
    if not text.strip():
        return None if asked.optional else Log(pod=asked.pod, container=asked.container, previous=asked.previous)
    return Log(
        pod=asked.pod,
        container=asked.container,
        previous=asked.previous,
        text=_cut(hide.masked(text, known)),
        head=_cut(hide.masked(head, known))[:4000],
    )


def _cut(text: str) -> str:
    """Long lines cut in their middle's place, and only the end of what is still long."""
    lines = [line[:LONGEST_LINE] for line in text.splitlines()]
    return "\n".join(lines)[-LONGEST_LOG:]


def _answer(source: Source, asked: Answer, known: Callable[[str], str]) -> Answer | None:
    status, body = source.ask(asked)
    if status < 0:
        return None
    shown = hide.masked(body[:400], known)
    return Answer(pod=asked.pod, port=asked.port, path=asked.path, scheme=asked.scheme, status=status, body=shown)


def _requested(source: Source) -> dict[str, dict[str, float]]:
    """What all pods of each node request, those of other namespaces too."""
    found: dict[str, dict[str, float]] = {}
    for pod in source.all_pods():
        node = pod.get("spec", {}).get("nodeName")
        if not node or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            continue
        total = found.setdefault(node, {})
        total["pods"] = total.get("pods", 0) + 1
        for resource, value in wanted.requests_of(pod["spec"]).items():
            total[resource] = total.get(resource, 0) + value
    return found
