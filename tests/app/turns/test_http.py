"""The chat and its conversations over HTTP, on both databases."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.backend.application import create_app
from app.backend.database.base import Database, UnavailableError
from app.backend.turns.values import Question
from tests.app.conftest import User, unlimited
from tests.app.turns.scripted import Deciding, Scripted


@pytest.fixture(scope="module")
def scripted(url: str) -> Iterator[TestClient]:
    """The backend, with the scripted assistant."""
    with TestClient(create_app(unlimited(url), Scripted())) as made:
        yield made


@pytest.fixture
def somebody(scripted: TestClient) -> User:
    """A new user of it."""
    return User(scripted)


def say(user: User, message: str, key: str = "", path: str = "/chat", **values: Any) -> Any:
    """Say something."""
    headers = user.headers | ({"Idempotency-Key": key} if key else {})
    body = {"message": message, **values}
    return user.client.post(f"/api/{user.id}{path}", json=body, headers=headers)


def events(text: str) -> list[tuple[str, Any]]:
    """Return the events of a stream."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_an_answer_says_everything(somebody: User) -> None:
    answer = say(somebody, "  add: milk, eggs ", timezone="Europe/Berlin")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {
        *("conversation_id", "message_id", "response", "tool_calls", "assistant", "notice", "replayed"),
    }
    assert [(call["tool"], call["arguments"], call["undoable"]) for call in body["tool_calls"]] == [
        ("add_task", {"title": "milk"}, True),
        ("add_task", {"title": "eggs"}, True),
    ]
    assert body["tool_calls"][0]["result"]["tasks"][0]["title"] == "milk"


def test_a_stream_tells_everything_and_ends_with_the_answer(somebody: User) -> None:
    answer = say(somebody, "add: milk", "key", "/chat/stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    assert answer.text.startswith(": ping\n\n")
    told = events(answer.text)
    assert [name for name, _ in told] == ["tool_call", "tool_result", "token", "token", "done"]
    assert told[0][1] == {"position": 0, "tool": "add_task", "arguments": {"title": "milk"}}
    done = told[-1][1]
    assert told[1][1] == {"position": 0, "call": done["tool_calls"][0]}
    assert "".join(data["text"] for name, data in told if name == "token") == done["response"]
    again = events(say(somebody, "add: milk", "key", "/chat/stream").text)
    assert again == [("token", {"text": done["response"]}), ("done", {**done, "replayed": True})]
    assert say(somebody, "add: milk", "key").json() == {**done, "replayed": True}


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_refusals_are_statuses(somebody: User, scripted: TestClient, path: str) -> None:
    first = say(somebody, "hello", "key", path).status_code
    assert first == 200
    other = User(scripted)
    theirs = say(other, "hello").json()["conversation_id"]
    for status, answer in (
        (422, say(somebody, "something else", "key", path)),
        (404, say(somebody, "hello", "", path, conversation_id=theirs)),
        (422, say(somebody, "", "", path)),
        (422, say(somebody, " \n ", "", path)),
        (422, say(somebody, "x" * 4001, "", path)),
        (422, say(somebody, "a\0b", "", path)),
        (422, say(somebody, "hello", "k" * 129, path)),
        (422, say(somebody, "hello", "two words", path)),
        (422, say(somebody, "hello", "", path, conversation_id="1")),
        (422, say(somebody, "hello", "", path, user_id=other.id)),
        (401, scripted.post(f"/api/{somebody.id}{path}", json={"message": "hello"})),
        (403, scripted.post(f"/api/{other.id}{path}", json={"message": "hello"}, headers=somebody.headers)),
        (413, say(somebody, "x" * 70_000, "", path)),
    ):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
    assert say(somebody, "x" * 4000, "", path).status_code == 200


@pytest.mark.parametrize("zone", ["Nowhere/Atlantis", "../../etc/passwd", "Europe", "", "/", "a\0b", "UTC", None])
def test_a_time_zone_that_is_not_known_is_utc(somebody: User, zone: str | None) -> None:
    assert say(somebody, "hello", timezone=zone).status_code == 200


def test_turns_are_limited_per_user(url: str) -> None:
    with TestClient(create_app(unlimited(url, chat_rate_limit="2/minute"), Scripted())) as client:
        user = User(client)
        assert [say(user, "hello", "", path).status_code for path in ("/chat", "/chat/stream")] == [200, 200]
        answer = say(user, "hello", "", "/chat/stream")
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert user.ask("GET", "/conversations").status_code == 200


def test_conversations_are_listed_the_last_one_used_first(somebody: User) -> None:
    numbers = [say(somebody, f"talk {n}").json()["conversation_id"] for n in range(3)]
    say(somebody, "again", conversation_id=numbers[0])
    page = somebody.ask("GET", "/conversations").json()
    assert [item["title"] for item in page["items"]] == ["talk 0", "talk 2", "talk 1"]
    assert page["total"] == 3
    second = somebody.ask("GET", "/conversations", params={"limit": 1, "offset": 1}).json()
    assert (second["items"], second["total"]) == (page["items"][1:2], 3)
    assert somebody.ask("GET", f"/conversations/{numbers[1]}").json() == page["items"][2]


def test_messages_are_listed_oldest_first_page_by_page(somebody: User) -> None:
    first = say(somebody, "add: milk", "key").json()
    number = first["conversation_id"]
    for n in range(3):
        say(somebody, f"talk {n}", conversation_id=number)
    path = f"/conversations/{number}/messages"
    whole = somebody.ask("GET", path).json()
    assert [message["role"] for message in whole["items"]] == ["user", "assistant"] * 4
    assert not whole["more"]
    asked, answered = whole["items"][:2]
    assert (asked["idempotency_key"], asked["tool_calls"], asked["assistant"]) == ("key", [], None)
    assert (answered["reply_to"], answered["tool_calls"]) == (asked["id"], first["tool_calls"])
    assert (answered["id"], answered["content"]) == (first["message_id"], first["response"])
    pages: list[Any] = []
    more = {"items": whole["items"], "more": True}
    while more["more"]:
        before = {"before": pages[0]["id"]} if pages else {}
        more = somebody.ask("GET", path, params={"limit": 3, **before}).json()
        pages = more["items"] + pages
    assert pages == whole["items"]


def test_a_turn_that_was_interrupted_is_shown_with_what_it_did(scripted: TestClient, somebody: User) -> None:
    async def interrupted() -> int:
        """Store a turn and make one of its two calls, as a process does that then dies."""
        begun = await scripted.app.state.turns._engine.begin(  # type: ignore[attr-defined]
            Question(somebody.id, "add: milk, eggs", "key")
        )
        await begun.turn.call("add_task", {"title": "milk"})
        number: int = begun.asked.conversation_id
        return number

    assert scripted.portal is not None
    number = scripted.portal.call(interrupted)
    [message] = somebody.ask("GET", f"/conversations/{number}/messages").json()["items"]
    assert (message["role"], message["idempotency_key"]) == ("user", "key")
    assert [call["arguments"] for call in message["tool_calls"]] == [{"title": "milk"}]
    done = say(somebody, "add: milk, eggs", "key").json()
    assert (done["conversation_id"], done["replayed"], len(done["tool_calls"])) == (number, False, 2)
    asked, answered = somebody.ask("GET", f"/conversations/{number}/messages").json()["items"]
    assert (asked["tool_calls"], answered["tool_calls"]) == ([], done["tool_calls"])
    assert somebody.titles() == ["milk", "eggs"]


def test_a_conversation_is_deleted_with_its_messages_and_its_tasks_stay(somebody: User) -> None:
    first = say(somebody, "add: milk", "key").json()["conversation_id"]
    second = say(somebody, "add: bread").json()["conversation_id"]
    answer = somebody.ask("DELETE", f"/conversations/{first}")
    assert (answer.status_code, answer.content) == (204, b"")
    for method, path in (("GET", ""), ("GET", "/messages"), ("DELETE", "")):
        gone = somebody.ask(method, f"/conversations/{first}{path}")
        assert (gone.status_code, gone.json()) == (404, {"detail": f"there is no conversation {first}"})
    assert say(somebody, "hello", conversation_id=first).status_code == 404
    assert somebody.ask("GET", f"/conversations/{second}/messages").json()["items"] != []
    assert somebody.titles() == ["milk", "bread"]
    call = somebody.ask("POST", "/undo", json={}).json()
    assert call["result"]["ok"]


def test_another_users_conversation_is_neither_read_nor_deleted(somebody: User, scripted: TestClient) -> None:
    other = User(scripted)
    number = say(other, "hello").json()["conversation_id"]
    for method, path in (("GET", ""), ("GET", "/messages"), ("DELETE", "")):
        answer = somebody.ask(method, f"/conversations/{number}{path}")
        assert (answer.status_code, answer.json()) == (404, {"detail": f"there is no conversation {number}"})
    assert somebody.ask("GET", "/conversations").json() == {"items": [], "total": 0}
    assert len(other.ask("GET", f"/conversations/{number}/messages").json()["items"]) == 2


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "one"])
def test_a_number_that_no_conversation_can_have_is_refused(somebody: User, number: str) -> None:
    assert somebody.ask("DELETE", f"/conversations/{number}").status_code == 422
    assert somebody.ask("GET", f"/conversations/{number}/messages").status_code == 422


