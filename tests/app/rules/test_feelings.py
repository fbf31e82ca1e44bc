"""Feelings and conversation are not tasks; a message about self-harm gets a pointer to help."""

import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.backend.assistants import care
from app.backend.assistants.rules import feelings, wording
from tests.app.rules.conversation import Conversation, Memory, conversation
from tests.app.rules.corpus import cases as corpus
from tests.app.rules.corpus import of


@dataclass(frozen=True)
class Utterance:
    """Something said, and what has to come of it."""

    say: str
    kind: str
    wanted: dict[str, Any] = field(default_factory=dict)

    @property
    def held_out(self) -> bool:
        return int(hashlib.sha256(self.say.encode()).hexdigest(), 16) % 3 == 0


@cache
def utterances() -> list[Utterance]:
    found = yaml.safe_load((Path(__file__).parent / "feelings.yaml").read_text(encoding="utf-8"))
    said = [Utterance(text, kind) for kind in ("care", "talk") for text in found[kind]]
    return said + [Utterance(row.pop("say"), "fine", row) for row in found["fine"]]


@cache
def _rows() -> list[dict[str, Any]]:
    document = yaml.safe_load((Path(__file__).parent / "corpus.yaml").read_text(encoding="utf-8"))
    rows: list[dict[str, Any]] = document["tasks"]["home"]
    return rows


def home() -> Conversation:
    return Conversation(Memory({row["id"]: of(row) for row in _rows()}))


def problem(said: Utterance) -> str:
    """What is wrong with the answer; empty where nothing is."""
    talk = home()
    before = dict(talk.memory.tasks)
    answer = talk.say(said.say)
    asked = talk.plan["pending"]
    changed = talk.memory.tasks != before
    intent = talk.plan["intent"]
    match said.kind:
        case "care":
            return "" if answer == care.HELP and not changed and not asked else f"{intent}: {answer}"
        case "talk":
            wrong = changed or asked or answer in {care.HELP, wording.UNCLEAR, wording.HELP}
            return f"{intent}: {answer}" if wrong else ""
        case _:
            return _fine(said, talk, before, answer)


def _fine(said: Utterance, talk: Conversation, before: dict[int, Any], answer: str) -> str:
    if answer == care.HELP:
        return "care"
    if said.wanted.get("nothing"):
        return f"changed: {answer}" if talk.memory.tasks != before else ""
    if "add" not in said.wanted:
        return ""
    added = [each for number, each in talk.memory.tasks.items() if number not in before]
    wanted = [{"title": each} if isinstance(each, str) else each for each in said.wanted["add"]]
    got = [{name: str(getattr(each, name)) for name in want} for each, want in zip(added, wanted, strict=False)]
    right = len(added) == len(wanted) and got == [{k: str(v) for k, v in want.items()} for want in wanted]
    return "" if right else f"{talk.plan['intent']}: {answer}"


def test_there_are_enough_and_a_third_is_held_out() -> None:
    held_out = [said for said in utterances() if said.held_out]
    assert len(utterances()) >= 150
    assert len({said.say for said in utterances()}) == len(utterances())
    assert 0.28 < len(held_out) / len(utterances()) < 0.39


@pytest.mark.parametrize("said", [said for said in utterances() if not said.held_out], ids=lambda said: said.say)
def test_what_the_rules_were_tuned_on(said: Utterance) -> None:
    assert problem(said) == ""


@pytest.mark.parametrize(("kind", "least"), [("care", 0.95), ("talk", 0.85), ("fine", 0.95)])
def test_what_they_were_not_tuned_on(kind: str, least: float) -> None:
    part = [said for said in utterances() if said.held_out and said.kind == kind]
    right = sum(problem(said) == "" for said in part)
    assert right / len(part) >= least, f"{right} of {len(part)}"


def test_nobody_else_is_taken_for_somebody_in_need() -> None:
    for case in corpus():
        assert not care.needed(case.say), case.say


def test_an_open_question_is_not_answered_by_it() -> None:
    talk = conversation()
    talk.say("add")  # asks for a title
    assert talk.say("kill myself") == care.HELP
    assert talk.memory.tasks == {}
    talk.say("yes")
    assert talk.memory.tasks == {}


def test_the_answer_says_where_there_is_help() -> None:
    for words in ("findahelpline.com", "emergency number", "112", "988"):
        assert words in care.HELP
    assert "findahelpline.com" in feelings.DOWN
