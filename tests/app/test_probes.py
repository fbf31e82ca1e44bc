"""/health and /ready, and what happens to requests when the database is away."""

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.backend.application import create_app
from app.backend.settings import Settings
from tests.app.conftest import SECRET
from tests.app.servers import nobody_at


@pytest.fixture
def away() -> Iterator[TestClient]:
    """A backend whose database refuses connections."""
    with nobody_at() as address:
        url = f"postgresql://todo:s3cret@{address.removeprefix('http://')}/todo"
        settings = Settings(database_url=url, jwt_secret=SECRET, ready_timeout_seconds=20)
        with TestClient(create_app(settings)) as made:
            yield made


def test_both_answer(client: TestClient) -> None:
    assert (client.get("/health").status_code, client.get("/health").json()) == (200, {"status": "ok"})
    assert (client.get("/ready").status_code, client.get("/ready").json()) == (200, {"status": "ready"})


def test_without_a_database_the_process_is_well_and_not_ready(away: TestClient) -> None:
    assert away.get("/health").status_code == 200
    answer = away.get("/ready")
    assert answer.status_code == 503
    assert re.match(r"the database does not answer: .*refused", answer.json()["detail"])
    assert int(answer.headers["Retry-After"]) > 0
    assert "s3cret" not in answer.text


def test_without_a_database_requests_are_refused(away: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    for path, body in (("/api/session", None), ("/api/login", {"name": "ann", "password": "long enough"})):
        answer = away.post(path, json=body)
        assert (answer.status_code, answer.json()) == (503, {"detail": "the database cannot be reached"})
        assert answer.headers["Retry-After"] == "2"
    assert "refused" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_process_that_is_about_to_end_is_well_and_not_ready(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('empty')}/todo.db"
    with TestClient(create_app(Settings(database_url=url, jwt_secret=SECRET))) as made:
        made.app.state.readiness.draining = True  # type: ignore[attr-defined]
        answer = made.get("/ready")
        assert (answer.status_code, answer.json()) == (503, {"detail": "shutting down"})
        assert made.get("/health").status_code == 200
