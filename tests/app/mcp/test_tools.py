"""The tools over MCP and real HTTP, with the SDK's own client."""

import asyncio

import httpx2
import pytest
from mcp import Client, MCPError

from app.backend.records import ToolCall
from tests.app.mcp.clients import MODES, as_user, bearer, connected, session, used


@pytest.mark.parametrize("mode", MODES)
def test_the_tools_are_listed_with_their_schemas(server: str, mode: str) -> None:
    async def look(client: Client) -> None:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert [*listed] == ["add_task", "list_tasks", "complete_task", "delete_task", "update_task", "undo"]
        for tool in listed.values():
            assert tool.description
            assert tool.input_schema["additionalProperties"] is False
            assert not {"user", "user_id"} & set(tool.input_schema["properties"])
            assert tool.output_schema is not None
            assert {"id", "tool", "arguments", "result", "undoable"} <= set(tool.output_schema["properties"])
        assert listed["add_task"].input_schema["required"] == ["title"]
        assert listed["list_tasks"].annotations is not None
        assert listed["list_tasks"].annotations.read_only_hint

    as_user(server, look, mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_each_tool_does_what_it_says(server: str, mode: str) -> None:
    async def work(client: Client) -> None:
        added = await used(client, "add_task", title="buy milk", due="2026-11-27", priority="high")
        [task] = added.result.tasks
        assert (task.id, task.title, task.due, task.priority) == (1, "buy milk", "2026-11-27", "high")
        assert added.undoable
        changed = await used(client, "update_task", task_id=1, title="buy oat milk", clear_due=True)
        assert (changed.result.tasks[0].title, changed.result.tasks[0].due) == ("buy oat milk", None)
        stale = {"task_id": 1, "priority": "low", "updated_at": task.updated_at.isoformat()}
        refused = (await used(client, "update_task", **stale)).result
        assert (refused.ok, refused.tasks) == (False, changed.result.tasks)
        assert refused.summary == "Task 1 has been changed in the meantime, so nothing was changed now."
        await used(client, "complete_task", task_id=1)
        done = await used(client, "list_tasks", status="completed", text="OAT")
        assert [task.completed for task in done.result.tasks] == [True]
        await used(client, "delete_task", task_id=1)
        assert (await used(client, "list_tasks", status="all")).result.tasks == []
        back = await used(client, "undo")
        assert [(task.id, task.title) for task in back.result.tasks] == [(1, "buy oat milk")]

    as_user(server, work, mode=mode)


def test_what_cannot_be_done_is_an_error_result(server: str) -> None:
    async def fail(client: Client) -> None:
        assert "99" in (await used(client, "delete_task", task_id=99)).result.summary
        assert not (await used(client, "undo")).result.ok
        assert not (await used(client, "add_task")).result.ok
        assert not (await used(client, "add_task", title="x", due="soon")).result.ok
        assert not (await used(client, "add_task", title="\0")).result.ok
        with pytest.raises(MCPError, match="There is no such tool"):
            await client.call_tool("drop_database", {})
        assert (await used(client, "list_tasks", status="all")).result.tasks == []

    as_user(server, fail)


def test_nobody_sees_or_touches_what_is_somebody_elses(server: str) -> None:
    one, other = session(server), session(server)

    async def try_it() -> None:
        async with connected(server, one["token"]) as mine, connected(server, other["token"]) as theirs:
            added = await used(mine, "add_task", title="secret")
            assert (await used(theirs, "list_tasks", status="all")).result.tasks == []
            for tool in ("complete_task", "delete_task"):
                assert not (await used(theirs, tool, task_id=1)).result.ok
            assert not (await used(theirs, "update_task", task_id=1, title="taken")).result.ok
            assert not (await used(theirs, "undo", tool_call_id=added.id)).result.ok
            for argument in ("user_id", "user", "sub"):
                refused = await used(theirs, "list_tasks", **{argument: one["user_id"]})
                assert (refused.result.ok, refused.result.tasks) == (False, [])
            [task] = (await used(mine, "list_tasks")).result.tasks
            assert (task.title, task.completed) == ("secret", False)

    asyncio.run(try_it())


def test_what_was_done_here_is_seen_and_undone_there(server: str) -> None:
    own = session(server)

    async def add() -> ToolCall:
        async with connected(server, own["token"]) as client:
            return await used(client, "add_task", title="buy milk")

    added = asyncio.run(add())
    path = f"{server}/api/{own['user_id']}"
    headers = bearer(own["token"])
    listed = httpx2.get(f"{path}/tasks", headers=headers, timeout=60).json()
    assert [task["title"] for task in listed["items"]] == ["buy milk"]
    undone = httpx2.post(f"{path}/undo", headers=headers, json={"tool_call_id": added.id}, timeout=60)
    assert undone.json()["result"]["ok"] is True
    assert httpx2.get(f"{path}/tasks", headers=headers, timeout=60).json()["total"] == 0
