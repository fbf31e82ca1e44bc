"""Without scripts: plain forms, page after page."""

import re

from playwright.sync_api import Page, expect

from tests.app.browser.conftest import Open, enter, titles


def tell(page: Page, message: str) -> None:
    """Send a message with the button."""
    page.get_by_label("Message to the assistant").fill(message)
    page.get_by_role("button", name="Send", exact=True).click()


def test_the_whole_journey_by_forms(visit: Open) -> None:
    page = visit(java_script_enabled=False)
    enter(page)
    expect(page.locator("#theme")).to_be_hidden()
    page.get_by_role("button", name="Add buy milk, due tomorrow").click()
    assert titles(page) == ["buy milk"]
    expect(page.locator(".due").first).to_have_text("Tomorrow")
    tell(page, "add water the plants")
    assert titles(page) == ["buy milk", "water the plants"]
    expect(page.locator('.message[data-role="assistant"]')).to_have_count(2)

    page.get_by_label("New task").fill("Write the report")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Complete water the plants").click()
    expect(page.locator("#task-2")).to_have_attribute("data-completed", "true")
    page.locator("#task-3 .task-more > summary").click()
    page.locator("#task-3").get_by_label("Title").fill("Send the report")
    page.locator("#task-3").get_by_role("button", name="Save").click()
    assert titles(page) == ["buy milk", "water the plants", "Send the report"]

    page.locator("#task-3 .task-more > summary").click()
    page.locator("#task-3").get_by_role("button", name="Delete").click()
    assert titles(page) == ["buy milk", "water the plants"]
    page.locator("#flash").get_by_role("button", name="Undo").click()
    assert titles(page) == ["buy milk", "water the plants", "Send the report"]
    tell(page, "delete 1")
    page.locator(".call-row").last.get_by_role("button", name="Undo").click()
    assert titles(page) == ["buy milk", "water the plants", "Send the report"]
    page.get_by_role("link", name="Done").click()
    assert titles(page) == ["water the plants"]


def test_a_phone_without_scripts(visit: Open) -> None:
    page = visit(360, 740, java_script_enabled=False)
    enter(page)
    tell(page, "add buy oat milk")
    expect(page.locator(".message.assistant")).to_be_visible()
    expect(page.locator("#tasks")).to_be_hidden()
    page.get_by_role("navigation", name="View").get_by_role("link", name="Tasks").click()
    page.get_by_role("button", name="Complete buy oat milk").click()
    expect(page).to_have_url(re.compile("#list$"))
    expect(page.locator("#task-1")).to_be_visible()
    expect(page.locator("#task-1")).to_have_attribute("data-completed", "true")
