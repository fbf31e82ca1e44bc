"""Requests of the contract layer, and what links take from the answers."""

from typing import Any

import pytest

from kubetasks.verify.client import Request, Response
from kubetasks.verify.exchange import UNKNOWN_ID, UNKNOWN_UUID, Exchange, build, evaluate, unique, unlike
from kubetasks.verify.openapi import Body, Operation, Parameter
from kubetasks.verify.pointer import MISSING


def parameter(name: str, place: str, **schema: Any) -> Parameter:
    return Parameter(name, place, True, MISSING, schema)


OPERATION = Operation(
    "x",
    "POST",
    "/a/{id}/b",
    (parameter("id", "path"), parameter("q", "query"), parameter("X-H", "header"), parameter("c", "cookie")),
)


def test_parameters_go_to_their_places() -> None:
    values = {"id": "1/2", "q": True, "X-H": 5, "c": "no"}
    assert build(OPERATION, values, None, "/v1", "t") == Request(
        "POST", "/v1/a/1%2F2/b", {"q": "true"}, {"X-H": "5", "Authorization": "Bearer t"}
    )
    assert build(OPERATION, {"id": 3, "q": MISSING}, None, "", "") == Request("POST", "/a/3/b")


@pytest.mark.parametrize(
    ("media", "value", "data"),
    [
        ("application/json", {"a": [1, None]}, b'{"a": [1, null]}'),
        ("application/json", "text", b'"text"'),
        ("application/x-www-form-urlencoded", {"a": "b c", "d": True}, b"a=b+c&d=true"),
        ("text/plain", "as it is", b"as it is"),
    ],
)
def test_bodies(media: str, value: Any, data: bytes) -> None:
    request = build(OPERATION, {"id": 1}, Body("", media, value), "", "")
    assert (request.headers["Content-Type"], request.body) == (media, data)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$response.body#/id", 7), ("$response.body#/no", MISSING), ("$response.body", {"id": 7}),
        ("$request.body#/name", "n"), ("$request.path.user", "me"), ("$request.query.nothing", MISSING),
        ("$response.header.Location", "/a/7"), ("constant", "constant"), (4, 4), ("$url", MISSING),
        ({"a": "$response.body#/id", "b": {"c": "x"}}, {"a": 7, "b": {"c": "x"}}),
        ({"a": {"b": "$response.body#/no"}}, MISSING),
    ],
)  # fmt: skip
def test_expressions(expression: Any, value: Any) -> None:
    response = Response(201, {"location": "/a/7"}, b'{"id": 7}')
    assert evaluate(expression, Exchange(OPERATION, {"user": "me"}, {"name": "n"}, response)) == value


def test_an_answer_that_is_no_json_gives_nothing() -> None:
    assert evaluate("$response.body#/id", Exchange(OPERATION, {}, None, Response(200, {}, b"<"))) is MISSING


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, UNKNOWN_ID),
        ({"type": ["integer", "null"]}, UNKNOWN_ID),
        ({"type": "integer", "maximum": 99}, 99),
        ({"type": "string", "format": "uuid"}, UNKNOWN_UUID),
        ({"type": "string"}, "unknown-0000"),
        ({}, "unknown-0000"),
    ],
)
def test_a_value_that_nobody_has(schema: dict[str, Any], value: Any) -> None:
    assert unlike(parameter("id", "path", **schema)) == value


def test_fields_that_must_be_unique_get_something_at_their_end() -> None:
    operation = Operation("x", "POST", "/a", unique=("name", "absent", "number"))
    body = Body("", "application/json", {"name": "ada", "number": 3, "other": "x"})
    first, second = unique(operation, body).value, unique(operation, body).value
    assert first["name"].startswith("ada-")
    assert first["name"] != second["name"]
    assert {**first, "name": "ada"} == body.value
    assert unique(Operation("x", "POST", "/a"), body) is body
    assert unique(operation, Body("", "text/plain", "as it is")).value == "as it is"
