"""Tasks over HTTP, on both kinds of database."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.app.conftest import User

NO_TASK = (404, {"detail": "there is no such task"})


def test_a_task_from_beginning_to_end(user: User) -> None:
    made = user.add("  buy milk ")
    assert made["title"] == "buy milk"
    assert [made[name] for name in ("id", "description", "completed", "priority", "due")] == [
        1, "", False, "normal", None,
    ]  # fmt: skip
    path = f"/tasks/{made['id']}"
    assert user.ask("GET", path).json() == made
    changed = user.ask("PATCH", path, json={"completed": True, "due": "2026-11-27T17:00"}).json()
    assert (changed["title"], changed["completed"], changed["due"]) == ("buy milk", True, "2026-11-27T17:00")
    assert changed["created_at"] == made["created_at"]
    assert changed["updated_at"] > made["updated_at"]
    replaced = user.ask("PUT", path, json={"title": "buy oat milk", "description": "two", "priority": "high"}).json()
    assert [replaced[name] for name in ("title", "description", "completed", "priority", "due")] == [
        "buy oat milk", "two", False, "high", None,
    ]  # fmt: skip
    gone = user.ask("DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    for method, body in (("GET", None), ("PUT", {"title": "a"}), ("PATCH", {"title": "a"}), ("DELETE", None)):
        answer = user.ask(method, path, json=body)
        assert (answer.status_code, answer.json()) == NO_TASK
    assert user.titles() == []


def test_times_have_a_zone(user: User) -> None:
    made = user.add("a")
    assert datetime.fromisoformat(made["created_at"]).utcoffset() == timedelta(0)
    assert user.ask("GET", f"/tasks/{made['id']}").json()["created_at"] == made["created_at"]


def found(user: User, **query: Any) -> list[str]:
    """The titles that a list gives; its total is how many there are."""
    page = user.ask("GET", "/tasks", params=query).json()
    assert page["total"] == len(page["items"])
    return [task["title"] for task in page["items"]]


def test_filters(user: User) -> None:
    user.add("Pay RENT", due="2026-11-27", priority="high")
    user.add("buy milk", description="100% fat_free!", completed=True)
    user.add("call Zoë", due="2026-11-27T17:00", priority="low")
    user.add("sleep", due="2026-11-28")
    assert found(user) == found(user, status="all") == ["Pay RENT", "buy milk", "call Zoë", "sleep"]
    assert found(user, status="completed") == ["buy milk"]
    assert found(user, status="pending", priority="high") == ["Pay RENT"]
    assert found(user, text="rent") == found(user, text="PAY") == ["Pay RENT"]
    assert found(user, text="Zoë") == found(user, text="zoë") == ["call Zoë"]
    for text, titles in (
        ("100%", ["buy milk"]),
        ("%", ["buy milk"]),
        ("fat_free!", ["buy milk"]),
        ("s_e", []),
        ("!!", []),
    ):
        assert found(user, text=text) == titles, text
    assert found(user, due_before="2026-11-27") == []
    assert found(user, due_before="2026-11-27T17:00") == ["Pay RENT"]
    assert found(user, due_before="2026-11-28") == ["Pay RENT", "call Zoë"]
    assert found(user, due_before="2027-01-01", priority="low", text="call") == ["call Zoë"]


def test_pages(user: User) -> None:
    for number in range(5):
        user.add(f"task {number}")
    pages = [user.ask("GET", "/tasks", params={"limit": 2, "offset": offset}).json() for offset in (0, 2, 4, 6)]
    assert [[task["id"] for task in page["items"]] for page in pages] == [[1, 2], [3, 4], [5], []]
    assert {page["total"] for page in pages} == {5}
    beyond = user.ask("GET", "/tasks", params={"offset": 2**31 - 1, "status": "completed"}).json()
    assert beyond == {"items": [], "total": 0}


@pytest.mark.parametrize(
    "query",
    [
        {"status": "lost"},
        {"priority": "urgent"},
        {"limit": 0},
        {"limit": 201},
        {"limit": "many"},
        {"offset": -1},
        {"offset": 2**31},
        {"text": "a\x00b"},
        {"text": "a" * 201},
        {"due_before": "tomorrow"},
        {"due_before": "2026-02-30"},
    ],
)
def test_a_filter_that_is_none_is_refused(user: User, query: dict[str, Any]) -> None:
    answer = user.ask("GET", "/tasks", params=query)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", *query]


def test_null_leaves_a_value_as_it_is_but_takes_a_date_away(user: User) -> None:
    task = user.add("a", description="b", priority="high", due="2026-11-27")
    nulls = dict.fromkeys(("title", "description", "completed", "priority"))
    assert user.ask("PATCH", f"/tasks/{task['id']}", json=nulls).json() == task
    changed = user.ask("PATCH", f"/tasks/{task['id']}", json={"due": None}).json()
    assert changed == {**task, "due": None, "updated_at": changed["updated_at"]}


def test_a_number_is_not_given_twice(user: User) -> None:
    for number in (1, 2):
        assert user.add("a")["id"] == number
        user.ask("DELETE", f"/tasks/{number}")
    assert user.add("b")["id"] == 3


def test_everybody_counts_from_one_and_sees_their_own(user: User, other: User) -> None:
    assert user.add("mine")["id"] == other.add("theirs")["id"] == 1
    user.add("mine too")
    for method, body in (("GET", None), ("PUT", {"title": "x"}), ("PATCH", {"title": "x"}), ("DELETE", None)):
        assert other.ask(method, "/tasks/2", json=body).status_code == 404
    assert (user.titles(), other.titles()) == (["mine", "mine too"], ["theirs"])


@pytest.mark.parametrize(
    "title", ["a" * 200, "Ünïcödé ☂ 漢字", "'; DROP TABLE tasks; --", "<script>", "%s %(x)s :x {0}"]
)
def test_titles_come_back_as_they_were(user: User, title: str) -> None:
    user.add(title)
    assert user.titles() == [title]
    assert found(user, text=title) == [title]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["body", "title"]),
        ({"title": ""}, ["body", "title"]),
        ({"title": "   "}, ["body", "title"]),
        ({"title": "a" * 201}, ["body", "title"]),
        ({"title": "a\x00b"}, ["body", "title"]),
        ({"title": 1}, ["body", "title"]),
        ({"title": None}, ["body", "title"]),
        ({"title": "a", "description": "a" * 4001}, ["body", "description"]),
        ({"title": "a", "description": "\x00"}, ["body", "description"]),
        ({"title": "a", "completed": "yes"}, ["body", "completed"]),
        ({"title": "a", "completed": 1}, ["body", "completed"]),
        ({"title": "a", "priority": "urgent"}, ["body", "priority"]),
        ({"title": "a", "due": "tomorrow"}, ["body", "due"]),
        ({"title": "a", "due": "2026-13-01"}, ["body", "due"]),
        ({"title": "a", "due": "2100-02-29"}, ["body", "due"]),
        ({"title": "a", "due": "2026-11-27T24:00"}, ["body", "due"]),
        ({"title": "a", "due": "2026-11-27T17:00Z"}, ["body", "due"]),
        ({"title": "a", "due": "2026-11-27\n"}, ["body", "due"]),
        ({"title": "a", "compleeted": True}, ["body"]),
        ([], ["body"]),
    ],
)
def test_a_task_that_is_none_is_refused(user: User, body: Any, where: list[str]) -> None:
    answer = user.ask("POST", "/tasks", json=body)
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [where]
    assert set(answer.json()["detail"][0]) == {"loc", "msg", "type"}
    assert user.titles() == []


@pytest.mark.parametrize("due", ["2026-11-27", "2024-02-29", "2000-02-29", "2026-12-31T23:59", "2026-11-30T00:00"])
def test_dates_that_there_are(user: User, due: str) -> None:
    assert user.add("a", due=due)["due"] == due


@pytest.mark.parametrize("body", [b"", b"{", b'{"title": "\\ud800"}', b"\xff\xfe", b"null"])
def test_a_body_that_is_no_text_is_refused(user: User, body: bytes) -> None:
    headers = {**user.headers, "Content-Type": "application/json"}
    answer = user.client.post(f"/api/{user.id}/tasks", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["detail"]


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "99999999999999999999", "one", "1.5", "%00"])
def test_a_number_that_no_task_can_have_is_refused(user: User, number: str) -> None:
    assert user.ask("GET", f"/tasks/{number}").status_code == 422


def test_nothing_of_what_was_sent_is_repeated(user: User) -> None:
    secret = "s3cr3t-v4lue"
    for body in (
        {secret: 1},
        {"title": {secret: 1}},
        {"title": "a", "priority": secret},
        {"title": "a", "due": secret},
    ):
        answer = user.ask("POST", "/tasks", json=body)
        assert answer.status_code == 422
        assert secret not in answer.text
    for answer in (
        user.ask("GET", f"/tasks/{secret}"),
        user.ask("GET", f"/{secret}"),
        user.ask("GET", "/tasks", params={"status": secret}),
    ):
        assert answer.status_code in {404, 422}
        assert secret not in answer.text


def test_a_change_from_an_older_task_is_refused(user: User) -> None:
    made = user.add("a", due="2026-11-27")
    changed = user.ask("PATCH", "/tasks/1", json={"priority": "high", "updated_at": made["updated_at"]}).json()
    assert changed["priority"] == "high"
    for method, body in (("PATCH", {"due": None}), ("PUT", {"title": "b"}), ("PATCH", {"completed": True})):
        answer = user.ask(method, "/tasks/1", json={**body, "updated_at": made["updated_at"]})
        assert answer.status_code == 409
        assert answer.json() == {
            "detail": "Task 1 has been changed in the meantime, so nothing was changed now.",
            "task": changed,
        }
        assert "Tool-Call" not in answer.headers
    assert user.ask("GET", "/tasks/1").json() == changed
    answer = user.ask("PATCH", "/tasks/1", json={"due": None, "updated_at": changed["updated_at"]})
    assert (answer.status_code, answer.json()["due"], answer.json()["priority"]) == (200, None, "high")


def test_the_same_moment_may_be_written_otherwise(user: User) -> None:
    made = user.add("a")
    moment = datetime.fromisoformat(made["updated_at"]).astimezone(timezone(timedelta(hours=2))).isoformat()
    assert user.ask("PATCH", "/tasks/1", json={"title": "b", "updated_at": moment}).status_code == 200


@pytest.mark.parametrize("moment", ["", "2026-11-27", "2026-11-27T10:00:00", "2026-02-30T10:00:00Z", "now", 5])
def test_what_is_no_moment_is_not_valid(user: User, moment: Any) -> None:
    user.add("a")
    answer = user.ask("PATCH", "/tasks/1", json={"title": "b", "updated_at": moment})
    assert answer.status_code == 422
    assert user.titles() == ["a"]


def test_a_gone_task_is_gone_whatever_was_seen(user: User) -> None:
    made = user.add("a")
    user.ask("DELETE", "/tasks/1")
    answer = user.ask("PATCH", "/tasks/1", json={"title": "b", "updated_at": made["updated_at"]})
    assert (answer.status_code, answer.json()) == NO_TASK
