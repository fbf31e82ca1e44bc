"""Whatever is said, to whatever was kept: no exception, a plan that is JSON and always the same, nothing destroyed."""

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.backend.assistants.protocol import Context
from app.backend.assistants.rules import Rules
from app.backend.records import Task
from app.backend.tools import TOOLS
from tests.app.rules.conversation import NOW, FakeTurn, Memory, said, task
from tests.app.rules.corpus import cases

_DELETE = {
    "delete", "remove", "erase", "trash", "scrap", "discard", "purge", "bin", "axe", "nuke", "drop", "cancel", "kill",
    "dump", "wipe", "clear", "forget", "rid", "throw", "empty", "clean", "take", "get", "pull", "strike", "deleted",
    "removed", "go",
}  # fmt: skip

_SAID = [case.say for case in cases()]
_OFTEN = ["#1", "2", "3", "task", "it", "all", "yes", "no", "delete", "remove", "and", "then", "don't", '"', "'", ","]
words = st.sampled_from([*sorted({word for said in _SAID for word in said.split()}), *_OFTEN])
texts = st.one_of(
    st.text(max_size=200),
    st.text(st.characters(codec=None), max_size=60),  # lone surrogates too
    st.lists(words, max_size=14).map(" ".join),
    st.builds(lambda text, more: text + more, st.sampled_from(_SAID), st.text(max_size=8)),
    st.builds(lambda text, at: text[at:] + text[:at], st.sampled_from(_SAID), st.integers(0, 40)),
)
titles = st.one_of(st.text(min_size=1, max_size=40), st.lists(words, min_size=1, max_size=5).map(" ".join))
dues = st.sampled_from([None, "2026-11-20", "2026-11-21", "2026-11-24T09:00", "0001-01-01", "9999-12-31T23:59"])
tasks = st.lists(
    st.builds(
        lambda number, title, due, done, priority: task(number, title, due=due, completed=done, priority=priority),
        st.integers(1, 2**31 - 1) | st.integers(1, 9),
        titles,
        dues,
        st.booleans(),
        st.sampled_from(["low", "normal", "high"]),
    ),
    max_size=8,
    unique_by=lambda each: each.id,
)
numbers = st.lists(st.integers(-1, 12) | st.booleans(), max_size=4)
plain = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
json_values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
kinds = st.sampled_from(["which", "task", "confirm", "offer", "title", "due", "priority", "note", "change"])
changes = st.sampled_from(["title", "due", "priority", "later", "append", "x"])
adds = st.dictionaries(st.sampled_from(["title", "due", "x"]), st.text(max_size=5), max_size=2)
pending = st.fixed_dictionaries(
    {"kind": kinds | json_values},
    optional={
        "verb": st.sampled_from(["complete", "reopen", "delete", "update"]) | json_values,
        "ids": numbers | json_values,
        "changes": st.dictionaries(changes, st.text(max_size=5) | json_values, max_size=2),
        "adds": st.lists(adds, max_size=2) | json_values,
    },
)
states = st.one_of(
    st.just({}),
    st.dictionaries(st.sampled_from(["it", "shown", "done", "pending"]), json_values, max_size=4),
    st.fixed_dictionaries({"it": numbers, "shown": numbers, "done": numbers, "pending": pending}),
)


@settings(max_examples=1500, deadline=None)
@given(texts, tasks, states)
def test_a_plan_is_json_valid_and_always_the_same(message: str, own: Sequence[Task], state: dict[str, Any]) -> None:
    context = Context(NOW, own, state=state)
    plan = Rules().plan(message, context)
    assert json.loads(json.dumps(plan)) == plan == Rules().plan(message, context)
    json.dumps(plan, ensure_ascii=False).encode()
    for call in plan["calls"]:
        TOOLS[call["tool"]].model_validate(call["arguments"])


@settings(max_examples=1500, deadline=None)
@given(texts, tasks, states)
def test_nothing_is_deleted_without_a_word_for_it(message: str, own: Sequence[Task], state: dict[str, Any]) -> None:
    plan = Rules().plan(message, Context(NOW, own, state=state))
    deleted = {call["arguments"]["task_id"] for call in plan["calls"] if call["tool"] == "delete_task"}
    open_question = state.get("pending") if isinstance(state.get("pending"), dict) else {}
    asked = open_question and (open_question.get("kind") == "confirm" or open_question.get("verb") == "delete")
    if deleted and not asked:
        assert any(_near(word) for word in re.findall(r"[a-z]+", message.lower()))
        assert len(deleted) <= 1 + len(re.findall(r"[;.!,\n&]|\b(?:and|then)\b", message.lower()))
    assert deleted <= {each.id for each in own}


@settings(max_examples=600, deadline=None)
@given(texts, tasks, states)
def test_every_plan_is_answered(message: str, own: Sequence[Task], state: dict[str, Any]) -> None:
    context = Context(NOW, own, state=state)
    plan = Rules().plan(message, context)
    turn = FakeTurn(message, context, plan, Memory({each.id: each for each in own}))
    reply = asyncio.run(said(Rules(), turn))
    assert reply.strip()
    assert json.loads(json.dumps(turn.state)) == turn.state
    Rules().plan(message, Context(NOW, list(turn.memory.tasks.values()), state=turn.state))


def _near(word: str) -> bool:
    """A word for deleting, or one slip away from it."""
    return word in _DELETE or any(_slip(word, right) for right in _DELETE if len(right) > 4)


def _slip(word: str, right: str) -> bool:
    if abs(len(word) - len(right)) > 1:
        return False
    ends = min(len(word), len(right))
    at = next((at for at in range(ends) if word[at] != right[at]), ends)
    rest, other = word[at:], right[at:]
    swapped = rest[:2] == other[:2][::-1] and rest[2:] == other[2:]
    return swapped or rest[1:] == other[1:] or rest[1:] == other or rest == other[1:]
