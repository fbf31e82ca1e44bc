"""Tasks over HTTP, on both kinds of database."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.app.conftest import User


def test_a_task_from_beginning_to_end(user: User) -> None:
    made = user.add("  buy milk ")
    assert made["title"] == "buy milk"
    assert (made["description"], made["completed"]) == ("", False)
    path = f"/tasks/{made['id']}"
    assert user.ask("GET", path).json() == made
    changed = user.ask("PATCH", path, json={"completed": True}).json()
    assert (changed["title"], changed["completed"]) == ("buy milk", True)
    assert changed["created_at"] == made["created_at"]
    assert changed["updated_at"] > made["updated_at"]
    replaced = user.ask("PUT", path, json={"title": "buy oat milk", "description": "two"}).json()
    assert (replaced["title"], replaced["description"], replaced["completed"]) == ("buy oat milk", "two", False)
    gone = user.ask("DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("GET", "DELETE"):
        answer = user.ask(method, path)
        assert (answer.status_code, answer.json()) == (404, {"detail": f"there is no task {made['id']}"})


def test_times_have_a_zone(user: User) -> None:
    made = user.add("a")
    assert datetime.fromisoformat(made["created_at"]).utcoffset() == timedelta(0)
    assert user.ask("GET", f"/tasks/{made['id']}").json()["created_at"] == made["created_at"]


def test_tasks_are_listed_oldest_first_and_by_state(user: User) -> None:
    for title, completed in (("a", False), ("b", True), ("c", False)):
        user.add(title, completed=completed)
    assert user.titles() == ["a", "b", "c"]
    assert user.titles("pending") == ["a", "c"]
    assert user.titles("completed") == ["b"]


def test_null_leaves_a_value_as_it_is(user: User) -> None:
    task = user.add("a", description="b")
    changed = user.ask("PATCH", f"/tasks/{task['id']}", json={"title": None, "description": None}).json()
    assert (changed["title"], changed["description"]) == ("a", "b")


def test_a_number_is_not_given_twice(user: User) -> None:
    first = user.add("a")["id"]
    user.ask("DELETE", f"/tasks/{first}")
    assert user.add("b")["id"] > first


def test_nobody_sees_another_users_tasks(user: User, other: User) -> None:
    task = user.add("mine")
    assert other.titles() == []
    for method, body in (("GET", None), ("PUT", {"title": "x"}), ("PATCH", {"title": "x"}), ("DELETE", None)):
        assert other.ask(method, f"/tasks/{task['id']}", json=body).status_code == 404
    assert user.titles() == ["mine"]


@pytest.mark.parametrize("title", ["a" * 200, "Ünïcödé ☂ 漢字", "'; DROP TABLE tasks; --", "<script>", "%s %(x)s :x"])
def test_titles_come_back_as_they_were(user: User, title: str) -> None:
    assert user.titles() == []
    user.add(title)
    assert user.titles() == [title]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["body", "title"]),
        ({"title": ""}, ["body", "title"]),
        ({"title": "   "}, ["body", "title"]),
        ({"title": "a" * 201}, ["body", "title"]),
        ({"title": "a\x00b"}, ["body", "title"]),
        ({"title": 1}, ["body", "title"]),
        ({"title": "a", "description": "a" * 1001}, ["body", "description"]),
        ({"title": "a", "completed": "perhaps"}, ["body", "completed"]),
        ({"title": "a", "compleeted": True}, ["body", "compleeted"]),
        ([], ["body"]),
    ],
)
def test_a_task_that_is_none_is_refused(user: User, body: Any, where: list[str]) -> None:
    answer = user.ask("POST", "/tasks", json=body)
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [where]
    assert set(answer.json()["detail"][0]) == {"loc", "msg", "type"}
    assert user.titles() == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"title": "\\ud800"}', b"\xff\xfe", b"null"])
def test_a_body_that_is_no_text_is_refused(user: User, body: bytes) -> None:
    headers = {**user.headers, "Content-Type": "application/json"}
    answer = user.client.post(f"/api/{user.id}/tasks", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["detail"]


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "99999999999999999999", "one", "1.5"])
def test_a_number_that_no_task_can_have_is_refused(user: User, number: str) -> None:
    assert user.ask("GET", f"/tasks/{number}").status_code == 422


def test_a_status_that_is_none_is_refused(user: User) -> None:
    assert user.ask("GET", "/tasks", params={"status": "lost"}).status_code == 422
