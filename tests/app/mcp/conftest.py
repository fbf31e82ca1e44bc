"""A server with /mcp."""

from collections.abc import Iterator

import pytest

from app.backend.application import create_app
from tests.app.mcp.clients import settings
from tests.app.servers import running


@pytest.fixture(scope="module")
def server(url: str) -> Iterator[str]:
    """A server."""
    with running(create_app(settings(url))) as made:
        yield made
