"""The contract layer, against a real server that keeps it and against ones that break it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from kubetasks.redact import Redactor
from kubetasks.settings import Login
from kubetasks.verify.client import Client
from kubetasks.verify.contract import Contract
from kubetasks.verify.openapi_reader import load
from kubetasks.verify.results import Layer
from tests.unit.verify.server import CONTRACT, TOKEN, App, serving

LOGIN = Login(operation="login", parameters={"user_id": "/user_id"})
ITEM = "/api/{user_id}/notes/{note_id}"
MANY = "/api/{user_id}/notes"


def tried(
    tmp_path: Path, app: App, raw: Any = CONTRACT, login: Login = LOGIN, patience: float = 0
) -> dict[str, tuple[str, str]]:
    """The checks by name: (status, evidence)."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(raw))
    redactor = Redactor()
    layer = Layer("contract", redactor)
    with serving(app) as base, Client(base, 5) as client:
        Contract(load(path, "c"), client, layer, login, redactor, patience).check()
    assert len({check.name for check in layer.checks}) == len(layer.checks)
    assert TOKEN not in str(layer.checks)
    return {check.name: (check.status, check.evidence) for check in layer.checks}


def failed(found: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: evidence for name, (status, evidence) in found.items() if status == "fail"}


def test_a_server_that_keeps_its_contract(tmp_path: Path) -> None:
    app = App()
    found = tried(tmp_path, app)
    json_type = "application/json"
    assert found == {
        "POST /api/session": ("pass", f"201 {json_type}"),
        f"POST {MANY} (short)": ("pass", f"201 {json_type}"),
        f"POST {MANY} (long)": ("pass", f"201 {json_type}"),
        f"GET {ITEM}": ("pass", f"200 {json_type}"),
        f"GET {MANY}": ("pass", f"200 {json_type}"),
        f"PUT {ITEM} (short)": ("pass", f"200 {json_type}"),
        f"PUT {ITEM} (long)": ("pass", f"200 {json_type}"),
        f"GET {ITEM}: without a token is 401": ("pass", f"401 {json_type}"),
        f"GET {ITEM}: unknown note_id is 404": ("pass", f"404 {json_type}"),
        f"PUT {ITEM}: without a token is 401": ("pass", f"401 {json_type}"),
        f"PUT {ITEM}: without text is 422": ("pass", f"422 {json_type}"),
        f"PUT {ITEM}: unknown note_id is 404": ("pass", f"404 {json_type}"),
        f"DELETE {ITEM}: without a token is 401": ("pass", f"401 {json_type}"),
        f"DELETE {ITEM}: unknown note_id is 404": ("pass", f"404 {json_type}"),
        f"GET {MANY}: without a token is 401": ("pass", f"401 {json_type}"),
        f"POST {MANY}: without a token is 401": ("pass", f"401 {json_type}"),
        f"POST {MANY}: without text is 422": ("pass", f"422 {json_type}"),
        f"DELETE {ITEM}": ("pass", "204"),
        "created resources are deleted": ("pass", "2 created, 2 deleted"),
        "internal operations": ("skip", "not meant for the entry: GET /health"),
    }
    assert app.made == 2
    assert app.notes == {}
    assert ("GET /api/me/notes?limit=5", 200) in app.asked
    assert app.connections == 1
    order = [f"{line.partition(' ')[0]} {status}" for line, status in app.asked]
    assert order.index("POST 201") < order.index("GET 200") < order.index("PUT 200") < order.index("DELETE 204")


@pytest.mark.parametrize(
    ("faults", "name", "evidence"),
    [
        ({"list-500"}, f"GET {MANY}", 'expected 200, found 500 (not documented at all): {"detail": "out of order"}'),
        ({"list-html"}, f"GET {MANY}", "content type: expected application/json, found text/html"),
        ({"note-shape"}, f"GET {ITEM}", "body/done: expected boolean, found string"),
        (
            {"note-shape"},
            f"GET {MANY}",
            "body/0/done: expected boolean, found string; body/1/done: expected boolean, found string",
        ),
        ({"note-missing"}, f"PUT {ITEM} (short)", "body: done missing"),
        ({"no-auth"}, f"POST {MANY}: without a token is 401", "expected 401, found 201"),
        ({"no-422"}, f"POST {MANY}: without text is 422", "expected 422, found 201"),
        ({"no-404"}, f"GET {ITEM}: unknown note_id is 404", "expected 404, found 200"),
        ({"created-200"}, f"POST {MANY} (long)", "expected 201, found 200 (not documented at all)"),
        ({"no-location"}, f"POST {MANY} (long)", "header Location is missing"),
        ({"delete-500"}, f"DELETE {ITEM}", 'expected 204, found 500 (not documented at all): {"detail": "it stays"}'),
        ({"delete-500"}, "created resources are deleted", f"DELETE {ITEM}: 500; DELETE {ITEM}: 500"),
        (
            {"list-500", "echo-token"},
            f"GET {MANY}",
            'expected 200, found 500 (not documented at all): {"detail": "Authorization: Bearer *** was not liked"}',
        ),
    ],
)
def test_a_server_that_breaks_it(tmp_path: Path, faults: set[str], name: str, evidence: str) -> None:
    app = App(faults)
    assert failed(tried(tmp_path, app))[name] == evidence
    if "delete-500" not in faults:
        assert app.notes == {}, "what was made by mistake is deleted too"


