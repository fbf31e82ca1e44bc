"""What a message answers: the question that is open. What is no answer is read like any other message."""

import re
from dataclasses import replace

from app.backend.assistants.rules import adding, normalise, patterns, slots, talk, titles, values, wording
from app.backend.assistants.rules.planner import Planner
from app.backend.assistants.rules.plans import Draft
from app.backend.assistants.rules.references import Knowledge, Reference
from app.backend.assistants.rules.state import Pending, State
from app.backend.assistants.rules.wishes import Wish

_BOTH = re.compile(r"(?:all|both|every|each)(?: (?:one|ones|of (?:them|those|these)|two|three|tasks))*", re.IGNORECASE)
_ORDERS = frozenset({"list", "complete", "reopen", "delete", "update", "undo", "keep", "show"})

_TALK = frozenset({"help", "cancel", "greet", "thanks", "talk"})


def reply(text: str, planner: Planner, pending: Pending) -> Draft | None:
    """Plan what an answer sets off; None if the message is no answer to the question."""
    if pending.kind in ("confirm", "offer"):
        return _confirmed(text, planner, pending)
    if talk.no(text):
        return _said("cancel", planner, wording.CANCELLED)
    if pending.kind == "title":
        return _named(text, planner)
    if pending.kind in ("which", "task"):
        return _picked(text, planner, pending)
    return _valued(text, planner, pending)


def _said(intent: str, planner: Planner, text: str) -> Draft:
    planner.draft.intent = "cancel" if intent == "cancel" else "none"
    planner.draft.say.append(text)
    planner.draft.it = planner.state.it
    return planner.draft


def _confirmed(text: str, planner: Planner, pending: Pending) -> Draft | None:
    if talk.yes(text):
        if pending.kind == "offer":
            planner.draft.intent = "add"
            for item in pending.adds:
                planner.draft.call("add_task", item)
            return planner.draft if planner.draft.calls else None
        planner.draft.intent = "delete"
        planner.do("delete", pending.ids, {})
        if not planner.draft.calls:
            planner.draft.say.append(wording.lost([f"#{number}" for number in pending.ids]))
        return planner.draft
    if talk.no(text):
        return _said("cancel", planner, wording.CANCELLED)
    wishes = patterns.wishes(text, planner.now)
    first = wishes[0]
    if first.intent == "keep":
        return _said("cancel", planner, wording.CANCELLED)
    if first.intent in ("none", "cancel") or (first.intent == "add" and first.offered and pending.kind == "confirm"):
        return _said("cancel", planner, wording.CANCELLED)
    return None


def _ordered(text: str, planner: Planner) -> bool:
    """Tell whether a message is its own order."""
    first = patterns.wishes(text, planner.now)[0]
    return (first.intent in _ORDERS and first.certain) or (first.intent == "add" and not first.offered)


def _named(text: str, planner: Planner) -> Draft | None:
    first = patterns.wishes(text, planner.now)[0]
    if (first.intent in _ORDERS - {"keep"} and first.certain) or first.intent in (
        "help",
        "cancel",
        "greet",
        "thanks",
        "talk",
    ):
        return None
    if first.intent == "add" and not first.offered:
        return None
    items = adding.items(normalise.trimmed(text), planner.now)
    return planner.grant([Wish("add", items=tuple(items))]) if items else None


def _picked(text: str, planner: Planner, pending: Pending) -> Draft | None:
    """Plan for the task that was picked; what is its own order, and no title, picks nothing."""
    verb = pending.verb
    if verb is None:
        return None
    planner.draft.intent = verb
    bare = normalise.without_politeness(text)
    options = planner.tasks if pending.kind == "task" else planner.chosen(pending.ids)
    if not titles.named(normalise.unquoted(bare), options).tasks and _ordered(text, planner):
        return None
    if pending.kind == "task":
        found = slots.resolve(bare, planner.known(verb))
        if not found.ids and not found.options:
            return None
        open_change = verb == "update" and not pending.changes and not found.options
        return planner.grant([Wish(verb, ref=bare, changes=pending.changes, missing="change" if open_change else "")])
    found = _among(bare, planner, pending)
    if not found.ids:
        return None
    planner.act(verb, found, dict(pending.changes))
    return planner.draft


def _among(text: str, planner: Planner, pending: Pending) -> Reference:
    """Return what was picked of the options: by number, by place, by words; `words` where it is not certain."""
    options = planner.chosen(pending.ids)
    ids = tuple(task.id for task in options)
    numbers = slots.numbers(text)
    if numbers and not all(number in ids for number in numbers):
        # "1" of a list whose numbers are 2 and 5: its place; where a task has that number too, it is not certain.
        bare = len(numbers) == 1 and "#" not in text and "task" not in text.lower()
        if bare and 1 <= numbers[0] <= len(ids):
            taken = numbers[0] in {task.id for task in planner.tasks}
            return Reference((ids[numbers[0] - 1],), "words" if taken else "place")
        return Reference()
    if _BOTH.fullmatch(text):
        return Reference(ids, "it")
    state = State(it=ids, shown=ids)
    found = slots.resolve(text, Knowledge(options, state, planner.now))
    return replace(found, how="title") if found.ids and found.how == "words" else found


def _valued(text: str, planner: Planner, pending: Pending) -> Draft | None:
    bare = normalise.without_politeness(text)
    if pending.kind == "change":
        changes = values.change(bare, planner.now)
        if changes and "completed" in changes:
            return planner.grant([Wish("complete" if changes["completed"] else "reopen", ref=_refs(pending))])
        if not changes:
            named = re.fullmatch(
                r"(?:(?:to|the title to|its title to|title to|title:?)\s+)(?P<title>.+)", bare, re.IGNORECASE
            )
            wish = values.valued("title", named["title"], planner.now) if named else None
            changes = dict(wish.changes) if wish else None
    else:
        if pending.kind in ("title", "note") and _ordered(text, planner):
            return None
        if pending.kind == "due":
            bare = re.sub(r"^(?:to|until|till|make it|how about)\s+", "", bare, flags=re.IGNORECASE)
        wish = values.valued(pending.kind, bare, planner.now)
        changes = dict(wish.changes) if wish else None
    if not changes:
        return None
    planner.draft.intent = "update"
    planner.do("update", pending.ids, changes)
    return planner.draft if planner.draft.calls else None


def _refs(pending: Pending) -> str:
    return ", ".join(str(number) for number in pending.ids)
