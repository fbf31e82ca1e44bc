"""What is counted, for Prometheus."""

import time

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.backend.records import ToolCall
from app.backend.tools import TOOLS

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
disable_created_metrics()  # type: ignore[no-untyped-call]  # when a counter was made helps no one

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters in a registry of their own. Labels have few values: nothing that a request brings becomes one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "todo_requests",
            "Requests, by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "todo_request_seconds",
            "Seconds until a request was answered, streams to their end.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.turns = Counter(
            "todo_turns",
            "Turns of the chat, by assistant and how they ended (answered, replayed, failed).",
            ("assistant", "outcome"),
            registry=self.registry,
        )
        self.tool_calls = Counter(
            "todo_tool_calls",
            "Tool calls, by tool, where they came from (rest, chat, mcp), and whether they changed something.",
            ("tool", "origin", "ok"),
            registry=self.registry,
        )

    def tool_called(self, call: ToolCall, origin: str) -> None:
        """Count a tool call that is on record."""
        tool = call.tool if call.tool in TOOLS else "unknown"
        self.tool_calls.labels(tool, origin, "true" if call.result.ok else "false").inc()

    def turn_ended(self, assistant: str, outcome: str) -> None:
        """Count a turn."""
        self.turns.labels(assistant, outcome).inc()

    def page(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


class Measure:
    """Counts and times requests, by the template of their route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # unless an answer begins

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, noted)
        finally:
            route = _template(scope)
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._metrics.seconds.labels(route, method).observe(time.perf_counter() - began)
            self._metrics.requests.labels(route, method, str(status)).inc()


def _template(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "none"
