"""What `inv verify` tries of the application, tried on the real one: it holds, and leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml
from sqlalchemy import text

from app.backend import migrate
from app.backend.application import create_app
from app.backend.settings import Settings as BackendSettings
from app.frontend.application import create_app as create_frontend
from app.frontend.settings import Settings as FrontendSettings
from kubetasks.redact import Redactor
from kubetasks.settings import Verify, load
from kubetasks.verify import journeys, openapi_reader
from kubetasks.verify.client import Client
from kubetasks.verify.contract import Contract
from kubetasks.verify.play import Play
from kubetasks.verify.results import Layer
from tests.app.conftest import SECRET
from tests.app.databases import connected
from tests.app.servers import running

ROOT = Path(__file__).parents[2]
TABLES = ("users", "tasks", "conversations", "messages", "tool_calls")


@pytest.fixture
def entry(empty_url: str) -> Iterator[str]:
    """The frontend's URL, with the backend behind it."""
    migrate.upgrade(empty_url, 10)
    with (
        running(create_app(BackendSettings(database_url=empty_url, jwt_secret=SECRET))) as backend,
        running(create_frontend(FrontendSettings(backend_url=backend))) as frontend,
    ):
        yield frontend


def rows(url: str) -> dict[str, int]:
    """Return how many rows each table has."""
    with connected(url) as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()  # noqa: S608
            for name in TABLES
        }


@pytest.fixture
def verify() -> Verify:
    """The project's own settings of `inv verify`."""
    return load(yaml.safe_load((ROOT / "invoke.yaml").read_text())["kubetasks"], environ={}).verify


def test_all_holds_and_nothing_is_left_behind(entry: str, empty_url: str, verify: Verify) -> None:
    contract, taken = Layer("contract"), Layer("journeys")
    with Client(entry, verify.timeout) as client:
        document = openapi_reader.load(ROOT / verify.contract, verify.contract)
        Contract(document, client, contract, verify.login, Redactor()).check()
        for path in verify.journeys:
            Play(journeys.load(ROOT / path, path), client, taken, Redactor()).check()
    assert [check for check in (*contract.checks, *taken.checks) if check.status == "fail"] == []
    evidence = {check.name: check.evidence for check in contract.checks}
    # A guest and an account; of the guest's, two examples of a task and a conversation.
    assert evidence["created resources are deleted"] == "5 created, 5 deleted"
    assert [name for name in evidence if name.endswith("what it made")] == []  # nothing is known to stay
    assert [check.status for check in taken.checks if "cleanup" in check.name] == ["pass"]
    assert set(rows(empty_url).values()) == {0}


def test_a_journey_that_stops_on_its_way_leaves_nothing_behind(entry: str, empty_url: str, verify: Verify) -> None:
    [path] = verify.journeys
    whole = journeys.load(ROOT / path, path)
    [made] = [number for number, step in enumerate(whole.steps, 1) if step.save.get("conversation_id")]
    with Client(entry, verify.timeout) as client:
        begun = msgspec.structs.replace(whole, steps=whole.steps[:made], cleanup=[])
        Play(begun, client, Layer("journeys"), Redactor()).check()
        assert rows(empty_url) == {"users": 1, "tasks": 1, "conversations": 1, "messages": 2, "tool_calls": 1}
        Play(msgspec.structs.replace(begun, cleanup=whole.cleanup), client, Layer("journeys"), Redactor()).check()
    # The second one took its own away; the first one had no cleanup.
    assert rows(empty_url) == {"users": 1, "tasks": 1, "conversations": 1, "messages": 2, "tool_calls": 1}
