"""docs/openapi.yaml says what the backend does, neither more nor less."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from app.backend.application import create_app
from app.backend.settings import Settings
from tests.app.conftest import SECRET, User

ROOT = Path(__file__).parents[2]
METHODS = {"get", "put", "post", "patch", "delete"}
WRITTEN: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())


@pytest.fixture(scope="module")
def generated() -> dict[str, Any]:
    made: dict[str, Any] = create_app(Settings(database_url="sqlite:////nowhere", jwt_secret=SECRET)).openapi()
    return made


def resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference inside a document."""
    while "$ref" in value:
        target: Any = document
        for name in value["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        value = target
    return value


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every operation as METHOD /path, with its path's parameters among its own."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            operation = dict(item[method])
            operation["parameters"] = [*item.get("parameters", ()), *operation.get("parameters", ())]
            yield f"{method.upper()} {path}", operation


def media(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Return the media types of a body or an answer, each with the name of its schema or of its items' schema."""
    found = {}
    for name, content in resolved(document, value).get("content", {}).items():
        schema = content["schema"]
        array = schema.get("type") == "array"
        found[name] = (array, (schema["items"] if array else schema)["$ref"])
    return found


def outline(document: dict[str, Any]) -> dict[str, Any]:
    """Return what has to be equal of the operations."""
    return {
        name: {
            "id": operation["operationId"],
            "secured": bool(operation.get("security")),
            "parameters": sorted(
                (parameter["name"], parameter["in"], parameter.get("required", False), limits(parameter["schema"]))
                for parameter in (resolved(document, each) for each in operation["parameters"])
            ),
            "body": media(document, operation["requestBody"]) if "requestBody" in operation else None,
            "answers": {status: media(document, answer) for status, answer in operation["responses"].items()},
        }
        for name, operation in operations(document)
    }


def limits(schema: dict[str, Any]) -> dict[str, Any] | str:
    """Return what a schema demands, however it is written."""
    if "anyOf" in schema:
        parts = [each for each in schema["anyOf"] if each != {"type": "null"}]
        if len(parts) == 1:
            schema = {**parts[0], "type": [parts[0]["type"], "null"]}
        else:
            schema = {"type": [each["type"] for each in parts]}
    kept = ("type", "enum", "minimum", "maximum", "minLength", "maxLength", "default", "format", "$ref")
    found = {key: schema[key] for key in kept if key in schema}
    if "items" in schema:
        found["items"] = limits(schema["items"])
    return str(sorted(found.items(), key=lambda item: item[0])) if "items" not in schema else found


def schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Return what has to be equal of the schemas."""
    return {
        name: {
            "properties": {key: limits(value) for key, value in schema["properties"].items()},
            "required": sorted(schema.get("required", ())),
            "closed": schema.get("additionalProperties") is False,
            "description": schema["description"],
        }
        for name, schema in document["components"]["schemas"].items()
    }


def as_integers(value: Any) -> Any:
    """Return a document whose whole numbers are integers: pydantic writes a limit as 1.0."""
    match value:
        case dict():
            return {key: as_integers(each) for key, each in value.items()}
        case list():
            return [as_integers(each) for each in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def test_the_operations_are_equal(generated: dict[str, Any]) -> None:
    assert outline(WRITTEN) == outline(as_integers(generated))


def test_the_schemas_are_equal(generated: dict[str, Any]) -> None:
    assert schemas(WRITTEN) == schemas(as_integers(generated))
    ours, theirs = (document["components"]["securitySchemes"] for document in (WRITTEN, generated))
    assert ours == theirs


def test_what_is_not_below_api_is_internal() -> None:
    for name, operation in operations(WRITTEN):
        assert operation.get("x-internal", False) == ("/api/" not in name), name


def test_every_parameter_and_body_has_an_example_that_fits() -> None:
    tried = 0
    for name, operation in operations(WRITTEN):
        for parameter in (resolved(WRITTEN, each) for each in operation["parameters"]):
            jsonschema.validate(parameter["example"], parameter["schema"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            examples = [each["value"] for each in content.get("examples", {}).values()] or [content["example"]]
            for example in examples:
                jsonschema.validate(example, {**WRITTEN, **content["schema"]})
                tried += 1
        assert operation["summary"], name
    assert tried >= 5


def test_the_links_lead_to_operations_and_name_their_parameters() -> None:
    known = {operation["operationId"]: operation for _, operation in operations(WRITTEN)}
    links = {
        name: {link["operationId"]: link["parameters"] for link in answer.get("links", {}).values()}
        for name, operation in known.items()
        for answer in operation["responses"].values()
        if "links" in answer
    }
    task = {"user_id": "$request.path.user_id", "task_id": "$response.body#/id"}
    conversation = {"user_id": "$request.path.user_id", "conversation_id": "$response.body#/conversation_id"}
    assert links == {
        "createTask": dict.fromkeys(("getTask", "replaceTask", "updateTask", "deleteTask"), task),
        "chat": {"deleteConversation": conversation},
    }
    for target, parameters in ((target, values) for each in links.values() for target, values in each.items()):
        assert set(parameters) == {resolved(WRITTEN, each)["name"] for each in known[target]["parameters"]}


def test_real_answers_fit(user: User) -> None:
    task = user.add("buy milk")
    answers = {
        "TaskOutput": task,
        "ChatOutput": user.say("list my tasks"),
        "SessionOutput": user.client.post("/api/session").json(),
        "State": user.client.get("/ready").json(),
        "Problem": user.ask("GET", "/tasks/2147483647").json(),
        "InvalidRequest": user.ask("POST", "/tasks", json={}).json(),
    }
    for name, answer in answers.items():
        jsonschema.validate(answer, {**WRITTEN, "$ref": f"#/components/schemas/{name}"})
