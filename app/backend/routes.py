"""The HTTP routes below /api, and the two probes."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.backend import assistant, auth, tasks
from app.backend.db import Database
from app.backend.models import USER_ID, Conversation, Message, Task
from app.backend.readiness import Readiness
from app.backend.schemas import (
    LARGEST_ID,
    Action,
    ChatInput,
    ChatOutput,
    InvalidRequest,
    Problem,
    SessionOutput,
    State,
    Status,
    TaskChange,
    TaskInput,
    TaskOutput,
)
from app.backend.settings import Settings

REMEMBERED = 20  # messages of a conversation in which the assistant looks for what "it" is

Answers = dict[int | str, dict[str, Any]]
OWN: Answers = {
    401: {"model": Problem, "description": "No bearer token, or one that is not valid."},
    403: {"model": Problem, "description": "The token belongs to another user."},
    422: {"model": InvalidRequest, "description": "The request is not valid."},
    503: {"model": Problem, "description": "The database cannot be reached."},
}
MISSING: Answers = {404: {"model": Problem, "description": "There is no such thing among the user's own."}}

_bearer = HTTPBearer(auto_error=False, description="The token from POST /api/session.")


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _session(request: Request) -> Iterator[Session]:
    """One transaction, committed before the answer is sent: what is answered is stored."""
    database: Database = request.app.state.database
    with database.sessions.begin() as session:
        yield session


async def _owner(
    request: Request,
    user_id: Annotated[str, Path(max_length=USER_ID, description="The user, as POST /api/session named it.")],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """Return the user of the path, once the token says that it is the one asking."""
    challenge = {"WWW-Authenticate": "Bearer"}
    if credentials is None:
        raise HTTPException(401, "a bearer token is needed; ask POST /api/session for one", challenge)
    try:
        subject = auth.subject(_settings(request).jwt_secret, credentials.credentials)
    except auth.TokenError as error:
        raise HTTPException(401, str(error), challenge) from None
    if subject != user_id:
        raise HTTPException(403, "the token belongs to another user")
    return user_id


Owner = Annotated[str, Depends(_owner)]
Transaction = Annotated[Session, Depends(_session, scope="function")]
TaskId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The task's number.")]
ConversationId = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The conversation's number.")]

probes = APIRouter(tags=["probes"])
open_api = APIRouter(prefix="/api", tags=["session"])
own_api = APIRouter(prefix="/api/{user_id}", responses=OWN)


@probes.get("/health", operation_id="health")
async def health() -> State:
    """Tell that the process answers; the database is not asked."""
    return State(status="ok")


@probes.get(
    "/ready",
    operation_id="ready",
    responses={503: {"model": Problem, "description": "The database cannot be reached; `detail` says why."}},
)
async def ready(request: Request) -> State:
    """Tell whether the database answers. The answer is kept for a few seconds."""
    readiness: Readiness = request.app.state.readiness
    problem = await readiness.problem()
    if problem is not None:
        raise HTTPException(503, problem)
    return State(status="ready")


@open_api.post("/session", operation_id="createSession", status_code=201)
async def create_session(request: Request) -> SessionOutput:
    """Begin a session as a new, anonymous user."""
    settings = _settings(request)
    user_id = auth.new_user()
    return SessionOutput(user_id=user_id, token=auth.issue(settings.jwt_secret, user_id, settings.token_seconds))


@own_api.get("/tasks", operation_id="listTasks", tags=["tasks"], response_model=list[TaskOutput])
def list_tasks(
    owner: Owner,
    session: Transaction,
    status: Annotated[Status, Query(description="Only the tasks in this state.")] = "all",
) -> list[Task]:
    """List the user's tasks, oldest first."""
    return tasks.listed(session, owner, status)


