"""Any password works: beside the URL, as it is, and within it, percent-encoded; and none is shown."""

import asyncio
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, text

from app.backend import migrate
from app.backend.database.postgres import PostgresDatabase
from app.backend.migrations import MigrateError
from app.backend.urls import shown, sqlalchemy_url
from tests.app.postgres import Server, own_server
from tests.scalars import HOSTILE

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with own_server() as made:
        made.start()
        made.execute("CREATE ROLE app LOGIN")
        made.ask_for_password("app")
        yield made


def remember(server: Server, password: str) -> tuple[str, str]:
    """Give the user a password; the URLs without and with it."""
    with psycopg.connect(f"{server.url}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE app PASSWORD {}").format(sql.Literal(password)))
    place = f"127.0.0.1:{server.port}/postgres"
    return f"postgresql://app@{place}", f"postgresql://app:{quote(password, safe='')}@{place}"


def connect(url: str) -> None:
    """In every way in which the application does."""
    assert migrate.current(url) is None
    engine = create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()


async def ping(url: str) -> None:
    database = PostgresDatabase(url)
    await database.open()
    try:
        await database.ping()
    finally:
        await database.close()


@pytest.mark.parametrize("password", HOSTILE)
def test_any_password_works(server: Server, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    without, within = remember(server, password)
    connect(within)
    monkeypatch.setenv("PGPASSWORD", password)
    connect(without)
    if password in HOSTILE[::9]:  # the pool takes a third of a second
        asyncio.run(ping(within))
        asyncio.run(ping(without))
    # What the URL says goes before what the environment says.
    monkeypatch.setenv("PGPASSWORD", "another one")
    connect(within)
    assert password not in shown(within)


@pytest.mark.parametrize("password", ["p@ss/w#rd%41:x?", "two\nlines here", "{{ .Values }} $(HOST)"])
def test_a_wrong_password_is_said_soon_and_not_shown(
    server: Server, password: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", password)
    without, _ = remember(server, "the right one")
    _, within = remember(server, "the right one")[0], f"{without[:16]}:{quote(password, safe='')}{without[16:]}"
    seconds = iter(range(1000))
    for url in (without, within):
        slept: list[float] = []
        with pytest.raises(MigrateError, match=r"gave up: .*authentication failed") as caught:
            migrate.wait(url, 300, clock=lambda: next(seconds), sleep=slept.append)
        assert len(slept) <= migrate.REFUSED_SECONDS
        said = str(caught.value) + capsys.readouterr().out
        assert password not in said
        assert quote(password, safe="") not in said


def test_no_password_at_all_is_said_soon(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    without, _ = remember(server, "the right one")
    seconds = iter(range(1000))
    with pytest.raises(MigrateError, match=r"gave up: .*no password supplied"):
        migrate.wait(without, 300, clock=lambda: next(seconds), sleep=lambda _: None)
