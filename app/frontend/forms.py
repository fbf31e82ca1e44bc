"""What the pages' plain forms do: POST, then 303 to a page. Errors are shown on the page, together with the input."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.responses import Response

from app.frontend import problems, views
from app.frontend.pages import NEW, Pages, go, keep_conversation, number, status_of
from app.frontend.upstream import Unreachable
from app.frontend.views import FORM, TaskForm
from app.frontend.visit import Refused, Visit

Fields = Mapping[str, str]


class Forms:
    """The forms of the list and the chat; each is called with a session and fields that this site's page sent."""

    def __init__(self, pages: Pages) -> None:
        """Show what does not work on these pages."""
        self._pages = pages

    async def chat(self, visit: Visit, fields: Fields) -> Response:
        """Say something to the assistant. The same key is the same turn, however often it is sent."""
        message, key = fields.get("message", ""), fields.get("key", "")
        conversation = number(fields.get("conversation"))
        body: dict[str, Any] = {"message": message, "timezone": views.zone_name(fields.get("timezone", ""))}
        if conversation:
            body["conversation_id"] = conversation
        headers = [(b"idempotency-key", key.encode("ascii"))] if key.isascii() and key.isprintable() and key else []
        try:
            answer = await visit.call("POST", "/chat", body, headers=headers)
        except (Refused, Unreachable) as error:
            return await self._failed(visit, fields, error)
        keep_conversation(visit, answer["conversation_id"])
        return go(visit, _home(fields, f"m{answer['message_id']}"))

    async def undo(self, visit: Visit, fields: Fields) -> Response:
        """Take something back."""
        call = number(fields.get("tool_call_id"))
        try:
            done = await visit.call("POST", "/undo", {"tool_call_id": call} if call else {})
        except (Refused, Unreachable) as error:
            return await self._failed(visit, fields, error)
        return go(visit, _home(fields), "undone" if done["result"]["ok"] else "nothing-undone")

    async def new_conversation(self, visit: Visit, fields: Fields) -> Response:
        """Begin a conversation: it is made with its first message."""
        keep_conversation(visit, NEW)
        return go(visit, _home(fields, "message"))

    async def conversation(self, visit: Visit, fields: Fields) -> Response:
        """Delete a conversation."""
        try:
            await visit.call("DELETE", f"/conversations/{visit.connection.path_params['id']}")
        except Refused as error:
            if error.status != 404:
                return await self._failed(visit, fields, error)
        except Unreachable as error:
            return await self._failed(visit, fields, error)
        return go(visit, _home(fields), "conversation-deleted")

    async def add_task(self, visit: Visit, fields: Fields) -> Response:
        """Add a task."""
        try:
            await visit.call("POST", "/tasks", _task(fields))
        except (Refused, Unreachable) as error:
            return await self._failed(visit, fields, error)
        return go(visit, _home(fields, "list"), "task-added")

    async def task(self, visit: Visit, fields: Fields) -> Response:
        """Complete, reopen, change or delete a task."""
        action, path = fields.get("action", "edit"), f"/tasks/{visit.connection.path_params['id']}"
        try:
            match action:
                case "complete" | "reopen":
                    await visit.call("PATCH", path, {"completed": action == "complete"})
                case "delete":
                    await visit.call("DELETE", path)
                case _ if not (edited := _form(fields)).changed:
                    return go(visit, _home(fields, "list"), "task-unchanged")
                case _:
                    await self._edit(visit, path, edited)
        except Refused as error:
            if error.status == 404:
                return go(visit, _home(fields, "list"), "task-gone")
            return await self._failed(visit, fields, error)
        except Unreachable as error:
            return await self._failed(visit, fields, error)
        said = {"complete": "task-completed", "reopen": "task-reopened", "delete": "task-deleted"}
        return go(visit, _home(fields, "list"), said.get(action, "task-changed"))

    async def _edit(self, visit: Visit, path: str, edited: TaskForm) -> None:
        """Change what was changed on the page, on top of what others have changed since.

        Raises:
            Refused: 409, both have changed the same field, to different values.
        """
        try:
            await visit.call("PATCH", path, _changes(edited))
        except Refused as error:
            now = TaskForm.of(error.task) if error.status == 409 and error.task else None
            if now is None or edited.clashes(now):
                raise
            await visit.call("PATCH", path, _changes(edited.onto(now)))

    async def stale(self, visit: Visit, fields: Fields) -> Response:
        """Answer a form whose page is older than the session."""
        return await self._failed(visit, fields, Refused(403, problems.STALE))

    async def _failed(self, visit: Visit, fields: Fields, error: Refused | Unreachable) -> Response:
        """Show the page with what did not work, at the form it is about, which keeps what was typed."""
        page, status = self._pages.page(visit, "app"), problems.status_of(error)
        said = problems.message_of(error)
        task = visit.connection.path_params.get("id")
        if "message" in fields:
            page.draft, page.chat_error = fields["message"], said
            if status != 422:
                page.key = fields.get("key", "")[:128]  # it may have arrived: sent again, it is the same turn
        elif "title" not in fields:
            page.problem = said
        elif task is None:
            page.add = replace(_form(fields), error=said)
        elif isinstance(error, Refused) and error.status == 409 and error.task:
            edited, now = _form(fields), TaskForm.of(error.task)
            page.typed = edited.onto(now)
            page.typed.error = problems.clash({name: getattr(now, name) for name in edited.clashes(now)})
        else:
            page.typed = replace(_form(fields), error=said, id=task)
        return await self._pages.app(visit, page, _query(fields), status)


def _form(fields: Fields) -> TaskForm:
    """Return a task's form as it was sent, with what its fields had when the page was made."""
    was = {name: fields[f"was_{name}"] for name in FORM if f"was_{name}" in fields}
    title, description, day, time, priority = (fields.get(name, "") for name in FORM)
    return TaskForm(title, description, day, time, priority, was=was, updated_at=fields.get("updated_at", ""))


def _task(fields: Fields) -> dict[str, Any]:
    """Return a new task's values as the API takes them."""
    made = _changes(_form(fields))
    return {**made, "priority": made["priority"] or "normal"}


def _changes(form: TaskForm) -> dict[str, Any]:
    """Return what was changed of a task, as the API takes it."""
    changed = form.changed
    made: dict[str, Any] = {
        name: getattr(form, name) for name in ("title", "description", "priority") if name in changed
    }
    if changed & {"due_date", "due_time"}:
        day, time = form.due_date.strip(), form.due_time.strip()
        made["due"] = f"{day}T{time}" if day and time else day or time or None
    if form.was and form.updated_at:
        made["updated_at"] = form.updated_at
    return made


def _query(fields: Fields) -> QueryParams:
    return QueryParams({"status": status_of(fields.get("status"))})


def _home(fields: Fields, fragment: str = "") -> str:
    """Return the address of the page with the list as it was."""
    status = status_of(fields.get("status"))
    query = "?" + urlencode({"status": status}) if status != "all" else ""
    return f"/{query}" + (f"#{fragment}" if fragment else "")
