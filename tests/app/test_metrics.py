"""What is counted."""

import asyncio
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Receive, Scope, Send

from app.backend.application import create_app
from app.backend.metrics import Measure, Metrics
from tests.app.conftest import User, unlimited


@pytest.fixture
def fresh(url: str) -> Iterator[TestClient]:
    """A backend that has counted nothing yet."""
    with TestClient(create_app(unlimited(url))) as client:
        yield client


def counted(text: str) -> dict[tuple[str, ...], float]:
    """Return samples by name and labels, whose order is that of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_by_route_method_and_status(fresh: TestClient) -> None:
    user = User(fresh)
    user.add("a")
    user.add("b")
    user.ask("GET", "/tasks/1")
    user.ask("GET", "/tasks/77")
    user.ask("GET", "/tasks/none")
    fresh.get("/nowhere/at/all")
    fresh.request("BREW", "/health")
    fresh.get(f"/api/{user.id}/tasks")
    answer = fresh.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    found = counted(answer.text)
    requests = {key[1:]: value for key, value in found.items() if key[0] == "todo_requests_total"}
    assert requests == {
        ("POST", "/api/session", "201"): 1,
        ("POST", "/api/{user_id}/tasks", "201"): 2,
        ("GET", "/api/{user_id}/tasks/{task_id}", "200"): 1,
        ("GET", "/api/{user_id}/tasks/{task_id}", "404"): 1,
        ("GET", "/api/{user_id}/tasks/{task_id}", "422"): 1,
        ("GET", "none", "404"): 1,
        ("OTHER", "/health", "405"): 1,
        ("GET", "/api/{user_id}/tasks", "401"): 1,
    }
    assert found["todo_request_seconds_count", "POST", "/api/{user_id}/tasks"] == 2
    assert 0 < found["todo_request_seconds_sum", "POST", "/api/{user_id}/tasks"] < 60
    assert user.id not in answer.text
    assert "nowhere" not in answer.text


def test_tool_calls_and_turns(fresh: TestClient) -> None:
    user = User(fresh)
    user.add("a")
    user.ask("PATCH", "/tasks/1", json={"completed": True})
    user.ask("PUT", "/tasks/1", json={"title": "b"})
    user.ask("DELETE", "/tasks/1")
    user.ask("DELETE", "/tasks/1")
    user.undo()
    user.undo(tool_call_id=2**31 - 1)
    user.say("add buy milk")
    found = counted(fresh.get("/metrics").text)
    calls = {key[1:]: value for key, value in found.items() if key[0] == "todo_tool_calls_total"}
    assert calls == {
        ("true", "rest", "add_task"): 1,
        ("true", "rest", "complete_task"): 1,
        ("true", "rest", "update_task"): 1,
        ("true", "rest", "delete_task"): 1,
        ("true", "rest", "undo"): 1,
        ("false", "rest", "undo"): 1,
        ("true", "chat", "add_task"): 1,
    }
    assert {key[1:]: value for key, value in found.items() if key[0] == "todo_turns_total"} == {
        ("rules", "answered"): 1
    }


def test_memory_and_processor_are_told(fresh: TestClient) -> None:
    found = counted(fresh.get("/metrics").text)
    assert found["process_resident_memory_bytes",] > 2**20
    assert found["process_cpu_seconds_total",] > 0


def test_what_fails_is_counted_as_an_error() -> None:
    metrics = Metrics()

    async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(Measure(failing, metrics)({"type": "http", "method": "GET"}, None, None))  # type: ignore[arg-type]
    found = counted(metrics.page().decode())
    assert found["todo_requests_total", "GET", "none", "500"] == 1


def test_each_application_counts_for_itself() -> None:
    Metrics().turn_ended("rules", "answered")
    assert not [key for key in counted(Metrics().page().decode()) if key[0] == "todo_turns_total"]
