"""The whole application on real servers, and Debian's Chromium before it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.backend import migrate
from app.backend.application import create_app as create_backend
from app.backend.assistants.protocol import Assistant
from app.frontend.application import create_app as create_frontend
from app.frontend.settings import Settings
from tests.app.conftest import unlimited
from tests.app.servers import running
from tests.chromium import chromium as launched

PATIENCE_MS = 15_000

Open = Callable[..., Page]


# Of the package, not of the session: while Playwright runs, this thread has an event loop, and other tests' own would
# not start.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    with launched() as browser:
        yield browser


def serve(url: str, assistant: Assistant | None = None) -> Iterator[str]:
    """The application on a database; gives the page's address."""
    migrate.upgrade(url, 10)
    with (
        running(create_backend(unlimited(url), assistant)) as backend,
        running(create_frontend(Settings(backend_url=backend))) as frontend,
    ):
        yield frontend


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's address; the rules answer."""
    yield from serve(f"sqlite:///{tmp_path_factory.mktemp('page') / 'page.db'}")


class Complaints(list[str]):
    """What the browser complains about: errors of scripts, files that do not load, breaches of the policy."""

    def expect_network(self) -> None:
        """Forget what requests that fail leave in the console: the test makes them fail."""
        self[:] = [each for each in self if "Failed to load resource" not in each]


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Nothing, at the end of every test."""
    found = Complaints()
    yield found
    assert found == []


@pytest.fixture
def visit(chromium: Browser, site: str, complaints: Complaints) -> Iterator[Open]:
    """Open the page as a new visitor: `visit(width, height, **options of the context)`."""
    contexts: list[BrowserContext] = []

    def open_page(width: int = 1280, height: int = 800, at: str = site, **options: Any) -> Page:
        values = {"locale": "en-GB", "timezone_id": "Europe/Berlin", **options}
        context = chromium.new_context(viewport={"width": width, "height": height}, base_url=at, **values)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/")
        return page

    expect.set_options(timeout=PATIENCE_MS)
    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def guest(visit: Open) -> Page:
    """The list and the chat of a new guest."""
    page = visit()
    enter(page)
    ready(page)
    return page


def enter(page: Page) -> None:
    """Go in as a guest."""
    page.get_by_role("button", name="Try it as a guest").click()
    expect(page.get_by_label("Message to the assistant")).to_be_visible()


def ready(page: Page) -> None:
    """Wait until the script has taken over; before that, forms are plain."""
    expect(page.locator("html.ready")).to_be_attached()


def say(page: Page, message: str) -> None:
    """Send a message with Enter, and wait for its answer."""
    ready(page)
    answers = page.locator('.message[data-role="assistant"]')
    before = answers.count()
    page.get_by_label("Message to the assistant").fill(message)
    page.keyboard.press("Enter")
    expect(answers).to_have_count(before + 1)
    expect(page.locator("#chat-form.busy, .message.coming")).to_have_count(0)


def titles(page: Page) -> list[str]:
    """The titles on the list, in order."""
    return page.locator('#tasks .task [data-slot="title"]').all_inner_texts()
