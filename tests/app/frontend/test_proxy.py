"""The proxy, with real servers on both sides."""

import gzip
import http.client
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest

from app.frontend import proxy
from app.frontend.application import create_app
from app.frontend.settings import Settings
from tests.app.frontend.fake import ACCESS, CSRF, PATIENCE, REFRESH, Backend, cookies, echoed, frontend, token
from tests.app.servers import nobody_at, running

BEARER = {"Authorization": "Bearer mine"}


def raw(client: httpx.Client, method: str, path: str, headers: Any = (), body: bytes | None = None) -> Any:
    """Send a request exactly as it is; return the status and the JSON of the answer."""
    parts = urlsplit(str(client.base_url))
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    found = json.loads(answer.read() or b"null")
    connection.close()
    return answer.status, found


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_request_arrives_as_it_was_sent(client: httpx.Client, method: str) -> None:
    body = "" if method == "GET" else "h\N{LATIN SMALL LETTER E WITH ACUTE}"
    answer = client.request(
        method, "/api/bob/tasks?x=1&x=%20&y", content=body.encode() or None, headers={"X-My": "1", **BEARER}
    )
    seen, headers = echoed(answer)
    assert (seen["method"], seen["path"], seen["query"]) == (method, "/api/bob/tasks", "x=1&x=%20&y")
    assert seen["body"] == body
    assert headers["x-my"] == "1"
    assert headers["authorization"] == "Bearer mine"
    assert "transfer-encoding" not in headers
    assert headers.get("content-length", "0") == str(len(body.encode()))


def test_an_answer_arrives_as_it_was_given_but_for_what_is_not_its_to_say(client: httpx.Client) -> None:
    answer = client.get("/api/bob", headers=BEARER)
    assert answer.headers["x-mine"] == "1"
    assert "set-cookie" not in answer.headers
    assert "x-once" not in answer.headers
    assert answer.headers.get_list("server") == ["uvicorn"]
    assert len(answer.headers.get_list("date")) == 1
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert answer.headers.get_list("content-security-policy") == [
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ]


def test_head_and_no_content(client: httpx.Client) -> None:
    answer = client.head("/api/bob", headers=BEARER)
    assert (answer.status_code, answer.content) == (418, b"")
    answer = client.get("/api/ann/tasks/3", headers=BEARER)
    assert (answer.status_code, answer.content) == (204, b"")


def test_compressed_bytes_are_left_alone(client: httpx.Client) -> None:
    with client.stream("GET", "/api/ann/tasks/2", headers=BEARER) as answer:
        found = b"".join(answer.iter_raw())
    assert gzip.decompress(found) == b"hello"
    assert answer.headers["content-length"] == str(len(found))


def test_headers_of_one_connection_go_no_further(client: httpx.Client) -> None:
    sent = {"Connection": "X-Hop, close", "X-Hop": "1", "TE": "trailers", "Proxy-Authorization": "x", "Keep-Alive": "x"}
    _, headers = echoed(client.get("/api/bob", headers=sent))
    assert not {"x-hop", "te", "proxy-authorization", "keep-alive", "connection"} & headers.keys()


def test_what_is_kept_of_headers() -> None:
    given = [(b"Connection", b"close, X-A"), (b"x-a", b"1"), (b"X-B", b"2"), (b"Transfer-Encoding", b"chunked")]
    assert proxy.end_to_end(given) == [(b"x-b", b"2")]


def test_nothing_is_added_but_who_asks(client: httpx.Client) -> None:
    for _ in range(2):  # the backend's answer sets cookies
        _, seen = raw(client, "GET", "/api/bob")
        assert [name for name, _ in seen["headers"]] == ["host", "x-forwarded-proto", "x-forwarded-for", "x-request-id"]


