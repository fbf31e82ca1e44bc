"""What goes wrong on the way: nothing is lost, and nothing is done twice."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, Route, expect

from app.backend.assistants.protocol import Context, Event, Plan, Token, Turn
from tests.app.browser.conftest import Complaints, Open, enter, ready, say, serve, titles

STREAM = "**/api/me/chat/stream"


class Slow:
    """An assistant that says half of its answer, and goes on when it is let."""

    name: Literal["rules", "model"] = "rules"

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def plan(self, message: str, context: Context) -> Plan:
        """Nothing to plan."""
        return {"title": message}

    async def answer(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """Add what was said."""
        yield Token("One moment …")
        await asyncio.to_thread(self.go_on.wait, 60)
        yield await turn.call("add_task", {"title": turn.message})
        yield Token(" and it is there.")


@pytest.fixture(scope="module")
def slow() -> Slow:
    """The slow assistant."""
    return Slow()


@pytest.fixture(scope="module")
def slow_site(slow: Slow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page with the slow assistant."""
    yield from serve(f"sqlite:///{tmp_path_factory.mktemp('slow') / 'slow.db'}", slow)


@pytest.fixture
def keys(guest: Page) -> list[str]:
    """The keys of the messages that the page sends, in order."""
    found: list[str] = []

    def note(request: Any) -> None:
        if request.url.endswith("/chat/stream"):
            found.append(request.headers["idempotency-key"])

    guest.on("request", note)
    return found


def send(page: Page, message: str) -> None:
    """Send a message; wait for nothing."""
    page.get_by_label("Message to the assistant").fill(message)
    page.keyboard.press("Enter")


def test_stop_and_retry(slow: Slow, slow_site: str, visit: Open) -> None:
    page = visit(at=slow_site)
    enter(page)
    ready(page)
    slow.go_on.clear()
    send(page, "buy oat milk")
    answer = page.locator(".message.assistant .text")
    expect(answer).to_have_text("One moment …")
    expect(page.locator("#log")).to_have_attribute("aria-busy", "true")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    expect(page.get_by_label("Message to the assistant")).to_be_focused()
    page.reload()  # what is stopped stays so until it is wanted again
    expect(page.get_by_text("Stopped.")).to_be_visible()
    slow.go_on.set()
    page.get_by_role("button", name="Retry").click()
    expect(answer).to_have_text("One moment … and it is there.")
    expect(page.locator("#tasks .task")).to_have_count(1)
    page.reload()
    expect(answer).to_have_text("One moment … and it is there.")
    assert titles(page) == ["buy oat milk"]


def test_an_answer_that_gets_lost_is_asked_for_again_under_the_same_key(
    guest: Page, keys: list[str], complaints: Complaints
) -> None:
    def lose(route: Route) -> None:
        route.fetch()  # the server does what it is asked to
        route.abort("connectionreset")

    guest.route(STREAM, lose, times=1)
    send(guest, "add buy oat milk")
    expect(guest.locator(".message.assistant .text")).to_contain_text("buy oat milk")
    expect(guest.locator("#offline")).to_be_hidden()
    expect(guest.locator(".status:visible")).to_have_count(0)
    assert len(keys) == 2
    assert keys[0] == keys[1]
    guest.reload()
    assert titles(guest) == ["buy oat milk"]
    expect(guest.locator(".message")).to_have_count(2)
    complaints.expect_network()


def test_offline(guest: Page, keys: list[str], complaints: Complaints) -> None:
    say(guest, "add water the plants")
    guest.context.set_offline(True)
    expect(guest.get_by_text("You are offline.")).to_be_visible()
    send(guest, "add buy oat milk")
    expect(guest.get_by_text("waiting for the connection")).to_be_visible()
    send(guest, "add write the report")
    expect(guest.get_by_text("waiting for the connection")).to_have_count(2)
    guest.context.set_offline(False)
    expect(guest.locator("#offline")).to_be_hidden()
    expect(guest.locator("#tasks .task")).to_have_count(3)
    expect(guest.locator(".message.assistant")).to_have_count(3)
    assert titles(guest) == ["water the plants", "buy oat milk", "write the report"]
    assert len(set(keys)) == 3
    complaints.expect_network()


