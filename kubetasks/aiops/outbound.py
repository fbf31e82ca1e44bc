"""The one way to the model: each request is checked, cleaned, counted and recorded before it is sent."""

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.aiops.audit import Audit
from kubetasks.aiops.cleaning import Cleaner, TooDeep
from kubetasks.aiops.upstream import ENDPOINT_FIX, Clock, Endpoint, Wire
from kubetasks.errors import EmptyAnswer, ModelError, ModelFailed, SendLimit

CHAT: Final = "/chat/completions"
MODELS: Final = "/models"
LARGEST_ANSWER: Final = 8 * 2**20
PIECE: Final = 65_536


class Refused(Exception):
    """A request that is not sent, with the HTTP status for it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass
class Outbound:
    """Sends requests to the model's endpoint, and nothing else to nowhere else.

    Args:
        endpoint: where the model is.
        cleaner: takes secrets out of requests.
        audit: keeps what was sent.
        clock: the time for all requests together.
        most_requests: how many requests may be sent.
        most_bytes: how many bytes may be sent, bodies counted.
        fault: why the last request failed; None when it was answered.
    """

    endpoint: Endpoint
    cleaner: Cleaner
    audit: Audit
    clock: Clock
    most_requests: int
    most_bytes: int
    requests: int = 0
    sent_bytes: int = 0
    fault: ModelError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wire(self) -> Wire:
        """The connection of one thread."""
        return Wire(self.endpoint, self.clock)

    def cleaned(self, body: bytes) -> bytes:
        """The body of a request as it may leave: without secrets, and for the configured model.

        Raises:
            Refused: it is not a request for a chat completion.
        """
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise Refused(400, "the body is not JSON") from None
        if not isinstance(document, dict) or not isinstance(document.get("messages"), list):
            raise Refused(400, "the body has no list of messages")
        try:
            document = self.cleaner.document(document)
        except TooDeep:
            raise Refused(400, "the body is nested too deeply") from None
        document["model"] = self.endpoint.model
        return json.dumps(document, ensure_ascii=False).encode(errors="replace")

    def send(self, wire: Wire, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        """Count, record and send a request; the answer's status is 200, and its body has not been read.

        Args:
            wire: the thread's connection.
            method: GET or POST.
            path: ``CHAT`` or ``MODELS``.
            body: what ``cleaned`` gave.

        Raises:
            ModelError: a limit is reached, or the endpoint failed; also kept in ``fault``.
        """
        with self._lock:
            try:
                if not self.clock.left:
                    raise wire.late()
                self._count(len(body or b""))
            except ModelError as error:
                self.fault = error
                raise
        self.audit.write(self.endpoint.at(path), method, (body or b"").decode())
        try:
            answer = wire.ask(method, path, body)
        except ModelError as error:
            self.fault = error
            raise
        return answer

    def _count(self, size: int) -> None:
        if self.requests >= self.most_requests:
            raise SendLimit(
                f"the question has sent {self.requests} requests, as many as it may",
                fix="ask something narrower, or raise setting aiops.requests",
            )
        if self.sent_bytes + size > self.most_bytes:
            raise SendLimit(
                f"the question would send {self.sent_bytes + size} bytes, and may send {self.most_bytes}",
                fix="ask something narrower, or raise setting aiops.bytes",
            )
        self.requests += 1
        self.sent_bytes += size

    def pieces(self, wire: Wire, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        """The body of an answer as it comes, checked for the protocol at its end.

        Raises:
            ModelError: the connection was lost, the time is up, or it is not an answer of the OpenAI protocol.
        """
        stream = answer.headers.get_content_type() == "text/event-stream"
        kept = bytearray()
        try:
            while True:
                wire.wait()
                piece = answer.read1(PIECE)
                if not piece:
                    break
                kept += piece
                if len(kept) > LARGEST_ANSWER:
                    raise ModelFailed(f"{self.endpoint.host} sent more than {LARGEST_ANSWER // 2**20} MiB")
                if stream:
                    yield piece
            length = answer.headers.get("Content-Length", "")
            if length.isdigit() and len(kept) < int(length):
                raise http.client.IncompleteRead(b"")
            answer.close()  # reading to the end does not, and the connection could not be used again
            wire.done()
            if not kept.strip():
                raise self.empty()
            if not (_is_stream(bytes(kept)) if stream else _is_document(bytes(kept))):
                raise self.nonsense()
            if not stream:
                yield bytes(kept)
        except (OSError, http.client.HTTPException) as error:
            self.fault = wire.failure(error)
            wire.close()
            raise self.fault from None
        except ModelError as error:
            self.fault = error
            wire.close()
            raise
        self.fault = None

    def nonsense(self) -> ModelFailed:
        """The error for an answer that is not a valid one."""
        what = f"{self.endpoint.host} does not speak the OpenAI protocol"
        return ModelFailed(what, why="its answer has no choices", fix=ENDPOINT_FIX)

    def empty(self) -> EmptyAnswer:
        """The error for an answer without text."""
        return EmptyAnswer("the model's answer is empty", fix="ask again, or another model (setting aiops.model)")

    def complete(self, document: dict[str, Any]) -> dict[str, Any]:
        """Send a request that is not streamed, and return the first choice's message.

        Raises:
            ModelError: as ``send``; ``EmptyAnswer`` for one with neither text nor calls.
        """
        wire = self.wire()
        try:
            body = self.cleaned(json.dumps({**document, "stream": False}).encode())
            answer = self.send(wire, "POST", CHAT, body)
            held = json.loads(b"".join(self.pieces(wire, answer)))
        except (ValueError, Refused):
            raise self.nonsense() from None
        finally:
            wire.close()
        choices = held.get("choices") or [{}]
        found = choices[0].get("message") or {} if isinstance(choices[0], dict) else None
        if not isinstance(found, dict):
            raise self.nonsense()
        if not found.get("tool_calls") and not str(found.get("content") or "").strip():
            raise self.empty()
        return found


def _is_document(body: bytes) -> bool:
    """Whether a body is an answer of the OpenAI protocol: with ``choices``, or a list of models."""
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(held, dict) and (isinstance(held.get("choices"), list) or isinstance(held.get("data"), list))


def _is_stream(body: bytes) -> bool:
    """Whether server-sent events hold a chunk of the OpenAI protocol, or its end."""
    data = (line[5:].strip() for line in body.splitlines() if line.startswith(b"data:"))
    return any(each == b"[DONE]" or _is_document(each) for each in data)