def test_where_a_visitor_comes_from_is_not_the_visitors_to_say(client: httpx.Client) -> None:
    lies = {"Forwarded": "for=6.6.6.6", "X-Real-IP": "6.6.6.6", "X-Forwarded-Host": "evil", "X-Forwarded-Port": "1"}
    seen, headers = echoed(client.get("/api/bob", headers=lies))
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert not {"forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-port"} & headers.keys()
    # The server believes the proxy on its own machine, and only that one.
    _, headers = echoed(client.get("/api/bob", headers={"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}))
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("1.2.3.4", "https")
    _, headers = echoed(client.get("/api/bob", headers={"X-Forwarded-For": "x y, <script>"}))
    assert "script" not in headers.get("x-forwarded-for", "")
    assert seen


def test_a_request_has_one_number_all_the_way(client: httpx.Client) -> None:
    answer = client.get("/api/bob", headers={"X-Request-ID": "abc-1"})
    assert echoed(answer)[1]["x-request-id"] == answer.headers["x-request-id"] == "abc-1"
    answer = client.get("/api/bob", headers={"X-Request-ID": "a b" * 30})
    made = answer.headers.get_list("x-request-id")
    assert [echoed(answer)[1]["x-request-id"]] == made
    assert len(made[0]) == 16
    assert client.get("/").headers["x-request-id"] != client.get("/").headers["x-request-id"]


def test_the_cookie_becomes_a_token_and_me_a_user(client: httpx.Client) -> None:
    seen, headers = echoed(client.get("/api/me/tasks?status=all", headers=cookies()))
    assert (seen["path"], seen["query"]) == ("/api/ann/tasks", "status=all")
    assert headers["authorization"] == f"Bearer {ACCESS}"
    assert not {"cookie", "x-csrf-token"} & headers.keys()
    assert echoed(client.get("/api/me", headers=cookies()))[0]["path"] == "/api/ann"
    assert echoed(client.get("/api/ann", headers=cookies()))[1]["authorization"] == f"Bearer {ACCESS}"
    # A token of its own goes before the cookie, and needs no page.
    seen, headers = echoed(client.post("/api/bob/undo", headers={**cookies(), "X-CSRF-Token": "", **BEARER}))
    assert (seen["path"], headers["authorization"]) == ("/api/bob/undo", "Bearer mine")


@pytest.mark.parametrize("path", ["session", "accounts", "login", "renew", "logout"])
def test_the_cookie_is_no_token_where_tokens_are_made(client: httpx.Client, path: str) -> None:
    if path == "renew":
        assert client.post("/api/renew", json={"refresh_token": "x"}, headers=cookies()).status_code == 200
        return
    assert "authorization" not in echoed(client.post(f"/api/{path}", headers=cookies()))[1]


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "todo_refresh=ann",
        f"todo_access={ACCESS}",
        "todo_refresh=a.b.c",
        "todo_refresh=aaa.bnVsbA.ccc",
        f"todo_refresh={token('a/../b')}",
    ],
    ids=["none", "no-token", "access-alone", "no-json", "null", "path"],
)
def test_cookies_without_a_session(client: httpx.Client, kept: str) -> None:
    answer = client.get("/api/me/tasks", headers={"Cookie": kept})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "authorization" not in echoed(client.get("/api/ann/tasks", headers={"Cookie": kept}))[1]


def test_an_access_token_of_somebody_else_is_not_used(fake: Backend, client: httpx.Client) -> None:
    _, headers = echoed(client.get("/api/me", headers=cookies(access=token("bob"))))
    assert headers["authorization"] == f"Bearer {fake.renewed[1]['token']}"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_needs_the_pages_token(fake: Backend, client: httpx.Client, method: str) -> None:
    sent = cookies()
    for wrong in ("", "0" * 64, token()):
        answer = client.request(method, "/api/me/tasks", headers={**sent, "X-CSRF-Token": wrong})
        assert answer.status_code == 403, wrong
    assert client.request(method, "/api/me/tasks", headers={"Cookie": sent["Cookie"]}).status_code == 403
    assert fake.seen == 0
    assert client.request(method, "/api/me/tasks", headers=sent).status_code == 418


@pytest.mark.parametrize(
    ("sent", "lent"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "{own}"}, True),
        ({"Origin": "null"}, False),
        ({"Origin": "{own}0"}, False),
        ({"Origin": "http://127.0.0.1"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://[::1"}, False),
        ({"Origin": "{own}", "Sec-Fetch-Site": "cross-site"}, False),
    ],
)
def test_another_sites_page_does_not_borrow_the_session(
    fake: Backend, client: httpx.Client, sent: dict[str, str], *, lent: bool
) -> None:
    own = str(client.base_url).rstrip("/")
    all_sent = {**cookies(), **{name: value.replace("{own}", own) for name, value in sent.items()}}
    for method in ("GET", "POST"):
        assert client.request(method, "/api/me/tasks", headers=all_sent).status_code == (418 if lent else 403)
    assert fake.seen == (2 if lent else 0)


def test_an_answer_is_passed_on_while_it_comes(fake: Backend, client: httpx.Client) -> None:
    with client.stream("GET", "/api/ann/tasks/1", headers=BEARER) as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"one"
        fake.go_on.set()  # only now: the first part has come through before there was a second
        assert b"".join(parts) == b"two"


def test_a_browser_that_goes_away_ends_the_backends_answer(fake: Backend, client: httpx.Client) -> None:
    with client.stream("POST", "/api/me/chat/stream", headers=cookies(), json={"message": "x"}) as answer:
        assert answer.headers["x-accel-buffering"] == "no"
        assert next(answer.iter_raw()).startswith(b"event: token")
    assert fake.gone.wait(PATIENCE)


def test_a_browser_that_goes_away_before_there_is_an_answer_ends_it_too(fake: Backend, client: httpx.Client) -> None:
    parts = urlsplit(str(client.base_url))
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
    connection.request("POST", "/api/ann/tasks/5", b"{}", BEARER)
    assert fake.asked.wait(PATIENCE)
    assert not fake.gone.is_set()
    connection.close()
    assert fake.gone.wait(PATIENCE)


@pytest.mark.anyio
@pytest.mark.parametrize("begun", [False, True])
async def test_a_browser_that_has_gone_is_no_error(*, begun: bool) -> None:
    class Endless(httpx.AsyncBaseTransport, httpx.AsyncByteStream):
        closed = False

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if not begun:
                hanging.set()
                await anyio.sleep_forever()
            return httpx.Response(200, stream=self)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"one"
            hanging.set()
            await anyio.sleep_forever()

        async def aclose(self) -> None:
            self.closed = True

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await hanging.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    hanging, transport = anyio.Event(), Endless()
    messages, sent = [{"type": "http.request", "body": b""}], list[str]()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/bob",
        "raw_path": b"/api/bob",
        "query_string": b"",
        "headers": [],
    }
    await create_app(Settings(), transport)({**scope, "server": ("a", 1), "scheme": "http"}, receive, send)
    assert sent == (["http.response.start", "http.response.body"] if begun else [])
    assert transport.closed is begun


