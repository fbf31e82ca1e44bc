"""Errors are answered generically, whatever they are."""

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from app.backend.application import create_app
from app.backend.database.base import ConflictError, UnavailableError
from app.backend.tasks import UserGoneError
from tests.app.conftest import unlimited


def raising(error: Exception) -> Callable[[], None]:
    """Return an operation that fails."""

    def fail() -> None:
        raise error

    return fail


@pytest.fixture
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A backend with operations that fail."""
    app = create_app(unlimited(f"sqlite:///{tmp_path_factory.mktemp('empty')}/todo.db"))
    app.add_api_route("/unforeseen", raising(RuntimeError("s3cret")))
    app.add_api_route("/conflict", raising(ConflictError("s3cret")))
    app.add_api_route("/away", raising(UnavailableError("the reason")))
    app.add_api_route("/gone", raising(UserGoneError()))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "detail", "header"),
    [
        ("/unforeseen", 500, "something went wrong", None),
        ("/conflict", 409, "something else has changed this at the same time; try again", None),
        ("/away", 503, "the database cannot be reached", ("Retry-After", "2")),
        ("/gone", 401, "the session has ended", ("WWW-Authenticate", "Bearer")),
        ("/nowhere", 404, "Not Found", None),
    ],
)
def test_errors(failing: TestClient, path: str, status: int, detail: str, header: tuple[str, str] | None) -> None:
    answer = failing.get(path)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail})
    if header is not None:
        assert answer.headers[header[0]] == header[1]


def test_why_the_database_is_away_is_logged_and_not_told(failing: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    assert "the reason" not in failing.get("/away").text
    assert "GET: the database cannot be reached: the reason" in caplog.text
