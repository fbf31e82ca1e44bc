"""Databases, and the backend on each of them."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.backend.application import create_app
from app.backend.settings import Settings
from tests.app.databases import empty_url, postgres_server, postgres_url, url

SECRET = "0123456789abcdef0123456789abcdef"
__all__ = ["empty_url", "postgres_server", "postgres_url", "url"]


def unlimited(url: str, **values: Any) -> Settings:
    """Return settings without rate limits: tests ask more often than people."""
    off: dict[str, Any] = dict.fromkeys(("rate_limit", "chat_rate_limit", "login_rate_limit"))
    return Settings(database_url=url, jwt_secret=SECRET, **{**off, **values})


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[TestClient]:
    """The backend."""
    with TestClient(create_app(unlimited(url))) as made:
        yield made


@dataclass
class User:
    """Somebody with a session."""

    client: TestClient
    id: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    refresh_token: str = ""
    conversation: int | None = None

    def __post_init__(self) -> None:
        answer = self.client.post("/api/session")
        assert answer.status_code == 201
        self.take(answer.json())

    def take(self, session: dict[str, Any]) -> None:
        """Go on with a session."""
        self.id = session["user_id"]
        self.refresh_token = session["refresh_token"]
        self.headers = {"Authorization": f"Bearer {session['token']}"}

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Send a request below the user's own path."""
        return self.client.request(method, f"/api/{self.id}{path}", headers=self.headers, **options)

    def add(self, title: str, **values: Any) -> dict[str, Any]:
        """Create a task."""
        answer = self.ask("POST", "/tasks", json={"title": title, **values})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def titles(self, status: str = "all") -> list[str]:
        """Return the titles of the tasks in a state."""
        return [task["title"] for task in self.ask("GET", "/tasks", params={"status": status}).json()["items"]]

    def undo(self, **what: int) -> dict[str, Any]:
        """Take something back; return what came of it."""
        answer = self.ask("POST", "/undo", json=what)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

    def say(self, message: str) -> dict[str, Any]:
        """Say something in the user's one conversation."""
        body: dict[str, Any] = {"message": message}
        if self.conversation is not None:
            body["conversation_id"] = self.conversation
        answer = self.ask("POST", "/chat", json=body)
        assert answer.status_code == 200, answer.text
        self.conversation = answer.json()["conversation_id"]
        said: dict[str, Any] = answer.json()
        return said


@pytest.fixture
def user(client: TestClient) -> User:
    """A new user."""
    return User(client)


@pytest.fixture
def other(client: TestClient) -> User:
    """Another one."""
    return User(client)


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Put logging back as it was."""
    root, names = logging.getLogger(), ("uvicorn", "uvicorn.error", "uvicorn.access", "httpx")
    before = (root.handlers[:], root.level, [(n, logging.getLogger(n).handlers[:]) for n in names])
    yield
    root.handlers[:], level, children = before
    root.setLevel(level)
    for name, handlers in children:
        logger = logging.getLogger(name)
        logger.handlers[:], logger.filters[:] = handlers, []
        logger.setLevel(logging.NOTSET)
