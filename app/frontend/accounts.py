"""The forms that begin, change and end a session."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from app.frontend import problems
from app.frontend.pages import Pages, go
from app.frontend.renewal import SessionEndedError
from app.frontend.session import Session
from app.frontend.upstream import Unreachable
from app.frontend.visit import Refused, Visit

Fields = Mapping[str, str]


class Accounts:
    """Guests, accounts, logging in and out."""

    def __init__(self, pages: Pages) -> None:
        """Show what does not work on these pages."""
        self._pages = pages

    async def guest(self, visit: Visit, fields: Fields) -> Response:
        """Begin a session without a name."""
        try:
            made = await visit.call("POST", "/session", own=False)
        except (Refused, Unreachable) as error:
            page = self._pages.page(visit, "landing")
            page.problem = problems.message_of(error)
            return self._pages.answer(visit, page, problems.status_of(error))
        visit.begin(_session(made))
        return go(visit, say="welcome")

    async def stale(self, visit: Visit, fields: Fields) -> Response:
        """Answer a form of a page from before this session: who wants to be a guest is one already."""
        if not fields:
            return go(visit)
        page = self._pages.page(visit, "account")
        page.problem = problems.STALE
        page.register_name = fields.get("name", "")
        return await self._pages.account(visit, page, 403)

    async def login(self, visit: Visit, fields: Fields) -> Response:
        """Begin a session of an account; one there is before is left."""
        name = fields.get("name", "")
        body = {"name": name, "password": fields.get("password", "")}
        try:
            made = await visit.call("POST", "/login", body, own=False)
        except (Refused, Unreachable) as error:
            page = self._pages.page(visit, "login")
            page.login_name = name
            wrong = error.status == 401
            page.login_error = (
                "There is no account with this name and password." if wrong else problems.message_of(error)
            )
            return self._pages.answer(visit, page, problems.status_of(error))
        visit.end()
        visit.begin(_session(made))
        return go(visit, say="welcome-back")

    async def register(self, visit: Visit, fields: Fields) -> Response:
        """Make an account; a guest becomes it, and keeps everything."""
        name = fields.get("name", "")
        body = {"name": name, "password": fields.get("password", "")}
        known = visit.session is not None
        try:
            made = await visit.call("POST", "/accounts", body, own=False, bearer=known)
        except SessionEndedError:
            return await self.register(visit, fields)  # without one
        except (Refused, Unreachable) as error:
            page = self._pages.page(visit, "account" if known else "login")
            page.register_name, page.register_error = name, problems.message_of(error)
            if known:
                return await self._pages.account(visit, page, problems.status_of(error))
            return self._pages.answer(visit, page, problems.status_of(error))
        visit.begin(_session(made))
        return go(visit, say="account-made")

    async def logout(self, visit: Visit, fields: Fields) -> Response:
        """End the session, here in any case. A guest, who cannot come back, is asked first."""
        reached = True
        page = self._pages.page(visit, "account")
        if fields.get("confirm") != "yes" and await self._is_guest(visit):
            page.logout_error = "Tick the box first: a guest cannot come back to the list."
            return await self._pages.account(visit, page, 422)
        try:
            await visit.call("POST", "/logout", own=False, bearer=True)
        except SessionEndedError:
            pass
        except (Refused, Unreachable):
            reached = False
        visit.end()
        return go(visit, say="logged-out" if reached else "logged-out-here")

    async def _is_guest(self, visit: Visit) -> bool:
        """Tell whether it is known to be a guest who asks."""
        try:
            return bool((await visit.call("GET", ""))["guest"])
        except (Refused, Unreachable):
            return False

    async def delete(self, visit: Visit, fields: Fields) -> Response:
        """Delete the user and all their data, where it is meant."""
        page = self._pages.page(visit, "account")
        if fields.get("confirm") != "yes":
            page.delete_error = "Tick the box first: this cannot be undone."
            return await self._pages.account(visit, page, 422)
        try:
            await visit.call("DELETE", "")
        except (Refused, Unreachable) as error:
            page.delete_error = problems.message_of(error)
            return await self._pages.account(visit, page, problems.status_of(error))
        visit.end()
        return go(visit, say="account-deleted")


def _session(made: dict[str, Any]) -> Session:
    return Session(made["user_id"], made["refresh_token"], made["token"])
