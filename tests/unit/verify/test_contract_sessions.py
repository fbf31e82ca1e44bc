"""The contract layer where operations make, renew and end sessions of their own."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kubetasks.redact import Redactor
from kubetasks.settings import Login
from kubetasks.verify.client import Client, Request, Response
from kubetasks.verify.contract import Contract
from kubetasks.verify.openapi_reader import load
from kubetasks.verify.results import Layer

JSON = "application/json"
SESSION = {"type": "object", "required": ["token", "user"]}
REMOVE = {"remove": {"operationId": "remove", "parameters": {"user": "$response.body#/user"}}}
AGAIN = {"name": "$request.body#/name", "password": "$request.body#/password"}


def operation(name: str, status: str, *, links: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    schema = {} if status == "204" else {"content": {JSON: {"schema": SESSION}}}
    answer = {"description": "", "links": links or {}, **schema}
    return {"operationId": name, "security": [], "responses": {status: answer}, **more}


def body(**fields: Any) -> dict[str, Any]:
    return {"content": {JSON: {"schema": {"type": "object", "required": [*fields], "properties": fields}}}}


CONTRACT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/session": {"post": operation("enter", "201", links=REMOVE)},
        "/accounts": {
            "post": operation(
                "register",
                "201",
                requestBody=body(
                    name={"type": "string", "example": "ada", "x-unique": True},
                    password={"type": "string", "example": "secret-one"},
                ),
                links={
                    **REMOVE,
                    "leave": {"operationId": "leave"},
                    "login": {"operationId": "login", "requestBody": AGAIN},
                },
            )
        },
        "/leave": {"post": operation("leave", "204", security=[{"bearer": []}])},
        "/login": {"post": operation("login", "200", requestBody=body(name={}, password={}), links=REMOVE)},
        "/{user}": {
            "parameters": [{"name": "user", "in": "path", "required": True, "schema": {"type": "string"}}],
            "delete": operation("remove", "204", security=[{"bearer": []}]),
        },
    },
}


class House(Client):
    """Users and sessions in memory; leaving ends a user's sessions."""

    def __init__(self, *, broken: str = "") -> None:
        super().__init__("http://127.0.0.1:1", 1)
        self.broken = broken
        self.names: dict[str, str] = {}
        self.users: set[str] = set()
        self.sessions: dict[str, str] = {}
        self.asked: list[str] = []

    def send(self, request: Request) -> Response:
        given = json.loads(request.body) if request.body else {}
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        status, answer = self.judge(request, given, self.sessions.get(token, ""))
        self.asked.append(f"{request.method} {request.path.rstrip('0123456789')} {status}")
        return Response(status, {"content-type": JSON}, json.dumps(answer).encode())

    def judge(self, request: Request, given: dict[str, str], user: str) -> tuple[int, Any]:
        taken = given.get("name") in self.names
        if request.path in {"/session", "/accounts", "/login"}:
            refused = {"/accounts": 409 * taken, "/login": 401 * (not taken), f"/{self.broken}": 500}
            status = refused.get(request.path) or (200 if request.path == "/login" else 201)
            return status, self.enter(given.get("name")) if status < 300 else {}
        if not user or request.path not in {"/leave", f"/{user}"}:
            return 403 if user else 401, {}
        self.sessions = {token: owner for token, owner in self.sessions.items() if owner != user}
        self.users -= {user} if request.path != "/leave" else set()
        return 204, None

    def enter(self, name: str | None) -> dict[str, str]:
        user = self.names.get(name or "") or f"user-{len(self.users)}{len(self.asked)}"
        self.users.add(user)
        if name:
            self.names[name] = user
        token = f"opaque-token-{len(self.asked):04}"
        self.sessions[token] = user
        return {"token": token, "user": user}


def tried(tmp_path: Path, house: House, raw: Any = CONTRACT) -> dict[str, tuple[str, str]]:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(raw))
    redactor = Redactor()
    layer = Layer("contract", redactor)
    login = Login(operation="enter", parameters={"user": "/user"})
    Contract(load(path, "c"), house, layer, login, redactor).check()
    return {check.name: (check.status, check.evidence) for check in layer.checks}


def test_each_session_is_used_for_what_it_leads_to_and_nothing_stays(tmp_path: Path) -> None:
    house = House()
    found = tried(tmp_path, house)
    assert {name: status for name, (status, _) in found.items()} == dict.fromkeys(
        [
            "POST /session",
            "POST /accounts",
            "POST /leave",
            "POST /login",
            "DELETE /{user}",
            "created resources are deleted",
        ],
        "pass",
    )
    assert found["created resources are deleted"][1] == "2 created, 2 deleted"
    assert house.users == set()
    (name,) = house.names
    assert name.startswith("ada-")
    assert house.asked.index("POST /leave 204") < house.asked.index("POST /login 200")


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("accounts", ("skip", "it follows POST /accounts, which failed")),
        ("", ("fail", "it follows POST /accounts, whose link does not resolve")),
    ],
)
def test_what_follows_from_nothing_is_not_tried_with_the_main_session(
    tmp_path: Path, broken: str, told: tuple[str, str]
) -> None:
    raw = copy.deepcopy(CONTRACT)
    links = raw["paths"]["/accounts"]["post"]["responses"]["201"]["links"]
    links["login"]["requestBody"] = {"name": "$response.body#/no"}
    house = House(broken=broken)
    found = tried(tmp_path, house, raw)
    assert found["POST /login"] == told
    assert found["POST /leave"][0] == ("skip" if broken else "pass")
    assert not [line for line in house.asked if line.startswith("POST /login")]
    assert found["DELETE /{user}"][0] == "pass", "the main session was not ended"
