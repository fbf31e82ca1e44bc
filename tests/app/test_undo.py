"""Taking back what was done, over HTTP and through the tools, on both kinds of database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.backend import tools
from app.backend.database import make_database
from app.backend.database.base import ConflictError, Transaction
from app.backend.records import ToolCall
from app.backend.tasks import UserGoneError
from tests.app.conftest import User


def run(url: str, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
    """Do something in a transaction."""

    async def story() -> Any:
        database = make_database(url)
        await database.open()
        try:
            async with database.begin() as transaction:
                return await work(transaction)
        finally:
            await database.close()

    return asyncio.run(story())


def call(url: str, user: User, tool: str, **arguments: Any) -> ToolCall:
    """Call a tool."""
    made: ToolCall = run(url, lambda transaction: tools.run(transaction, user.id, tool, arguments))
    return made


def without_time(task: dict[str, Any]) -> dict[str, Any]:
    """A task but for when it was changed."""
    return {name: value for name, value in task.items() if name != "updated_at"}


def test_an_addition(user: User) -> None:
    task = user.add("buy milk")
    result = user.undo()
    assert (result["ok"], result["summary"]) == (True, 'Took back task 1: "buy milk".')
    assert without_time(result["tasks"][0]) == without_time(task)
    assert user.titles() == []
    assert user.add("next")["id"] == 2


def test_a_deletion_comes_back_under_its_number(user: User) -> None:
    user.add("first")
    task = user.add("buy milk", description="two", due="2026-11-27", priority="high")
    user.add("last")
    user.ask("DELETE", "/tasks/2")
    assert user.titles() == ["first", "last"]
    result = user.undo()
    assert (result["ok"], result["summary"]) == (True, 'Restored task 2: "buy milk".')
    assert without_time(user.ask("GET", "/tasks/2").json()) == without_time(task)
    assert user.titles() == ["first", "buy milk", "last"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"completed": True}, 'Reopened task 1: "a".'),
        ({"title": "b"}, 'Changed task 1 back: "a".'),
        ({"due": None}, 'Changed task 1 back: "a".'),
        ({"title": "b", "description": "c", "completed": True, "priority": "low"}, 'Changed task 1 back: "a".'),
    ],
)
def test_a_change(user: User, change: dict[str, Any], told: str) -> None:
    task = user.add("a", due="2026-11-27", priority="high")
    changed = user.ask("PATCH", "/tasks/1", json=change).json()
    assert without_time(changed) == without_time({**task, **change})
    result = user.undo()
    assert (result["ok"], result["summary"]) == (True, told)
    assert without_time(result["tasks"][0]) == without_time(task)
    assert without_time(user.ask("GET", "/tasks/1").json()) == without_time(task)


def test_a_replacement_and_an_opening(user: User) -> None:
    task = user.add("a", completed=True, description="b")
    user.ask("PATCH", "/tasks/1", json={"completed": False})
    user.ask("PUT", "/tasks/1", json={"title": "c"})
    user.undo()
    assert user.undo()["summary"] == 'Marked task 1 as done again: "a".'
    assert without_time(user.ask("GET", "/tasks/1").json()) == without_time(task)


def test_one_after_the_other_from_the_last(user: User) -> None:
    user.add("a")
    user.add("b")
    user.ask("PATCH", "/tasks/1", json={"completed": True})
    user.ask("PATCH", "/tasks/2", json={"title": "c"})
    user.ask("DELETE", "/tasks/2")
    seen = []
    while (result := user.undo())["ok"]:
        seen.append((user.titles("pending"), user.titles("completed")))
    assert result["summary"] == "There is nothing to undo."
    assert seen == [
        (["c"], ["a"]),
        (["b"], ["a"]),
        (["a", "b"], []),
        (["a"], []),
        ([], []),
    ]


def test_a_named_call_leaves_what_came_after_it(url: str, user: User) -> None:
    user.add("a")
    renamed = call(url, user, "update_task", task_id=1, title="b")
    call(url, user, "complete_task", task_id=1)
    assert renamed.undoable
    assert user.undo(tool_call_id=renamed.id)["ok"]
    task = user.ask("GET", "/tasks/1").json()
    assert (task["title"], task["completed"]) == ("a", True)
    again = user.undo(tool_call_id=renamed.id)
    assert (again["ok"], again["summary"]) == (False, "That cannot be undone, or not any more.")


def test_an_answer_names_the_call_that_undoes_it(user: User) -> None:
    user.add("a")
    user.add("b")
    answers = [
        user.ask("DELETE", "/tasks/1"),
        user.ask("PATCH", "/tasks/2", json={"title": "c"}),
        user.ask("PUT", "/tasks/2", json={"title": "d"}),
        user.ask("POST", "/tasks", json={"title": "e"}),
    ]
    for answer in answers:
        assert user.undo(tool_call_id=int(answer.headers["Tool-Call"]))["ok"]
    assert sorted(user.titles()) == ["a", "c"]
    assert "Tool-Call" not in user.ask("DELETE", "/tasks/9").headers


def test_a_change_to_what_was_deleted_waits_for_it(url: str, user: User) -> None:
    added = call(url, user, "add_task", title="a")
    renamed = call(url, user, "update_task", task_id=1, title="b")
    user.ask("DELETE", "/tasks/1")
    for each in (renamed, added):
        assert user.undo(tool_call_id=each.id)["summary"] == "Task 1 has been deleted since."
    assert user.undo()["ok"]
    assert user.undo(tool_call_id=renamed.id)["ok"]
    assert user.titles() == ["a"]


def test_what_had_no_effect_is_not_undone(url: str, user: User) -> None:
    user.add("a")
    quiet = [
        call(url, user, "list_tasks"),
        call(url, user, "complete_task", task_id=1, completed=False),
        call(url, user, "update_task", task_id=1, title="a"),
        call(url, user, "delete_task", task_id=7),
        call(url, user, "no_such_tool", what=1),
        call(url, user, "add_task", title=""),
        call(url, user, "add_task", title="b", user_id="somebody"),
    ]
    assert not any(each.undoable for each in quiet)
    assert [each.result.ok for each in quiet] == [True, True, True, False, False, False, False]
    assert [each.result.summary for each in quiet[3:5]] == ["There is no task 7.", "There is no such tool."]
    assert user.undo()["summary"] == 'Took back task 1: "a".'


def test_nobody_undoes_what_another_did(url: str, user: User, other: User) -> None:
    done = call(url, user, "add_task", title="mine")
    assert not other.undo(tool_call_id=done.id)["ok"]
    assert not other.undo()["ok"]
    assert user.titles() == ["mine"]


@pytest.mark.parametrize("body", [{"tool_call_id": 0}, {"tool_call_id": 2**31}, {"tool_call_id": "1"}, {"id": 1}])
def test_a_call_that_is_none_is_refused(user: User, body: dict[str, Any]) -> None:
    assert user.ask("POST", "/undo", json=body).status_code == 422


def test_what_failed_over_http_leaves_no_record(url: str, user: User) -> None:
    assert user.ask("DELETE", "/tasks/1").status_code == 404
    assert user.ask("PATCH", "/tasks/1", json={"title": "a"}).status_code == 404

    async def count(transaction: Transaction) -> Any:
        row = await transaction.one("SELECT count(*) AS n FROM tool_calls WHERE user_id = :user", user=user.id)
        return row and row["n"]

    assert run(url, count) == 0


def test_a_list_that_a_tool_gives(url: str, user: User) -> None:
    for title in ("a", "b"):
        user.add(title, due="2026-11-27")
    call(url, user, "complete_task", task_id=2)
    for arguments, summary, numbers in (
        ({}, "1 open task.", [1]),
        ({"status": "all"}, "2 tasks.", [1, 2]),
        ({"status": "completed", "text": "x"}, "No matching completed tasks.", []),
        ({"due_before": "2026-12-01", "priority": "normal", "status": "all"}, "2 matching tasks.", [1, 2]),
    ):
        result = call(url, user, "list_tasks", **arguments).result
        assert (result.summary, [task.id for task in result.tasks]) == (summary, numbers)


def test_a_record_is_read_as_it_was_made(url: str, user: User) -> None:
    made = call(url, user, "add_task", title="a", due="2026-11-27")

    async def read(transaction: Transaction) -> ToolCall:
        row = await transaction.one(f"SELECT {tools.COLUMNS} FROM tool_calls WHERE id = :id", id=made.id)  # noqa: S608
        assert row is not None
        return tools.call_of(row)

    assert run(url, read) == made
    user.undo()
    assert run(url, read) == made.model_copy(update={"undoable": False})


def test_a_place_in_a_turn_is_run_once(url: str, user: User) -> None:
    async def ask(transaction: Transaction) -> int:
        conversation = await transaction.one(
            "INSERT INTO conversations (user_id, created_at, updated_at) VALUES (:user, CURRENT_TIMESTAMP, "
            "CURRENT_TIMESTAMP) RETURNING id",
            user=user.id,
        )
        assert conversation is not None
        message = await transaction.one(
            "INSERT INTO messages (conversation_id, user_id, role, content, created_at) "
            "VALUES (:conversation, :user, 'user', 'a', CURRENT_TIMESTAMP) RETURNING id",
            conversation=conversation["id"],
            user=user.id,
        )
        assert message is not None
        return int(message["id"])

    message_id = run(url, ask)

    def add(title: str, position: int) -> ToolCall:
        async def adding(transaction: Transaction) -> ToolCall:
            return await tools.run(
                transaction, user.id, "add_task", {"title": title}, message_id=message_id, position=position
            )

        made: ToolCall = run(url, adding)
        return made

    add("a", 0)
    with pytest.raises(ConflictError):
        add("b", 0)
    add("c", 1)
    assert user.titles() == ["a", "c"]


def test_a_user_who_is_gone_is_told(url: str, user: User) -> None:
    user.ask("DELETE", "")
    for tool, arguments in (("add_task", {"title": "a"}), ("delete_task", {"task_id": 1}), ("undo", {})):
        with pytest.raises(UserGoneError):
            call(url, user, tool, **arguments)
    with pytest.raises(ConflictError):  # its record has nobody to belong to
        call(url, user, "list_tasks")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("add_task", {"title": "a\x00b"}),
        ("add_task", {"title": "a" * 201}),
        ("add_task", {"title": ["a"]}),
        ("add_task", {"title": "\ud800"}),
        ("add_task", {}),
        ("complete_task", {"task_id": 2**31}),
        ("complete_task", {"task_id": 10**400}),
        ("list_tasks", {"text": "\x00"}),
        ("update_task", {"task_id": 1, "due": "soon"}),
        ("x" * 100 + "\x00", {"a\x00": "\x00"}),
    ],
)
def test_arguments_that_are_not_valid_are_told_without_repeating_them(
    url: str, user: User, tool: str, arguments: dict[str, Any]
) -> None:
    made = call(url, user, tool, **arguments)
    assert (made.result.ok, made.undoable) == (False, False)
    assert "\x00" not in made.result.summary
    assert len(made.result.summary) < 150
