"""Without a mouse."""

from playwright.sync_api import Page, expect

from tests.app.browser.conftest import Open, ready, say, titles

# What has the focus must be seen to have it: an outline of its own, or of the form around the field.
RING = """() => {
  const rings = (element) => element && getComputedStyle(element).outlineStyle !== "none"
    && parseFloat(getComputedStyle(element).outlineWidth) >= 2;
  const focused = document.activeElement;
  const box = focused.getBoundingClientRect();
  return {
    name: focused.tagName + "." + focused.className + "#" + focused.id,
    page: focused === document.body,
    seen: rings(focused) || rings(focused.closest("form")),
    size: box.width * box.height,
  };
}"""


def test_the_whole_way_by_keys(visit: Open) -> None:
    page = visit()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Try it as a guest")).to_be_focused()
    page.keyboard.press("Enter")

    field = page.get_by_label("Message to the assistant")
    expect(field).to_be_visible()
    ready(page)
    tab_to(page, "#message")
    page.keyboard.type("add buy oat milk")
    page.keyboard.press("Enter")
    expect(page.locator("#tasks .task")).to_have_count(1)
    expect(field).to_be_focused()
    expect(field).to_have_value("")

    tab_to(page, "#new-title")
    page.keyboard.type("water the plants")
    page.keyboard.press("Enter")
    expect(page.locator("#tasks .task")).to_have_count(2)
    expect(page.locator("#new-title")).to_be_focused()
    tab_to(page, "#task-1 .check")
    page.keyboard.press("Space")
    expect(page.locator("#task-1")).to_have_attribute("data-completed", "true")
    tab_to(page, "#task-2 .task-more > summary")
    page.keyboard.press("Enter")
    expect(page.locator("#task-2").get_by_label("Title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#task-2 .task-more > summary")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "#task-2 .button.danger")
    page.keyboard.press("Enter")
    expect(page.locator("#task-2")).to_have_count(0)
    expect(page.locator("#task-1 .check")).to_be_focused()
    tab_to(page, ".toast-action")
    page.keyboard.press("Enter")
    expect(page.locator("#task-2")).to_be_visible()
    assert titles(page) == ["buy oat milk", "water the plants"]


def test_enter_sends_and_shift_enter_breaks_the_line(guest: Page) -> None:
    field = guest.get_by_label("Message to the assistant")
    low = field.evaluate("(field) => field.offsetHeight")
    field.press_sequentially("add buy")
    field.press("Shift+Enter")
    field.press_sequentially("oat milk")
    expect(field).to_have_value("add buy\noat milk")
    assert field.evaluate("(field) => field.offsetHeight") > low
    expect(guest.locator(".message")).to_have_count(0)
    field.press("Enter")
    expect(guest.locator(".message")).to_have_count(2)
    expect(field).to_have_value("")


def test_what_has_the_focus_is_seen_to_have_it(guest: Page) -> None:
    say(guest, "add buy oat milk")
    guest.reload()
    ready(guest)
    seen = []
    for _ in range(40):
        guest.keyboard.press("Tab")
        ring = guest.evaluate(RING)
        if ring["page"]:
            break
        seen.append(ring["name"])
        assert ring["seen"], ring
        assert ring["size"] > 0, ring
    assert len(seen) > 12


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(60):
        if page.locator(selector).evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {selector}")
