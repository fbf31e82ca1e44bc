"""The frontend before the real backend."""

from collections.abc import Iterator

import httpx
import pytest

from app.backend import migrate
from app.backend.application import create_app as backend_app
from app.frontend.application import create_app
from app.frontend.settings import Settings
from tests.app.conftest import unlimited
from tests.app.frontend.browser import Browser
from tests.app.frontend.fake import Backend, frontend
from tests.app.servers import running


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What tests that are coroutines run on."""
    return "asyncio"


@pytest.fixture(scope="package")
def backend_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real backend."""
    url = f"sqlite:///{tmp_path_factory.mktemp('frontend')}/todo.db"
    migrate.upgrade(url, 10)
    with running(backend_app(unlimited(url))) as made:
        yield made


@pytest.fixture(scope="package")
def site(backend_url: str) -> Iterator[str]:
    """The frontend before it."""
    with running(create_app(Settings(backend_url=backend_url))) as made:
        yield made


@pytest.fixture
def browser(site: str) -> Iterator[Browser]:
    """A browser that has not been here."""
    with httpx.Client(base_url=site, timeout=30, trust_env=False) as client:
        yield Browser(client)


@pytest.fixture(scope="package")
def pair() -> Iterator[tuple[Backend, httpx.Client]]:
    """A fake backend, and a client of the frontend before it."""
    made = Backend()
    with running(made) as url, frontend(url) as client:
        yield made, client


@pytest.fixture
def fake(pair: tuple[Backend, httpx.Client]) -> Backend:
    """The fake backend, as if new."""
    pair[0].reset()
    return pair[0]


@pytest.fixture
def client(pair: tuple[Backend, httpx.Client], fake: Backend) -> httpx.Client:
    """A client of the frontend before the fake backend, without cookies."""
    pair[1].cookies.clear()
    return pair[1]
