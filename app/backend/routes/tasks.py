"""Tasks, and taking back what was done to them."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Path, Query, Request, Response
from fastapi.openapi.models import Example
from pydantic import StringConstraints

from app.backend import effects, tasks, tools
from app.backend.database.base import Transaction
from app.backend.effects import Effect
from app.backend.errors import ChangedSinceError
from app.backend.records import LARGEST_ID, Due, Priority, Status, Task, ToolCall
from app.backend.routes.shared import CHANGED_SINCE, MISSING, OWN, TOO_LARGE, Answers, Owner, Store, metrics_of
from app.backend.schemas import TaskChange, TaskInput, TaskPage, TaskReplacement, UndoInput

TaskId = Annotated[
    int, Path(ge=1, le=LARGEST_ID, description="The task's number.", openapi_examples={"some": {"value": 1}})
]
_LINKED = {"user_id": "$request.path.user_id", "task_id": "$response.body#/id"}
_CALL = {
    "Tool-Call": {
        "description": "The number of what was done, for `undo`.",
        "required": True,
        "schema": {"type": "integer"},
    }
}
_MADE: Answers = {
    201: {
        "description": "The task, with its number.",
        "headers": _CALL,
        "links": {
            name: {"operationId": name, "parameters": _LINKED}
            for name in ("getTask", "replaceTask", "updateTask", "deleteTask")
        },
    }
}
_CHANGED: Answers = {200: {"description": "The task as it is now.", "headers": _CALL}}
_GONE: Answers = {204: {"description": "It was deleted.", "headers": _CALL}}
_NEW: dict[str, Example] = {
    "short": {"value": {"title": "buy milk"}},
    "whole": {
        "value": {
            "title": "buy bread",
            "description": "rye, sliced",
            "completed": False,
            "priority": "high",
            "due": "2026-11-27T17:00",
        }
    },
}
_WHOLE: dict[str, Example] = {
    "some": {"value": {"title": "buy oat milk", "description": "two litres", "due": "2026-11-28"}}
}
_CHANGES: dict[str, Example] = {
    "complete": {"value": {"completed": True}},
    "rename": {"value": {"title": "buy soy milk"}},
}
_LAST: dict[str, Example] = {"last": {"value": {}}}

router = APIRouter(prefix="/api/{user_id}", tags=["tasks"], responses=OWN)


def _no_task() -> HTTPException:
    return HTTPException(404, "there is no such task")


async def _recorded(
    request: Request,
    response: Response,
    transaction: Transaction,
    owner: str,
    tool: str,
    arguments: Mapping[str, Any],
    effect: Effect,
) -> ToolCall:
    """Put an effect on record, as if a tool had been called, and name the call in the answer, so that it can be undone.

    What had no effect is no task's, and leaves no record.
    """
    if effect.conflict:
        raise ChangedSinceError(effect.result)
    if not effect.result.ok:
        raise _no_task()
    call = await tools.record(transaction, owner, tool, arguments, effect)
    metrics_of(request).tool_called(call, "rest")
    response.headers["Tool-Call"] = str(call.id)
    return call


@router.get("/tasks", operation_id="listTasks")
async def list_tasks(
    database: Store,
    owner: Owner,
    status: Annotated[Status, Query(description="Only the tasks in this state.")] = "all",
    priority: Annotated[Priority | None, Query(description="Only the tasks of this priority.")] = None,
    text: Annotated[
        Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")] | None,
        Query(description="Only the tasks with this text in title or description, in capitals or not."),
    ] = None,
    due_before: Annotated[Due | None, Query(description="Only the tasks due before this date or time.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
    offset: Annotated[int, Query(ge=0, le=LARGEST_ID, description="How many to leave out first.")] = 0,
) -> TaskPage:
    """List the user's tasks, by number."""
    async with database.begin(write=False) as transaction:
        items, total = await tasks.listed(
            transaction,
            owner,
            status=status,
            priority=priority,
            text=text,
            due_before=due_before,
            limit=limit,
            offset=offset,
        )
    return TaskPage(items=items, total=total)


