"""A server over operations that answer from a table, and clients of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult

from kubetasks.aiops.mcp.codes import Codes
from kubetasks.aiops.mcp.outcome import Outcome
from kubetasks.aiops.mcp.server import Server
from kubetasks.diagnose.hide import masked
from kubetasks.errors import KubetasksError

SECRET = "correct-horse-battery"


@dataclass
class Fake:
    """Operations that note each call."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    answer: Outcome = field(default_factory=lambda: Outcome("all is well", ["line"], {"a": "b"}))
    error: KubetasksError | None = None

    def where(self) -> str:
        return "namespace shop of context kind-here (target kind)"

    def hide(self, text: str) -> str:
        return masked(text, lambda each: each.replace(SECRET, "***"))

    def _did(self, *call: Any) -> Outcome:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        return self.answer

    def status(self) -> Outcome:
        return self._did("status")

    def diagnose(self, workload: str) -> Outcome:
        return self._did("diagnose", workload)

    def verify(self) -> Outcome:
        return self._did("verify")

    def logs(self, service: str, tail: int) -> Outcome:
        return self._did("logs", service, tail)

    def plan(self) -> Outcome:
        return self._did("plan")

    def diff(self) -> Outcome:
        return self._did("diff")

    def deploy(self) -> Outcome:
        return self._did("deploy")

    def rollback(self, to: int) -> Outcome:
        return self._did("rollback", to)


@dataclass
class Terminal:
    """Where codes are shown."""

    there: bool = True
    lines: list[str] = field(default_factory=list)

    def __call__(self, line: str) -> bool:
        if self.there:
            self.lines.append(line)
        return self.there

    @property
    def code(self) -> str:
        return self.lines[-1].rpartition(" ")[2]


def make(fake: Fake, terminal: Terminal | None = None, *, allow_changes: bool = False, trusted: bool = False) -> Server:
    codes = Codes(terminal or Terminal(there=False))
    return Server(fake, "1.2.3", allow_changes=allow_changes, codes=codes, trusted=trusted)


def answering(action: Any, content: dict[str, Any] | None, asked: list[str]) -> Callable[..., Any]:
    """What a client does when its user is to be asked."""

    async def callback(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action=action, content=content)

    return callback


def client(server: Server, mode: str, **more: Any) -> Client:
    return Client(server.mcp, mode=mode, **more)
