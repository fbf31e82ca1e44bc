"""New access tokens for old, one request to the backend however many of a browser's requests want one at once."""

import asyncio
import json

from app.frontend.session import KEEP_SECONDS, Session, seconds_left
from app.frontend.upstream import Unreachable, Upstream

REMEMBER_SECONDS = 5.0  # requests that were sent with the old cookie may still come in
HEADERS = [(b"content-type", b"application/json"), (b"accept", b"application/json")]


class SessionEndedError(Exception):
    """The backend does not know the session any more."""


class Renewals:
    """The renewals under way, and those that have just been."""

    def __init__(self, upstream: Upstream) -> None:
        """Renew at this backend."""
        self._upstream = upstream
        self._flights: dict[str, asyncio.Task[Session]] = {}

    async def renew(self, session: Session) -> Session:
        """Return a session with an access token that has just been made.

        The refresh token stays the same while it has long to go.

        Raises:
            SessionEndedError: The refresh token is not valid any more.
            Unreachable: The backend could not say.
        """
        flight = self._flights.get(session.refresh)
        if flight is None:
            flight = asyncio.create_task(self._renew(session))
            self._flights[session.refresh] = flight
            flight.add_done_callback(lambda done: self._landed(session.refresh, done))
        return await asyncio.shield(flight)  # who waits may go away; others wait too

    def _landed(self, refresh: str, flight: asyncio.Task[Session]) -> None:
        if flight.cancelled() or flight.exception() is not None:
            self._flights.pop(refresh, None)
        else:
            asyncio.get_running_loop().call_later(REMEMBER_SECONDS, self._flights.pop, refresh, None)

    async def _renew(self, session: Session) -> Session:
        body = json.dumps({"refresh_token": session.refresh}).encode()
        answer = await self._upstream.send("POST", b"/api/renew", HEADERS, body)
        try:
            text = await answer.aread()
        finally:
            await answer.aclose()
        if answer.status_code == 401:
            raise SessionEndedError
        if answer.status_code != 200:
            raise Unreachable(503, "The server is not ready yet.", f"renewing a session: status {answer.status_code}")
        found = json.loads(text)
        keep = seconds_left(session.refresh) > KEEP_SECONDS
        return Session(found["user_id"], session.refresh if keep else found["refresh_token"], found["token"])
