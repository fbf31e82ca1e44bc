"""Pods, containers and events as rules read them. All of it is derived from a snapshot; nothing is asked."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from kubetasks.diagnose.words import one_line, plain
from kubetasks.objects import Object

STAMP: Final = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) ?")
LONGEST_LOG: Final = 2**20
LONGEST_LINE: Final = 2000
LONGEST_MESSAGE: Final = 8000
MOST_LINES: Final = 200


def moment(text: object) -> dt.datetime | None:
    """A Kubernetes time; None if there is none."""
    try:
        found = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Line:
    """A line of a log, and when it was written."""

    text: str
    at: dt.datetime | None = None


def log_lines(text: str) -> list[Line]:
    """The lines of a log, with or without times, safe to print."""
    found = []
    # Cut first: a snapshot from a file may hold anything.
    cut = "\n".join(line[:LONGEST_LINE] for line in text[-LONGEST_LOG:].splitlines()[-MOST_LINES:])
    for raw in plain(cut).split("\n"):
        stamp = STAMP.match(raw)
        found.append(Line(raw[stamp.end() :] if stamp else raw, moment(stamp[1]) if stamp else None))
    return found


@dataclass(frozen=True)
class Event:
    """An event: its reason and message, how often and when it happened last."""

    item: Object

    @property
    def reason(self) -> str:
        """The reason, ``FailedMount``."""
        return str(self.item.get("reason") or "")

    @cached_property
    def message(self) -> str:
        """The whole message, in one line."""
        return one_line(str(self.item.get("message") or ""), LONGEST_MESSAGE)

    @property
    def about(self) -> Mapping[str, Any]:
        """The object that it is about."""
        found: Mapping[str, Any] = self.item.get("involvedObject") or self.item.get("regarding") or {}
        return found

    @property
    def container(self) -> str:
        """The container's name, where it is about one."""
        found = re.search(r"\{(.+)\}$", str(self.about.get("fieldPath") or ""))
        return found[1] if found else ""

    @property
    def count(self) -> int:
        """How often."""
        return int(self.item.get("count") or (self.item.get("series") or {}).get("count") or 1)

    @cached_property
    def last(self) -> dt.datetime | None:
        """When it happened last."""
        series = self.item.get("series") or {}
        return moment(
            series.get("lastObservedTime")
            or self.item.get("lastTimestamp")
            or self.item.get("eventTime")
            or self.item["metadata"].get("creationTimestamp")
        )

    @cached_property
    def first(self) -> dt.datetime | None:
        """When it happened first."""
        return moment(
            self.item.get("firstTimestamp")
            or self.item.get("eventTime")
            or self.item["metadata"].get("creationTimestamp")
        )

    @property
    def line(self) -> str:
        """``event FailedMount: message``."""
        often = f" ({self.count} times)" if self.count > 1 else ""
        return f"event {self.reason}{often}: {one_line(self.message, 400)}"


@dataclass(frozen=True)
class Ended:
    """How a container's process ended."""

    code: int
    reason: str
    message: str
    started: dt.datetime | None
    finished: dt.datetime | None
    signal: int = 0

    @property
    def lasted(self) -> float | None:
        """How many seconds it ran."""
        if self.started and self.finished:
            return (self.finished - self.started).total_seconds()
        return None


def _ended(state: Mapping[str, Any]) -> Ended | None:
    found = state.get("terminated")
    if not found:
        return None
    return Ended(
        int(found.get("exitCode", 0)),
        str(found.get("reason") or ""),
        one_line(str(found.get("message") or ""), LONGEST_MESSAGE),
        moment(found.get("startedAt")),
        moment(found.get("finishedAt")),
        int(found.get("signal") or 0),
    )


