"""Conversations over HTTP, on both kinds of database: how they end."""

from typing import Any

import pytest
from sqlalchemy import func, select

from app.backend.db import Database
from app.backend.models import Message
from tests.app.conftest import User


def messages(url: str, conversation: int | None) -> int:
    """Return how many messages of a conversation are stored."""
    database = Database(url)
    with database.sessions() as session:
        query = select(func.count()).select_from(Message).where(Message.conversation_id == conversation)
        found = session.scalar(query)
    database.close()
    return found or 0


def gone(number: int | None) -> tuple[int, dict[str, Any]]:
    """Return how a conversation is answered that is not there."""
    return 404, {"detail": f"there is no conversation {number}"}


def test_a_conversation_is_deleted_with_its_messages_and_its_tasks_stay(user: User, url: str) -> None:
    user.say("add buy milk")
    first, user.conversation = user.conversation, None
    user.say("add buy bread")
    answer = user.ask("DELETE", f"/conversations/{first}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (messages(url, first), messages(url, user.conversation)) == (0, 2)
    assert user.titles() == ["buy milk", "buy bread"]
    again = user.ask("DELETE", f"/conversations/{first}")
    assert (again.status_code, again.json()) == gone(first)


def test_a_deleted_conversation_is_not_gone_on_with(user: User) -> None:
    user.say("help")
    old, user.conversation = user.conversation, None
    assert user.ask("DELETE", f"/conversations/{old}").status_code == 204
    user.say("help")
    assert user.conversation != old
    answer = user.ask("POST", "/chat", json={"message": "help", "conversation_id": old})
    assert (answer.status_code, answer.json()) == gone(old)


def test_nobody_deletes_another_users_conversation(user: User, other: User, url: str) -> None:
    other.say("help")
    answer = user.ask("DELETE", f"/conversations/{other.conversation}")
    assert (answer.status_code, answer.json()) == gone(other.conversation)
    assert messages(url, other.conversation) == 2


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "one"])
def test_a_number_that_no_conversation_can_have_is_refused(user: User, number: str) -> None:
    assert user.ask("DELETE", f"/conversations/{number}").status_code == 422
