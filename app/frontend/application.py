"""The application, made from its settings."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from app.frontend import body, csrf
from app.frontend.accounts import Accounts
from app.frontend.drain import Drain
from app.frontend.edge import Edge
from app.frontend.forms import Forms
from app.frontend.pages import Pages, ended
from app.frontend.proxy import Proxy
from app.frontend.renewal import Renewals, SessionEndedError
from app.frontend.settings import Settings
from app.frontend.static import Static
from app.frontend.templates import Templates
from app.frontend.upstream import Upstream
from app.frontend.visit import Visit

log = logging.getLogger("frontend")

PATIENCE = 0.7  # the part of the time to shut down that streams may have
Fields = Mapping[str, str]
Handler = Callable[[Visit, Fields], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> ASGIApp:
    """Make the application. It starts, and serves its pages, whether the backend is available or not.

    Args:
        settings: where the backend is, and the like.
        transport: another way to the backend than by HTTP, for tests.
    """
    upstream = Upstream(settings.backend_url, transport)
    drain = Drain(settings.drain_seconds + settings.shutdown_seconds * PATIENCE)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        log.info("started; the backend is at %s", settings.backend_url)
        with drain.on_sigterm():
            yield
        await upstream.aclose()
        log.info("stopped")

    app = Starlette(routes=_routes(upstream, drain), lifespan=lifespan)
    app.router.redirect_slashes = False
    return Edge(app)


def _routes(upstream: Upstream, drain: Drain) -> list[BaseRoute]:
    renewals, static = Renewals(upstream), Static()
    pages = Pages(Templates(static))
    forms, accounts = Forms(pages), Accounts(pages)
    proxy = Proxy(upstream, renewals, drain)

    def visit(request: Request) -> Visit:
        return Visit(request, upstream, renewals)

    async def home(request: Request) -> Response:
        return await pages.home(visit(request), request.query_params)

    async def login(request: Request) -> Response:
        made = visit(request)
        return pages.answer(made, pages.page(made, "login"))

    async def account(request: Request) -> Response:
        made = visit(request)
        if made.session is None:
            return RedirectResponse("/login", 303)
        return await pages.account(made, pages.page(made, "account"))

    def form(path: str, handler: Handler, stale: Handler, *, session: bool = True) -> Route:
        async def endpoint(request: Request) -> Response:
            made = visit(request)
            try:
                return await _submitted(made, request, handler, stale, session=session)
            except SessionEndedError:
                return ended(made)

        return Route(path, endpoint, methods=["POST"])

    return [
        Route("/", home),
        Route("/login", login),
        Route("/account", account),
        form("/guest", accounts.guest, accounts.stale, session=False),
        form("/login", accounts.login, accounts.stale, session=False),
        form("/register", accounts.register, accounts.stale, session=False),
        form("/logout", accounts.logout, accounts.stale),
        form("/account/delete", accounts.delete, accounts.stale),
        form("/chat", forms.chat, forms.stale),
        form("/undo", forms.undo, forms.stale),
        form("/conversations", forms.new_conversation, forms.stale),
        form("/conversations/{id:int}", forms.conversation, forms.stale),
        form("/tasks", forms.add_task, forms.stale),
        form("/tasks/{id:int}", forms.task, forms.stale),
        Route("/api/{path:path}", proxy),
        Route("/mcp", proxy),
        Route("/health", health),
        Mount("/static", static),
    ]


async def _submitted(visit: Visit, request: Request, handler: Handler, stale: Handler, *, session: bool) -> Response:
    """Check a form, and do what it is for."""
    try:
        fields = body.fields(request.headers, await body.read(request.headers, request.receive))
    except body.BodyError as error:
        return PlainTextResponse(error.detail, error.status, {"Connection": "close"})
    except body.GoneError:
        return Response(status_code=400)
    if not csrf.own_site(request.headers):
        return PlainTextResponse("The form was sent from another site.", 403)
    if visit.session is None:
        return await handler(visit, fields) if not session else ended(visit)
    if not csrf.valid(visit.session.refresh, fields.get("csrf", "")):
        return await stale(visit, fields)
    return await handler(visit, fields)


async def health(_: Request) -> Response:
    """Tell that the process answers; the backend is not asked."""
    return JSONResponse({"status": "ok"})
