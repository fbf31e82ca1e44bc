"""Guests, accounts and their sessions, on both kinds of database."""

import asyncio
import secrets
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from app.backend.application import create_app
from app.backend.identity import passwords
from app.backend.identity.sessions import KEEP_SECONDS
from tests.app.conftest import User, unlimited

PASSWORD = "correct horse battery"


def new_name() -> str:
    """A name that nobody has."""
    return f"ann.{secrets.token_hex(6)}@example.org"


def register(user: User, name: str, *, as_guest: bool = True) -> Any:
    """Create an account."""
    headers = user.headers if as_guest else {}
    return user.client.post("/api/accounts", json={"name": name, "password": PASSWORD}, headers=headers)


def status(user: User, headers: dict[str, str]) -> int:
    """Ask with a token."""
    code: int = user.client.get(f"/api/{user.id}", headers=headers).status_code
    return code


def test_a_guest(user: User) -> None:
    answer = user.client.post("/api/session")
    session = answer.json()
    assert set(session) == {"user_id", "name", "guest", "token", "expires_in", "refresh_token"}
    assert (session["name"], session["guest"], session["expires_in"]) == (None, True, 900)
    assert user.ask("GET", "").json() == {"user_id": user.id, "name": None, "guest": True}


def test_a_guest_becomes_an_account_and_keeps_everything(user: User) -> None:
    user.add("mine")
    name, old, old_refresh = new_name(), user.headers, user.refresh_token
    answer = register(user, name.upper())
    assert answer.status_code == 201
    session = answer.json()
    assert (session["user_id"], session["name"], session["guest"]) == (user.id, name, False)
    user.take(session)
    assert user.titles() == ["mine"]
    assert user.undo()["ok"]
    # Whoever had the guest's session has none of the account's.
    assert status(user, old) == 401
    assert user.client.post("/api/renew", json={"refresh_token": old_refresh}).status_code == 401


def test_login(user: User) -> None:
    name = new_name()
    user.take(register(user, name).json())
    user.add("mine")
    answer = user.client.post("/api/login", json={"name": name.capitalize(), "password": PASSWORD})
    assert answer.status_code == 200
    assert (answer.json()["user_id"], answer.json()["name"]) == (user.id, name)
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert [status(user, each) for each in (headers, user.headers)] == [200, 200]


def test_whether_name_or_password_is_wrong_is_not_told(user: User) -> None:
    name = new_name()
    register(user, name)
    answers = [
        user.client.post("/api/login", json={"name": who, "password": what})
        for who, what in ((name, PASSWORD + "x"), (name, PASSWORD.upper()), (new_name(), PASSWORD))
    ]
    assert [(each.status_code, each.json()) for each in answers] == [(401, {"detail": "name or password is wrong"})] * 3
    assert all(each.headers["WWW-Authenticate"] == "Bearer" for each in answers)


def test_a_name_that_nobody_has_costs_the_same(monkeypatch: pytest.MonkeyPatch, client: TestClient) -> None:
    compared: list[str] = []

    class Noting:
        def verify(self, password_hash: str, password: str) -> bool:
            compared.append(password_hash)
            return PasswordHasher().verify(password_hash, password)

    monkeypatch.setattr(passwords, "_hasher", Noting())
    assert client.post("/api/login", json={"name": new_name(), "password": PASSWORD}).status_code == 401
    assert compared == [passwords.NOBODYS]


def test_nobodys_hash_is_made_like_all_others() -> None:
    hasher = PasswordHasher(time_cost=5, memory_cost=7 * 1024, parallelism=1)
    assert not hasher.check_needs_rehash(passwords.NOBODYS)
    made = asyncio.run(passwords.hashed(PASSWORD))
    assert not hasher.check_needs_rehash(made)
    assert asyncio.run(passwords.matches(PASSWORD, made))
    for wrong, which in ((PASSWORD + " ", made), (PASSWORD, None), (PASSWORD, "no hash")):
        assert not asyncio.run(passwords.matches(wrong, which))


def test_a_name_is_given_once(user: User, other: User) -> None:
    name = new_name()
    assert register(user, name).status_code == 201
    for taken in (register(other, name), register(other, name.upper(), as_guest=False)):
        assert (taken.status_code, taken.json()) == (409, {"detail": "the name is taken"})
    assert other.ask("GET", "").json()["guest"] is True


def test_an_account_is_no_guest_and_does_not_become_another(user: User) -> None:
    first, second = new_name(), new_name()
    user.take(register(user, first).json())
    made = register(user, second).json()
    assert made["user_id"] != user.id
    assert (made["name"], user.ask("GET", "").json()["name"]) == (second, first)


