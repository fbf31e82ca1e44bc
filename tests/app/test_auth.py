"""Who may ask for what."""

import base64
import json

import jwt
import pytest
from fastapi.testclient import TestClient

from app.backend import auth
from tests.app.conftest import SECRET, User

OPERATIONS = [
    ("GET", "/tasks"),
    ("POST", "/tasks"),
    ("GET", "/tasks/1"),
    ("PUT", "/tasks/1"),
    ("PATCH", "/tasks/1"),
    ("DELETE", "/tasks/1"),
    ("POST", "/chat"),
    ("DELETE", "/conversations/1"),
]


def test_a_token_says_who_it_is_for() -> None:
    assert auth.subject(SECRET, auth.issue(SECRET, "ann", 60)) == "ann"


def test_users_are_never_the_same() -> None:
    assert auth.new_user() != auth.new_user()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_without_a_token_nothing_is_answered(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, f"/api/ann{path}", json={"title": "a", "message": "a"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "token" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_a_token_opens_its_own_users_path_only(user: User, other: User, method: str, path: str) -> None:
    body = {"message": "a"} if path == "/chat" else {"title": "a"}
    answer = user.client.request(method, f"/api/{other.id}{path}", headers=user.headers, json=body)
    assert (answer.status_code, answer.json()) == (403, {"detail": "the token belongs to another user"})


def unsigned(user_id: str) -> str:
    """Return a token that says it needs no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, {"sub": user_id, "iss": auth.ISSUER, "exp": 2**40})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (auth.issue(SECRET, "ann", -1), "expired"),
        (auth.issue(SECRET[::-1], "ann", 60), "not valid"),
        (unsigned("ann"), "not valid"),
        (jwt.encode({"sub": "ann", "iss": auth.ISSUER}, SECRET, "HS256"), "not valid"),
        (jwt.encode({"sub": "ann", "iss": "somebody", "exp": 2**40}, SECRET, "HS256"), "not valid"),
        (jwt.encode({"sub": "ann", "iss": auth.ISSUER, "exp": 2**40}, SECRET * 2, "HS512"), "not valid"),
        ("nonsense", "not valid"),
        ("a.b.c", "not valid"),
    ],
)
def test_a_token_that_is_not_to_be_trusted_is_refused(client: TestClient, token: str, why: str) -> None:
    answer = client.get("/api/ann/tasks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert why in answer.json()["detail"]


@pytest.mark.parametrize("header", ["Basic YW5uOmE=", "Bearer", "bearer ", ""])
def test_another_kind_of_header_is_no_token(client: TestClient, header: str) -> None:
    assert client.get("/api/ann/tasks", headers={"Authorization": header}).status_code == 401
