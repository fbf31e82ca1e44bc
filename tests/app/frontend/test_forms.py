"""Everything without scripts, before the real backend."""

import re

import httpx
import pytest

from tests.app.frontend.browser import HTML, Browser, Document


def test_without_a_session_the_page_says_what_this_is(browser: Browser) -> None:
    page = browser.open()
    assert browser.answer.status_code == 200
    assert [form.name for form in page.forms] == ["guest"]
    assert "set-cookie" not in browser.answer.headers
    assert page.all(href="/login")


def test_a_guest_is_one_click_away(browser: Browser) -> None:
    page = browser.guest()
    assert "Welcome!" in page.inside("flash")
    user = page.all(data_page="app")[0]
    assert user["data-guest"] == "true"
    assert len(user["data-user"]) > 10
    again = browser.open()
    assert again.all(data_page="app")[0]["data-user"] == user["data-user"]
    assert "flash" not in again.by_id  # said once


def test_cookies_are_out_of_scripts_reach(browser: Browser) -> None:
    browser.open()
    answer = browser.send(browser.page.named("guest")[0], {})
    for value in answer.headers.get_list("set-cookie"):
        assert "HttpOnly; Secure" not in value
        assert value.endswith("; SameSite=Lax; HttpOnly")
        assert "; Path=/; Max-Age=" in value
    assert {value.partition("=")[0] for value in answer.headers.get_list("set-cookie")} == {
        "todo_access",
        "todo_refresh",
        "todo_flash",
    }
    browser.see(answer)
    assert browser.client.cookies["todo_refresh"] not in browser.answer.text
    assert browser.client.cookies["todo_access"] not in browser.answer.text


def test_behind_tls_cookies_are_secure(browser: Browser) -> None:
    answer = browser.client.post("/guest", headers={"X-Forwarded-Proto": "https"})
    assert all(value.endswith("; Secure") for value in answer.headers.get_list("set-cookie"))
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert "strict-transport-security" not in browser.client.get("/").headers


def test_a_task_from_its_beginning_to_its_end(browser: Browser) -> None:
    browser.guest()
    assert "Nothing on the list" in browser.page.inside("empty")
    browser.submit(
        "add-task",
        title="<b>milk</b> & bread",
        due_date="2027-03-05",
        due_time="17:00",
        priority="high",
        description="rye",
    )
    assert browser.tasks == ["<b>milk</b> & bread"]
    assert "<b>milk" not in browser.answer.text
    shown = browser.page.inside("task-1")
    assert "Fri 5 Mar" in shown
    assert "17:00" in shown
    assert "high priority" in shown
    assert "rye" in shown
    browser.submit("task", action="complete")
    assert browser.page.by_id["task-1"]["data-completed"] == "true"
    browser.submit("task", action="reopen")
    assert browser.page.by_id["task-1"]["data-completed"] == "false"
    browser.submit("edit-task", action="edit", title="oat milk", due_date="", due_time="", priority="low")
    assert browser.tasks == ["oat milk"]
    assert "low priority" in browser.page.inside("task-1")
    assert "Fri 5 Mar" not in browser.page.inside("task-1")
    assert "rye" in browser.page.inside("task-1")
    browser.submit("edit-task", action="delete")
    assert browser.tasks == []
    assert "Deleted." in browser.page.inside("flash")
    browser.submit("undo")
    assert browser.tasks == ["oat milk"]
    assert "Taken back." in browser.page.inside("flash")


def test_filters_stay_while_tasks_are_worked_on(browser: Browser) -> None:
    browser.guest()
    browser.submit("add-task", title="one")
    browser.submit("add-task", title="two")
    browser.open("/?status=pending")
    browser.submit("task", action="complete")
    assert browser.tasks == ["two"]
    assert str(browser.answer.url).endswith("/?status=pending")
    assert browser.page.all(aria_current="true", data_filter="pending")
    browser.open("/?status=completed")
    assert browser.tasks == ["one"]
    browser.open("/?status=%3Cx")
    assert browser.tasks == ["one", "two"]


