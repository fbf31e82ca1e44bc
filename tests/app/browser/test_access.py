"""Whoever comes, with whatever: axe, narrow windows, colours, motion, the content security policy."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.app.browser.conftest import Open, enter, ready, say

SCHEMES = ("light", "dark")
WIDTHS = {"wide": (1280, 800), "phone": (390, 844)}
looks = pytest.mark.parametrize("scheme", SCHEMES)
sizes = pytest.mark.parametrize("size", WIDTHS.values(), ids=WIDTHS)


def check(page: Page) -> None:
    """No violation of any of axe's rules."""
    found: dict[str, Any] = Axe().run(page, options={"resultTypes": ["violations"]}).response
    assert found["passes"], "axe looked at nothing"
    said = [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]
    assert said == []


def fits(page: Page) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("() => document.body.scrollWidth <= innerWidth")


@looks
@sizes
def test_axe(visit: Open, scheme: str, size: tuple[int, int]) -> None:
    page = visit(*size, color_scheme=scheme, reduced_motion="reduce")
    check(page)
    page.goto("/login")
    check(page)
    page.goto("/")
    enter(page)
    ready(page)
    check(page)
    page.goto("/account")
    check(page)
    page.goto("/")
    for message in (
        "add buy oat milk tomorrow, high priority",
        "add water the plants yesterday",
        "complete 2",
        "delete 9",
    ):
        say(page, message)
    page.locator(".call summary").first.click()
    page.get_by_text("Conversations").click()
    check(page)
    page.goto("/#list")
    page.locator("#task-1 .task-more > summary").click()
    page.get_by_text("Due date, priority, details").click()
    check(page)


def test_nothing_is_wider_than_a_small_phone(visit: Open) -> None:
    page = visit(320, 640)
    for path in ("/", "/login"):
        page.goto(path)
        fits(page)
    page.goto("/")
    enter(page)
    fits(page)
    say(page, f"add {'Donaudampfschifffahrtsgesellschaft' * 4}")
    page.locator(".call summary").click()
    fits(page)
    page.goto("/#list")
    page.locator("#task-1 .task-more > summary").click()
    page.get_by_text("Due date, priority, details").click()
    fits(page)
    page.goto("/account")
    fits(page)


def test_motion_that_nobody_wants(visit: Open) -> None:
    page = visit(reduced_motion="reduce")
    enter(page)
    say(page, "add buy oat milk")
    longest = page.evaluate(
        "() => Math.max(...document.getAnimations().map((each) => each.effect.getComputedTiming().endTime), 0)"
    )
    assert longest <= 10  # ms
    for property_name in ("animationDuration", "transitionDuration"):
        assert page.locator("#send").evaluate(f"(each) => parseFloat(getComputedStyle(each).{property_name})") <= 0.01


def test_colours_can_be_chosen_and_stay(visit: Open) -> None:
    page = visit(color_scheme="light")
    ground = "() => getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Use dark colours").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    page.get_by_role("button", name="Use light colours").click()
    assert page.evaluate(ground) == light


def test_scripts_from_the_page_itself_do_not_run(visit: Open, complaints: list[str]) -> None:
    page = visit()
    page.evaluate(
        "() => { const bad = document.createElement('script'); bad.textContent = 'window.bad = 1';"
        " document.head.append(bad); }"
    )
    assert page.evaluate("() => window.bad") is None
    assert any("Content Security Policy" in each for each in complaints)
    complaints.clear()


def test_the_conversation_is_a_log_that_is_read_out(guest: Page) -> None:
    log = guest.get_by_role("log", name="Conversation")
    expect(log).to_have_attribute("aria-live", "polite")
    say(guest, "add <b>bold</b> & <script>bad()</script>")
    expect(log).to_contain_text("<b>bold</b> & <script>bad()</script>")
    expect(log).to_have_attribute("aria-busy", "false")
    guest.reload()
    expect(log).to_contain_text("<b>bold</b> & <script>bad()</script>")
