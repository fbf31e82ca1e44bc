"""A store that ends its processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubetasks.targets.local.store import LocalStore
from tests.unit.targets.local.objects import living


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    with living(tmp_path) as made:
        yield made
