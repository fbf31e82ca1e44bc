"""What the assistant understands, and that it really does it."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.backend.assistant import HELP
from app.backend.db import Database
from app.backend.models import Message
from tests.app.conftest import User


def tools(said: dict[str, object]) -> list[str]:
    """Return what was done."""
    actions = said["actions"]
    assert isinstance(actions, list)
    return [action["tool"] for action in actions]


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("add buy milk", "buy milk"),
        ("Add a task to buy milk.", "buy milk"),
        ("please add a new task: buy milk", "buy milk"),
        ("add task buy milk", "buy milk"),
        ('add "buy milk" to my list', "buy milk"),
        ("create a task called buy milk", "buy milk"),
        ("new task - buy milk", "buy milk"),
        ("remind me to buy milk!", "buy milk"),
        ("I need to buy milk", "buy milk"),
        ("todo: buy milk", "buy milk"),
        ("add \N{LEFT DOUBLE QUOTATION MARK}Buy Milk\N{RIGHT DOUBLE QUOTATION MARK}", "Buy Milk"),
        ("add check that the report is done", "check that the report is done"),
        ("remind me to delete the old files", "delete the old files"),
    ],
)
def test_add(user: User, message: str, title: str) -> None:
    said = user.say(message)
    assert tools(said) == ["add_task"]
    assert said["actions"][0]["tasks"][0]["title"] == title
    assert title in said["reply"]
    assert user.titles() == [title]


@pytest.mark.parametrize(
    ("message", "titles"),
    [
        ("list my tasks", ["milk", "bread"]),
        ("Show me all my tasks!", ["milk", "bread"]),
        ("show tasks", ["milk", "bread"]),
        ("list", ["milk", "bread"]),
        ("what's on my list?", ["milk", "bread"]),
        ("What is open?", ["milk"]),
        ("show my pending tasks", ["milk"]),
        ("what do I have left", ["milk"]),
        ("what do I still have to do?", ["milk"]),
        ("list completed tasks", ["bread"]),
        ("what have I done?", ["bread"]),
        ("what is done?", ["bread"]),
    ],
)
def test_list(user: User, message: str, titles: list[str]) -> None:
    user.add("milk")
    user.add("bread", completed=True)
    said = user.say(message)
    assert tools(said) == ["list_tasks"]
    assert [task["title"] for task in said["actions"][0]["tasks"]] == titles
    assert all(title in said["reply"] for title in titles)


def test_list_nothing(user: User) -> None:
    assert user.say("list my tasks")["reply"] == "You have no tasks."
    assert user.say("list completed tasks")["reply"] == "You have no completed tasks."


@pytest.mark.parametrize(
    "message",
    [
        "complete {id}",
        "complete task {id}",
        "Finish the task #{id}.",
        "mark {id} as done",
        "mark task {id} as completed",
        "mark buy milk as done",
        "check off buy milk",
        "I finished buy milk",
        "I'm done with buy milk",
        "I have completed task {id}",
        "Task {id} is done",
        "buy milk is done!",
        "complete BUY MILK",
        "complete milk",
        "done with it",
    ],
)
def test_complete(user: User, message: str) -> None:
    task = user.say("add buy milk")["actions"][0]["tasks"][0]
    said = user.say(message.format(id=task["id"]))
    assert tools(said) == ["complete_task"]
    assert said["actions"][0]["tasks"][0]["completed"] is True
    assert user.titles("completed") == ["buy milk"]


@pytest.mark.parametrize("message", ["reopen {id}", "mark {id} as not done", "mark it as pending", "undo task {id}"])
def test_reopen(user: User, message: str) -> None:
    task = user.say("add buy milk")["actions"][0]["tasks"][0]
    user.say("complete it")
    assert tools(user.say(message.format(id=task["id"]))) == ["reopen_task"]
    assert user.titles("pending") == ["buy milk"]


@pytest.mark.parametrize("message", ["delete {id}", "remove the task buy milk", "forget it", "cancel task #{id}"])
def test_delete(user: User, message: str) -> None:
    task = user.say("add buy milk")["actions"][0]["tasks"][0]
    said = user.say(message.format(id=task["id"]))
    assert tools(said) == ["delete_task"]
    assert said["actions"][0]["tasks"][0]["title"] == "buy milk"
    assert user.titles() == []


@pytest.mark.parametrize(
    "message", ["rename {id} to buy bread", 'change buy milk to "buy bread"', "Please update task {id} to buy bread."]
)
def test_rename(user: User, message: str) -> None:
    task = user.say("add buy milk")["actions"][0]["tasks"][0]
    said = user.say(message.format(id=task["id"]))
    assert tools(said) == ["rename_task"]
    assert user.titles() == ["buy bread"]


@pytest.mark.parametrize("message", ["help", "Hello!", "What can you do?"])
def test_help(user: User, message: str) -> None:
    said = user.say(message)
    assert (said["reply"], said["actions"]) == (HELP, [])


@pytest.mark.parametrize("message", ["what a day", "?", "\N{SNOWMAN}", "'; DROP TABLE tasks; --"])
def test_what_is_not_understood_is_said_so(user: User, message: str) -> None:
    said = user.say(message)
    assert said["reply"].startswith("I did not understand that.")
    assert said["actions"] == []


def test_what_there_is_not_is_said_so(user: User) -> None:
    user.add("milk")
    assert user.say("complete 2147483647")["reply"] == "You have no task 2147483647."
    assert user.say("delete 9999999999")["reply"] == "You have no task 9999999999."
    assert user.say("delete bread")["reply"] == 'You have no task called "bread".'
    assert user.say("delete it")["reply"].startswith("Which task do you mean?")
    assert user.say(f"rename milk to {'x' * 201}")["reply"].startswith("That is too long")
    assert user.titles() == ["milk"]


def test_two_that_fit_are_asked_about_and_an_exact_title_goes_first(user: User) -> None:
    for title in ("buy milk", "buy bread", "buy"):
        user.add(title)
    assert user.say("complete buy b")["actions"]
    assert user.say("delete uy")["reply"].startswith("Which one do you mean")
    assert tools(user.say("delete buy")) == ["delete_task"]
    assert user.titles() == ["buy milk", "buy bread"]


def test_the_conversation_is_in_the_database(user: User, url: str) -> None:
    user.say("add buy milk")
    user.say("complete it")
    database = Database(url)
    with database.sessions() as session:
        found = session.scalars(
            select(Message).where(Message.conversation_id == user.conversation).order_by(Message.id)
        ).all()
    database.close()
    assert [(each.role, each.content) for each in found][::2] == [("user", "add buy milk"), ("user", "complete it")]
    assert [each.role for each in found] == ["user", "assistant"] * 2
    assert [action["tool"] for each in found for action in each.actions] == ["add_task", "complete_task"]


def test_it_is_of_this_conversation(user: User) -> None:
    user.say("add buy milk")
    first, user.conversation = user.conversation, None
    user.say("add buy bread")
    assert user.conversation != first
    user.conversation = first
    user.say("delete it")
    assert user.titles() == ["buy bread"]


def test_nobody_joins_another_users_conversation(user: User, other: User) -> None:
    other.say("help")
    user.conversation = other.conversation
    answer = user.ask("POST", "/chat", json={"message": "help", "conversation_id": other.conversation})
    assert (answer.status_code, answer.json()) == (404, {"detail": f"there is no conversation {other.conversation}"})


@pytest.mark.parametrize(
    "body",
    [{}, {"message": ""}, {"message": " "}, {"message": "a" * 2001}, {"message": "a\x00"}]
    + [{"message": "a", "conversation_id": number} for number in (0, 2**31, "x")],
)
def test_a_message_that_is_none_is_refused(user: User, body: dict[str, object]) -> None:
    assert user.ask("POST", "/chat", json=body).status_code == 422


def test_a_long_message_is_answered(client: TestClient) -> None:
    user = User(client)
    for message in ("rename a" + " to" * 600, "mark " + "a is done " * 190, "add " + "a" * 1900, "!" * 2000):
        assert user.say(message)["reply"]
