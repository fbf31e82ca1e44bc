"""One request of the contract layer and what came back: how it is built, and what a next one takes from it."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from kubetasks.verify.client import Request, Response, plain, segment
from kubetasks.verify.openapi import Body, Operation, Parameter
from kubetasks.verify.pointer import MISSING, look

UNKNOWN_ID: Final = 2147483646
UNKNOWN_UUID: Final = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Exchange:
    """What was asked, and what came back."""

    operation: Operation
    values: Mapping[str, Any]
    body: Any
    response: Response


def build(operation: Operation, values: Mapping[str, Any], body: Body | None, prefix: str, token: str) -> Request:
    """The request for an operation.

    Args:
        operation: what to ask.
        values: the parameters' values, by name; those that are `MISSING` are left out.
        body: the body; None for none.
        prefix: comes before the path.
        token: the bearer token; empty for none.
    """
    path = operation.path
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    for each in operation.parameters:
        value = values.get(each.name, MISSING)
        if value is MISSING:
            continue
        if each.place == "path":
            path = path.replace(f"{{{each.name}}}", segment(value))
        elif each.place == "query":
            query[each.name] = plain(value)
        elif each.place == "header":
            headers[each.name] = plain(value)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data: bytes | None = None
    if body is not None:
        headers["Content-Type"] = body.media
        data = _encoded(body)
    return Request(operation.method, prefix + path, query, headers, data)


def _encoded(body: Body) -> bytes:
    if body.media == "application/x-www-form-urlencoded" and isinstance(body.value, dict):
        return urlencode({key: plain(value) for key, value in body.value.items()}).encode()
    if isinstance(body.value, str) and not body.media.endswith("json"):
        return body.value.encode()
    return json.dumps(body.value, default=str).encode()


def unique(operation: Operation, body: Body) -> Body:
    """A body whose unique fields hold what is in use nowhere else: the example with something at its end."""
    if not operation.unique or not isinstance(body.value, Mapping):
        return body
    marked = {
        name: f"{body.value[name]}-{secrets.token_hex(4)}"
        for name in operation.unique
        if isinstance(body.value.get(name), str)
    }
    return replace(body, value={**body.value, **marked})


def unlike(parameter: Parameter) -> Any:
    """A value for a path parameter that fits its schema and that no one has."""
    kind = parameter.schema.get("type")
    if kind == "integer" or (isinstance(kind, list) and "integer" in kind):
        return min(parameter.schema.get("maximum", UNKNOWN_ID), UNKNOWN_ID)
    return UNKNOWN_UUID if parameter.schema.get("format") == "uuid" else "unknown-0000"


def evaluate(expression: Any, exchange: Exchange) -> Any:
    """A link's runtime expression (OpenAPI 3.1, "Runtime Expressions"), or a mapping of such; else it is a constant.

    `MISSING` where one of them does not resolve.
    """
    if isinstance(expression, Mapping):
        found = {key: evaluate(each, exchange) for key, each in expression.items()}
        return MISSING if any(each is MISSING for each in found.values()) else found
    return _one(expression, exchange) if isinstance(expression, str) and expression.startswith("$") else expression


def _one(expression: str, exchange: Exchange) -> Any:
    source, _, pointer = expression.partition("#")
    if source == "$request.body":
        return look(exchange.body, pointer)
    if source == "$response.body":
        try:
            return look(exchange.response.json(), pointer)
        except ValueError:
            return MISSING
    side, _, rest = source.partition(".")
    _, _, name = rest.partition(".")
    if side == "$response":
        return exchange.response.headers.get(name.lower(), MISSING)
    return exchange.values.get(name, MISSING)
