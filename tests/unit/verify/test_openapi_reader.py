"""Reading a contract."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import SettingsError
from kubetasks.verify.openapi_reader import load
from kubetasks.verify.pointer import MISSING
from tests.unit.verify.server import CONTRACT


def written(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "openapi.yaml"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def with_schema(tmp_path: Path, schema: Any) -> Any:
    """The value that is tried for a body of a schema."""
    content = {"application/json": {"schema": schema}}
    operation = {"operationId": "x", "requestBody": {"content": content}, "responses": {}}
    document = {
        "openapi": "3.1.0",
        "paths": {"/x": {"post": operation}},
        "components": {"schemas": {"N": {"const": 7}}},
    }
    return load(written(tmp_path, document), "c").operations[0].bodies[0].value


def test_operations(tmp_path: Path) -> None:
    document = load(written(tmp_path, CONTRACT), "c")
    assert [each.name for each in document.operations] == [
        "POST /api/session",
        "GET /api/{user_id}/notes/{note_id}",
        "PUT /api/{user_id}/notes/{note_id}",
        "DELETE /api/{user_id}/notes/{note_id}",
        "GET /api/{user_id}/notes",
        "POST /api/{user_id}/notes",
    ]
    assert document.internal == ("GET /health",)
    assert document.prefix == ""
    login, create = document.find("login"), document.find("createNote")
    assert login is not None
    assert create is not None
    assert not login.secured
    assert create.secured
    assert [body.label for body in create.bodies] == ["short", "long"]
    assert create.needs == ("text",)
    assert create.successes == ["201"]
    assert create.answers["201"].headers == ("Location",)
    assert [link.operation for link in create.links()] == ["getNote", "replaceNote", "deleteNote"]
    assert document.find("nothing") is None


def test_a_status_is_documented_by_itself_its_class_or_the_default(tmp_path: Path) -> None:
    raw = copy.deepcopy(CONTRACT)
    answers = raw["paths"]["/api/session"]["post"]["responses"]
    operation = load(written(tmp_path, raw), "c").operations[0]
    assert operation.answer(500) is None
    answers |= {"5XX": {"description": "", "content": {"text/plain": {}}}, "default": {"description": ""}}
    operation = load(written(tmp_path, raw), "c").operations[0]
    assert operation.answer(503) == operation.answers["5XX"]
    assert operation.answer(418) == operation.answers["default"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "example": "a"}, "a"),
        ({"type": "string", "examples": ["b", "c"]}, "b"),
        ({"enum": ["d"]}, "d"),
        ({"type": "integer", "default": 0}, 0),
        ({"$ref": "#/components/schemas/N"}, 7),
        ({"anyOf": [{"type": "string"}, {"const": 5}]}, 5),
        ({"type": "object", "required": ["a"], "properties": {"a": {"const": 1}, "b": {"type": "string"}}}, {"a": 1}),
        ({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}, MISSING),
        ({"type": "string"}, MISSING),
    ],
)
def test_a_body_without_an_example_is_taken_from_its_schema(tmp_path: Path, schema: Any, value: Any) -> None:
    assert with_schema(tmp_path, schema) == value


def test_a_server_with_a_path(tmp_path: Path) -> None:
    assert load(written(tmp_path, {**CONTRACT, "servers": [{"url": "https://x.example/v1/"}]}), "c").prefix == "/v1"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (None, "No such file"),
        ("a: [", "is not valid YAML"),
        ("[]", "OpenAPI 3.1 is needed, found none"),
        ({"openapi": "3.0.3"}, "OpenAPI 3.1 is needed, found 3.0.3"),
        ({"openapi": "3.1.0", "paths": {"/": {"$ref": "#/nowhere"}}}, "#/nowhere does not resolve"),
        ({"openapi": "3.1.0", "paths": {"/": {"$ref": "other.yaml#/x"}}}, "other.yaml#/x is outside the document"),
        ({"openapi": "3.1.0", "paths": {"/": {"$ref": "#/paths/~1"}}}, "a reference is circular"),
        ({"openapi": "3.1.0", "paths": {"/": {"get": 3}}}, "is malformed"),
    ],
)
def test_a_malformed_contract_is_refused(tmp_path: Path, document: Any, says: str) -> None:
    path = tmp_path / "none.yaml" if document is None else written(tmp_path, document)
    with pytest.raises(SettingsError) as raised:
        load(path, "docs/c.yaml")
    assert "the contract docs/c.yaml" in raised.value.line
    assert says in raised.value.line
