"""kill -9, at a random moment of a turn, two hundred times: nothing acknowledged is lost, nothing is done twice.

A real server on a real Postgres. The client does what the page does: it sends the message again, with the same key,
until it is answered. What the database holds is then compared with what a list kept by hand holds.
"""

import json
import logging
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.app.turns.nursery import Nursery, nursery
from tests.app.turns.people import Person, Turn, in_plain_words, scripted

log = logging.getLogger(__name__)
pytestmark = pytest.mark.postgres

IN_THE_MIDST = 1 / 5
"""Of all kills, how many at least have to find the turn begun and not ended."""


@pytest.fixture
def record(postgres_url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A look at the database, past the server."""
    with psycopg.connect(postgres_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def found(record: psycopg.Connection[dict[str, Any]], person: Person, key: str) -> str:
    """Return how far a turn has got: `nothing`, how many calls, or `answered`."""
    row = record.execute(
        "SELECT (SELECT count(*) FROM tool_calls WHERE message_id = m.id) AS calls, "
        "EXISTS (SELECT 1 FROM messages AS r WHERE r.reply_to = m.id) AS answered "
        "FROM messages AS m WHERE user_id = %s AND idempotency_key = %s",
        (person.id, key),
    ).fetchone()
    if row is None:
        return "nothing"
    return "answered" if row["answered"] else f"{row['calls']} calls"


class Trial:
    """Kills servers, and compares."""

    def __init__(self, house: Nursery, dice: random.Random, next_turn: Callable[[Person, random.Random], Turn]) -> None:
        self.house = house
        self.dice = dice
        self.next_turn = next_turn
        self.server = house.server()
        self.client = httpx.Client(base_url=house.url, timeout=30)
        self.span = 1.0
        """Seconds: a kill comes at any moment of so many after a message was sent."""
        self.hits: Counter[str] = Counter()

    def person(self) -> Person:
        session = self.client.post("/api/session").json()
        client = httpx.Client(
            base_url=self.house.url, timeout=30, headers={"Authorization": f"Bearer {session['token']}"}
        )
        return Person(client, session["user_id"])

    def measure(self, person: Person, key: str) -> None:
        """Take the time of a turn that nothing interrupts, on a server like those that are killed."""
        self.replace()
        self.warm(person)
        turn = self.next_turn(person, self.dice)
        began = time.perf_counter()
        self.took(person, turn, key, person.say(turn, key))
        self.span = min(self.span, time.perf_counter() - began)

    def replace(self) -> None:
        os.kill(self.server, signal.SIGKILL)
        self.server = self.house.server()

    @staticmethod
    def warm(person: Person) -> None:
        """Have the server connect to the database, and the client to the server."""
        while True:
            try:
                assert person.client.get(f"/api/{person.id}/tasks").status_code == 200
            except httpx.TransportError:
                continue
            return

    def kill(self, person: Person, number: int, record: psycopg.Connection[dict[str, Any]]) -> None:
        """Kill the server at a random moment of a turn, and see the turn through."""
        self.warm(person)
        turn, key = self.next_turn(person, self.dice), f"key-{number}"
        if self.dice.random() < 0.2:
            person.conversation = None
        stream = self.dice.random() < 0.5
        deadline = time.perf_counter() + self.dice.uniform(0, self.span)
        answered: dict[str, Any] | None = None

        def strike() -> None:
            while time.perf_counter() < deadline:
                time.sleep(0.0002)
            os.kill(self.server, signal.SIGKILL)

        striking = threading.Thread(target=strike)
        striking.start()
        with suppress(httpx.TransportError):
            answered = person.say(turn, key, stream=stream)
        striking.join()
        state = found(record, person, key)
        self.hits[state] += 1
        # Turns differ, and so does the machine: keep a third of the kills from coming too late.
        self.span *= 0.96 if state == "answered" else 1.02
        self.server = self.house.server()
        # Somebody in a hurry sends it twice at once.
        with ThreadPoolExecutor(2) as both:
            tries = list(both.map(lambda _n: person.until_answered(turn, key), range(1 + number % 2)))
        given = [*tries, answered] if answered else tries
        same = {json.dumps({**answer, "replayed": True}, sort_keys=True) for answer in given}
        assert len(same) == 1, same
        if answered is not None:
            assert all(answer["replayed"] for answer in tries)
        self.took(person, turn, key, tries[0])

    @staticmethod
    def took(person: Person, turn: Turn, key: str, answer: dict[str, Any]) -> None:
        assert len(answer["tool_calls"]) == turn.calls, (turn, answer)
        assert all(call["result"]["ok"] for call in answer["tool_calls"]), answer
        person.took(turn)
        person.answers[key] = answer
        person.conversation = answer["conversation_id"]


def check(record: psycopg.Connection[dict[str, Any]], person: Person) -> None:
    """Compare what is stored with what was acknowledged, and with the list kept by hand."""
    tasks = record.execute("SELECT * FROM tasks WHERE user_id = %s ORDER BY id", (person.id,)).fetchall()
    assert [task["id"] for task in tasks] == list(range(1, len(tasks) + 1))
    assert [task["title"] for task in tasks] == person.titles
    assert {task["id"] for task in tasks if task["completed"]} == person.completed
    assert {task["id"] for task in tasks if task["deleted_at"]} == person.deleted
    messages = record.execute("SELECT * FROM messages WHERE user_id = %s ORDER BY id", (person.id,)).fetchall()
    asked = {message["id"]: message for message in messages if message["role"] == "user"}
    replies = [message for message in messages if message["role"] == "assistant"]
    # Every message is answered once, in its own conversation, and as it was acknowledged.
    assert sorted(reply["reply_to"] for reply in replies) == sorted(asked)
    assert sorted(message["idempotency_key"] for message in asked.values()) == sorted(person.answers)
    calls = record.execute("SELECT * FROM tool_calls WHERE user_id = %s ORDER BY id", (person.id,)).fetchall()
    for reply in replies:
        message = asked[reply["reply_to"]]
        answer = person.answers[message["idempotency_key"]]
        assert reply["conversation_id"] == message["conversation_id"] == answer["conversation_id"]
        assert (reply["id"], reply["content"]) == (answer["message_id"], answer["response"])
        own = [call for call in calls if call["message_id"] == message["id"]]
        assert [call["position"] for call in own] == list(range(len(own)))
        assert [call["id"] for call in own] == [call["id"] for call in answer["tool_calls"]]
    assert len(calls) == sum(len(answer["tool_calls"]) for answer in person.answers.values())


@pytest.mark.parametrize(("assistant", "turns", "kills"), [("rules", in_plain_words, 200), ("scripted", scripted, 100)])
def test_nothing_is_lost_and_nothing_happens_twice(
    postgres_url: str,
    record: psycopg.Connection[dict[str, Any]],
    assistant: str,
    turns: Callable[[Person, random.Random], Turn],
    kills: int,
) -> None:
    seed = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
    log.warning("KILL_SEED=%d", seed)
    began = time.perf_counter()
    with nursery(postgres_url, assistant) as house, ExitStack() as closing:
        trial = Trial(house, random.Random(seed), turns)  # noqa: S311 - no secret
        people = [trial.person() for _ in range(4)]
        for client in (trial.client, *(person.client for person in people)):
            closing.callback(client.close)
        for person in people:
            trial.measure(person, "measured")
        for number in range(kills):
            trial.kill(people[number % len(people)], number, record)
        for person in people:
            check(record, person)
    log.warning("%d kills in %.0f s found: %s", kills, time.perf_counter() - began, dict(sorted(trial.hits.items())))
    midst = sum(count for state, count in trial.hits.items() if state.endswith("calls"))
    assert sum(trial.hits.values()) == kills
    assert midst >= kills * IN_THE_MIDST, trial.hits
    assert {"0 calls", "1 calls"} <= set(trial.hits)