def test_an_answer_that_breaks_off_is_not_made_whole(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/api/ann/tasks/4", headers=BEARER)


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/../ready",
        "/api/..%2f../ready",
        "/api/%2e%2e/ready",
        "/api/ann/tasks/../../../ready",
        "/api/ann%2Ftasks",
        "/api/ann/tasks/1%00",
        "/api/ann//tasks",
        "/api/ann/tasks/",
        "/api/ann/tasks;x=1",
        "/api/ann\\tasks",
        "/api/ann/tasks/one",
        "/api/ann/secrets",
        "/api/me/chat/stream/x",
        "/api/ann/conversations/1/messages/2",
        "/api//ready",
        "/ready",
        "/metrics",
        "/docs",
        "/openapi.json",
        "/redoc",
        "/static/../main.py",
        "/static/%2e%2e/main.py",
        "/static/..%2fmain.py",
        "/mcp/x",
        "/mcpx",
    ],
)
def test_only_what_the_api_consists_of_is_passed_on(fake: Backend, client: httpx.Client, path: str) -> None:
    parts = urlsplit(str(client.base_url))
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
    connection.request("GET", path, headers={**cookies(), **BEARER})
    assert connection.getresponse().status == 404
    connection.close()
    assert fake.seen == 0


def test_methods_that_the_api_does_not_have(fake: Backend, client: httpx.Client) -> None:
    for method in ("OPTIONS", "TRACE", "PROPFIND"):
        assert raw(client, method, "/api/ann/tasks", BEARER.items())[0] == 405
    assert fake.seen == 0


def test_tools_are_for_who_brings_a_token(fake: Backend, client: httpx.Client) -> None:
    assert client.post("/mcp", json={}, headers=cookies()).status_code == 401
    assert fake.seen == 0
    seen, headers = echoed(client.post("/mcp", json={}, headers={**cookies(), **BEARER}))
    assert (seen["path"], headers["authorization"]) == ("/mcp", "Bearer mine")
    assert "cookie" not in headers


def test_bodies_have_a_limit(fake: Backend, client: httpx.Client) -> None:
    def endless() -> Any:
        for _ in range(100):
            yield b"x" * 1024

    whole = client.post("/api/bob/tasks", content=b"x" * 65536, headers=BEARER)
    assert len(echoed(whole)[0]["body"]) == 65536
    assert client.post("/api/bob/tasks", content=b"x" * 65537, headers=BEARER).status_code == 413
    assert client.post("/api/bob/tasks", content=endless(), headers=BEARER).status_code == 413
    assert fake.seen == 1
    assert echoed(client.post("/api/bob/tasks", content=iter([b"a", b"b"]), headers=BEARER))[0]["body"] == "ab"


def test_a_backend_that_is_away_is_said_so_without_its_address() -> None:
    with nobody_at() as url, frontend(url) as client:
        answer = client.post("/api/session")
        assert answer.status_code == 502
        assert answer.headers["retry-after"] == "2"
        assert answer.json() == {"detail": "The server cannot be reached just now."}
        answer = client.get("/api/me", headers=cookies(access=None))  # it cannot be renewed: that does not end it
        assert answer.status_code == 502
        assert "set-cookie" not in answer.headers
        assert client.get("/health").json() == {"status": "ok"}


