"""Who leaves first: the client, or the server. Real servers, on both databases."""

import asyncio
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import httpx
import pytest

from app.backend.database import make_database
from app.backend.readiness import Readiness
from app.backend.shutdown import graceful
from app.backend.turns import stream
from app.backend.turns.live import Live, Turns
from app.backend.turns.values import Answer, TurnError
from tests.app.databases import KINDS
from tests.app.turns.conftest import Desk, play
from tests.app.turns.held import Held, held
from tests.app.turns.scripted import Deciding, Gate, Scripted

MESSAGE = {"message": "add: milk, eggs"}


@dataclass
class Client:
    """A user of a server."""

    server: Held
    id: str
    headers: dict[str, str]

    def post(self, path: str, key: str) -> httpx.Response:
        """Say it, and wait."""
        return self.server.client.post(path_of(self, path), json=MESSAGE, headers=self.with_key(key))

    @contextmanager
    def stream(self, path: str, key: str) -> Iterator[httpx.Response]:
        """Say it, and listen until the end of the block."""
        made = self.server.client.stream("POST", path_of(self, path), json=MESSAGE, headers=self.with_key(key))
        with made as response:
            yield response

    def with_key(self, key: str) -> dict[str, str]:
        return self.headers | {"Idempotency-Key": key}

    def titles(self) -> list[str]:
        answer = self.server.client.get(path_of(self, "/tasks"), headers=self.headers)
        return [task["title"] for task in answer.json()["items"]]

    def at(self, other: Held) -> "Client":
        """Return the same user at another server."""
        return Client(other, self.id, self.headers)

    def said(self) -> list[str]:
        """Return the roles of the messages of the one conversation."""
        get = self.server.client.get
        [item] = get(path_of(self, "/conversations"), headers=self.headers).json()["items"]
        items = get(path_of(self, f"/conversations/{item['id']}/messages"), headers=self.headers).json()["items"]
        return [message["role"] for message in items]


def path_of(client: Client, path: str) -> str:
    return f"/api/{client.id}{path}"


def client_of(server: Held) -> Client:
    """Return a new user."""
    session = server.client.post("/api/session").json()
    return Client(server, session["user_id"], {"Authorization": f"Bearer {session['token']}"})


def read(lines: Iterator[str], until: str) -> tuple[list[str], Any]:
    """Read events up to one; return the names before it, and its data."""
    names: list[str] = []
    for line in lines:
        if line == f"event: {until}":
            return names, json.loads(next(lines).removeprefix("data: "))
        if line.startswith("event: "):
            names.append(line.removeprefix("event: "))
    pytest.fail(f"there was no {until}: {names}")


def not_ready_until_closed(server: Held) -> None:
    """See that the server is not ready, for as long as it takes connections."""
    while True:
        try:
            assert httpx.get(f"{server.client.base_url}/ready", timeout=10).status_code == 503
        except httpx.TransportError:
            return


def test_when_the_server_ends_streams_are_told_and_work_in_flight_is_finished(url: str) -> None:
    with held(url, "rules", 1) as server:
        client = client_of(server)
        with client.stream("/chat/stream", "key") as response:
            lines = response.iter_lines()
            server.reached()
            server.terminate()
            names, error = read(lines, "error")
            assert names[:2] == ["tool_call", "tool_result"]
            assert (error["status"], error["retry_after"]) == (503, 2)
            assert list(lines) == [""]  # and it is closed
        not_ready_until_closed(server)
        assert server.process.poll() is None  # the turn is not finished
        server.let_go()
        assert server.process.wait(20) == -signal.SIGTERM
    with held(url, "rules", 9) as again:
        client = client.at(again)
        assert client.said() == ["user", "assistant"]
        assert client.post("/chat", "key").json()["replayed"]
        assert client.titles() == ["milk", "eggs"]


def test_when_the_server_ends_an_answer_that_is_waited_for_is_given(url: str) -> None:
    with held(url, "rules", 1) as server:
        client = client_of(server)
        answers: list[httpx.Response] = []
        waiting = threading.Thread(target=lambda: answers.append(client.post("/chat", "key")))
        waiting.start()
        server.reached()
        server.terminate()
        server.let_go()
        waiting.join(20)
        assert [answer.status_code for answer in answers] == [200]
        assert server.process.wait(20) == -signal.SIGTERM


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_a_turn_that_does_not_end_does_not_keep_the_server(url: str, path: str) -> None:
    with held(url, "rules", 1, seconds=1) as server:
        client = client_of(server)
        answers: list[httpx.Response] = []
        waiting = threading.Thread(target=lambda: answers.append(client.post(path, "key")))
        waiting.start()
        server.reached()
        server.terminate()
        assert server.process.wait(8) == -signal.SIGTERM
        waiting.join(20)
        [answer] = answers
        if path == "/chat":
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        else:
            assert answer.text.split("\n")[-4] == "event: error"
    with held(url, "rules", 9) as again:
        client = client.at(again)
        assert client.titles() == ["milk"]
        assert not client.post("/chat", "key").json()["replayed"]
        assert client.titles() == ["milk", "eggs"]