def test_a_message_that_did_not_go_out_survives_a_reload(guest: Page, keys: list[str], complaints: Complaints) -> None:
    guest.route(STREAM, lambda route: route.abort())
    send(guest, "add buy oat milk")
    expect(guest.locator(".status")).to_contain_text("cannot be reached")
    guest.unroute(STREAM)
    guest.reload()
    expect(guest.locator("#tasks .task")).to_have_count(1)
    assert len(set(keys)) == 1
    complaints.expect_network()


def test_the_draft_is_kept(guest: Page) -> None:
    field = guest.get_by_label("Message to the assistant")
    field.press_sequentially("add buy o")
    guest.reload()
    expect(field).to_have_value("add buy o")
    field.press_sequentially("at milk")
    field.press("Enter")
    expect(guest.locator("#tasks .task")).to_have_count(1)
    guest.reload()
    expect(field).to_have_value("")


def test_a_server_that_is_not_ready_is_asked_again(guest: Page, keys: list[str], complaints: Complaints) -> None:
    guest.route(
        STREAM,
        lambda route: route.fulfill(status=503, headers={"Retry-After": "2"}, json={"detail": "no database"}),
        times=1,
    )
    send(guest, "add buy oat milk")
    expect(guest.locator(".status")).to_contain_text("Trying again in 2 s.")
    expect(guest.locator("#tasks .task")).to_have_count(1)
    assert len(keys) == 2
    assert keys[0] == keys[1]
    complaints.expect_network()


def test_an_error_in_the_midst_of_an_answer(guest: Page, complaints: Complaints) -> None:
    events = (
        'event: token\ndata: {"text": "I was about to"}\n\n'
        'event: error\ndata: {"status": 503, "detail": "away", "retry_after": 30}\n\n'
    )
    guest.route(
        STREAM,
        lambda route: route.fulfill(status=200, content_type="text/event-stream", body=events),
        times=1,
    )
    send(guest, "add buy oat milk")
    expect(guest.locator(".status")).to_contain_text(
        "The server is not ready yet. Your message is kept. Trying again in"
    )
    guest.get_by_role("button", name="Retry now").click()
    expect(guest.locator("#tasks .task")).to_have_count(1)
    expect(guest.get_by_text("I was about to")).to_have_count(0)
    complaints.expect_network()


def test_a_session_that_has_ended(guest: Page, complaints: Complaints) -> None:
    guest.context.clear_cookies()
    send(guest, "add buy oat milk")
    expect(guest.get_by_text("Your session has ended.").first).to_be_visible()
    guest.locator(".status").get_by_role("link", name="Log in").click()
    expect(guest.get_by_role("heading", name="Log in", exact=True)).to_be_visible()
    complaints.expect_network()


def test_a_task_that_cannot_be_saved_comes_back(guest: Page, complaints: Complaints) -> None:
    say(guest, "add buy oat milk")
    guest.route("**/api/me/tasks/1", lambda route: route.fulfill(status=500, json={"detail": "no"}))
    guest.get_by_role("button", name="Complete buy oat milk").click()
    expect(guest.locator(".toast")).to_contain_text("Something went wrong")
    expect(guest.locator("#task-1")).to_have_attribute("data-completed", "false")
    complaints.expect_network()


def test_a_conversation_that_was_deleted_elsewhere(guest: Page, complaints: Complaints) -> None:
    say(guest, "add water the plants")
    other = guest.context.new_page()
    other.goto("/")
    other.get_by_text("Conversations").click()
    other.get_by_role("button", name="Delete the conversation").click()
    expect(other.locator(".message")).to_have_count(0)
    other.close()
    say(guest, "add buy oat milk")
    assert titles(guest) == ["water the plants", "buy oat milk"]
    guest.reload()
    expect(guest.locator(".message")).to_have_count(2)
    complaints.expect_network()


def test_two_tabs_do_not_do_it_twice(guest: Page, keys: list[str], complaints: Complaints) -> None:
    guest.route(STREAM, lambda route: route.abort())
    send(guest, "add buy oat milk")
    expect(guest.locator(".status")).to_contain_text("cannot be reached")
    other = guest.context.new_page()  # finds the message that waits, and sends it
    other.goto("/")
    expect(other.locator("#tasks .task")).to_have_count(1)
    guest.unroute(STREAM)
    expect(guest.locator(".message.assistant")).to_have_count(1)
    expect(guest.locator("#tasks .task")).to_have_count(1)
    assert len(set(keys)) == 1
    other.reload()
    assert titles(other) == ["buy oat milk"]
    expect(other.locator(".message")).to_have_count(2)
    complaints.expect_network()
