"""What people come for, from the first visit on."""

from playwright.sync_api import Locator, Page, expect

from tests.app.browser.conftest import Open, enter, say, titles


def row(page: Page, title: str) -> Locator:
    """The task's line."""
    return page.locator("#tasks .task").filter(has=page.get_by_text(title, exact=True))


def test_a_list_kept_by_talking(guest: Page) -> None:
    expect(guest.locator("#empty")).to_be_visible()
    say(guest, "Add buy oat milk, due tomorrow")
    assert titles(guest) == ["buy oat milk"]
    expect(row(guest, "buy oat milk").locator(".due")).to_have_text("Tomorrow")
    expect(guest.locator("#empty")).to_be_hidden()
    say(guest, "add water the plants")
    say(guest, "complete 1")
    expect(row(guest, "buy oat milk")).to_have_attribute("data-completed", "true")
    say(guest, "delete 2")
    expect(row(guest, "water the plants")).to_have_count(0)
    guest.locator(".toast").get_by_role("button", name="Undo").click()
    expect(row(guest, "water the plants")).to_be_visible()
    expect(guest.locator(".call-row.undone")).to_have_count(1)
    history = guest.locator('.message [data-slot="content"]').all_inner_texts()
    guest.reload()
    assert guest.locator('.message [data-slot="content"]').all_inner_texts() == history
    assert titles(guest) == ["buy oat milk", "water the plants"]


def test_chips_open_and_take_back(guest: Page) -> None:
    say(guest, "add call the dentist next friday at 5pm")
    chip = guest.locator(".call")
    expect(chip.locator("dl")).to_be_hidden()
    chip.locator("summary").click()
    expect(chip.get_by_text("add_task")).to_be_visible()
    expect(chip.locator('[data-slot="arguments"]')).to_contain_text("call the dentist")
    guest.locator(".call-row").get_by_role("button", name="Undo").click()
    expect(guest.locator("#tasks .task")).to_have_count(0)
    expect(guest.locator(".call-row").get_by_role("button", name="Undo")).to_have_count(0)


def test_suggestions_of_an_empty_list(guest: Page) -> None:
    guest.get_by_role("button", name="Add buy milk, due tomorrow").click()
    expect(row(guest, "buy milk")).to_be_visible()
    expect(guest.locator("#suggestions")).to_have_count(0)
    expect(guest.get_by_label("Message to the assistant")).to_be_focused()


def test_the_list_worked_directly(guest: Page) -> None:
    guest.get_by_label("New task").fill("Write the report")
    guest.get_by_text("Due date, priority, details").click()
    guest.locator("#new-due").fill("2031-02-03")
    guest.locator("#new-due-time").fill("09:30")
    guest.locator("#new-priority").select_option("high")
    guest.get_by_role("button", name="Add", exact=True).click()
    line = row(guest, "Write the report")
    expect(line.locator(".due")).to_have_text("Mon 3 Feb 2031, 09:30")
    expect(line.locator(".priority")).to_have_text("high priority")
    expect(guest.get_by_label("New task")).to_be_focused()

    line.locator(".task-more > summary").click()
    line.get_by_label("Title").fill("Send the report")
    line.locator('[name="due_time"]').fill("")
    line.get_by_role("button", name="Save").click()
    line = row(guest, "Send the report")
    expect(line.locator(".due")).to_have_text("Mon 3 Feb 2031")

    line.get_by_role("button", name="Complete Send the report").click()
    expect(line).to_have_attribute("data-completed", "true")
    expect(line.get_by_role("button", name="Reopen Send the report")).to_be_focused()

    line.locator(".task-more > summary").click()
    line.get_by_role("button", name="Delete").click()
    expect(line).to_have_count(0)
    guest.locator(".toast").get_by_role("button", name="Undo").click()
    expect(row(guest, "Send the report")).to_have_attribute("data-completed", "true")
    guest.reload()
    assert titles(guest) == ["Send the report"]
    expect(row(guest, "Send the report").locator(".due")).to_have_text("Mon 3 Feb 2031")


def test_undo_takes_back_what_it_says_whatever_came_since(guest: Page) -> None:
    say(guest, "add water the plants")
    line = row(guest, "water the plants")
    line.locator(".task-more > summary").click()
    line.get_by_role("button", name="Delete").click()
    expect(line).to_have_count(0)
    other = guest.context.new_page()  # the same session in another tab
    other.goto(guest.url)
    other.get_by_label("New task").fill("buy bread")
    other.get_by_role("button", name="Add", exact=True).click()
    expect(row(other, "buy bread")).to_be_visible()
    guest.locator(".toast").get_by_role("button", name="Undo").click()
    expect(row(guest, "water the plants")).to_be_visible()
    guest.reload()
    assert titles(guest) == ["water the plants", "buy bread"]


def test_what_the_script_draws_the_server_draws_too(guest: Page) -> None:
    say(guest, "add call the dentist next friday at 5pm, high priority")
    expect(guest.locator(".task.marked")).to_have_count(0)
    drawn = [guest.locator(each).first.inner_text() for each in (".task-body", ".call summary", ".message.user .text")]
    guest.reload()
    assert drawn == [
        guest.locator(each).first.inner_text() for each in (".task-body", ".call summary", ".message.user .text")
    ]


def test_a_guest_becomes_an_account_and_keeps_everything(guest: Page, visit: Open, request: object) -> None:
    name = f"ada-{id(request)}"
    say(guest, "add buy oat milk")
    guest.get_by_role("link", name="Keep my list").click()
    guest.get_by_label("Name").fill(name)
    guest.get_by_label("Password").fill("correct horse battery")
    guest.get_by_role("button", name="Keep my list in an account").click()
    expect(guest.get_by_role("link", name=name)).to_be_visible()
    assert titles(guest) == ["buy oat milk"]

    elsewhere = visit()
    elsewhere.get_by_role("link", name="Log in").click()
    elsewhere.locator("#login-name").fill(name)
    elsewhere.locator("#login-password").fill("correct horse battery")
    elsewhere.get_by_role("button", name="Log in").click()
    expect(elsewhere.get_by_role("link", name=name)).to_be_visible()
    assert titles(elsewhere) == ["buy oat milk"]
    expect(elsewhere.locator('.message[data-role="user"]')).to_have_count(1)


def test_a_new_conversation_and_back(guest: Page) -> None:
    say(guest, "add buy oat milk")
    guest.get_by_role("button", name="New").click()
    expect(guest.locator(".message")).to_have_count(0)
    say(guest, "what can you do?")
    guest.reload()
    expect(guest.locator(".message")).to_have_count(2)
    guest.get_by_text("Conversations").click()
    guest.keyboard.press("Escape")
    expect(guest.get_by_role("link", name="add buy oat milk")).to_be_hidden()
    guest.keyboard.press("Enter")
    guest.get_by_role("link", name="add buy oat milk").click()
    expect(guest.locator(".message.user .text")).to_have_text("add buy oat milk")


def test_a_phone_shows_one_thing_at_a_time(visit: Open) -> None:
    page = visit(390, 844, has_touch=True, is_mobile=True)
    enter(page)
    say(page, "add buy oat milk")
    expect(page.locator("#tasks")).to_be_hidden()
    tab = page.get_by_role("navigation", name="View").get_by_role("link", name="Tasks")
    expect(tab).to_contain_text("1")
    tab.click()
    expect(row(page, "buy oat milk")).to_be_visible()
    expect(page.locator("#log")).to_be_hidden()