@own_api.post("/tasks", operation_id="createTask", tags=["tasks"], status_code=201, response_model=TaskOutput)
def create_task(owner: Owner, session: Transaction, task: TaskInput) -> Task:
    """Create a task."""
    return tasks.add(session, owner, task.title, task.description, completed=task.completed)


@own_api.get("/tasks/{task_id}", operation_id="getTask", tags=["tasks"], responses=MISSING, response_model=TaskOutput)
def get_task(owner: Owner, session: Transaction, task_id: TaskId) -> Task:
    """Return one task."""
    return tasks.get(session, owner, task_id)


@own_api.put(
    "/tasks/{task_id}", operation_id="replaceTask", tags=["tasks"], responses=MISSING, response_model=TaskOutput
)
def replace_task(owner: Owner, session: Transaction, task_id: TaskId, task: TaskInput) -> Task:
    """Replace a task; what is left out goes back to its default."""
    return tasks.change(session, owner, task_id, **task.model_dump())


@own_api.patch(
    "/tasks/{task_id}", operation_id="updateTask", tags=["tasks"], responses=MISSING, response_model=TaskOutput
)
def update_task(owner: Owner, session: Transaction, task_id: TaskId, change: TaskChange) -> Task:
    """Change some of a task; what is left out, or null, stays."""
    return tasks.change(session, owner, task_id, **change.model_dump(exclude_none=True))


@own_api.delete("/tasks/{task_id}", operation_id="deleteTask", tags=["tasks"], responses=MISSING, status_code=204)
def delete_task(owner: Owner, session: Transaction, task_id: TaskId) -> Response:
    """Delete a task."""
    tasks.delete(session, owner, task_id)
    return Response(status_code=204)


@own_api.post("/chat", operation_id="chat", tags=["chat"], responses=MISSING)
def chat(owner: Owner, session: Transaction, line: ChatInput) -> ChatOutput:
    """Say something to the assistant. The process keeps nothing: the conversation is in the database."""
    conversation = _conversation(session, owner, line.conversation_id)
    earlier = session.scalars(
        select(Message).where(Message.conversation_id == conversation.id).order_by(Message.id.desc()).limit(REMEMBERED)
    )
    before = [Action.model_validate(action) for message in reversed(list(earlier)) for action in message.actions]
    answer = assistant.answer(session, owner, line.message, before)
    actions = [action.model_dump(mode="json") for action in answer.actions]
    session.add(Message(conversation_id=conversation.id, role="user", content=line.message))
    session.flush()  # one after the other, so that their numbers tell the order
    session.add(Message(conversation_id=conversation.id, role="assistant", content=answer.reply, actions=actions))
    return ChatOutput(conversation_id=conversation.id, reply=answer.reply, actions=answer.actions)


@own_api.delete(
    "/conversations/{conversation_id}",
    operation_id="deleteConversation",
    tags=["chat"],
    responses=MISSING,
    status_code=204,
)
def delete_conversation(owner: Owner, session: Transaction, conversation_id: ConversationId) -> Response:
    """Delete a conversation with its messages; the tasks stay."""
    own = (Conversation.id == conversation_id, Conversation.user_id == owner)
    # The database deletes the messages along with it (ON DELETE CASCADE).
    if session.scalar(delete(Conversation).where(*own).returning(Conversation.id)) is None:
        raise _no_conversation(conversation_id)
    return Response(status_code=204)


def _conversation(session: Session, owner: str, conversation_id: int | None) -> Conversation:
    if conversation_id is None:
        conversation = Conversation(user_id=owner)
        session.add(conversation)
        session.flush()
        return conversation
    # The lock that a new message takes anyway, taken first: a deletion meanwhile waits, or leads to a 404.
    found = session.get(Conversation, conversation_id, with_for_update={"read": True, "key_share": True})
    if found is None or found.user_id != owner:
        raise _no_conversation(conversation_id)
    return found


def _no_conversation(conversation_id: int) -> HTTPException:
    return HTTPException(404, f"there is no conversation {conversation_id}")