def test_what_is_not_valid_is_said_and_what_was_typed_stays(browser: Browser) -> None:
    browser.guest()
    browser.submit("add-task", title="tea")
    page = browser.submit("add-task", title="x" * 201, description="long", priority="low", due_date="2027-01-01")
    assert browser.answer.status_code == 422
    assert "Title" in page.inside("add-error")
    fields = page.named("add-task")[0].fields
    assert (fields["title"], fields["description"]) == ("x" * 201, "long")
    assert (fields["priority"], fields["due_date"]) == ("low", "2027-01-01")
    page = browser.submit("edit-task", action="edit", title=" ", description="kept")
    assert browser.answer.status_code == 422
    assert "Title" in page.inside("edit-error-1")
    assert page.named("edit-task")[0].fields["description"] == "kept"
    assert "tea" in page.inside("task-1")
    page = browser.submit("add-task", title="at what time", due_time="17:00")
    assert browser.answer.status_code == 422
    assert "Due" in page.inside("add-error")


def test_a_task_that_is_gone_is_said_so(browser: Browser) -> None:
    browser.guest()
    browser.submit("add-task", title="tea")
    form = browser.page.named("edit-task")[0]
    browser.submit("edit-task", action="delete")
    assert "no longer exists" in browser.see(browser.send(form, {"action": "edit", "title": "cake"})).inside("flash")


def test_a_conversation_is_there_after_reload(browser: Browser) -> None:
    browser.guest()
    assert browser.page.by_id["suggestions"]
    browser.submit("chat", message="add buy milk", timezone="Europe/Berlin")
    assert browser.tasks == ["buy milk"]
    said = browser.messages
    assert said[0] == "add buy milk"
    assert len(said) == 2
    assert "suggestions" not in browser.page.by_id
    browser.open()
    assert browser.messages == said
    call = next(each for _, each in browser.page.elements if "data-call" in each)
    assert call["data-undoable"] == "true"
    assert '"title": "buy milk"' in browser.page.text
    browser.submit("undo")
    assert browser.tasks == []
    assert browser.page.all(data_call=call["data-call"])[0]["data-undoable"] == "false"
    assert browser.page.named("undo") == []
    browser.open()
    assert browser.messages[0] == said[0]