@router.post("/tasks", operation_id="createTask", status_code=201, responses={**_MADE, **TOO_LARGE})
async def create_task(
    request: Request,
    response: Response,
    database: Store,
    owner: Owner,
    task: Annotated[TaskInput, Body(openapi_examples=_NEW)],
) -> Task:
    """Create a task."""
    values = task.model_dump()
    async with database.begin() as transaction:
        effect = await effects.add(transaction, owner, **values)
        call = await _recorded(request, response, transaction, owner, "add_task", values, effect)
    return call.result.tasks[0]


@router.get("/tasks/{task_id}", operation_id="getTask", responses=MISSING)
async def get_task(database: Store, owner: Owner, task_id: TaskId) -> Task:
    """Return one task."""
    async with database.begin(write=False) as transaction:
        task = await tasks.get(transaction, owner, task_id)
    if task is None:
        raise _no_task()
    return task


@router.put(
    "/tasks/{task_id}", operation_id="replaceTask", responses={**_CHANGED, **MISSING, **CHANGED_SINCE, **TOO_LARGE}
)
async def replace_task(
    request: Request,
    response: Response,
    database: Store,
    owner: Owner,
    task_id: TaskId,
    task: Annotated[TaskReplacement, Body(openapi_examples=_WHOLE)],
) -> Task:
    """Replace a task; what is left out goes back to its default."""
    values = task.model_dump(exclude={"updated_at"})
    return await _change(request, response, database, owner, task_id, values, task.updated_at)


@router.patch(
    "/tasks/{task_id}", operation_id="updateTask", responses={**_CHANGED, **MISSING, **CHANGED_SINCE, **TOO_LARGE}
)
async def update_task(
    request: Request,
    response: Response,
    database: Store,
    owner: Owner,
    task_id: TaskId,
    change: Annotated[TaskChange, Body(openapi_examples=_CHANGES)],
) -> Task:
    """Change some of a task; what is left out, or null, stays. But `due: null` takes the date away."""
    values = change.model_dump(exclude={"updated_at"}, exclude_none=True)
    if "due" in change.model_fields_set:
        values["due"] = change.due
    return await _change(request, response, database, owner, task_id, values, change.updated_at)


async def _change(
    request: Request,
    response: Response,
    database: Store,
    owner: str,
    task_id: int,
    values: Mapping[str, Any],
    seen: str | None,
) -> Task:
    async with database.begin() as transaction:
        if set(values) == {"completed"} and seen is None:
            tool = "complete_task"
            effect = await effects.complete(transaction, owner, task_id, completed=values["completed"])
        else:
            tool = "update_task"
            effect = await effects.update(transaction, owner, task_id, values, seen=seen)
        call = await _recorded(request, response, transaction, owner, tool, {"task_id": task_id, **values}, effect)
    return call.result.tasks[0]


@router.delete("/tasks/{task_id}", operation_id="deleteTask", status_code=204, responses={**_GONE, **MISSING})
async def delete_task(request: Request, response: Response, database: Store, owner: Owner, task_id: TaskId) -> None:
    """Delete a task. It can be undone."""
    async with database.begin() as transaction:
        effect = await effects.delete(transaction, owner, task_id)
        await _recorded(request, response, transaction, owner, "delete_task", {"task_id": task_id}, effect)


@router.post("/undo", operation_id="undo", responses=TOO_LARGE)
async def undo(
    request: Request, database: Store, owner: Owner, what: Annotated[UndoInput, Body(openapi_examples=_LAST)]
) -> ToolCall:
    """Take back what was done last, or the named call. `result.ok` is false where there was nothing to."""
    async with database.begin() as transaction:
        call = await tools.run(transaction, owner, "undo", what.model_dump(exclude_none=True))
    metrics_of(request).tool_called(call, "rest")
    return call
