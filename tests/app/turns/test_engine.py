"""A turn happens exactly once, on both databases."""

import asyncio
from zoneinfo import ZoneInfo

import pytest

from app.backend.assistants.protocol import Called, Calling, Context, Plan, Token
from app.backend.tasks import UserGoneError
from app.backend.turns.engine import Begun
from app.backend.turns.values import TITLE, Answer, Question, TurnError
from tests.app.turns.conftest import Desk, new_user, play
from tests.app.turns.scripted import Gate, Scripted


def test_a_turn_is_stored_and_answered(url: str) -> None:
    async def story(desk: Desk) -> None:
        answer = await desk.ask("add: milk, eggs, bread")
        assert await desk.titles() == ["milk", "eggs", "bread"]
        assert [call.tool for call in answer.tool_calls] == ["add_task"] * 3
        assert (answer.assistant, answer.notice, answer.replayed) == ("rules", None, False)
        assert await desk.messages() == [("user", "add: milk, eggs, bread"), ("assistant", answer.response)]
        kinds = [type(event) for event in desk.events]
        assert kinds == [Calling, Called, Calling, Called, Calling, Called, Token, Token]
        assert [event.position for event in desk.events if isinstance(event, Calling | Called)] == [0, 0, 1, 1, 2, 2]

    play(url, story)


def test_the_conversation_goes_on_with_what_the_assistant_kept(url: str) -> None:
    async def story(desk: Desk) -> None:
        first = await desk.ask("  shopping \n for   the weekend ")
        second = await desk.ask("add: milk", conversation=first.conversation_id)
        assert second.conversation_id == first.conversation_id
        assert second.response.startswith("Turn 2. ")
        other = await desk.ask("x" * 300)
        assert other.conversation_id != first.conversation_id
        assert other.response.startswith("Turn 1. ")
        rows = await desk.rows(
            "SELECT title, created_at, updated_at FROM conversations WHERE user_id = :u ORDER BY id", u=desk.user_id
        )
        assert [row["title"] for row in rows] == ["shopping for the weekend", "x" * (TITLE - 1) + "…"]
        assert rows[0]["updated_at"] > rows[0]["created_at"]

    play(url, story)


def test_the_same_key_is_the_same_turn(url: str) -> None:
    async def story(desk: Desk) -> None:
        first = await desk.ask("add: milk", "key")
        again = await desk.ask("add: milk", "key")
        assert again == first.model_copy(update={"replayed": True})
        assert await desk.titles() == ["milk"]
        assert len(await desk.rows("SELECT id FROM conversations WHERE user_id = :u", u=desk.user_id)) == 1
        other = await new_user(desk.database)  # keys are each user's own
        assert not (await other.ask("add: eggs", "key")).replayed

    play(url, story)


def test_the_same_key_with_another_body_is_refused(url: str) -> None:
    async def story(desk: Desk) -> None:
        first = await desk.ask("add: milk", "key")
        elsewhere = (await desk.ask("hello")).conversation_id
        for message, conversation in (
            ("add: eggs", None),
            ("add: milk", first.conversation_id),
            ("add: milk", elsewhere),
            ("add: milk", 2**31 - 1),
        ):
            with pytest.raises(TurnError) as caught:
                await desk.ask(message, "key", conversation)
            assert caught.value.status == 422
        assert await desk.titles() == ["milk"]
        assert len(await desk.messages()) == 4

    play(url, story)


def test_another_users_conversation_is_not_there(url: str) -> None:
    async def story(desk: Desk) -> None:
        other = await new_user(desk.database)
        theirs = await other.ask("hello")
        for number in (theirs.conversation_id, 2**31 - 1):
            with pytest.raises(TurnError, match=f"no conversation {number}") as caught:
                await desk.ask("add: milk", "key", number)
            assert caught.value.status == 404
        assert (await desk.messages(), await desk.titles()) == ([], [])
        assert len(await other.messages()) == 2
        nobody = Desk(desk.database, "nobody")
        with pytest.raises(UserGoneError):
            await nobody.ask("hello")

    play(url, story)


