"""The page. It is always served, also while the backend is away: then it says so, and its script tries again."""

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import Request
from jinja2 import Environment, FileSystemLoader
from starlette.responses import HTMLResponse, Response

from app.frontend import session, upstream

log = logging.getLogger("frontend")

FOLDER = Path(__file__).parent
PATIENCE_SECONDS = 3.0  # then the page comes without tasks, and its script fetches them
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass
class View:
    """What the page shows."""

    user_id: str = ""
    token: str = field(default="", repr=False)
    new: bool = False
    tasks: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""


async def render(request: Request) -> Response:
    """Answer with the page for the session of the cookie, or for a new one."""
    client: httpx.AsyncClient = request.app.state.client
    known = session.read(request)
    view = View()
    try:
        # A browser asks for HTML. A probe takes anything, every few seconds: it gets the page at once, and no session.
        if known or "text/html" in request.headers.get("accept", ""):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await _fill(view, client, known)
    except (httpx.HTTPError, TimeoutError, ValueError, KeyError) as error:
        _, view.problem = upstream.reason(str(client.base_url), error)
        log.warning("page without data: %s", view.problem)
    response = HTMLResponse(_templates.get_template("page.html").render(view=view), headers=SECURITY)
    if view.new:
        settings = request.app.state.settings
        secure = request.url.scheme == "https"
        session.write(response, view.user_id, view.token, settings.cookie_seconds, secure=secure)
    return response


async def _fill(view: View, client: httpx.AsyncClient, known: tuple[str, str] | None) -> None:
    """Fetch the tasks; a new user has none."""
    if known:
        view.user_id, view.token = known
        headers = {"Authorization": f"Bearer {view.token}"}
        answer = await client.get(f"/api/{view.user_id}/tasks", headers=headers)
        if answer.status_code not in {401, 403}:  # else: signed with a key that has been replaced, or expired
            answer.raise_for_status()
            view.tasks = answer.json()
            return
    answer = await client.post("/api/session")
    answer.raise_for_status()
    started = answer.json()
    view.user_id, view.token, view.new = started["user_id"], started["token"], True
