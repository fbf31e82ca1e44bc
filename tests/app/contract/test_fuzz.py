"""The backend under schemathesis, for as long as a suite can wait; and that its checks find what they are for."""

from types import SimpleNamespace

import jwt
import pytest
import yaml

from app.backend import tasks
from app.backend.database.base import Transaction
from app.backend.identity.sessions import Sessions
from app.backend.records import Task
from app.backend.routes import tasks as routes
from tests.app.contract.fuzz import PHASES, ROOT, fuzz

EXAMPLES, SEED = 5, 7


def test_every_check_holds(url: str) -> None:
    outcome = fuzz(url, examples=EXAMPLES, seed=SEED)
    assert outcome.code == 0, outcome.output
    assert outcome.cases > 800
    assert outcome.phases == dict.fromkeys(PHASES, "success")
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
    operations = [name for path, item in document["paths"].items() if path.startswith("/api/") for name in item]
    assert outcome.tested == len(operations)


async def _even_deleted(transaction: Transaction, user_id: str, task_id: int) -> Task | None:
    row = await transaction.one(
        f"SELECT {tasks.COLUMNS} FROM tasks WHERE user_id = :user_id AND id = :id",  # noqa: S608
        user_id=user_id,
        id=task_id,
    )
    return None if row is None else Task.of(row)


async def _anybody(_self: Sessions, token: str) -> str:
    try:
        subject: str = jwt.decode(token, options={"verify_signature": False})["sub"]
    except jwt.InvalidTokenError:
        return "somebody"
    return subject


def test_it_would_find_a_deleted_task_that_is_still_there(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "tasks", SimpleNamespace(get=_even_deleted, listed=tasks.listed))
    outcome = fuzz(postgres_url, examples=EXAMPLES, seed=SEED, phases=["chains"])
    assert outcome.code == 1
    assert "Deleted resource still available" in outcome.output


def test_it_would_find_a_token_that_is_not_looked_at(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sessions, "user_of", _anybody)
    outcome = fuzz(postgres_url, examples=EXAMPLES, seed=SEED, phases=["coverage"])
    assert outcome.code == 1
    assert "API accepts invalid authentication" in outcome.output
