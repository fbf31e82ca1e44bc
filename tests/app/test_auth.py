"""Whose request it is: tokens, and that they open their own user's paths only."""

import base64
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from fastapi.testclient import TestClient

from app.backend.identity import tokens
from app.backend.identity.tokens import ACCESS, REFRESH, Claims, TokenError
from tests.app.conftest import SECRET, User

CONTRACT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "openapi.yaml").read_text())
GOOD = {"iss": "todo", "aud": ACCESS, "sub": "ann", "gen": 1, "iat": 1, "exp": 2**33}
VALUES = {"task_id": "1", "conversation_id": "1"}


def operations(*, secured: bool) -> Iterator[tuple[str, str]]:
    """Give the operations that need a token, or those below a user's path."""
    for path, item in CONTRACT["paths"].items():
        for method, operation in item.items():
            if secured and operation.get("security") == [{"HTTPBearer": []}]:
                yield method.upper(), path
            if not secured and "{user_id}" in path:
                yield method.upper(), path


def body(method: str, path: str) -> Any:
    """Return an example of an operation's body."""
    content = CONTRACT["paths"][path][method.lower()].get("requestBody", {}).get("content", {})
    for media in content.values():
        examples = media.get("examples", {}).values()
        return next(iter(examples))["value"]
    return None


def filled(path: str, user_id: str) -> str:
    """Return a path with values."""
    return path.format(user_id=user_id, **VALUES)


def test_every_operation_below_a_user_needs_a_token() -> None:
    below, secured = set(operations(secured=False)), set(operations(secured=True))
    assert secured - below == {("POST", "/api/logout")}
    assert below <= secured
    assert len(below) >= 15


@pytest.mark.parametrize(("method", "path"), list(operations(secured=True)))
def test_without_a_token_nothing_is_answered(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, filled(path, "ann"), json=body(method, path))
    assert (answer.status_code, answer.json()) == (401, {"detail": "a bearer token is needed"})
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), list(operations(secured=False)))
def test_a_token_opens_its_own_users_path_only(user: User, other: User, method: str, path: str) -> None:
    other.add("theirs")
    answer = user.client.request(method, filled(path, other.id), headers=user.headers, json=body(method, path))
    assert (answer.status_code, answer.json()) == (403, {"detail": "the token belongs to another user"})
    assert other.titles() == ["theirs"]


def unsigned(claims: dict[str, Any]) -> str:
    """Return a token that says it needs no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def another_algorithm(claims: dict[str, Any]) -> str:
    """Return a token signed with our key in a way that is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the key is short for it
        return jwt.encode(claims, SECRET, "HS384")


def without(name: str) -> dict[str, Any]:
    """Return good claims but for one."""
    return {key: value for key, value in GOOD.items() if key != name}


BAD = {
    "expired": jwt.encode({**GOOD, "exp": 2}, SECRET, "HS256"),
    "another key": jwt.encode(GOOD, SECRET[::-1], "HS256"),
    "no signature": unsigned(GOOD),
    "another algorithm": jwt.encode(GOOD, SECRET * 2, "HS512"),
    "another algorithm, same key": another_algorithm(GOOD),
    "another issuer": jwt.encode({**GOOD, "iss": "somebody"}, SECRET, "HS256"),
    "another audience": jwt.encode({**GOOD, "aud": REFRESH}, SECRET, "HS256"),
    "two audiences": jwt.encode({**GOOD, "aud": [ACCESS, REFRESH]}, SECRET, "HS256"),
    "not yet": jwt.encode({**GOOD, "nbf": 2**33}, SECRET, "HS256"),
    "generation of another type": jwt.encode({**GOOD, "gen": True}, SECRET, "HS256"),
    "subject of another type": jwt.encode({**GOOD, "sub": 1}, SECRET, "HS256"),
    **{f"no {name}": jwt.encode(without(name), SECRET, "HS256") for name in GOOD},
    "nonsense": "nonsense",
    "dots": "a.b.c",
    "nothing": "..",
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_a_token_that_is_not_to_be_trusted_is_refused(client: TestClient, token: str) -> None:
    with pytest.raises(TokenError):
        tokens.read(SECRET, ACCESS, token)
    answer = client.get("/api/ann/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["detail"] in {"the token is not valid", "the token has expired"}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_good_token_is_read() -> None:
    assert tokens.read(SECRET, ACCESS, jwt.encode(GOOD, SECRET, "HS256")) == Claims("ann", 1)
    issued = tokens.issue(SECRET, REFRESH, Claims("ann", 7), 60)
    assert tokens.read(SECRET, REFRESH, issued) == Claims("ann", 7)
    claims = jwt.decode(issued, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    assert abs(claims["iat"] - time.time()) < 60
    assert jwt.get_unverified_header(issued)["alg"] == "HS256"


def test_a_user_that_there_never_was_is_nobody(client: TestClient) -> None:
    token = tokens.issue(SECRET, ACCESS, Claims("ann", 1), 60)
    answer = client.get("/api/ann/tasks", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()) == (401, {"detail": "the session has ended"})


@pytest.mark.parametrize("header", ["Basic YW5uOmE=", "Bearer", "bearer ", "", "Token abc"])
def test_another_kind_of_header_is_no_token(client: TestClient, header: str) -> None:
    assert client.get("/api/ann/tasks", headers={"Authorization": header}).status_code == 401