@dataclass(eq=False)
class Container:
    """One container of a pod: what was asked for, and what became of it."""

    pod: "Pod"
    spec: Object
    status: Object
    kind: str
    current: list[Line] = field(default_factory=list)
    previous: list[Line] = field(default_factory=list)
    head: list[Line] = field(default_factory=list)
    has_log: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.spec.get("name") or self.status.get("name") or "")

    @property
    def label(self) -> str:
        """``container web``, ``init container wait``."""
        return {"main": "container", "init": "init container", "sidecar": "sidecar"}[self.kind] + f" {self.name}"

    @property
    def image(self) -> str:
        """The image as the spec names it."""
        return str(self.spec.get("image") or self.status.get("image") or "")

    @property
    def ready(self) -> bool:
        """Whether it is ready; of an init container, whether it is done."""
        if self.kind == "init":
            ended = self.ended_now
            return bool(self.status.get("ready")) or (ended is not None and ended.code == 0)
        return bool(self.status.get("ready"))

    @property
    def restarts(self) -> int:
        """How often it was restarted."""
        return int(self.status.get("restartCount") or 0)

    @property
    def waiting(self) -> tuple[str, str]:
        """Reason and message of a waiting container; both empty for any other."""
        found = (self.status.get("state") or {}).get("waiting") or {}
        return str(found.get("reason") or ""), one_line(str(found.get("message") or ""), LONGEST_MESSAGE)

    @property
    def running_since(self) -> dt.datetime | None:
        """When the process that runs was started."""
        running = (self.status.get("state") or {}).get("running")
        return moment(running.get("startedAt")) if running else None

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        return "running" in (self.status.get("state") or {})

    @property
    def ended_now(self) -> Ended | None:
        """How it ended, where it is not running again."""
        return _ended(self.status.get("state") or {})

    @property
    def ended_before(self) -> Ended | None:
        """How the run before this one ended."""
        return _ended(self.status.get("lastState") or {})

    @property
    def ended(self) -> Ended | None:
        """How its last run that ended did."""
        return self.ended_now or self.ended_before

    @property
    def last_words(self) -> list[Line]:
        """The log of the run that ended last."""
        return self.previous if self.is_running and self.previous else self.current

    @property
    def ports(self) -> list[int]:
        """The ports that it declares."""
        return [int(port["containerPort"]) for port in self.spec.get("ports") or () if "containerPort" in port]

    @property
    def command(self) -> list[str]:
        """Command and arguments as the spec has them; empty if the image decides."""
        return [str(word) for word in [*(self.spec.get("command") or ()), *(self.spec.get("args") or ())]]

    @property
    def env(self) -> dict[str, Object]:
        """Its variables by name, as the spec has them."""
        return {str(each.get("name")): each for each in self.spec.get("env") or ()}

    def limit(self, resource: str) -> str:
        """A limit as the spec has it; empty if there is none."""
        return str(((self.spec.get("resources") or {}).get("limits") or {}).get(resource) or "")

    def request(self, resource: str) -> str:
        """A request as the spec has it; empty if there is none."""
        return str(((self.spec.get("resources") or {}).get("requests") or {}).get(resource) or "")


@dataclass(eq=False)
class Pod:
    """One pod, with the workload that it belongs to."""

    item: Object
    workload: str
    events: Sequence[Event]
    containers: list[Container] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.item["metadata"]["name"])

    @property
    def key(self) -> str:
        """``Pod/name``."""
        return f"Pod/{self.name}"

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return dict(self.item["metadata"].get("labels") or {})

    @property
    def spec(self) -> Object:
        """Its spec."""
        return dict(self.item.get("spec") or {})

    @property
    def status(self) -> Object:
        """Its status."""
        return dict(self.item.get("status") or {})

    @property
    def phase(self) -> str:
        """Its phase."""
        return str(self.status.get("phase") or "")

    @property
    def deleted(self) -> dt.datetime | None:
        """When it was to be deleted, where it is being deleted."""
        return moment(self.item["metadata"].get("deletionTimestamp"))

    @property
    def created(self) -> dt.datetime | None:
        """When it was created."""
        return moment(self.item["metadata"].get("creationTimestamp"))

    @property
    def node(self) -> str:
        """The node that it is on."""
        return str(self.spec.get("nodeName") or "")

    @property
    def ready(self) -> bool:
        """Whether it is ready. Where no condition says so (other stores than a cluster), its containers do."""
        condition = self.condition("Ready")
        if condition:
            return condition.get("status") == "True"
        mains = [each for each in self.containers if each.kind == "main"]
        return bool(mains) and all(each.ready for each in mains)

    def condition(self, kind: str) -> Mapping[str, Any]:
        """One of its conditions; empty if it has none of that type."""
        for each in self.status.get("conditions") or ():
            if each.get("type") == kind:
                return dict(each)
        return {}

    def events_with(self, *reasons: str) -> Iterator[Event]:
        """Its events with one of these reasons, the newest first."""
        return (event for event in reversed(self.events) if event.reason in reasons)