def test_a_guest_whose_session_has_ended_is_told(user: User) -> None:
    user.client.post("/api/logout", headers=user.headers)
    assert register(user, new_name()).status_code == 401


def test_without_a_token_an_account_is_a_new_user(user: User) -> None:
    assert register(user, new_name(), as_guest=False).json()["user_id"] != user.id
    assert user.ask("GET", "").json()["guest"] is True


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "ann"},
        {"name": "ann", "password": "a" * 7},
        {"name": "ann", "password": "a" * 129},
        {"name": "", "password": PASSWORD},
        {"name": "a" * 65, "password": PASSWORD},
        {"name": "ann\x00", "password": PASSWORD},
        {"name": "ann\n", "password": PASSWORD},
        {"name": "an n", "password": PASSWORD},
        {"name": "İ", "password": PASSWORD},
        {"name": 1, "password": PASSWORD},
        {"name": "ann", "password": PASSWORD, "user_id": "ben"},
    ],
)
def test_credentials_that_are_none_are_refused(client: TestClient, body: dict[str, Any]) -> None:
    for path in ("/api/accounts", "/api/login"):
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        assert PASSWORD not in answer.text


def test_a_password_may_be_anything(user: User) -> None:
    name, password = new_name(), "Pässwörd \x00 ☂"
    made = user.client.post("/api/accounts", json={"name": name, "password": password})
    assert made.status_code == 201
    assert user.client.post("/api/login", json={"name": name, "password": password}).status_code == 200


def test_a_session_goes_on(user: User) -> None:
    user.add("mine")
    answer = user.client.post("/api/renew", json={"refresh_token": user.refresh_token})
    assert (answer.status_code, answer.json()["user_id"], answer.json()["guest"]) == (200, user.id, True)
    user.take(answer.json())
    assert user.titles() == ["mine"]


def test_one_kind_of_token_is_not_the_other(user: User) -> None:
    access = user.headers["Authorization"].removeprefix("Bearer ")
    assert status(user, {"Authorization": f"Bearer {user.refresh_token}"}) == 401
    answer = user.client.post("/api/renew", json={"refresh_token": access})
    assert (answer.status_code, answer.json()) == (401, {"detail": "the token is not valid"})


def test_logout_ends_every_session(user: User) -> None:
    name = new_name()
    user.take(register(user, name).json())
    elsewhere = user.client.post("/api/login", json={"name": name, "password": PASSWORD}).json()
    answer = user.client.post("/api/logout", headers=user.headers)
    assert (answer.status_code, answer.content) == (204, b"")
    for session in (user.headers, {"Authorization": f"Bearer {elsewhere['token']}"}):
        assert status(user, session) == 401
    for refresh_token in (user.refresh_token, elsewhere["refresh_token"]):
        answer = user.client.post("/api/renew", json={"refresh_token": refresh_token})
        assert (answer.status_code, answer.json()) == (401, {"detail": "the session has ended"})
    user.take(user.client.post("/api/login", json={"name": name, "password": PASSWORD}).json())
    assert status(user, user.headers) == 200


def test_a_logout_in_another_process_is_known_before_long(url: str, user: User) -> None:
    now = 100.0
    app = create_app(unlimited(url))
    app.state.sessions._clock = lambda: now
    with TestClient(app) as elsewhere:
        assert elsewhere.get(f"/api/{user.id}/tasks", headers=user.headers).status_code == 200
        user.client.post("/api/logout", headers=user.headers)
        now += KEEP_SECONDS + 0.1
        assert elsewhere.get(f"/api/{user.id}/tasks", headers=user.headers).status_code == 401


def test_a_user_is_deleted_with_everything(user: User) -> None:
    name = new_name()
    user.take(register(user, name).json())
    user.add("mine")
    assert user.ask("DELETE", "").status_code == 204
    for answer in (user.ask("GET", ""), user.ask("GET", "/tasks"), user.ask("POST", "/tasks", json={"title": "a"})):
        assert (answer.status_code, answer.json()) == (401, {"detail": "the session has ended"})
    assert user.ask("DELETE", "").status_code == 401
    assert user.client.post("/api/renew", json={"refresh_token": user.refresh_token}).status_code == 401
    assert user.client.post("/api/login", json={"name": name, "password": PASSWORD}).status_code == 401
    assert register(user, name, as_guest=False).status_code == 201, "the name is free again"


@pytest.mark.parametrize("path", ["session", "accounts", "login", "renew", "logout"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH"])
def test_the_fixed_paths_are_no_users(user: User, method: str, path: str) -> None:
    answer = user.client.request(method, f"/api/{path}", headers=user.headers)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
