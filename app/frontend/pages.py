"""The pages. They are always served, also while the backend is away: then they say so."""

import asyncio
import logging
import re
import secrets
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.frontend import flash, problems, views
from app.frontend.renewal import SessionEndedError
from app.frontend.session import CONVERSATION, FLASH, REFRESH_SECONDS, TIMEZONE
from app.frontend.templates import Templates
from app.frontend.upstream import Unreachable
from app.frontend.views import Message, Page, Task, User
from app.frontend.visit import Refused, Visit

log = logging.getLogger("frontend")

PATIENCE_SECONDS = 8.0  # then a page comes without what is missing
TASKS = 200
MESSAGES = 50
CONVERSATIONS = 30
STATUSES = ("all", "pending", "completed")
NEW = "new"

_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


def number(given: str | None) -> int | None:
    """Return the number that a text is, None if it is none."""
    return int(given) if given and _NUMBER.fullmatch(given) else None


def status_of(given: str | None) -> str:
    """Return which tasks to show."""
    return given if given in STATUSES else STATUSES[0]


class Pages:
    """Makes pages."""

    def __init__(self, templates: Templates) -> None:
        """Make them of these templates."""
        self._templates = templates

    def page(self, visit: Visit, name: str) -> Page:
        """Return a page to fill in."""
        cookies, user = visit.connection.cookies, visit.session
        page = Page(name, key=secrets.token_hex(16))
        page.timezone = views.zone_name(cookies.get(TIMEZONE, "").replace("%2F", "/"))
        if user:
            page.user = User(user.user_id)
        if FLASH in cookies:
            page.flash = flash.find(cookies[FLASH])
            visit.set_cookie(FLASH, "", 0)
        return page

    def answer(self, visit: Visit, page: Page, status: int = 200) -> Response:
        """Answer with a page, and with what has become of the session."""
        page.csrf = visit.csrf
        return with_cookies(visit, HTMLResponse(self._templates.render(page), status))

    async def home(self, visit: Visit, query: QueryParams) -> Response:
        """Answer `/`: the list and the chat, or what they are for."""
        if visit.session is None:
            return self.answer(visit, self.page(visit, "landing"))
        return await self.app(visit, self.page(visit, "app"), query)

    async def app(self, visit: Visit, page: Page, query: QueryParams, status: int = 200) -> Response:
        """Answer with the list and the chat, filled in from the backend as far as it answers."""
        page.status = status_of(query.get("status"))
        page.offset = number(query.get("offset")) or 0
        page.before = number(query.get("before"))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._fill(visit, page, query)
        except SessionEndedError:
            return ended(visit)
        except (Refused, Unreachable) as error:
            log.warning("page without data: %s", error)
            page.problem = problems.message_of(error)
        except TimeoutError:
            log.warning("page without data: no answer in %s s", PATIENCE_SECONDS)
            page.problem = "The server takes long to answer. Nothing is lost: try again in a moment."
        return self.answer(visit, page, status)

    async def account(self, visit: Visit, page: Page, status: int = 200) -> Response:
        """Answer with the page about the account."""
        try:
            page.user = await _user(visit)
        except SessionEndedError:
            return ended(visit)
        except (Refused, Unreachable) as error:
            page.problem = problems.message_of(error)
        return self.answer(visit, page, status)

    async def _fill(self, visit: Visit, page: Page, query: QueryParams) -> None:
        shown = {"status": page.status, "limit": TASKS, "offset": page.offset}
        page.user, tasks, conversations = await together(
            _user(visit),
            visit.call("GET", "/tasks", query=shown),
            visit.call("GET", "/conversations", query={"limit": CONVERSATIONS}),
        )
        now = views.local_now(page.timezone)
        page.tasks = [Task.of(each, now, page.typed) for each in tasks["items"]]
        page.total = tasks["total"]
        page.conversations = conversations["items"]
        await _fill_conversation(visit, page, query)
        page.loaded = True


async def _user(visit: Visit) -> User:
    found = await visit.call("GET", "")
    return User(found["user_id"], found["name"], found["guest"])


async def _fill_conversation(visit: Visit, page: Page, query: QueryParams) -> None:
    """Show the conversation asked for, else the one of the cookie, else the newest."""
    chosen, kept = number(query.get("conversation")), visit.connection.cookies.get(CONVERSATION, "")
    if chosen is None and kept == NEW:
        return
    newest = page.conversations[0]["id"] if page.conversations else None
    for each in dict.fromkeys((chosen, number(kept), newest)):
        if each is None:
            continue
        shown = {"limit": MESSAGES, "before": page.before}
        try:
            found = await visit.call("GET", f"/conversations/{each}/messages", query=shown)
        except Refused as error:
            if error.status != 404:
                raise
            continue
        page.conversation = each
        page.messages = Message.all_of(found["items"], each, begins=not found["more"])
        page.older = found["items"][0]["id"] if found["more"] else None
        if kept != str(each):
            keep_conversation(visit, each)
        return
    if kept:
        visit.set_cookie(CONVERSATION, "", 0, script=True)


def keep_conversation(visit: Visit, chosen: int | str) -> None:
    """Let the browser remember which conversation is open."""
    visit.set_cookie(CONVERSATION, str(chosen), REFRESH_SECONDS, script=True)


async def together(*calls: Any) -> list[Any]:
    """Await several calls at once; the first that fails is what failed, and the others are ended."""
    tasks = [asyncio.ensure_future(each) for each in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def with_cookies(visit: Visit, response: Response) -> Response:
    """Add what the visit has for the browser to keep."""
    for value in visit.cookies:
        response.headers.append("Set-Cookie", value)
    return response


def go(visit: Visit, target: str = "/", say: str = "") -> Response:
    """Send the browser to a page, which then says something."""
    if say:
        visit.set_cookie(FLASH, say, flash.SECONDS)
    return with_cookies(visit, RedirectResponse(target, 303))


def ended(visit: Visit) -> Response:
    """Send a browser whose session has ended to where it can log in."""
    visit.end()
    return go(visit, "/login", "session-ended")
