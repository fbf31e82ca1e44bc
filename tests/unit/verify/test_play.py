"""Journeys against a real server."""

import textwrap
from pathlib import Path

import pytest

from kubetasks.redact import Redactor
from kubetasks.verify import client as client_module
from kubetasks.verify.client import Client, Request, Response
from kubetasks.verify.journeys import load
from kubetasks.verify.play import Play
from kubetasks.verify.results import Layer
from tests.unit.verify.server import TOKEN, App, serving

JOURNEY = """
name: notes
steps:
  - name: open
    request: {path: /}
    expect: {type: text/html, text: {contains: <form>}, headers: {content-length: "26"}}
  - name: sign in
    request: {method: POST, path: /api/session}
    expect: {status: 200|201, body: {/user_id: {type: string}}}
    save: {token: /token, user_id: /user_id}
  - name: add
    request: {method: POST, path: "/api/${user_id}/notes", bearer: "${token}", json: {text: "milk ${unique}"}}
    expect: {status: 201, body: {/text: "milk ${unique}"}}
    save: {note_id: /id}
  - name: list
    request: {path: "/api/${user_id}/notes", query: {limit: 3}, headers: {Authorization: "Bearer ${token}"}}
    expect: {body: {"": {any: {/id: "${note_id}", /done: false}}}}
  - name: complete
    request: {method: PUT, path: "/api/${user_id}/notes/${note_id}", bearer: "${token}", json: {text: milk, done: true}}
    expect: {body: {/done: true}}
  - name: look
    request: {path: "/api/${user_id}/notes/${note_id}", bearer: "${token}"}
    expect: {body: {/done: true}}
cleanup:
  - name: delete
    request: {method: DELETE, path: "/api/${user_id}/notes/${note_id}", bearer: "${token}"}
    expect: {status: 204|404}
"""
STEPS = ["open", "sign in", "add", "list", "complete", "look", "cleanup: delete"]


def played(tmp_path: Path, app: App, text: str = JOURNEY) -> list[tuple[str, str, str]]:
    """The checks as (name, status, evidence)."""
    path = tmp_path / "j.yaml"
    path.write_text(textwrap.dedent(text))
    redactor = Redactor()
    layer = Layer("journeys", redactor)
    with serving(app) as base, Client(base, 5) as client:
        Play(load(path, "j"), client, layer, redactor).check()
    assert TOKEN not in str(layer.checks)
    return [(check.name, check.status, check.evidence) for check in layer.checks]


def test_a_journey_that_holds(tmp_path: Path) -> None:
    app = App()
    found = played(tmp_path, app)
    assert [(name, status) for name, status, _ in found] == [(f"notes: {step}", "pass") for step in STEPS]
    assert found[2][2] == "201 application/json"
    assert app.made == 1
    assert app.notes == {}
    assert ("GET /api/me/notes?limit=3", 200) in app.asked


@pytest.mark.parametrize(
    ("faults", "at", "evidence"),
    [
        ({"done-stuck"}, "complete", "body/done: expected equals True, found False"),
        ({"list-500"}, "list", 'expected 200, found 500: {"detail": "out of order"}'),
        (
            {"list-500", "echo-token"},
            "list",
            'expected 200, found 500: {"detail": "Authorization: Bearer *** was not liked"}',
        ),
        ({"list-html"}, "list", "the body is not JSON"),
        ({"note-missing"}, "list", "body: expected any {'/id': 1, '/done': False}, found a list of 1"),
    ],
)
def test_a_step_that_fails_skips_the_rest_and_cleans_up(
    tmp_path: Path, faults: set[str], at: str, evidence: str
) -> None:
    app = App(faults)
    found = played(tmp_path, app)
    index = STEPS.index(at)
    assert [status for _, status, _ in found] == ["pass"] * index + ["fail"] + ["skip"] * (5 - index) + ["pass"]
    assert found[index][2] == evidence
    if index < 5:
        assert found[5][2] == f"`{at}` failed"
    assert app.notes == {}


