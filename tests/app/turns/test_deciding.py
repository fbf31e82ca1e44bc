"""Turns of an assistant that decides as it goes: one attempt at a time, and one that has lost its hold does nothing."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.backend.turns import engine as engines
from app.backend.turns.engine import Begun
from app.backend.turns.values import TurnError
from tests.app.turns.conftest import Desk, play
from tests.app.turns.scripted import Deciding, Gate, Scripted

MESSAGE = "add: milk, eggs, bread"


async def expire(desk: Desk) -> None:
    """Let the time of every attempt's hold pass."""
    async with desk.database.begin() as transaction:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await transaction.run("UPDATE messages SET lease_until = :past WHERE user_id = :u", past=past, u=desk.user_id)


def test_a_turn_that_ends_halfway_is_gone_on_with(url: str) -> None:
    async def story(desk: Desk) -> None:
        gate, assistant = Gate(2), Deciding()
        ended = asyncio.create_task(desk.ask(MESSAGE, "key", assistant=Deciding(gate)))
        await gate.reached.wait()
        ended.cancel()
        await asyncio.wait({ended})
        assert await desk.titles() == ["milk", "eggs"]
        answer = await desk.ask(MESSAGE, "key", assistant=assistant, patience=0)  # its hold ended with it
        assert assistant.done == [2]
        assert await desk.titles() == ["milk", "eggs", "bread"]
        assert [call.result.tasks[0].title for call in answer.tool_calls] == ["milk", "eggs", "bread"]
        assert (answer.assistant, answer.response) == ("model", "Decided.")

    play(url, story)


def test_a_second_attempt_waits_and_is_told_to_come_back(url: str) -> None:
    async def story(desk: Desk) -> None:
        gate = Gate(1)
        first = asyncio.create_task(desk.ask(MESSAGE, "key", assistant=Deciding(gate)))
        await gate.reached.wait()
        with pytest.raises(TurnError) as caught:
            await desk.ask(MESSAGE, "key", assistant=Deciding(), patience=0)
        assert (caught.value.status, caught.value.retry_after) == (409, 2)
        second = asyncio.create_task(desk.ask(MESSAGE, "key", assistant=Deciding(), patience=30))
        gate.open.set()
        answer = await first
        assert await second == answer.model_copy(update={"replayed": True})
        assert await desk.titles() == ["milk", "eggs", "bread"]

    play(url, story)


def test_an_attempt_that_lost_its_hold_does_nothing_more(url: str) -> None:
    async def story(desk: Desk) -> None:
        for at in (1, -1):  # before a call, and before its answer
            gate = Gate(at)
            silent = asyncio.create_task(desk.ask(MESSAGE, f"key {at}", assistant=Deciding(gate)))
            await gate.reached.wait()
            await expire(desk)
            answer = await desk.ask(MESSAGE, f"key {at}", assistant=Deciding(), patience=0)
            gate.open.set()
            with pytest.raises(TurnError) as caught:
                await silent
            assert caught.value.status == 409
            assert not answer.replayed
        assert await desk.titles() == ["milk", "eggs", "bread"] * 2
        assert len(await desk.messages()) == 4

    play(url, story)


def test_a_hold_lasts_as_long_as_the_attempt(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "LEASE", timedelta(seconds=0.06))

    async def story(desk: Desk) -> None:
        gate = Gate(1)
        attempt = asyncio.create_task(desk.ask(MESSAGE, "key", assistant=Deciding(gate)))
        await gate.reached.wait()
        sql = "SELECT lease_until FROM messages WHERE user_id = :u"
        seen: set[str] = set()
        while len(seen) < 4:  # it is renewed again and again
            seen.add(str((await desk.rows(sql, u=desk.user_id))[0]["lease_until"]))
            await asyncio.sleep(0.005)
        gate.open.set()
        await attempt
        assert (await desk.rows(sql + " AND role = 'user'", u=desk.user_id))[0]["lease_until"] is None

    play(url, story)


def test_a_turn_is_left_to_the_rules_and_does_nothing_twice(url: str) -> None:
    async def story(desk: Desk) -> None:
        answer = await desk.ask(MESSAGE, "key", assistant=Deciding(leave_at=1, to=Scripted()))
        # The plan has all three; the first one had been called before.
        assert await desk.titles() == ["milk", "eggs", "bread"]
        assert await desk.places() == [0, 1, 2]
        assert answer.assistant == "rules"
        assert (await desk.ask(MESSAGE, "key", assistant=Deciding())).replayed

    play(url, story)


@pytest.mark.parametrize("at", [0, 1, 2, -1])
def test_a_turn_left_to_the_rules_is_theirs_after_an_interruption(url: str, at: int) -> None:
    async def story(desk: Desk) -> None:
        gate = Gate(at)
        leaving = Deciding(leave_at=1, to=Scripted(gate))
        interrupted = asyncio.create_task(desk.ask(MESSAGE, "key", assistant=leaving))
        await gate.reached.wait()
        interrupted.cancel()
        await asyncio.wait({interrupted})
        model = Deciding()
        answer = await desk.ask(MESSAGE, "key", assistant=model)
        assert model.done == []
        assert answer.assistant == "rules"
        assert await desk.titles() == ["milk", "eggs", "bread"]

    play(url, story)


def test_a_models_turn_is_gone_on_with_where_no_model_is_configured(url: str) -> None:
    async def story(desk: Desk) -> None:
        gate = Gate(1)
        ended = asyncio.create_task(desk.ask(MESSAGE, "key", assistant=Deciding(gate)))
        await gate.reached.wait()
        ended.cancel()
        await asyncio.wait({ended})
        answer = await desk.ask(MESSAGE, "key", assistant=Scripted())
        assert answer.assistant == "rules"
        assert await desk.titles() == ["milk", "eggs", "bread"]

    play(url, story)


def test_a_model_is_shown_the_conversation(url: str) -> None:
    async def story(desk: Desk) -> None:
        first = await desk.ask("add: milk", assistant=Deciding())
        for n in range(12):
            await desk.ask(f"message {n}", conversation=first.conversation_id)
        model = Deciding()
        begun = await desk.engine(model).begin(desk.question("what now?", "key", first.conversation_id))
        assert isinstance(begun, Begun)
        said = begun.turn.context.history
        assert len(said) == 20
        assert [(each.role, each.content) for each in said[:2]] == [
            ("user", "message 2"),
            ("assistant", "Turn 3. message 2"),
        ]
        other = await desk.ask("add: eggs", assistant=Deciding())
        await desk.ask("and now?", "key 2", other.conversation_id, assistant=model)
        [asked, answered] = model.contexts[-1].history
        assert (asked.content, list(asked.tool_calls)) == ("add: eggs", [])
        assert [call.result.tasks[0].title for call in answered.tool_calls] == ["eggs"]

    play(url, story)
