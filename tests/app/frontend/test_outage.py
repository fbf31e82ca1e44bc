"""The pages while the backend is away, or says no."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from app.frontend.application import create_app
from app.frontend.settings import Settings
from app.frontend.upstream import Headers, Unreachable, Upstream
from tests.app.frontend.browser import HTML, Document
from tests.app.frontend.fake import CSRF, cookies
from tests.app.servers import nobody_at

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]
EMPTY: dict[str, Answer] = {
    "GET /api/ann": (200, {"user_id": "ann", "name": None, "guest": True}),
    "GET /api/ann/tasks": (200, {"items": [], "total": 0}),
    "GET /api/ann/conversations": (200, {"items": [], "total": 0}),
}
SEEN = {"updated_at": "2026-11-21T10:00:00Z"}
FORM = {"csrf": CSRF["X-CSRF-Token"]}


@contextmanager
def before(answers: dict[str, Answer] | Callable[[httpx.Request], httpx.Response]) -> Iterator[TestClient]:
    """Run the frontend in this process before scripted answers."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert not callable(answers)
        status, content, *headers = answers.get(f"{request.method} {request.url.path}", (404, {"detail": "no"}))
        return httpx.Response(status, json=content, headers=headers[0] if headers else None)

    transport = httpx.MockTransport(answers if callable(answers) else answer)
    app = create_app(Settings(backend_url="http://backend:8000"), transport)
    with TestClient(app, follow_redirects=False) as client:
        yield client


def test_without_cookies_the_backend_is_not_asked() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    with before(nobody) as client:
        for method, path in (("GET", "/"), ("HEAD", "/"), ("GET", "/login"), ("GET", "/health")):
            answer = client.request(method, path)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/account"])
def test_a_backend_that_is_away_leaves_a_page_that_says_so(path: str) -> None:
    with nobody_at() as url, TestClient(create_app(Settings(backend_url=url))) as client:
        answer = client.get(path, headers={**cookies(), **HTML})
    page = Document(answer.text)
    assert answer.status_code == 200
    assert "cannot be reached" in page.inside("problem")
    if path == "/":  # what is not known is not called empty
        assert "hidden" in page.by_id["empty"]
        assert "hidden" not in page.by_id["unknown"]
        assert "welcome" not in page.by_id
        assert page.all(data_known="false")
    assert url.removeprefix("http://") not in answer.text
    assert "set-cookie" not in answer.headers  # the session is still there when the backend comes back
    if path == "/":
        assert page.named("chat")
        assert page.named("add-task")


@pytest.mark.parametrize(
    ("status", "said", "headers"),
    [
        (503, "asleep or starting. Nothing is lost: try again in 7 seconds", {"Retry-After": "7"}),
        (503, "asleep or starting. Nothing is lost: try again in a moment", {}),
        (429, "a lot at once. Try again in 3 seconds", {"Retry-After": "3"}),
        (500, "Something went wrong on the server", {}),
        (418, "That did not work.", {}),
    ],
)
def test_what_the_backend_says_is_said(status: int, said: str, headers: dict[str, str]) -> None:
    with before({**EMPTY, "GET /api/ann/tasks": (status, {}, headers)}) as client:
        answer = client.get("/", headers=cookies())
        page = Document(answer.text)
        assert (answer.status_code, said in page.inside("problem")) == (200, True)
    refusal: Answer = (status, {}, headers)
    with before(
        {**EMPTY, "POST /api/ann/chat": refusal, "POST /api/ann/tasks": refusal, "POST /api/ann/undo": refusal}
    ) as client:
        sent = {**FORM, "message": "my words", "key": "my-key"}
        answer = client.post("/chat", data=sent, headers=cookies())
        page = Document(answer.text)
        assert (answer.status_code, said in page.inside("chat-error")) == (status, True)
        fields = page.named("chat")[0].fields
        assert (fields["message"], fields["key"]) == ("my words", "my-key")  # sent again, it is the same turn
        answer = client.post("/tasks", data={**FORM, "title": "my task"}, headers=cookies())
        page = Document(answer.text)
        assert (answer.status_code, said in page.inside("add-error")) == (status, True)
        assert page.named("add-task")[0].fields["title"] == "my task"
        answer = client.post("/undo", data=FORM, headers=cookies())
        assert (answer.status_code, said in Document(answer.text).inside("problem")) == (status, True)