def test_a_step_that_made_something_but_does_not_hold_is_cleaned_up(tmp_path: Path) -> None:
    app = App()
    found = played(tmp_path, app, JOURNEY.replace("status: 201", "status: 200"))
    assert found[2] == ("notes: add", "fail", "expected 200, found 201")
    assert found[-1][1] == "pass"
    assert app.made == 1
    assert app.notes == {}


def test_nothing_to_clean_up(tmp_path: Path) -> None:
    found = played(tmp_path, App({"login-500"}))
    assert found[1] == ("notes: sign in", "fail", "expected 200 or 201, found 500")
    assert found[-1] == (
        "notes: cleanup: delete",
        "skip",
        "there is no note_id, user_id, so nothing to clean up",
    )


def test_what_is_to_be_saved_must_be_there(tmp_path: Path) -> None:
    found = played(tmp_path, App(), JOURNEY.replace("user_id: /user_id}", "user_id: /id}"))
    assert found[1][1:] == ("fail", "body/id is missing")


def test_headers_and_types_that_are_otherwise(tmp_path: Path) -> None:
    text = JOURNEY.replace("type: text/html", "type: text/plain").replace('"26"', '"27"').replace("<form>", "<table>")
    found = played(tmp_path, App(), text)
    assert found[0][2] == (
        "content type: expected text/plain, found text/html; header content-length: expected equals 27, "
        "found text: 26; text: expected contains <table>, found text: <html><form></form></html>"
    )


class Kept(Client):
    """Keeps what it is asked, and answers 200."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", 5)
        self.asked: list[Request] = []

    def send(self, request: Request) -> Response:
        self.asked.append(request)
        return Response(200, {}, b"{}")


def test_what_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "j.yaml"
    path.write_text(
        """
name: sent
steps:
  - name: form
    request: {method: POST, path: "/a/${unique}", form: {a: "b c"}, headers: {X-Id: "${unique}"}}
  - name: json
    request: {method: PUT, path: /, query: {flag: true}, json: null}
"""
    )
    client, layer = Kept(), Layer("journeys")
    Play(load(path, "j"), client, layer, Redactor()).check()
    unique = client.asked[0].headers["X-Id"]
    form = {"X-Id": unique, "Content-Type": "application/x-www-form-urlencoded"}
    assert client.asked == [
        Request("POST", f"/a/{unique}", {}, form, b"a=b+c"),
        Request("PUT", "/", {"flag": "true"}, {"Content-Type": "application/json"}, b"null"),
    ]
    assert layer.ok


def test_a_long_token_is_not_shown_in_part(tmp_path: Path) -> None:
    class Generous(Kept):
        def send(self, request: Request) -> Response:
            return Response(403, {}, b'{"x": "%s", "what": "%s"}' % (b"canary" * 40, b"oyster" * 20))

    path = tmp_path / "j.yaml"
    path.write_text(
        """
name: long
steps:
  - name: sign in
    request: {path: /}
    expect: {status: 403, body: {/what: {lacks: oys}, /x: {equals: "${unique}"}}}
    save: {token: /x}
cleanup:
  - name: look
    request: {path: /, bearer: "${token}"}
  - name: again
    request: {path: /}
    expect: {status: 201}
    save: {secret: /what}
"""
    )
    redactor = Redactor()
    layer = Layer("journeys", redactor)
    Play(load(path, "j"), Generous(), layer, redactor).check()
    assert [check.status for check in layer.checks] == ["fail"] * 3
    assert layer.checks[0].evidence.startswith("body/what: expected lacks oys, found a text of 120 characters")
    assert layer.checks[2].evidence == "expected 201, found 403"
    assert "canary" not in str(layer.checks)


def test_no_answer_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAUSE", 0.001)
    path = tmp_path / "j.yaml"
    path.write_text(JOURNEY)
    with serving(App()) as base:
        pass
    layer = Layer("journeys")
    with Client(base, 5) as client:
        Play(load(path, "j"), client, layer, Redactor()).check()
    assert (layer.checks[0].status, layer.checks[0].evidence) == ("fail", "connection refused")