class Flaky:
    """A database that goes away at one of its transactions, and is back for the next one."""

    def __init__(self, database: Database) -> None:
        self.begin_there = database.begin
        self.left = -1

    def begin(self, **options: Any) -> Any:
        self.left -= 1
        if self.left == -1:
            raise UnavailableError("gone")
        return self.begin_there(**options)


@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
@pytest.mark.parametrize("at", range(4))
def test_a_database_that_goes_away_in_a_turn(url: str, path: str, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(unlimited(url), Scripted())
    with TestClient(app) as client:
        user = User(client)
        say(user, "hello")  # whoever asks whether the session holds has asked
        flaky = Flaky(app.state.database)
        monkeypatch.setattr(app.state.database, "begin", flaky.begin)
        flaky.left = at  # 0: the message, 1 and 2: the calls, 3: the answer
        answer = say(user, "add: milk, eggs", "key", path)
        if at and path == "/chat/stream":
            assert answer.status_code == 200
            name, data = events(answer.text)[-1]
            assert (name, data["status"], data["retry_after"]) == ("error", 503, 2)
        else:
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "2"
        assert "gone" not in answer.text
        again = say(user, "add: milk, eggs", "key")
        assert (again.status_code, again.json()["replayed"]) == (200, False)
        assert user.titles() == ["milk", "eggs"]


def test_an_assistant_that_fails_is_an_internal_error(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_number: int) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("secret detail")

    app = create_app(unlimited(url), Deciding(fail))
    with TestClient(app, raise_server_exceptions=False) as client:
        user = User(client)
        answer = say(user, "add: milk", "key")
        assert answer.status_code == 500
        streamed = say(user, "add: milk", "key", "/chat/stream")
        assert events(streamed.text) == [("error", {"status": 500, "detail": "something went wrong"})]
        assert "secret" not in answer.text + streamed.text
    assert "secret detail" in caplog.text