def test_a_login_that_reaches_somebody_else_at_first_is_tried_again(tmp_path: Path) -> None:
    assert failed(tried(tmp_path, App({"login-late"}), patience=30)) == {}
    assert "POST /api/session" in failed(tried(tmp_path, App({"login-late"})))


def test_a_login_that_fails_ends_it_and_shows_no_body(tmp_path: Path) -> None:
    assert tried(tmp_path, App({"login-500"})) == {
        "POST /api/session": ("fail", "expected 201, found 500 (not documented at all)"),
        "all other operations": ("skip", "there is no token: the login failed"),
    }
    assert failed(tried(tmp_path, App({"login-shape"}))) == {
        "POST /api/session": "body/token: expected string, found array"
    }


@pytest.mark.parametrize(
    ("login", "failure"),
    [
        (Login(operation="nothing"), {"login nothing": "the contract has no such operationId"}),
        (Login(operation="login", token="/jwt"), {"login login": "the answer lacks the token at /jwt"}),
        (
            Login(operation="login", parameters={"user_id": "/id"}),
            {"login login": "the answer lacks user_id at /id"},
        ),
    ],
)
def test_a_login_that_is_not_in_the_contract(tmp_path: Path, login: Login, failure: dict[str, str]) -> None:
    found = tried(tmp_path, App(), login=login)
    assert failed(found) == failure
    assert found["all other operations"][0] == "skip"


def test_without_a_login_what_needs_a_token_is_skipped(tmp_path: Path) -> None:
    found = tried(tmp_path, App(), login=Login())
    assert found["POST /api/session"][0] == "pass"
    assert found[f"GET {MANY}"] == (
        "skip",
        "it needs a token, and `verify.login.operation` is not set",
    )
    assert failed(found) == {}


def test_what_has_no_example_is_not_tried(tmp_path: Path) -> None:
    raw = copy.deepcopy(CONTRACT)
    del raw["components"]["requestBodies"]["note"]["content"]["application/json"]["examples"]
    found = tried(tmp_path, App(), raw)
    assert failed(found) == {}
    assert found[f"POST {MANY}"] == found[f"PUT {ITEM}"] == ("skip", "the contract gives no example of its body")
    why = ("skip", f"note_id comes from POST {MANY}, which failed")
    assert found[f"GET {ITEM}"] == found[f"DELETE {ITEM}"] == why


def test_an_example_does_not_stand_in_for_a_link(tmp_path: Path) -> None:
    raw = copy.deepcopy(CONTRACT)
    raw["paths"][ITEM]["parameters"][1]["example"] = 7
    for link in raw["paths"][MANY]["post"]["responses"]["201"]["links"].values():
        link["parameters"] = {"note_id": "$response.body#/number"}
    app = App(notes={7: {"id": 7, "text": "somebody's", "done": False}}, made=7)
    assert failed(tried(tmp_path, app, raw)) == {
        f"{method} {ITEM}{label}": "the link that provides note_id does not resolve"
        for method, label in (("GET", ""), ("PUT", " (short)"), ("PUT", " (long)"), ("DELETE", ""))
    }
    assert app.notes[7]["text"] == "somebody's"


def test_an_example_is_taken_where_there_is_no_link(tmp_path: Path) -> None:
    raw = copy.deepcopy(CONTRACT)
    raw["paths"][MANY]["post"]["responses"]["201"]["links"] = {}
    nothing = tried(tmp_path, App(), raw)
    assert failed(nothing) == {}
    why = "nothing gives note_id: no link, no example, no `verify.login.parameters`"
    assert nothing[f"GET {ITEM}"] == ("skip", why)
    raw["paths"][ITEM]["parameters"][1]["example"] = 7
    app = App(notes={7: {"id": 7, "text": "for tests", "done": False}}, made=7)
    assert failed(tried(tmp_path, app, raw)) == {}


def test_what_is_made_and_linked_to_no_deletion_is_told(tmp_path: Path) -> None:
    raw = copy.deepcopy(CONTRACT)
    del raw["paths"][MANY]["post"]["responses"]["201"]["links"]["deleteNote"]
    del raw["paths"][ITEM]["delete"]
    found = tried(tmp_path, App(), raw)
    assert found[f"POST {MANY}: what it made"] == ("skip", "the contract links it to no DELETE operation, so it stays")
    assert failed(found) == {}