@pytest.mark.parametrize("at", [0, 1, 2, -1])
def test_an_interrupted_turn_is_gone_on_with(url: str, at: int) -> None:
    async def story(desk: Desk) -> None:
        gate = Gate(at)
        interrupted = asyncio.create_task(desk.ask("add: milk, eggs, bread", "key", assistant=Scripted(gate)))
        await gate.reached.wait()
        before = (await desk.rows("SELECT plan FROM messages WHERE user_id = :u", u=desk.user_id))[0]["plan"]
        interrupted.cancel()
        await asyncio.wait({interrupted})
        assert len(await desk.titles()) == (at if at >= 0 else 3)
        changing = Scripted()  # what it would plan now does not matter
        changing.plan = _another_plan  # type: ignore[method-assign]
        answer = await desk.ask("add: milk, eggs, bread", "key", assistant=changing)
        assert not answer.replayed
        assert await desk.titles() == ["milk", "eggs", "bread"]
        assert await desk.places() == [0, 1, 2]
        assert [call.result.tasks[0].id for call in answer.tool_calls] == [1, 2, 3]
        rows = await desk.rows("SELECT plan FROM messages WHERE user_id = :u ORDER BY id", u=desk.user_id)
        assert [row["plan"] for row in rows] == [before, None]

    play(url, story)


def _another_plan(message: str, context: Context) -> Plan:
    return {"calls": [["add_task", {"title": "something else"}]], "turns": 0}


def test_many_with_one_key_at_once_have_one_effect_and_one_answer(url: str) -> None:
    async def story(desk: Desk) -> None:
        answers = await asyncio.gather(*(desk.ask("add: milk, eggs, bread", "key") for _ in range(8)))
        assert await desk.titles() == ["milk", "eggs", "bread"]
        assert await desk.places() == [0, 1, 2]
        assert len(await desk.messages()) == 2
        assert len({answer.model_copy(update={"replayed": False}).model_dump_json() for answer in answers}) == 1
        assert [answer.replayed for answer in answers].count(False) == 1
        assert len(await desk.rows("SELECT id FROM conversations WHERE user_id = :u", u=desk.user_id)) == 1

    play(url, story)


def test_many_at_once_in_one_conversation_are_all_answered(url: str) -> None:
    async def story(desk: Desk) -> None:
        number = (await desk.ask("hello")).conversation_id
        await asyncio.gather(*(desk.ask(f"add: task {n}", conversation=number) for n in range(8)))
        assert sorted(await desk.titles()) == [f"task {n}" for n in range(8)]
        rows = await desk.rows("SELECT id, reply_to FROM messages WHERE conversation_id = :c", c=number)
        assert sorted(row["reply_to"] for row in rows if row["reply_to"]) == [
            row["id"] for row in rows if not row["reply_to"]
        ]

    play(url, story)


def test_attempts_at_an_unfinished_turn_at_once_do_it_once(url: str) -> None:
    async def story(desk: Desk) -> None:
        engine = desk.engine()
        begun = await engine.begin(desk.question("add: milk, eggs", "key"))
        assert isinstance(begun, Begun)
        answers = await asyncio.gather(
            engine.carry_out(begun, desk.events.append), *(desk.ask("add: milk, eggs", "key") for _ in range(4))
        )
        assert await desk.titles() == ["milk", "eggs"]
        assert len({answer.message_id for answer in answers}) == 1

    play(url, story)


def test_a_conversation_deleted_meanwhile_ends_the_turn(url: str) -> None:
    async def story(desk: Desk) -> None:
        for at in (1, -1):
            gate = Gate(at)
            under_way = asyncio.create_task(desk.ask("add: milk, eggs", f"key {at}", assistant=Scripted(gate)))
            await gate.reached.wait()
            async with desk.database.begin() as transaction:
                await transaction.run("DELETE FROM conversations WHERE user_id = :u", u=desk.user_id)
            gate.open.set()
            with pytest.raises(TurnError, match="deleted") as caught:
                await under_way
            assert caught.value.status == 404
        assert await desk.titles() == ["milk", "milk", "eggs"]  # what was done is done
        assert await desk.messages() == []

    play(url, story)


def test_what_an_assistant_is_shown(url: str) -> None:
    async def story(desk: Desk) -> None:
        assistant = Scripted()
        engine = desk.engine(assistant)
        await desk.ask("add: milk, eggs; delete: 1; done: 2")
        question = Question(desk.user_id, "hello", "key", None, ZoneInfo("Pacific/Auckland"))
        assert isinstance(await engine.begin(question), Begun)
        again = await engine.begin(question)
        assert isinstance(again, Begun)
        context = assistant.contexts[0]
        assert [(task.title, task.completed) for task in context.tasks] == [("eggs", True)]
        assert str(context.now.tzinfo) == "Pacific/Auckland"
        assert again.turn.context.now == context.now  # as of when it was said, however late it is gone on with

    play(url, story)


def test_a_key_of_a_deleted_conversation_begins_anew(url: str) -> None:
    async def story(desk: Desk) -> None:
        first = await desk.ask("hello", "key")
        async with desk.database.begin() as transaction:
            await transaction.run("DELETE FROM conversations WHERE id = :id", id=first.conversation_id)
        again = await desk.ask("hello", "key")
        assert isinstance(again, Answer)
        assert not again.replayed

    play(url, story)
