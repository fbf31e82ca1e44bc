"""What the page's script asks for, before the real backend."""

import json
from typing import Any

from tests.app.frontend.browser import Browser


def headers(browser: Browser, **more: str) -> dict[str, str]:
    """Return what the script sends along."""
    token = browser.page.all(name="csrf-token")[0]["content"]
    return {"X-CSRF-Token": token, "Sec-Fetch-Site": "same-origin", **more}


def streamed(browser: Browser, message: str, key: str, conversation: int | None = None) -> list[tuple[str, Any]]:
    """Say something as the script does; return the events."""
    body = {"message": message, "conversation_id": conversation, "timezone": "UTC"}
    with browser.client.stream(
        "POST", "/api/me/chat/stream", json=body, headers=headers(browser, **{"Idempotency-Key": key})
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join(answer.iter_text())
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_a_streamed_turn_is_on_the_page_after_reload(browser: Browser) -> None:
    browser.guest()
    events = streamed(browser, "add buy milk", "key-1")
    names = [name for name, _ in events]
    assert {"tool_call", "tool_result", "token"} <= set(names)
    name, answer = events[-1]
    assert (name, answer["replayed"]) == ("done", False)
    assert "".join(data["text"] for name, data in events if name == "token") == answer["response"]
    assert streamed(browser, "add buy milk", "key-1")[-1][1]["replayed"] is True
    browser.open()
    assert browser.tasks == ["buy milk"]
    assert browser.messages[0] == "add buy milk"
    assert browser.messages[1].endswith(answer["response"])
    assert browser.page.by_id["chat-form"]
    fields = browser.page.named("chat")[0].fields
    assert fields["conversation"] == str(answer["conversation_id"])


def test_tasks_are_worked_directly(browser: Browser) -> None:
    browser.guest()
    sent = headers(browser)
    made = browser.client.post("/api/me/tasks", json={"title": "tea"}, headers=sent)
    assert made.status_code == 201
    path = f"/api/me/tasks/{made.json()['id']}"
    assert browser.client.patch(path, json={"completed": True}, headers=sent).json()["completed"] is True
    assert browser.client.delete(path, headers=sent).status_code == 204
    assert browser.client.post("/api/me/undo", json={}, headers=sent).json()["result"]["ok"] is True
    assert [task["title"] for task in browser.client.get("/api/me/tasks").json()["items"]] == ["tea"]
    assert browser.client.post("/api/me/tasks", json={"title": "tea"}).status_code == 403


def test_an_access_token_that_has_expired_is_nobodys_business(browser: Browser) -> None:
    browser.guest()
    user = browser.page.all(data_page="app")[0]["data-user"]
    sent = headers(browser)
    del browser.client.cookies["todo_access"]
    answer = browser.client.post("/api/me/tasks", json={"title": "tea"}, headers=sent)
    assert answer.status_code == 201
    assert [value.split("=")[0] for value in answer.headers.get_list("set-cookie")] == ["todo_access"]
    del browser.client.cookies["todo_access"]
    browser.open()
    assert browser.page.all(data_page="app")[0]["data-user"] == user
    assert browser.tasks == ["tea"]
    assert headers(browser) == sent  # a form of an older page still goes through


def test_nobody_reads_the_list_of_somebody_else(browser: Browser, site: str) -> None:
    browser.guest()
    browser.client.post("/api/me/tasks", json={"title": "mine"}, headers=headers(browser))
    mine = browser.page.all(data_page="app")[0]["data-user"]
    browser.client.cookies.clear()
    browser.guest()
    for method, path in (("GET", ""), ("GET", "/tasks"), ("DELETE", ""), ("POST", "/undo")):
        answer = browser.client.request(method, f"/api/{mine}{path}", headers=headers(browser))
        assert answer.status_code == 403, (method, path)
        assert "set-cookie" not in answer.headers


def test_the_tools_are_reached_through_the_frontend_with_a_token(browser: Browser) -> None:
    token = browser.client.post("/api/session").json()["token"]
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    sent = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    answer = browser.client.post("/mcp", json=call, headers={**sent, "MCP-Protocol-Version": "2025-06-18"})
    assert answer.status_code == 200, answer.text
    assert "add_task" in answer.text
    assert browser.client.post("/mcp", json=call, headers={**sent, "Authorization": "Bearer x"}).status_code == 401
