"""One renewal for many requests."""

import asyncio
import gc
import json

import httpx
import pytest

from app.frontend.renewal import Renewals, SessionEndedError
from app.frontend.session import Session
from app.frontend.upstream import Unreachable, Upstream
from tests.app.frontend.fake import REFRESH, token


class Transport(httpx.AsyncBaseTransport):
    """Answers when it is let."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked = 0
        self.let = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        await self.let.wait()
        made = {"user_id": "ann", "token": token(salt=str(self.asked)), "refresh_token": token(salt="new")}
        return httpx.Response(self.status, content=json.dumps(made).encode())


@pytest.mark.anyio
async def test_many_that_ask_at_once_are_one_flight() -> None:
    transport = Transport()
    renewals = Renewals(Upstream("http://backend", transport))
    old = Session("ann", REFRESH)
    waiting = [asyncio.create_task(renewals.renew(old)) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # who began it goes away: the others have it all the same
    other = asyncio.create_task(renewals.renew(Session("ann", token(salt="another browser"))))
    await asyncio.sleep(0)
    transport.let.set()
    done = await asyncio.gather(*waiting[1:])
    assert {each.access for each in done} == {token(salt="1")} or len({each.access for each in done}) == 1
    assert {each.refresh for each in done} == {REFRESH}
    await other
    assert transport.asked == 2
    await renewals.renew(old)  # a request that was sent with the old cookie
    assert transport.asked == 2


@pytest.mark.anyio
@pytest.mark.parametrize(("status", "error"), [(401, SessionEndedError), (503, Unreachable), (429, Unreachable)])
async def test_what_fails_is_not_remembered(status: int, error: type[Exception]) -> None:
    transport = Transport(status)
    transport.let.set()
    renewals = Renewals(Upstream("http://backend", transport))
    for _ in range(2):
        with pytest.raises(error):
            await renewals.renew(Session("ann", REFRESH))
    assert transport.asked == 2


@pytest.mark.anyio
async def test_a_failure_that_nobody_waits_for_any_more_says_nothing() -> None:
    transport = Transport(401)
    renewals = Renewals(Upstream("http://backend", transport))
    waiting = asyncio.create_task(renewals.renew(Session("ann", REFRESH)))
    await asyncio.sleep(0)
    waiting.cancel()
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    transport.let.set()
    await asyncio.sleep(0.01)
    gc.collect()
    assert said == []
