"""What another client, or a backend that is away, does to a page that is open."""

import re

from playwright.sync_api import Page, Route, expect

from tests.app.browser.conftest import Complaints, ready, say, titles
from tests.app.browser.test_trouble import STREAM, send

TASKS = re.compile(r".*/api/me/tasks\?.*")
DETAIL = {"detail": "The server cannot be reached just now."}


def away(route: Route) -> None:
    """Answer as the frontend does while there is no backend."""
    route.fulfill(status=502, headers={"Retry-After": "2"}, json=DETAIL)


def change(page: Page, values: str) -> None:
    """Change task 1 as another client does, without this page's script."""
    script = f"""async () => {{
        const csrf = document.querySelector('meta[name="csrf-token"]').content;
        const headers = {{"Content-Type": "application/json", "X-CSRF-Token": csrf}};
        const answer = await fetch("/api/me/tasks/1", {{method: "PATCH", headers, body: JSON.stringify({values})}});
        return answer.status;
    }}"""
    assert page.evaluate(script) == 200


def test_what_another_client_changed_is_not_overwritten(guest: Page, complaints: Complaints) -> None:
    say(guest, "add buy milk")
    guest.get_by_label("Edit buy milk").click()
    change(guest, '{due: "2027-03-05T10:30", priority: "high"}')
    guest.locator("#task-1 [name=title]").fill("buy oat milk")
    guest.locator("#task-1").get_by_role("button", name="Save").click()
    expect(guest.locator("#task-1 [data-slot=title]")).to_have_text("buy oat milk")
    expect(guest.locator("#task-1 .priority")).to_have_text("high priority")
    guest.reload()
    expect(guest.locator("#task-1 .due")).to_contain_text("10:30")
    expect(guest.locator("#task-1 .priority")).to_have_text("high priority")
    complaints.expect_network()  # the script meets a 409, and sends the change anew


def test_a_clash_is_shown_and_decided_here(guest: Page, complaints: Complaints) -> None:
    say(guest, "add buy milk")
    guest.get_by_label("Edit buy milk").click()
    change(guest, '{title: "buy rice milk", priority: "high"}')
    guest.locator("#task-1 [name=title]").fill("buy oat milk")
    save = guest.locator("#task-1").get_by_role("button", name="Save")
    save.click()
    expect(guest.locator("#task-1 .error")).to_contain_text("It now has: title buy rice milk. Save again")
    expect(guest.locator("#task-1 [data-slot=title]")).to_have_text("buy rice milk")
    expect(guest.locator("#task-1 [name=title]")).to_have_value("buy oat milk")
    expect(guest.locator("#task-1 [name=priority]")).to_have_value("high")
    save.click()
    expect(guest.locator("#task-1 [data-slot=title]")).to_have_text("buy oat milk")
    expect(guest.locator("#task-1 .error")).to_have_count(0)
    complaints.expect_network()


def test_nothing_is_sent_where_nothing_was_changed(guest: Page) -> None:
    say(guest, "add buy milk")
    sent: list[str] = []
    guest.on("request", lambda request: sent.append(request.method) if "/tasks/1" in request.url else None)
    guest.get_by_label("Edit buy milk").click()
    guest.locator("#task-1").get_by_role("button", name="Save").click()
    expect(guest.locator("#task-1 .task-more[open]")).to_have_count(0)
    assert sent == []


def test_a_message_is_kept_as_long_as_the_backend_is_away(guest: Page, complaints: Complaints) -> None:
    """More attempts than were ever made, and a reload; then it goes out, in its order, once."""
    tries: list[str] = []

    def refuse(route: Route) -> None:
        tries.append(route.request.headers["idempotency-key"])
        away(route)

    guest.route(STREAM, refuse)
    guest.route(TASKS, away)
    send(guest, "add buy oat milk")
    expect(guest.locator(".status").first).to_contain_text("Your message is kept. Trying again in 2 s.")
    send(guest, "complete #1")
    expect(guest.get_by_text("the message before it goes first")).to_be_visible()
    for number in range(8):
        expect(guest.get_by_text("Trying again in")).to_be_visible()
        guest.get_by_role("button", name="Retry now").click()
        expect(guest.get_by_text("Trying again in")).to_be_visible()
        assert len(tries) >= number + 2
    expect(guest.locator(".status").first).to_contain_text(re.compile(r"Trying again in (30|29|28) s"))
    expect(guest.locator("#empty")).to_be_hidden()
    guest.unroute(STREAM)
    guest.unroute(TASKS)
    guest.get_by_role("button", name="Retry now").click()
    expect(guest.locator(".message.assistant")).to_have_count(2)
    expect(guest.locator("#task-1")).to_have_attribute("data-completed", "true")
    assert len(set(tries)) == 1
    expect(guest.locator("#stale")).to_be_hidden(timeout=40_000)
    complaints.expect_network()


def test_a_list_that_cannot_be_had_is_not_called_empty(guest: Page, complaints: Complaints) -> None:
    say(guest, "add buy milk")
    guest.route(TASKS, away)
    guest.route(STREAM, away)
    send(guest, "add buy bread")
    expect(guest.locator("#stale")).to_be_visible()  # what is there stays, and is called what it is
    assert titles(guest) == ["buy milk"]
    guest.unroute(TASKS)
    guest.unroute(STREAM)
    expect(guest.locator("#stale")).to_be_hidden()
    expect(guest.locator("#tasks .task")).to_have_count(2)
    complaints.expect_network()


def test_a_page_that_came_without_its_list_gets_it_later(guest: Page, complaints: Complaints) -> None:
    say(guest, "add buy milk")

    def without(route: Route) -> None:
        """The page as the frontend sends it while there is no backend."""
        text = route.fetch().text()
        text = re.sub(r'<li class="task" id="task-1".*?</details>\s*</li>', "", text, flags=re.DOTALL)
        text = text.replace('data-known="true"', 'data-known="false"')
        bar = (
            '<div id="problem" class="message-bar bad" role="alert"><span>Away.</span> <a href="/">Try again</a></div>'
        )
        route.fulfill(body=text.replace("<main", bar + "<main", 1), content_type="text/html; charset=utf-8")

    guest.route(TASKS, away)
    guest.route(re.compile(r"^http://[^/]+/$"), without, times=1)
    guest.reload()
    ready(guest)
    expect(guest.locator("#unknown")).to_be_visible()
    expect(guest.locator("#empty")).to_be_hidden()
    expect(guest.get_by_text("Nothing on the list.")).to_be_hidden()
    guest.unroute(TASKS)
    expect(guest.locator("#tasks .task")).to_have_count(1)
    expect(guest.locator("#unknown")).to_be_hidden()
    expect(guest.locator("#problem")).to_contain_text("The server answers again.")
    complaints.expect_network()


def test_what_is_being_written_is_not_lost_to_an_edit(guest: Page, complaints: Complaints) -> None:
    guest.route(STREAM, lambda route: route.fulfill(status=413, json={"detail": "no"}), times=1)
    send(guest, "add buy milk")
    field = guest.get_by_label("Message to the assistant")
    expect(guest.get_by_text("That is too long.")).to_be_visible()
    field.fill("half a sen")
    guest.get_by_role("button", name="Edit", exact=True).click()
    expect(field).to_have_value("add buy milk\nhalf a sen")
    complaints.expect_network()
