"""The gateway: what it serves, what it adds, what it takes out, where it stops, and how it fails."""

import base64
import contextlib
import http.client
import json
import socket
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from kubetasks.aiops import gateway
from kubetasks.aiops.cleaning import Cleaner
from kubetasks.aiops.gateway import Doors
from kubetasks.aiops.outbound import Outbound, Refused
from kubetasks.errors import (
    EmptyAnswer,
    KeyRefused,
    ModelError,
    ModelFailed,
    ModelTimeout,
    ModelUnreachable,
    QuotaExceeded,
    SendLimit,
)
from kubetasks.redact import HIDDEN, Redactor, Sensitive
from tests.fake_api import closed_port
from tests.scripted_model import CUT, HANG, KEY, Model, Raw, Say, Turn
from tests.unit.aiops.conftest import PASSWORD, Out

CHAT = {"model": "whatever", "messages": [{"role": "user", "content": "why?"}]}


def post(url: str, body: Any, path: str = "/chat/completions", **headers: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Authorization": "Bearer placeholder", **{name.replace("_", "-"): each for name, each in headers.items()}}
    connection.request("POST", parts.path + path, data, given)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_it_adds_the_key_and_the_model(doors: Doors, model: Model) -> None:
    status, body = post(doors.url, CHAT, Cookie="session=1", X_Mine="secret-of-the-tool")
    assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, "All is well.")
    [(method, path, headers, sent)] = model.received
    assert (method, path, headers["Authorization"]) == ("POST", "/v1/chat/completions", f"Bearer {KEY}")
    assert json.loads(sent)["model"] == "big-model"
    assert "secret-of-the-tool" not in str(headers)
    assert "session" not in str(headers)
    assert "placeholder" not in str(headers)