def test_a_form_sent_twice_is_one_turn(browser: Browser) -> None:
    browser.guest()
    form = browser.page.named("chat")[0]
    answers = [browser.send(form, {"message": "add buy bread"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    browser.open()
    assert browser.tasks == ["buy bread"]
    assert len(browser.messages) == 2
    # The same key with other words is another message that somebody means: it gets a key of its own.
    page = browser.see(browser.send(form, {"message": "add something else"}))
    assert browser.answer.status_code == 422
    again = page.named("chat")[0].fields
    assert again["message"] == "add something else"
    assert again["key"] != form.fields["key"]


def test_messages_with_several_lines_are_sent_as_scripts_send_them(browser: Browser) -> None:
    browser.guest()
    browser.submit("chat", message="hello\r\nthere")
    user = browser.page.all(data_page="app")[0]
    found = browser.client.get(
        f"/api/me/conversations/{user['data-conversation']}/messages", headers={"Accept": "application/json"}
    ).json()
    assert found["items"][0]["content"] == "hello\nthere"


def test_a_message_that_is_too_long_stays_in_the_field(browser: Browser) -> None:
    browser.guest()
    page = browser.submit("chat", message="x" * 4001)
    assert browser.answer.status_code == 422
    assert "Message" in page.inside("chat-error")
    assert page.named("chat")[0].fields["message"] == "x" * 4001
    answer = browser.send(page.named("chat")[0], {"message": "x" * 70_000})
    assert answer.status_code == 413


def test_conversations_are_begun_picked_and_deleted(browser: Browser) -> None:
    browser.guest()
    browser.submit("chat", message="hello")
    browser.submit("new-conversation")
    assert browser.messages == []
    browser.submit("chat", message="good morning")
    assert browser.messages[0] == "good morning"
    links = [each["href"] for _, each in browser.page.elements if each.get("href", "").startswith("/?conversation=")]
    assert len(links) == 2
    browser.open(links[1])
    assert browser.messages[0] == "hello"
    browser.open()
    assert browser.messages[0] == "hello"  # it stays open
    browser.submit("delete-conversation", 1, action="delete")
    assert "is deleted" in browser.page.inside("flash")
    assert browser.messages[0] == "good morning"
    browser.open(links[1])
    assert browser.messages[0] == "good morning"


def test_a_long_conversation_comes_in_pages(browser: Browser) -> None:
    browser.guest()
    for number in range(26):
        browser.send(browser.page.named("chat")[0], {"message": f"hello {number}", "key": f"key-{number}"})
        if not number:
            browser.open()  # from now on the form names the conversation
    browser.open()
    assert len(browser.messages) == 50
    older = next(each["href"] for _, each in browser.page.elements if each.get("href", "").startswith("/?before="))
    browser.open(older)
    assert browser.messages[0] == "hello 0"
    assert len(browser.messages) == 2


def test_a_guest_becomes_an_account_and_keeps_the_list(browser: Browser) -> None:
    browser.guest()
    browser.submit("add-task", title="stay")
    user = browser.page.all(data_page="app")[0]["data-user"]
    browser.open("/account")
    browser.submit("register", name="ann-keeps", password="short")
    assert browser.answer.status_code == 422
    assert "Password" in browser.page.inside("register-error")
    assert browser.page.named("register")[0].fields == {
        "csrf": browser.page.named("register")[0].fields["csrf"],
        "name": "ann-keeps",
        "password": "",
    }
    browser.submit("register", name="ann-keeps", password="long enough")
    body = browser.page.all(data_page="app")[0]
    assert (body["data-user"], body["data-guest"]) == (user, "false")
    assert browser.tasks == ["stay"]
    assert "ann-keeps" in browser.page.text
    browser.open("/account")
    assert browser.page.named("register") == []
    browser.submit("logout")
    assert "logged out" in browser.page.inside("flash")
    assert browser.page.all(data_page="landing")
    assert not browser.client.cookies
    browser.open("/login")
    browser.submit("login", name="ann-keeps", password="wrong one")
    assert browser.answer.status_code == 401
    assert browser.page.named("login")[0].fields["name"] == "ann-keeps"
    assert "no account with this name and password" in browser.page.inside("login-error")
    browser.submit("login", name="Ann-Keeps", password="long enough")
    assert browser.tasks == ["stay"]


def test_an_account_from_nothing_and_a_name_that_is_taken(browser: Browser, site: str) -> None:
    browser.open("/login")
    browser.submit("register", name="bob-first", password="long enough")
    assert browser.page.all(data_page="app", data_guest="false")
    with httpx.Client(base_url=site, timeout=30, trust_env=False) as client:
        other = Browser(client)
        other.open("/login")
        other.submit("register", name="bob-first", password="long enough")
        assert other.answer.status_code == 409
        assert "taken" in other.page.inside("register-error")
        other.guest()
        other.open("/account")
        other.submit("register", name="bob-first", password="long enough")
        assert other.answer.status_code == 409
        assert "taken" in other.page.inside("register-error")


def test_logging_out_ends_every_session(browser: Browser, site: str) -> None:
    browser.open("/login")
    browser.submit("register", name="eve-twice", password="long enough")
    with httpx.Client(base_url=site, timeout=30, trust_env=False) as client:
        other = Browser(client)
        other.open("/login")
        other.submit("login", name="eve-twice", password="long enough")
        other.open("/account")
        other.submit("logout")
    del browser.client.cookies["todo_access"]  # as in 15 minutes at the latest
    page = browser.open()
    assert page.all(data_page="login")
    assert "session has ended" in page.inside("flash")
    assert not browser.client.cookies


def test_everything_is_deleted_only_when_it_is_meant(browser: Browser) -> None:
    browser.guest()
    browser.open("/account")
    page = browser.submit("delete-account")
    assert browser.answer.status_code == 422
    assert "Tick the box" in page.inside("delete-error")
    page = browser.submit("delete-account", confirm="yes")
    assert page.all(data_page="landing")
    assert "Everything is deleted." in page.inside("flash")
    assert not browser.client.cookies


def test_a_guest_who_leaves_is_warned(browser: Browser) -> None:
    browser.guest()
    browser.open("/account")
    page = browser.submit("logout")
    assert browser.answer.status_code == 422
    assert page.inside("logout-error")
    assert browser.submit("logout", confirm="yes").all(data_page="landing")


@pytest.mark.parametrize(
    "path", ["/chat", "/tasks", "/tasks/1", "/undo", "/conversations", "/logout", "/account/delete"]
)
def test_without_a_session_forms_lead_to_logging_in(browser: Browser, path: str) -> None:
    answer = browser.client.post(path, data={"message": "x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_a_form_of_an_older_page_keeps_what_was_typed(browser: Browser) -> None:
    browser.guest()
    browser.submit("add-task", title="tea")
    forms = {name: browser.page.named(name)[0] for name in ("chat", "add-task", "edit-task", "new-conversation")}
    stale = {"csrf": "0" * 64}
    page = browser.see(browser.send(forms["chat"], {**stale, "message": "add it"}))
    assert browser.answer.status_code == 403
    assert "open for too long" in page.inside("chat-error")
    assert page.named("chat")[0].fields["message"] == "add it"
    page = browser.see(browser.send(forms["add-task"], {**stale, "title": "typed"}))
    assert (browser.answer.status_code, page.named("add-task")[0].fields["title"]) == (403, "typed")
    page = browser.see(browser.send(forms["edit-task"], {**stale, "title": "typed", "action": "delete"}))
    assert (browser.answer.status_code, page.named("edit-task")[0].fields["title"]) == (403, "typed")
    page = browser.see(browser.send(forms["new-conversation"], stale))
    assert (browser.answer.status_code, "open for too long" in page.inside("problem")) == (403, True)
    browser.open()
    assert browser.tasks == ["tea"]
    assert browser.messages == []
    browser.open("/account")
    for name in ("logout", "delete-account", "register"):
        page = browser.see(browser.send(browser.page.named(name)[0], {**stale, "confirm": "yes", "name": "typed"}))
        assert (browser.answer.status_code, "open for too long" in page.inside("problem")) == (403, True)
    assert page.named("register")[0].fields["name"] == "typed"
    assert browser.open().all(data_page="app")


@pytest.mark.parametrize(
    "sent",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_forms_of_other_sites_do_nothing(browser: Browser, sent: dict[str, str]) -> None:
    for path in ("/guest", "/login", "/register"):
        answer = browser.client.post(path, data={"name": "x", "password": "y" * 10}, headers=sent)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    browser.guest()
    form = browser.page.named("add-task")[0]
    answer = browser.client.post(form.action, data={**form.fields, "title": "x"}, headers=sent)
    assert answer.status_code == 403
    browser.open()
    assert browser.tasks == []


def test_a_form_is_a_form(browser: Browser) -> None:
    browser.guest()
    assert browser.client.post("/tasks", json={"title": "x"}).status_code == 415
    sent = {"Content-Type": "application/x-www-form-urlencoded"}
    assert browser.client.post("/tasks", content="a=1&" * 60, headers=sent).status_code == 422
    assert browser.client.get("/tasks").status_code == 405


def test_every_page_runs_its_own_files_alone(browser: Browser) -> None:
    browser.guest()
    browser.submit("chat", message="add <script>alert(1)</script>")
    pages = [browser.client.get(path, headers=HTML) for path in ("/", "/login", "/account")]
    pages.append(httpx.get(str(browser.client.base_url), trust_env=False, timeout=60))
    for answer in pages:
        assert answer.status_code == 200
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", answer.text)
        assert not re.search(r"https?://", answer.text)
        Document(answer.text)
        for path in set(re.findall(r'(?:src|href)="(/static/[^"#]+)', answer.text)):
            assert browser.client.get(path).headers["cache-control"].endswith("immutable"), path


def test_a_flash_cannot_be_put_into_words(browser: Browser) -> None:
    for value in ("<b>x", "nothing-like-that", "welcome.99999999999999"):
        page = browser.see(browser.client.get("/", headers={**HTML, "Cookie": f"todo_flash={value}"}))
        assert "flash" not in page.by_id
    assert "x=1" not in browser.open("/?flash=x=1&said=x=1").text


def test_what_another_client_changed_is_not_overwritten(browser: Browser) -> None:
    """Issue: a page that was open put an older due date and priority back."""
    browser.guest()
    browser.submit("add-task", title="tea", description="\nfirst line\nsecond")
    other, number = browser.open(), browser.numbers[0]
    assert other.named("edit-task")[0].fields["description"] == "\nfirst line\nsecond"
    older = browser.page.named("edit-task")[0]
    browser.submit("edit-task", action="edit", due_date="2027-03-05", due_time="10:30", priority="high")

    # Nothing of the older page was changed: nothing is sent.
    page = browser.see(browser.send(older, {"action": "edit"}))
    assert "Nothing was changed." in page.text
    # Something else was changed there: both changes stay.
    page = browser.see(browser.send(older, {"action": "edit", "title": "green tea"}))
    fields = page.named("edit-task")[0].fields
    assert browser.answer.status_code == 200
    assert (fields["title"], fields["due_date"], fields["due_time"]) == ("green tea", "2027-03-05", "10:30")
    assert (fields["priority"], fields["description"]) == ("high", "\nfirst line\nsecond")

    # The same was changed: it is said, with what is there now; what was typed stays, the rest is as it is now.
    page = browser.see(browser.send(older, {"action": "edit", "title": "black tea", "description": "leaves"}))
    assert browser.answer.status_code == 409
    form = page.named("edit-task")[0]
    assert "This task was changed elsewhere in the meantime. It now has: title green tea." in page.inside(
        f"task-{number}"
    )
    assert (form.fields["title"], form.fields["description"]) == ("black tea", "leaves")
    assert (form.fields["due_date"], form.fields["priority"]) == ("2027-03-05", "high")
    # Sent again, it is meant.
    page = browser.see(browser.send(form, {"action": "edit"}))
    fields = page.named("edit-task")[0].fields
    assert (fields["title"], fields["description"]) == ("black tea", "leaves")
    assert (fields["due_date"], fields["priority"]) == ("2027-03-05", "high")


def test_an_error_in_an_older_form_hides_no_conflict(browser: Browser) -> None:
    browser.guest()
    browser.submit("add-task", title="tea")
    older = browser.page.named("edit-task")[0]
    browser.submit("edit-task", action="edit", title="green tea", priority="high")
    page = browser.see(browser.send(older, {"action": "edit", "title": " "}))
    assert browser.answer.status_code == 422
    form = page.named("edit-task")[0]
    assert form.fields["priority"] == "high"
    page = browser.see(browser.send(form, {"action": "edit", "title": "black tea"}))
    assert browser.answer.status_code == 409
    browser.see(browser.send(page.named("edit-task")[0], {"action": "edit"}))
    assert browser.tasks == ["black tea"]


def test_a_form_of_an_older_release_sends_all_of_it(browser: Browser) -> None:
    browser.guest()
    browser.submit("add-task", title="tea")
    form = browser.page.named("edit-task")[0]
    for name in [name for name in form.fields if name.startswith("was_") or name == "updated_at"]:
        del form.fields[name]
    browser.see(browser.send(form, {"action": "edit", "priority": "low"}))
    assert browser.tasks == ["tea"]
    assert "low priority" in browser.page.text
