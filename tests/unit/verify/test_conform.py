"""Bodies against schemas: what is told of a break, and what is not."""

from typing import Any

import pytest

from kubetasks.verify.client import Response
from kubetasks.verify.conform import invalid, problems
from kubetasks.verify.openapi import Answer, Document, Operation

DOCUMENT = Document((), (), {"components": {"schemas": {"Id": {"type": "integer", "minimum": 1}}}})


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        ({"$ref": "#/components/schemas/Id"}, 3, []),
        ({"$ref": "#/components/schemas/Id"}, 0, ["body: breaks minimum 1"]),
        ({"items": {"$ref": "#/components/schemas/Id"}}, [1, "canary"], ["body/1: expected integer, found string"]),
        ({"required": ["a", "b"]}, {}, ["body: a, b missing"]),
        ({"additionalProperties": False}, {"canary": 1}, ["body: a field that is not documented"]),
        ({"enum": ["x"]}, "canary", ['body: breaks enum ["x"]']),
        ({"format": "uuid"}, "canary", ['body: breaks format "uuid"']),
        ({"type": ["string", "null"]}, 1.5, ["body: expected string or null, found number"]),
        ({"anyOf": [{"type": "null"}, {"type": "object", "required": ["a"]}]}, {}, ["body: a missing"]),
        ({"items": {"const": 1}}, [0] * 5, [*(f"body/{index}: breaks const 1" for index in range(3)), "and more"]),
    ],
)
def test_invalid(schema: dict[str, Any], value: Any, told: list[str]) -> None:
    assert invalid(DOCUMENT, schema, value) == told


def answered(content: dict[str, Any], status: int, media: str, body: bytes) -> list[str]:
    operation = Operation("x", "GET", "/", answers={"200": Answer(content), "4XX": Answer({})})
    return problems(DOCUMENT, operation, Response(status, {"content-type": media}, body), ["200"], quote=str.upper)


@pytest.mark.parametrize(
    ("content", "media", "body", "told"),
    [
        ({"application/json": {"type": "array"}}, "application/json; charset=utf-8", b"[]", []),
        ({"application/json": {"type": "array"}}, "application/json", b"canary", ["the body is not JSON (6 bytes)"]),
        ({"text/*": {"type": "string"}}, "text/html", b"canary", []),
        ({"*/*": None}, "image/png", b"canary", []),
        (
            {"text/plain": None, "text/html": None},
            "",
            b"",
            ["content type: expected text/plain or text/html, found none"],
        ),
        (
            {"application/problem+json": {"type": "object"}},
            "application/problem+json",
            b"1",
            ["body: expected object, found integer"],
        ),
        ({}, "text/html", b"", []),
    ],
)
def test_content(content: dict[str, Any], media: str, body: bytes, told: list[str]) -> None:
    assert answered(content, 200, media, body) == told


def test_an_unexpected_refusal_is_quoted_and_an_unexpected_success_is_not() -> None:
    assert answered({}, 404, "text/plain", b"why") == ["expected 200, found 404: WHY"]
    assert answered({}, 202, "text/plain", b"canary") == ["expected 200, found 202 (not documented at all)"]