def test_it_is_there_on_its_socket_too_for_its_owner_alone(doors: Doors, model: Model) -> None:
    assert stat.S_IMODE(doors.socket.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as plug:
        plug.connect(str(doors.socket))
        body = json.dumps(CHAT).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        plug.sendall(head.encode() + body)
        answer = b""
        while piece := plug.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200")
    assert len(model.received) == 1


def test_it_streams(doors: Doors, model: Model) -> None:
    model.script = [Say("one two three")]
    parts = urlsplit(doors.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.request("POST", f"{parts.path}/chat/completions", json.dumps({**CHAT, "stream": True}))
    answer = connection.getresponse()
    assert answer.headers.get_content_type() == "text/event-stream"
    lines = [line for line in answer.read().decode().splitlines() if line]
    connection.close()
    words = [json.loads(line[6:])["choices"][0]["delta"]["content"] for line in lines[:-1]]
    assert "".join(words).strip() == "one two three"
    assert lines[-1] == "data: [DONE]"


@pytest.mark.parametrize("stream", [True, False])
def test_one_connection_carries_many_requests(doors: Doors, model: Model, stream: bool) -> None:
    parts = urlsplit(doors.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    for _ in range(4):
        connection.request("POST", f"{parts.path}/chat/completions", json.dumps({**CHAT, "stream": stream}))
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
    connection.close()
    assert len(model.received) == 4


def test_it_lists_the_models(doors: Doors, model: Model) -> None:
    parts = urlsplit(doors.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.request("GET", f"{parts.path}/models")
    assert json.loads(connection.getresponse().read())["data"] == [{"id": "m"}]
    connection.close()
    assert [each[:2] for each in model.received] == [("GET", "/v1/models")]


@pytest.mark.parametrize(
    "path",
    ["/embeddings", "/files", "/completions", "/responses", "/chat/completions/", "/../admin", "//chat/completions",
     "/models/x", "/fine_tuning/jobs", ""],
)  # fmt: skip
def test_it_serves_nothing_else(doors: Doors, model: Model, path: str) -> None:
    assert post(doors.url, CHAT, path)[0] == 404
    assert model.received == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "CONNECT", "TRACE"])
def test_it_takes_no_other_method(doors: Doors, model: Model, method: str) -> None:
    parts = urlsplit(doors.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.request(method, f"{parts.path}/chat/completions", json.dumps(CHAT))
    assert connection.getresponse().status == 501
    connection.close()
    assert model.received == []


def test_its_port_is_of_no_use_without_the_word_in_its_path(doors: Doors, model: Model) -> None:
    """Every user of this machine can reach a port of 127.0.0.1."""
    parts = urlsplit(doors.url)
    assert len(parts.path.split("/")[1]) >= 32
    assert post(f"http://{parts.netloc}/v1", CHAT)[0] == 404
    assert post(f"http://{parts.netloc}/{'x' * 32}/v1", CHAT)[0] == 404
    assert parts.hostname == "127.0.0.1"
    assert model.received == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 400), (b"{}", 400), (b'{"messages": "x"}', 400), (b"\xff\xfe", 400),
        (b'{"messages": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
    ],
)  # fmt: skip
def test_it_refuses_what_is_no_chat(doors: Doors, model: Model, body: bytes, status: int) -> None:
    assert post(doors.url, body)[0] == status
    assert model.received == []


def test_it_wants_to_know_the_length(doors: Doors, model: Model) -> None:
    assert post(doors.url, b"5\r\n{}{}{\r\n0\r\n\r\n", Transfer_Encoding="chunked", Content_Length="5")[0] == 411
    parts = urlsplit(doors.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.putrequest("POST", f"{parts.path}/chat/completions")
    connection.putheader("Content-Length", str(2**40))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    assert model.received == []


SECRET_TEXTS = [
    PASSWORD,
    f"the password is {PASSWORD}!",
    base64.b64encode(PASSWORD.encode()).decode(),
    base64.urlsafe_b64encode(f"x:{PASSWORD}".encode()).decode(),
    quote(PASSWORD + "/?", safe=""),
    json.dumps({"stdout": f"PASSWORD={PASSWORD}\nHOST=db"}),
    json.dumps({"stdout": json.dumps({"data": {"token": "abcdef123456"}})}),
    KEY,
    f"Bearer {KEY}",
]


@pytest.mark.parametrize("text", SECRET_TEXTS)
@pytest.mark.parametrize("place", ["content", "arguments", "part", "id", "name", "key", "tool", "extra"])
def test_no_secret_leaves_in_any_place_of_a_request(doors: Doors, model: Model, text: str, place: str) -> None:
    message: dict[str, Any] = {"role": "user", "content": "x"}
    body: dict[str, Any] = {"messages": [message]}
    if place == "content":
        message["content"] = text
    elif place == "arguments":
        message["tool_calls"] = [{"id": "1", "function": {"name": "f", "arguments": text}}]
    elif place == "part":
        message["content"] = [{"type": "text", "text": text}]
    elif place == "id":
        message["tool_call_id"] = text
    elif place == "name":
        message["name"] = text
    elif place == "key":
        message[text] = 1
    elif place == "tool":
        body["tools"] = [{"type": "function", "function": {"name": "f", "description": text}}]
    else:
        body["metadata"] = {"deep": [{"er": text}]}
    status, _ = post(doors.url, body)
    assert status == 200
    sent = model.everything.decode()
    for value in (PASSWORD, KEY, "abcdef123456"):
        if value != "abcdef123456" or place == "content":
            assert value not in sent
        assert base64.b64encode(value.encode()).decode() not in sent


def test_what_holds_the_protocol_together_stays(doors: Doors, model: Model) -> None:
    calls = [{"id": "call_secret_token_abc123", "type": "function", "function": {"name": "get", "arguments": "{}"}}]
    messages = [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_secret_token_abc123", "content": "3 pods are running"},
    ]
    tools = [{"type": "function", "function": {"name": "set_password", "parameters": {"type": "object", "properties": {
        "password": {"type": "string", "description": "the new one"}}, "required": ["password"]}}}]  # fmt: skip
    body = {"messages": messages, "tools": tools, "temperature": 0.2, "stream": False, "n": 1}
    post(doors.url, body)
    assert model.bodies == [{**body, "model": "big-model"}]


def test_numbers_that_are_secrets_are_hidden() -> None:
    redactor = Redactor()
    redactor.add([Sensitive("1234567890123")])
    cleaned = Cleaner(redactor).document({"messages": [{"pin": 1234567890123, "count": 12, "yes": True, "no": None}]})
    assert cleaned == {"messages": [{"pin": HIDDEN, "count": 12, "yes": True, "no": None}]}


def test_the_values_of_a_secret_object_are_hidden_whatever_they_are() -> None:
    text = json.dumps({"kind": "Secret", "metadata": {"name": "db"}, "data": {"a": "aGVsbG8=", "b": ""}})
    assert json.loads(Cleaner(str).text(text)) == {"kind": "Secret", "metadata": {"name": "db"}, "data": HIDDEN}


def test_everything_that_was_sent_is_kept(out: Out, model: Model, tmp_path: Path) -> None:
    outbound = out()
    outbound.complete({"messages": [{"role": "user", "content": f"password={PASSWORD} ünï"}]})
    outbound.complete({"messages": [{"role": "user", "content": "more"}]})
    path = outbound.audit.path
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.is_relative_to(tmp_path / "checkout")
    assert path.is_relative_to(tmp_path / "state")
    entries = outbound.audit.entries()
    assert [entry["body"].encode() for entry in entries] == [body for _, _, _, body in model.received]
    assert [entry["to"] for entry in entries] == [f"{model.url}/chat/completions"] * 2
    assert sum(entry["bytes"] for entry in entries) == outbound.sent_bytes
    assert PASSWORD not in path.read_text()
    shown = "\n".join(outbound.audit.shown())
    assert shown.count("POST http://127.0.0.1") == 2
    assert "ünï" in shown


FAILURES: dict[str, tuple[Turn, type[ModelError], int]] = {
    "401": (Raw(401, b'{"error": {"message": "Incorrect API key provided: sk-li***mnop"}}'), KeyRefused, 401),
    "403": (Raw(403, b"{}"), KeyRefused, 401),
    "402": (Raw(402, b'{"error": "no credit"}'), QuotaExceeded, 429),
    "429": (Raw(429, b'{"error": {"message": "Rate limit reached"}}'), QuotaExceeded, 429),
    "400": (Raw(400, b'{"error": {"message": "no such model"}}'), ModelFailed, 502),
    "404": (Raw(404, b"<html>not here</html>", "text/html"), ModelFailed, 502),
    "302": (Raw(302, b""), ModelFailed, 502),
    "500": (Raw(500, b"oops"), ModelFailed, 502),
    "503": (Raw(503, b""), ModelFailed, 502),
    "html": (Raw(200, b"<html>log in</html>", "text/html"), ModelFailed, 502),
    "json": (Raw(200, b'{"hello": "world"}'), ModelFailed, 502),
    "array": (Raw(200, b"[1, 2]"), ModelFailed, 502),
    "broken": (Raw(200, b'{"choices": ['), ModelFailed, 502),
    "binary": (Raw(200, bytes(range(256))), ModelFailed, 502),
    "nothing": (Raw(200, b""), EmptyAnswer, 502),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_has_a_line_of_its_own(out: Out, model: Model, folder: Path, name: str) -> None:
    turn, error, status = FAILURES[name]
    model.script = [turn]
    outbound = out()
    with gateway.opened(outbound, folder, loopback=True) as doors:
        given = post(doors.url, CHAT)
    assert given[0] == status
    assert isinstance(outbound.fault, error)
    assert outbound.fault.line.count("\n") == 0
    assert KEY not in outbound.fault.line
    assert b"Incorrect" not in given[1]  # the endpoint's own words may repeat the key
    with pytest.raises(error):
        out().complete(CHAT)


@pytest.mark.parametrize(
    "turn",
    [Raw(200, b"data: {}\n\n", "text/event-stream"), Raw(200, b"event: x\n\n", "text/event-stream"),
     Raw(200, b"data: not json\n\n", "text/event-stream"), CUT],
)  # fmt: skip
def test_a_stream_that_is_none_is_a_failure(out: Out, model: Model, folder: Path, turn: Raw) -> None:
    model.script = [turn]
    outbound = out()
    with gateway.opened(outbound, folder, loopback=True) as doors:
        parts = urlsplit(doors.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        connection.request("POST", f"{parts.path}/chat/completions", json.dumps({**CHAT, "stream": True}))
        answer = connection.getresponse()
        with contextlib.suppress(http.client.IncompleteRead):  # the tool sees that it was cut
            answer.read()
        connection.close()
    assert isinstance(outbound.fault, ModelError)


def test_a_hanging_endpoint_is_given_up(out: Out, model: Model, folder: Path) -> None:
    model.script = [HANG]
    outbound = out(timeout=4)
    with gateway.opened(outbound, folder, loopback=True) as doors:
        assert post(doors.url, CHAT)[0] == 504
        assert post(doors.url, CHAT)[0] == 504
    assert isinstance(outbound.fault, ModelTimeout)
    assert len(model.received) == len(outbound.audit.entries()) == 1  # the time was up before the second


def test_no_endpoint(out: Out, folder: Path) -> None:
    outbound = out(f"http://127.0.0.1:{closed_port()}/v1")
    with gateway.opened(outbound, folder, loopback=True) as doors:
        assert post(doors.url, CHAT)[0] == 502
    assert isinstance(outbound.fault, ModelUnreachable)


def test_an_endpoint_without_a_name(out: Out) -> None:
    with pytest.raises(ModelUnreachable):
        out("https://no-such-host.invalid/v1").complete(CHAT)


def test_an_untrusted_certificate(out: Out, api: Any) -> None:
    with pytest.raises(ModelUnreachable, match="certificate"):
        out(f"https://127.0.0.1:{api.port}/v1").complete(CHAT)


def test_a_later_success_takes_a_failure_back(out: Out, model: Model, folder: Path) -> None:
    model.script = [Raw(429, b"{}"), Say("well")]
    outbound = out()
    with gateway.opened(outbound, folder, loopback=True) as doors:
        assert [post(doors.url, CHAT)[0] for _ in range(2)] == [429, 200]
    assert outbound.fault is None


def test_no_more_requests_than_permitted(out: Out, model: Model, folder: Path) -> None:
    outbound = out(requests=3)
    with gateway.opened(outbound, folder, loopback=True) as doors:
        assert [post(doors.url, CHAT)[0] for _ in range(5)] == [200, 200, 200, 403, 403]
    assert len(model.received) == len(outbound.audit.entries()) == 3
    assert isinstance(outbound.fault, SendLimit)


def test_no_more_bytes_than_permitted(out: Out, model: Model, folder: Path) -> None:
    outbound = out(sent=10_000)
    big = {"messages": [{"role": "user", "content": "x" * 4000}]}
    with gateway.opened(outbound, folder, loopback=True) as doors:
        assert [post(doors.url, big)[0] for _ in range(3)] == [200, 200, 403]
    assert sum(len(body) for _, _, _, body in model.received) <= 10_000


def test_a_long_text_is_cut(out: Out) -> None:
    sent = out().cleaned(json.dumps({"messages": [{"role": "user", "content": "word " * 100_000}]}).encode())
    assert len(sent) < 250_000
    assert b"[cut by kubetasks]" in sent


def test_it_is_gone_with_the_command(out: Out, folder: Path) -> None:
    with gateway.opened(out(), folder, loopback=True) as doors:
        netloc = urlsplit(doors.url).netloc
    assert not doors.socket.exists()
    host, _, port = netloc.partition(":")
    with pytest.raises(OSError, match="refused"), socket.create_connection((host, int(port)), 2):
        pass


def test_a_request_that_is_too_deep_is_refused(out: Out) -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]
    outbound: Outbound = out()
    with pytest.raises(Refused):
        outbound.cleaned(json.dumps({"messages": [deep]}).encode())
