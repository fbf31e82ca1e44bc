"""Databases to test on, of each kind."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, NullPool, create_engine

from app.backend import migrate
from app.backend.urls import sqlalchemy_url
from tests.app import postgres

KINDS = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A Postgres server for all tests."""
    with postgres.server() as url:
        yield url


def new_database(request: pytest.FixtureRequest, folder: Path, kind: str) -> str:
    """Make a database that no other test has."""
    name = f"test_{next(_numbers)}"
    if kind == "sqlite":
        return f"sqlite:///{folder / name}.db"
    return postgres.create_database(request.getfixturevalue("postgres_server"), name)


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind."""
    return new_database(request, tmp_path, request.param)


@pytest.fixture(scope="session", params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database that is up to date, of each kind; every test is another user of it."""
    made = new_database(request, tmp_path_factory.mktemp("databases"), request.param)
    migrate.upgrade(made, 10)
    return made


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> str:
    """The URL of a Postgres database that is up to date."""
    made = postgres.create_database(postgres_server, f"test_{next(_numbers)}")
    migrate.upgrade(made, 10)
    return made


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection, committed at the end."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
