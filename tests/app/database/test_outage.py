"""The whole backend while its database is away, comes, goes and comes again: over HTTP, in one process."""

import time
from collections.abc import Callable

import httpx
import pytest

from app.backend import migrate
from app.backend.application import create_app
from app.backend.settings import Settings
from tests.app import postgres
from tests.app.database.conftest import RETURN_SECONDS
from tests.app.servers import running

pytestmark = pytest.mark.postgres


def within(seconds: float, holds: Callable[[], bool]) -> None:
    """Try until something holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.1)


@pytest.mark.usefixtures("impatient")
def test_the_database_comes_and_goes(own: postgres.Server) -> None:
    url = f"{own.url}/postgres"
    settings = Settings(database_url=url, jwt_secret="s" * 32)
    with running(create_app(settings)) as address, httpx.Client(base_url=address, timeout=20) as client:
        session: dict[str, str] = {}

        def ready() -> bool:
            answer = client.get("/ready")
            assert answer.status_code in {200, 503}
            assert "s3cret" not in answer.text
            return answer.status_code == 200

        def served(answer: httpx.Response) -> bool:
            assert client.get("/health").status_code == 200
            if answer.status_code == 503:
                assert int(answer.headers["Retry-After"]) > 0
                assert set(answer.json()) == {"detail"}
                assert "s3cret" not in answer.text
                return False
            assert answer.status_code in {200, 201}, answer.text
            return True

        def begin() -> bool:
            answer = client.post("/api/session")
            session.update(answer.json() if served(answer) else {})
            return bool(session)

        def ask(method: str, path: str, **body: object) -> httpx.Response:
            headers = {"Authorization": f"Bearer {session['token']}"}
            return client.request(method, f"/api/{session['user_id']}{path}", headers=headers, json=body or None)

        # It starts without a database.
        for _ in range(2):
            assert not ready()
            assert not begin()

        own.start()
        migrate.upgrade(url, 10)
        within(RETURN_SECONDS, lambda: ready() and begin())
        assert served(ask("POST", "/tasks", title="buy milk"))

        for _ in range(2):
            own.stop()
            assert not served(ask("GET", "/tasks"))  # what was told of a connection that died
            assert not ready()
            assert not served(ask("POST", "/tasks", title="never"))

            own.start()
            within(RETURN_SECONDS, lambda: served(ask("GET", "/tasks")) and ready())
            assert [task["title"] for task in ask("GET", "/tasks").json()["items"]] == ["buy milk"]


def test_probes_let_the_database_sleep(own: postgres.Server) -> None:
    own.start()
    url = postgres.create_database(own.url, "quiet")
    migrate.upgrade(url, 10)

    def transactions() -> int:
        own.execute("SELECT pg_stat_force_next_flush()", "quiet")
        found = own.execute("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'quiet'")
        return int(found[0][0])

    settings = Settings(database_url=url, jwt_secret="s" * 32)
    with running(create_app(settings)) as address, httpx.Client(base_url=address) as client:
        assert client.get("/ready").status_code == 200
        before = transactions()
        for _ in range(50):
            assert client.get("/ready").status_code == 200
            assert client.get("/health").status_code == 200
        # What looking itself takes is one transaction each.
        assert transactions() - before <= 2
