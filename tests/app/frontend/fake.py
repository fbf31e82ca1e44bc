"""A backend that echoes, streams, breaks off and says no, as its path tells it to."""

import asyncio
import base64
import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from app.frontend import csrf, session
from app.frontend.application import create_app
from app.frontend.settings import Settings
from tests.app.servers import running

PATIENCE = 30


def token(user: str = "ann", seconds: float = 900, salt: str = "") -> str:
    """Return something like the backend's tokens; nobody has signed it."""
    claims = {"sub": user, "exp": int(time.time() + seconds), "salt": salt}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"aaa.{body}.ccc"


REFRESH = token(seconds=29 * 24 * 3600, salt="refresh")
ACCESS = token(salt="first")
CSRF = {"X-CSRF-Token": csrf.token(REFRESH)}


def cookies(access: str | None = ACCESS, refresh: str = REFRESH) -> dict[str, str]:
    """Return the headers of a browser with a session, and its page's token."""
    kept = {session.REFRESH: refresh, **({session.ACCESS: access} if access else {})}
    return {
        "Cookie": "; ".join(f"{name}={value}" for name, value in kept.items()),
        "X-CSRF-Token": csrf.token(refresh),
    }


async def send_start(send: Any, status: int = 200, headers: Any = ()) -> None:
    """Begin an answer."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})


async def send_body(send: Any, body: bytes = b"", *, more: bool = False) -> None:
    """Send a part of an answer."""
    await send({"type": "http.response.body", "body": body, "more_body": more})


class Backend:
    """The fake; `/api/{user}/tasks/{number}` does what `BEHAVIOUR` has under the number."""

    EVENTS = ((b"content-type", b"text/event-stream; charset=utf-8"),)

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked = threading.Event()
        self.gone = threading.Event()
        self.renewals: list[str] = []
        self.renewed: tuple[int, dict[str, Any]] = (200, {})
        self.only: str | None = None
        """The one access token that is taken, if not any."""
        self.seen = 0

    def reset(self) -> None:
        """Forget everything."""
        for event in (self.go_on, self.asked, self.gone):
            event.clear()
        self.renewals.clear()
        self.renewed = (200, {"user_id": "ann", "token": token(salt="second"), "refresh_token": token(salt="r2")})
        self.only, self.seen = None, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        behaviour = {
            "/api/renew": self.renew,
            "/api/ann/chat/stream": self.endless,
            "/api/ann/tasks/1": self.stream,
            "/api/ann/tasks/2": self.compressed,
            "/api/ann/tasks/3": self.nothing,
            "/api/ann/tasks/4": self.broken,
            "/api/ann/tasks/5": self.silent,
            "/api/ann/tasks/6": self.events,
            "/api/ann": self.nothing if scope["method"] == "DELETE" else self.echo,
        }
        await behaviour.get(scope["path"], self.echo)(scope, receive, send)

    async def body(self, receive: Any) -> bytes:
        parts = []
        while True:
            message = await receive()
            parts.append(message["body"])
            if not message.get("more_body"):
                return b"".join(parts)

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        body = await self.body(receive)
        self.seen += 1
        sent = dict(scope["headers"]).get(b"authorization", b"").decode()
        if self.only and sent != f"Bearer {self.only}":
            await send_start(send, 401, [(b"www-authenticate", b"Bearer")])
            await send_body(send, b'{"detail":"no"}')
            return
        answer = {
            "method": scope["method"],
            "path": scope["raw_path"].decode("latin-1"),
            "query": scope["query_string"].decode("latin-1"),
            "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
            "body": body.decode(),
        }
        headers = [
            (b"content-type", b"application/json"),
            (b"connection", b"x-once"),
            (b"x-once", b"1"),
            (b"x-mine", b"1"),
            (b"set-cookie", b"todo_access=stolen"),
            (b"cache-control", b"public, max-age=99"),
            (b"server", b"echo"),
            (b"content-security-policy", b"default-src *"),
        ]
        await send_start(send, 418, headers)
        await send_body(send, b"" if scope["method"] == "HEAD" else json.dumps(answer).encode())

    async def renew(self, scope: Any, receive: Any, send: Any) -> None:
        self.renewals.append(json.loads(await self.body(receive))["refresh_token"])
        await asyncio.sleep(0.05)  # long enough for others to ask meanwhile
        await send_start(send, self.renewed[0], [(b"content-type", b"application/json")])
        await send_body(send, json.dumps(self.renewed[1]).encode())

    async def stream(self, scope: Any, receive: Any, send: Any) -> None:
        await send_start(send)
        await send_body(send, b"one", more=True)
        await asyncio.to_thread(self.go_on.wait, PATIENCE)
        await send_body(send, b"two")

    async def endless(self, scope: Any, receive: Any, send: Any) -> None:
        await self.body(receive)
        await send_start(send, headers=self.EVENTS)
        await send_body(send, b'event: token\ndata: {"text":"one"}\n\n', more=True)
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()

    async def silent(self, scope: Any, receive: Any, send: Any) -> None:
        await self.body(receive)
        self.asked.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone.set()

    async def compressed(self, scope: Any, receive: Any, send: Any) -> None:
        body = gzip.compress(b"hello")
        await send_start(send, headers=[(b"content-encoding", b"gzip"), (b"content-length", str(len(body)).encode())])
        await send_body(send, body)

    async def nothing(self, scope: Any, receive: Any, send: Any) -> None:
        await send_start(send, 204)
        await send_body(send)

    async def broken(self, scope: Any, receive: Any, send: Any) -> None:
        await send_start(send)
        await send_body(send, b"half", more=True)

    async def events(self, scope: Any, receive: Any, send: Any) -> None:
        await send_start(send, headers=self.EVENTS)
        await send_body(send, b"event: token\ndata: half an ev", more=True)
        while (await receive())["type"] != "http.disconnect":
            pass


@contextmanager
def frontend(backend_url: str, **values: Any) -> Iterator[httpx.Client]:
    """Run the frontend before a backend; give a client of it."""
    with (
        running(create_app(Settings(backend_url=backend_url, **values))) as url,
        httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client,
    ):
        yield client


def echoed(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the backend saw, and its headers by name."""
    assert answer.status_code == 418, answer.text
    seen: dict[str, Any] = answer.json()
    return seen, dict(seen["headers"])
