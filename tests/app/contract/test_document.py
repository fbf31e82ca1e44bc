"""docs/openapi.yaml is what the code makes, and says what `inv verify` and people need."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from app.backend import contract
from tests.app.conftest import User

DOCUMENT = contract.document()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every operation as METHOD /path."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def followed(value: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    while "$ref" in value:
        target: Any = DOCUMENT
        for name in value["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        value = target
    return value


def test_what_is_written_is_what_the_code_makes() -> None:
    assert contract.FILE.read_text(encoding="utf-8") == contract.text(), "run: python -m app.backend.contract"


def test_what_is_not_below_api_is_internal() -> None:
    for name, operation in operations():
        assert operation.get("x-internal", False) == ("/api/" not in name), name


@pytest.mark.parametrize(("name", "operation"), list(operations()))
def test_an_operation_says_what_it_needs_and_refuses(name: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    assert operation["summary"].endswith((".", ">"))
    if operation.get("x-internal"):
        return
    assert "503" in answers
    if operation.get("security"):
        assert {"401", "429"} <= answers.keys()
    if "{user_id}" in name:
        assert {"403", "422"} <= answers.keys()
    if "_id}" in name.partition("{user_id}")[2]:
        assert "404" in answers
    if "requestBody" in operation:
        assert {"413", "422"} <= answers.keys()
    for status, header in (("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")):
        if status in answers:
            assert followed(answers[status])["headers"][header]["required"]


def test_examples_fit() -> None:
    tried = 0
    for name, operation in operations():
        for parameter in operation.get("parameters", ()):
            for example in parameter.get("examples", {}).values():
                jsonschema.validate(example["value"], parameter["schema"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            examples = content.get("examples", {})
            assert examples or name == "POST /api/renew", name  # a link gives its body
            for example in examples.values():
                jsonschema.validate(example["value"], {**DOCUMENT, **content["schema"]})
                tried += 1
    assert tried >= 10


def test_links_lead_to_operations_and_name_their_parameters() -> None:
    known = {operation["operationId"]: operation for _, operation in operations()}
    followed_up: dict[str, set[str]] = {}
    for source, operation in known.items():
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                target = known[link["operationId"]]
                followed_up.setdefault(source, set()).add(link["operationId"])
                needed = {each["name"] for each in target.get("parameters", ()) if each["required"]}
                assert needed - set(link.get("parameters", {})) <= {"user_id"}, link  # that one is the session's
    assert followed_up["createTask"] == {"getTask", "replaceTask", "updateTask", "deleteTask"}
    assert followed_up["createAccount"] == {"deleteUser", "login", "logout"}
    assert followed_up["login"] == {"deleteUser", "renewSession"}
    assert "deleteConversation" in followed_up["chat"]


def test_real_answers_fit(user: User) -> None:
    answers = {
        "Task": user.add("buy milk"),
        "TaskPage": user.ask("GET", "/tasks").json(),
        "ToolCall": user.ask("POST", "/undo", json={}).json(),
        "Answer": user.say("list my tasks"),
        "Session": user.client.post("/api/session").json(),
        "User": user.ask("GET", "").json(),
        "State": user.client.get("/ready").json(),
        "Problem": user.ask("GET", "/tasks/2147483647").json(),
        "InvalidRequest": user.ask("POST", "/tasks", json={}).json(),
    }
    for name, answer in answers.items():
        jsonschema.validate(answer, {**DOCUMENT, "$ref": f"#/components/schemas/{name}"})


def test_a_path_says_all_its_methods(user: User) -> None:
    for path, item in DOCUMENT["paths"].items():
        filled = path.format(user_id=user.id, task_id=1, conversation_id=1)
        answer = user.client.request("OPTIONS", filled, headers=user.headers)
        assert answer.status_code == 405
        assert answer.headers["Allow"].split(", ") == sorted(method.upper() for method in item), path


def test_a_body_that_is_no_text_is_told_as_what_is_no_json(user: User) -> None:
    headers = {**user.headers, "Content-Type": "application/json"}
    answer = user.client.post(f"/api/{user.id}/tasks", content=b'{"title": "\xff"}', headers=headers)
    assert (answer.status_code, answer.json()) == (422, {"detail": "the body is not JSON"})