def test_a_path_in_the_backends_address_goes_first() -> None:
    with running(Backend()) as url, frontend(f"{url}/below") as client:
        assert echoed(client.get("/api/bob?a=b"))[0]["path"] == "/below/api/bob"


def test_who_deletes_everything_has_no_session_any_more(client: httpx.Client) -> None:
    answer = client.delete("/api/me/tasks/3", headers=cookies())
    assert (answer.status_code, "set-cookie" in answer.headers) == (204, False)
    for path in ("/api/me", "/api/ann"):
        answer = client.delete(path, headers=cookies())
        made = answer.headers.get_list("set-cookie")
        assert {value.split(";")[0] for value in made} == {"todo_access=", "todo_refresh=", "todo_conversation="}
    assert "set-cookie" not in client.delete("/api/ann", headers=BEARER).headers


def test_a_session_is_renewed_without_a_word(fake: Backend, client: httpx.Client) -> None:
    new = fake.renewed[1]["token"]
    for old in (None, token(seconds=-5), token(seconds=5)):
        fake.renewals.clear()
        refresh = token(seconds=29 * 24 * 3600, salt=str(old))
        answer = client.post("/api/me/undo", headers=cookies(old, refresh), content=b"{}")
        seen, headers = echoed(answer)
        assert headers["authorization"] == f"Bearer {new}"
        assert seen["body"] == "{}"
        assert fake.renewals == [refresh]
        made = answer.headers.get_list("set-cookie")
        assert [value.split(";")[0] for value in made] == [f"todo_access={new}"]
        assert "x-csrf-token" not in answer.headers


def test_a_refresh_token_is_replaced_when_half_of_it_has_gone(fake: Backend, client: httpx.Client) -> None:
    old = token(seconds=14 * 24 * 3600)
    answer = client.get("/api/me", headers=cookies(None, old))
    made = {value.split("=")[0]: value.split(";")[0].split("=")[1] for value in answer.headers.get_list("set-cookie")}
    assert made["todo_refresh"] == fake.renewed[1]["refresh_token"]
    # The page is told what to say from now on.
    sent = {**cookies(made["todo_access"], made["todo_refresh"]), "X-CSRF-Token": answer.headers["x-csrf-token"]}
    assert client.post("/api/me/undo", headers=sent).status_code == 418


def test_a_token_that_is_refused_is_renewed_and_the_request_sent_again(fake: Backend, client: httpx.Client) -> None:
    fake.only = fake.renewed[1]["token"]
    refresh = token(seconds=29 * 24 * 3600, salt="refused")
    answer = client.post("/api/me/undo", headers=cookies(ACCESS, refresh), content=b"again")
    assert echoed(answer)[0]["body"] == "again"
    assert (fake.seen, fake.renewals) == (2, [refresh])


@pytest.mark.parametrize("access", [None, ACCESS], ids=["refresh-alone", "both"])
def test_a_session_that_is_over_is_taken_away(fake: Backend, client: httpx.Client, access: str | None) -> None:
    fake.only, fake.renewed = "nobody", (401, {"detail": "no"})
    answer = client.get("/api/me", headers=cookies(access, token(seconds=29 * 24 * 3600, salt=f"over{access}")))
    assert (answer.status_code, answer.json()) == (401, {"detail": "The session has ended."})
    made = answer.headers.get_list("set-cookie")
    assert {value.split(";")[0] for value in made} == {"todo_access=", "todo_refresh=", "todo_conversation="}
    assert all("Max-Age=0" in value for value in made)


def test_a_new_token_that_is_refused_too_is_not_tried_for_ever(fake: Backend, client: httpx.Client) -> None:
    fake.only = "nobody"
    answer = client.get("/api/me", headers=cookies(ACCESS, token(seconds=29 * 24 * 3600, salt="for ever")))
    assert (answer.status_code, fake.seen, len(fake.renewals)) == (401, 2, 1)


def test_a_backend_that_cannot_renew_now_does_not_end_the_session(fake: Backend, client: httpx.Client) -> None:
    fake.renewed = (503, {"detail": "asleep"})
    answer = client.get("/api/me", headers=cookies(None, token(seconds=29 * 24 * 3600, salt="asleep")))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "set-cookie" not in answer.headers


def test_the_pages_token_belongs_to_one_session(client: httpx.Client) -> None:
    other = token(seconds=29 * 24 * 3600, salt="other")
    assert client.post("/api/me/undo", headers={**cookies(refresh=other), **CSRF}).status_code == 403
    assert client.post("/api/me/undo", headers={**cookies(refresh=REFRESH), **CSRF}).status_code == 418