def test_a_models_turn_ends_with_its_stream_when_the_server_ends(url: str) -> None:
    with held(url, "model", 1) as server:
        client = client_of(server)
        with client.stream("/chat/stream", "key") as response:
            lines = response.iter_lines()
            server.reached()
            server.terminate()
            read(lines, "error")
        assert server.process.wait(8) == -signal.SIGTERM
    with held(url, "model", 9) as again:
        client = client.at(again)
        assert client.said() == ["user"]
        assert not client.post("/chat", "key").json()["replayed"]  # at once: it is held by nobody
        assert client.titles() == ["milk", "eggs"]


def test_a_client_that_leaves_does_not_stop_the_rules(url: str) -> None:
    with held(url, "rules", 1) as server:
        client = client_of(server)
        with client.stream("/chat/stream", "key"):
            server.reached()
        server.let_go()
        assert client.post("/chat", "key").status_code == 200
        assert client.said() == ["user", "assistant"]
        assert client.titles() == ["milk", "eggs"]


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_a_client_that_leaves_stops_the_model(url: str, path: str) -> None:
    with held(url, "model", 1) as server:
        client = client_of(server)
        with (
            pytest.raises(httpx.ReadTimeout),  # nothing comes while the turn is held
            httpx.Client(base_url=server.client.base_url, timeout=httpx.Timeout(10, read=0.5)) as other,
            other.stream("POST", path_of(client, path), json=MESSAGE, headers=client.with_key("key")) as response,
        ):
            list(response.iter_lines())
        server.reached()
        # The one that was left lets go of the message; otherwise this would end with 409 after ten seconds.
        waiting: list[httpx.Response] = []
        retry = threading.Thread(target=lambda: waiting.append(client.post("/chat", "key")))
        retry.start()
        server.reached()
        assert client.said() == ["user"]
        server.let_go()
        retry.join(20)
        assert [answer.json()["replayed"] for answer in waiting] == [False]
        assert client.titles() == ["milk", "eggs"]


def test_a_stream_sends_something_in_every_pause(url: str) -> None:
    async def story(desk: Desk) -> None:
        gate = Gate()
        live = await desk.turns(Scripted(gate)).begin(desk.question("add: milk"), stream=True)
        assert isinstance(live, Live)
        sent: list[bytes] = []
        async for piece in stream._encoded(live, 0.001):
            sent.append(piece)
            if sent == [b": ping\n\n"] * 4:
                gate.open.set()
        assert sent[:4] == [b": ping\n\n"] * 4
        assert sent[-1].startswith(b"event: done\n")

    play(url, story)


@pytest.mark.parametrize("kind", [Scripted, Deciding])
def test_no_stream_begins_once_the_server_ends(url: str, kind: type[Scripted | Deciding]) -> None:
    async def story(desk: Desk) -> None:
        turns = desk.turns(kind())
        turns.drain()
        with pytest.raises(TurnError) as caught:
            await turns.begin(desk.question("add: milk"), stream=True)
        assert caught.value.status == 503
        assert await desk.messages() == []
        live = await turns.begin(desk.question("add: milk"))  # one that was already on its way
        assert isinstance(live, Live)
        await turns.finish(5)
        assert isinstance(await live.answer_or_error(), Answer)

    play(url, story)


@pytest.mark.parametrize("empty_url", KINDS[:1], indirect=True)
def test_signals_are_heard_and_passed_on(empty_url: str) -> None:
    heard: list[int] = []

    def other(number: int, _frame: FrameType | None) -> None:
        heard.append(number)

    async def story() -> None:
        database = make_database(empty_url)
        readiness = Readiness(database, keep=5, patience=1)
        turns = Turns(Desk(database, "").engine())
        async with graceful(readiness, turns, 2):
            assert (readiness.draining, turns.draining) == (False, False)
            for _ in range(2):
                signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0)
            assert (readiness.draining, turns.draining) == (True, True)
            assert await readiness.problem() == "shutting down"
        assert signal.getsignal(signal.SIGTERM) is other

    before = signal.signal(signal.SIGTERM, other)
    try:
        asyncio.run(story())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM] * 2
