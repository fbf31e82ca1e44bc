"""People who talk to a server that may die, and keep by hand what their list has to look like."""

import json
import random
from dataclasses import dataclass, field
from typing import Any

import httpx

WORDS = ("milk", "eggs", "bread", "apples", "coffee", "rice", "tea", "soap")


@dataclass
class Turn:
    """Something to say, and what it does to the list."""

    message: str
    calls: int
    added: list[str] = field(default_factory=list)
    completed: list[int] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)


@dataclass
class Person:
    """A user, and what their list has to look like."""

    client: httpx.Client
    id: str
    conversation: int | None = None
    titles: list[str] = field(default_factory=list)
    completed: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was answered, by key."""

    def left(self) -> list[int]:
        """Return the numbers of the tasks that can be completed, or deleted."""
        return sorted(set(range(1, len(self.titles) + 1)) - self.completed - self.deleted)

    def say(self, turn: Turn, key: str, *, stream: bool = False) -> dict[str, Any]:
        """Say something once.

        Raises:
            httpx.TransportError: The server died.
        """
        body: dict[str, Any] = {"message": turn.message}
        if self.conversation is not None:
            body["conversation_id"] = self.conversation
        path = f"/api/{self.id}/chat{'/stream' if stream else ''}"
        answer = self.client.post(path, json=body, headers={"Idempotency-Key": key})
        assert answer.status_code == 200, answer.text
        text = answer.text
        if stream:
            name, text = text.strip().split("\n")[-2:]
            assert name == "event: done"
        said: dict[str, Any] = json.loads(text.removeprefix("data: "))
        return said

    def until_answered(self, turn: Turn, key: str) -> dict[str, Any]:
        """Say something until it is answered."""
        while True:
            try:
                return self.say(turn, key)
            except httpx.TransportError:
                continue

    def took(self, turn: Turn) -> None:
        """Take a turn into the list kept by hand."""
        self.titles += turn.added
        self.completed |= set(turn.completed)
        self.deleted |= set(turn.deleted)


def scripted(person: Person, dice: random.Random) -> Turn:
    """Say something to the scripted assistant: one to six calls."""
    added = [f"{dice.choice(WORDS)} {len(person.titles) + n}" for n in range(dice.randint(1, 4))]
    parts = [f"add: {', '.join(added)}"]
    completed = [dice.choice(person.left())] if person.left() and dice.random() < 0.5 else []
    parts += [f"done: {number}" for number in completed]
    others = sorted(set(person.left()) - set(completed))
    deleted = [dice.choice(others)] if others and dice.random() < 0.5 else []
    parts += [f"delete: {number}" for number in deleted]
    return Turn("; ".join(parts), len(added) + len(completed) + len(deleted), added, completed, deleted)


def in_plain_words(person: Person, dice: random.Random) -> Turn:
    """Say something to the rules."""
    if person.left() and dice.random() < 0.3:
        number = dice.choice(person.left())
        if dice.random() < 0.5:
            return Turn(f"complete task {number}", 1, completed=[number])
        return Turn(f"delete task {number}", 1, deleted=[number])
    added = [f"{word} {len(person.titles) + n}" for n, word in enumerate(dice.sample(WORDS, 3))]
    return Turn(f"add {added[0]}, {added[1]} and {added[2]}", 3, added)