def test_a_turn_that_is_still_worked_on_is_asked_for_again_with_its_key() -> None:
    with before({**EMPTY, "POST /api/ann/chat": (409, {"detail": "x"}, {"Retry-After": "2"})}) as client:
        answer = client.post("/chat", data={**FORM, "message": "m", "key": "k"}, headers=cookies())
    page = Document(answer.text)
    assert answer.status_code == 409
    assert "still being worked on. Try again in 2 seconds" in page.inside("chat-error")
    assert page.named("chat")[0].fields["key"] == "k"


@pytest.mark.parametrize("path", ["/guest", "/login", "/register"])
def test_a_session_that_cannot_begin_now(path: str) -> None:
    asleep: Answer = (503, {"detail": "x"}, {"Retry-After": "5"})
    answers = {f"POST /api/{name}": asleep for name in ("session", "login", "accounts")}
    with before(answers) as client:
        answer = client.post(path, data={"name": "ann", "password": "long enough"})
    assert answer.status_code == 503
    assert "Nothing is lost: try again in 5 seconds" in Document(answer.text).text
    assert "set-cookie" not in answer.headers
    assert "long enough" not in answer.text


def test_logging_out_works_here_while_the_backend_is_away() -> None:
    with nobody_at() as url, TestClient(create_app(Settings(backend_url=url)), follow_redirects=False) as client:
        answer = client.post("/logout", data=FORM, headers=cookies())
    assert answer.headers["location"] == "/"
    made = {value.split(";")[0] for value in answer.headers.get_list("set-cookie")}
    assert made == {"todo_access=", "todo_refresh=", "todo_conversation=", "todo_flash=logged-out-here"}


MESSAGES = [
    {
        "id": 1,
        "role": "user",
        "content": "first",
        "tool_calls": [],
        "notice": None,
        "reply_to": None,
        "idempotency_key": "k1",
    },
    {
        "id": 2,
        "role": "user",
        "content": "two\nlines",
        "tool_calls": [],
        "notice": None,
        "reply_to": None,
        "idempotency_key": "k2",
    },
    {
        "id": 3,
        "role": "assistant",
        "content": "hm",
        "tool_calls": [],
        "notice": "By the rules.",
        "reply_to": 2,
        "idempotency_key": None,
    },
    {
        "id": 4,
        "role": "user",
        "content": "third",
        "tool_calls": [],
        "notice": None,
        "reply_to": None,
        "idempotency_key": "k4",
    },
]


def test_what_has_no_answer_is_sent_again_as_it_was() -> None:
    conversations = {"items": [{"id": 7, "title": None}], "total": 1}
    talk = "GET /api/ann/conversations/7/messages"
    answers: dict[str, Answer] = {**EMPTY, "GET /api/ann/conversations": (200, conversations)}
    with before({**answers, talk: (200, {"items": MESSAGES, "more": False})}) as client:
        answer = client.get("/", headers=cookies())
    page = Document(answer.text)
    assert "By the rules." in page.inside("m3")
    assert (
        "set-cookie: todo_conversation=7" in str(answer.headers)
        or "todo_conversation=7" in answer.headers["set-cookie"]
    )
    retries = [form.fields for form in page.named("retry")]
    # The one that began the conversation was sent without naming it.
    assert [(each["message"], each["key"], each["conversation"]) for each in retries] == [
        ("first", "k1", ""),
        ("third", "k4", "7"),
    ]
    with before({**answers, talk: (200, {"items": MESSAGES, "more": True})}) as client:
        page = Document(client.get("/?before=9", headers=cookies()).text)
    assert page.named("retry")[0].fields["conversation"] == "7"
    assert page.all(href="/?before=1")


