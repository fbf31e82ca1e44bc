"""What the pages' plain forms do: POST, then 303 to a page. What fails is said on the page, with what was typed."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.responses import Response

from app.frontend import problems, views
from app.frontend.pages import NEW, Pages, go, keep_conversation, number, status_of
from app.frontend.upstream import Unreachable
from app.frontend.views import TaskForm
from app.frontend.visit import Refused, Visit

Fields = Mapping[str, str]
TYPED = ("title", "description", "due_date", "due_time", "priority")


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
                case _:
                    await visit.call("PATCH", path, _task(fields))
        except Refused as error:
            if error.status == 404:
                return go(visit, _home(fields, "list"), "task-gone")
            return await self._failed(visit, fields, error)
        except Unreachable as error:
            return await self._failed(visit, fields, error)
        said = {"complete": "task-completed", "reopen": "task-reopened", "delete": "task-deleted"}
        return go(visit, _home(fields, "list"), said.get(action, "task-changed"))

    async def stale(self, visit: Visit, fields: Fields) -> Response:
        """Answer a form whose page is older than the session."""
        return await self._failed(visit, fields, Refused(403, problems.STALE))

    async def _failed(self, visit: Visit, fields: Fields, error: Refused | Unreachable) -> Response:
        """Show the page with what did not work, at the form it is about, which keeps what was typed."""
        page, status = self._pages.page(visit, "app"), problems.status_of(error)
        said = problems.told(error)
        task = visit.connection.path_params.get("id")
        if "message" in fields:
            page.draft, page.chat_error = fields["message"], said
            if status != 422:
                page.key = fields.get("key", "")[:128]  # it may have arrived: sent again, it is the same turn
        elif "title" not in fields:
            page.problem = said
        elif task is None:
            page.add = TaskForm(*_typed(fields), error=said)
        else:
            page.typed = TaskForm(*_typed(fields), error=said, id=task)
        return await self._pages.app(visit, page, _query(fields), status)


def _typed(fields: Fields) -> tuple[str, str, str, str, str]:
    """Return what was typed into a task's form, in the order of `TaskForm`."""
    title, description, date, time, priority = (fields.get(name, "") for name in TYPED)
    return title, description, date, time, priority


def _task(fields: Fields) -> dict[str, Any]:
    """Return a task's values as the API takes them."""
    day, time = fields.get("due_date", "").strip(), fields.get("due_time", "").strip()
    return {
        "title": fields.get("title", ""),
        "description": fields.get("description", ""),
        "priority": fields.get("priority") or "normal",
        "due": f"{day}T{time}" if day and time else day or time or None,
    }


def _query(fields: Fields) -> QueryParams:
    return QueryParams({"status": status_of(fields.get("status"))})


def _home(fields: Fields, fragment: str = "") -> str:
    """Return the address of the page with the list as it was."""
    status = status_of(fields.get("status"))
    query = "?" + urlencode({"status": status}) if status != "all" else ""
    return f"/{query}" + (f"#{fragment}" if fragment else "")
