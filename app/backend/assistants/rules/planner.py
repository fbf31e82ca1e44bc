"""From wishes to a plan: which tasks are meant, what is asked first, which tools are called."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from app.backend.assistants.rules import dates, slots, titles, wording
from app.backend.assistants.rules.plans import Draft
from app.backend.assistants.rules.references import Knowledge, Reference
from app.backend.assistants.rules.state import MOST, Pending, State, Verb
from app.backend.assistants.rules.wishes import NOTHING, Wish
from app.backend.records import DESCRIPTION, Task

_WANTED: dict[str, Literal["pending", "completed", "any"]] = {
    "complete": "pending",
    "update": "pending",
    "reopen": "completed",
}


class Planner:
    """Makes one plan."""

    def __init__(self, tasks: Sequence[Task], state: State, now: datetime) -> None:
        self.tasks, self.state, self.now = tasks, state, now
        self.draft = Draft()

    def grant(self, wishes: Sequence[Wish]) -> Draft:
        """Plan some wishes, up to the first that needs an answer."""
        for at, said in enumerate(wishes):
            wish = self._meant(said)
            if at == 0:
                self.draft.intent = wish.intent
            elif wish is NOTHING:
                continue
            self._grant(wish)
            self._spoken_of()
            if self.draft.pending:
                if at + 1 < len(wishes):
                    self.draft.say.append("The rest of your message waits until then: please say it again.")
                break
        return self.draft

    def _spoken_of(self) -> None:
        """Let "it" in the rest of the message be what was planned for last; what is added has no number yet."""
        if self.draft.calls and self.draft.calls[-1]["tool"] != "list_tasks":
            number = self.draft.calls[-1]["arguments"].get("task_id")
            self.state = replace(self.state, it=(number,) if number else ())

    def known(self, verb: str) -> Knowledge:
        """Return what references of a verb are resolved with."""
        return Knowledge(self.tasks, self.state, self.now, _WANTED.get(verb, "any"))

    def chosen(self, ids: Sequence[int]) -> list[Task]:
        """Return tasks by number, in the order given."""
        own = {task.id: task for task in self.tasks}
        return [own[number] for number in ids if number in own]

    def _meant(self, wish: Wish) -> Wish:
        """Return the wish, or what it is where its words name no task of the user's."""
        if wish.certain and wish.otherwise is None:
            return wish
        found = slots.resolve(wish.ref, self.known(wish.intent)) if wish.ref.strip() else Reference()
        there = bool(found.ids or found.options)
        if there and not wish.certain and found.how == "words":
            there = self._likely(wish, found)
        if there or (wish.certain and wish.otherwise is None):
            return wish
        if wish.otherwise is not None:
            return self._meant(wish.otherwise)
        return wish if wish.certain or found.how in ("number", "it", "place") else NOTHING

    def _likely(self, wish: Wish, found: Reference) -> bool:
        """Tell whether words that may be talk name a task: all of them, and what is said of it, are in its title."""
        tasks = self.chosen(found.ids or found.options)
        said = [titles.stem(word) for word in titles.words(wish.ref)]
        evidence = titles.stem(wish.evidence) if wish.evidence else ""
        for task in tasks:
            own = {titles.stem(word) for word in titles.words(task.title)}
            if evidence and evidence not in own:
                return False
        return bool(said)

    def _grant(self, wish: Wish) -> None:
        match wish.intent:
            case "add":
                self._add(wish)
            case "list":
                self._list(wish)
            case "undo":
                self._undo()
            case "show":
                self._show(wish)
            case "talk":
                self.draft.say.append(wish.say)
            case "complete" | "reopen" | "delete" | "update":
                self._act(wish)
            case _:
                self.draft.say.append(
                    {
                        "help": wording.HELP,
                        "greet": wording.GREETING,
                        "thanks": wording.THANKS,
                        "cancel": wording.CANCELLED,
                        "keep": wording.KEPT,
                    }.get(wish.intent, wording.UNCLEAR)
                )

    def _add(self, wish: Wish) -> None:
        if wish.missing:
            self._ask(Pending("title"), wording.ASK_TITLE)
        elif wish.offered:
            self._ask(Pending("offer", adds=tuple(wish.items)), wording.offer(wish.items))
        else:
            for item in wish.items:
                self.draft.call("add_task", item)

    def _list(self, wish: Wish) -> None:
        view = wish.view
        if view and self.draft.call("list_tasks", view.filters):
            self.draft.view = {"since": view.since, "overdue": view.overdue, "title": view.title}

    def _undo(self) -> None:
        if len(self.state.done) > 1:
            for number in reversed(self.state.done):
                self.draft.call("undo", {"tool_call_id": number})
        else:
            self.draft.call("undo", {})

    def _show(self, wish: Wish) -> None:
        found = slots.resolve(wish.ref, self.known("show"))
        tasks = self.chosen(found.ids or found.options)
        if tasks:
            self.draft.say += [wording.details(task, self.now) for task in tasks[:10]]
            self.draft.it = [task.id for task in tasks]
        else:
            self.draft.say.append(wording.lost(found.missing))

    def _act(self, wish: Wish) -> None:
        verb: Verb = wish.intent  # type: ignore[assignment]  # `_grant` tells these four apart
        found = slots.resolve(wish.ref, self.known(verb))
        changes = dict(wish.changes)
        for ref, value in wish.splits:
            if found.ids and found.how != "words":
                break
            other = slots.resolve(ref, self.known(verb))
            if other.ids and (not found.ids or other.how != "words"):
                found, changes = other, {**changes, "title": value}
        if found.options:
            tasks = self.chosen(found.options)
            self.draft.it = found.options
            self._ask(
                Pending("which", verb, tuple(found.options), changes=changes), wording.which(verb, tasks, self.now)
            )
        elif not found.ids:
            self._lost(verb, found, changes)
        elif wish.missing:
            self._ask(Pending(wish.missing, "update", found.ids), wording.ask(wish.missing))
            self.draft.it = found.ids
        else:
            if found.missing:
                self.draft.say.append(wording.lost(found.missing))
            self.act(verb, found, changes, careful=wish.careful or bool(found.missing))

    def _lost(self, verb: Verb, found: Reference, changes: dict[str, Any]) -> None:
        if found.missing:
            self.draft.say.append(wording.lost(found.missing))
        elif found.how == "group":
            self.draft.say.append("There is nothing like that on your list.")
        else:
            self._ask(Pending("task", verb, changes=changes), wording.which_task(verb))

    def act(self, verb: Verb, found: Reference, changes: dict[str, Any], *, careful: bool = False) -> None:
        """Plan what a verb does to the tasks found; deleting several, or by some words of a title, is asked about."""
        if verb == "delete" and (careful or len(found.ids) > 1 or found.how in ("words", "group")):
            ids = found.ids[:MOST]
            self.draft.it = ids
            self._ask(Pending("confirm", "delete", ids), wording.sure(self.chosen(ids), self.now))
        else:
            self.do(verb, found.ids, changes)
        if len(found.ids) > MOST:
            self.draft.say.append(wording.too_many(len(found.ids), MOST))

    def do(self, verb: Verb, ids: Sequence[int], changes: dict[str, Any]) -> None:
        """Plan the calls of a verb, for tasks the user has."""
        for task in self.chosen(ids)[:MOST]:
            match verb:
                case "complete":
                    self.draft.call("complete_task", {"task_id": task.id})
                case "reopen":
                    self.draft.call("complete_task", {"task_id": task.id, "completed": False})
                case "delete":
                    self.draft.call("delete_task", {"task_id": task.id})
                case "update":
                    self._update(task, changes)

    def _update(self, task: Task, changes: dict[str, Any]) -> None:
        known = ("title", "description", "due", "priority", "clear_due")
        arguments = {key: value for key, value in changes.items() if key in known}
        if isinstance(later := changes.get("later"), str):
            start = datetime.fromisoformat(task.due) if task.due else self.now
            moment = dates.later(later, start.replace(tzinfo=None))
            exact = "T" in (task.due or "") or re.search(r"h|min", later)
            if moment:
                arguments["due"] = f"{moment:%Y-%m-%dT%H:%M}" if exact else f"{moment:%Y-%m-%d}"
        if isinstance(note := changes.get("append"), str):
            arguments["description"] = f"{task.description}\n{note}".strip()[:DESCRIPTION]
        if not arguments or not self.draft.call("update_task", {"task_id": task.id, **arguments}):
            self.draft.say.append(f"I cannot change {wording.name(task)} like that.")

    def _ask(self, pending: Pending, question: str) -> None:
        self.draft.pending = pending
        self.draft.say.append(question)