def test_what_is_sent_with_a_message() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"conversation_id": 7, "message_id": 9})

    with before(answer) as client:
        for zone, key in (("Europe/Berlin", "k"), ("../etc/passwd", "k\n"), ("Nowhere/At_All", "\u00e9")):
            sent = {**FORM, "message": "m", "key": key, "timezone": zone, "conversation": "7"}
            found = client.post("/chat", data={**sent, "status": "pending"}, headers=cookies())
            assert found.headers["location"] == "/?status=pending#m9"
            assert found.headers["set-cookie"].startswith("todo_conversation=7; Path=/; Max-Age=2592000; SameSite=Lax")
    bodies = [httpx.Response(200, content=each.content).json() for each in seen]
    assert [each["timezone"] for each in bodies] == ["Europe/Berlin", "UTC", "UTC"]
    assert {each["conversation_id"] for each in bodies} == {7}
    assert [each.headers.get("idempotency-key") for each in seen] == ["k", None, None]


def test_the_browsers_time_zone_is_in_its_forms() -> None:
    with before(EMPTY) as client:
        for given, zone in (("Europe/Berlin", "Europe/Berlin"), ("Europe%2FBerlin", "Europe/Berlin"), ("<x>", "UTC")):
            kept = cookies()["Cookie"] + f"; todo_timezone={given}"
            page = Document(client.get("/", headers={"Cookie": kept}).text)
            assert page.named("chat")[0].fields["timezone"] == zone


def test_an_answer_that_is_no_json_is_a_failure_like_others() -> None:
    with before(lambda _: httpx.Response(200, content=b"<html>")) as client:
        page = Document(client.get("/", headers=cookies()).text)
    assert "broke off" in page.inside("problem")


def test_a_backend_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.frontend.pages.PATIENCE_SECONDS", 0.05)

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            import asyncio  # noqa: PLC0415

            await asyncio.sleep(60)
            raise AssertionError

    with TestClient(create_app(Settings(), Slow())) as client:
        answer = client.get("/", headers=cookies())
    assert answer.status_code == 200
    assert "takes long" in Document(answer.text).inside("problem")


def test_more_tasks_than_a_page_has_come_in_pages() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        found = EMPTY[f"GET {request.url.path}"][1]
        if request.url.path.endswith("/tasks"):
            seen.append(request.url.query.decode())
            task = {"title": "x", "description": "", "completed": False, "priority": "normal", "due": None, **SEEN}
            found = {"items": [{**task, "id": number} for number in range(1, 201)], "total": 450}
        return httpx.Response(200, json=found)

    with before(answer) as client:
        page = Document(client.get("/?offset=200&status=pending", headers=cookies()).text)
    assert seen == ["status=pending&limit=200&offset=200"]
    assert page.all(href="/?status=pending&offset=0")
    assert page.all(href="/?status=pending&offset=400")


@pytest.mark.parametrize(
    ("method", "headers", "tries"),
    [
        ("GET", [], 2),
        ("POST", [], 1),
        ("POST", [(b"Idempotency-Key", b"k")], 2),
        ("DELETE", [], 1),
    ],
)
def test_what_may_be_done_twice_is_sent_again_when_a_connection_breaks(
    method: str, headers: Headers, tries: int
) -> None:
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        if len(seen) == 1:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return httpx.Response(200)

    upstream = Upstream("http://backend:8000", httpx.MockTransport(answer))
    sending = upstream.send(method, b"/api/me", headers, b"body")
    if tries == 1:
        with pytest.raises(Unreachable):
            asyncio.run(sending)
    else:
        assert asyncio.run(sending).status_code == 200
    assert seen == [b"body"] * tries


def test_it_is_sent_again_once_only() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        raise httpx.ReadError("reset")

    with pytest.raises(Unreachable):
        asyncio.run(Upstream("http://backend:8000", httpx.MockTransport(answer)).send("GET", b"/", []))
    assert seen == ["GET", "GET"]
