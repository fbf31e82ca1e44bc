"""What a walk through a contract learns and deletes."""

import json

from kubetasks.redact import Redactor
from kubetasks.verify.client import Client, NoAnswer, Request, Response
from kubetasks.verify.openapi import Answer, Document, Link, Operation, Parameter
from kubetasks.verify.results import Layer
from kubetasks.verify.walk import Walk

ID = Parameter("id", "path", True, 1, {"type": "integer"})
LINKS = tuple(Link(name, {"id": "$response.body#/id"}) for name in ("get", "delete"))
CREATE = Operation("create", "POST", "/a", answers={"201": Answer({}, links=LINKS)})
LIST = Operation("list", "GET", "/a", answers={"200": Answer({}, links=(Link("delete", {"id": "$response.body#/0"}),))})
GET = Operation("get", "GET", "/a/{id}", (ID,), answers={"200": Answer({})})
DELETE = Operation("delete", "DELETE", "/a/{id}", (ID,), answers={"204": Answer({})})
DOCUMENT = Document((CREATE, LIST, GET, DELETE), (), {})


class Scripted(Client):
    """Answers from a list; None for no answer."""

    def __init__(self, *answers: tuple[int, object] | None) -> None:
        super().__init__("http://127.0.0.1:1", 1)
        self.answers = list(answers)
        self.asked: list[str] = []

    def send(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.path}")
        answer = self.answers.pop(0)
        if answer is None:
            raise NoAnswer("gone")
        return Response(answer[0], {}, json.dumps(answer[1]).encode())


def walked(client: Client) -> Walk:
    return Walk(DOCUMENT, client, Layer("contract"))


def test_the_first_that_was_made_is_tried_and_all_are_deleted() -> None:
    client = Scripted((201, {"id": 5}), (201, {"id": 6}), (201, {"id": 6}), (204, None), (404, None))
    walk = walked(client)
    assert "id" not in {name for name, value in walk.values(GET).items() if value == 1}, "an example is no stand-in"
    for _ in range(3):
        walk.send(CREATE, "create", {}, None, token=True)
    assert walk.values(GET) == {"id": 5}
    walk.send(DELETE, "delete", walk.values(DELETE), None, token=True)
    walk.clean()
    assert client.asked == ["POST /a"] * 3 + ["DELETE /a/5", "DELETE /a/6"]
    assert [(check.status, check.evidence) for check in walk.layer.checks] == [("pass", "2 created, 2 deleted")]


def test_what_was_only_listed_is_not_deleted() -> None:
    client = Scripted((200, [9]))
    walk = walked(client)
    walk.send(LIST, "list", {}, None, token=True)
    walk.clean()
    assert client.asked == ["GET /a"]
    assert walk.layer.checks == []


def test_what_cannot_be_deleted_is_told() -> None:
    client = Scripted((201, {"id": 5}), (201, {"id": 6}), (201, {}), (500, None), None)
    walk = walked(client)
    for _ in range(3):
        walk.send(CREATE, "create", {}, None, token=True)
    walk.clean()
    assert [(check.name, check.status, check.evidence) for check in walk.layer.checks] == [
        ("created resources are deleted", "fail", "DELETE /a/{id}: 500; DELETE /a/{id}: gone"),
        ("POST /a: what it made", "skip", "the contract links it to no DELETE operation, so it stays"),
    ]


def test_no_answer_is_a_failed_check() -> None:
    walk = walked(Scripted(None))
    assert walk.send(LIST, "list", {}, None, token=True) is None
    assert walk.layer.checks[0].evidence == "gone"


SESSION = Operation(
    "enter",
    "POST",
    "/enter",
    answers={
        "201": Answer(
            {},
            links=(
                Link("renew", {}, {"old": "$response.body#/renewal", "kind": "again"}),
                Link("leave", {}),
                Link("delete", {"id": "$response.body#/id"}),
            ),
        )
    },
)
RENEW = Operation("renew", "POST", "/renew", answers={"200": Answer({}, links=(SESSION.answers["201"].links[2],))})
LEAVE = Operation("leave", "POST", "/leave", answers={"204": Answer({})}, secured=True)
REMOVE = Operation("delete", "DELETE", "/a/{id}", (ID,), answers={"204": Answer({})}, secured=True)


class Noting(Scripted):
    """Notes the token of every request, too."""

    def send(self, request: Request) -> Response:
        response = super().send(request)
        self.asked[-1] += f" {request.headers.get('Authorization', 'nobody').removeprefix('Bearer ')}"
        return response


def test_what_a_session_leads_to_is_its_own() -> None:
    first = {"id": 5, "token": "opaque-one", "renewal": "r"}
    client = Noting((201, first), (204, None), (200, {"id": 5, "token": "opaque-two"}), (204, None))
    redactor = Redactor()
    document = Document((SESSION, RENEW, LEAVE, REMOVE), (), {})
    walk = Walk(document, client, Layer("contract"), token="opaque-main", pointer="/token", redactor=redactor)
    walk.send(SESSION, "enter", {}, None, token=False)
    assert walk.linked["renew"].body == {"old": "r", "kind": "again"}
    walk.send(LEAVE, "leave", {}, None, token=True)
    walk.send(RENEW, "renew", {}, None, token=False)
    walk.clean()
    assert client.asked == [
        "POST /enter nobody",
        "POST /leave opaque-one",
        "POST /renew nobody",
        "DELETE /a/5 opaque-two",
    ]
    assert redactor("opaque-one and opaque-two") == "*** and ***"


def test_what_needs_no_session_of_its_own_has_that_of_the_login() -> None:
    client = Noting((201, {"id": 5}), (204, None), (204, None))
    document = Document((SESSION, LEAVE, REMOVE), (), {})
    walk = Walk(document, client, Layer("contract"), token="opaque-main", pointer="/token")
    walk.send(SESSION, "enter", {}, None, token=False)
    assert "renew" not in walk.linked, "the answer holds nothing to renew"
    walk.send(LEAVE, "leave", {}, None, token=True)
    walk.clean()
    assert client.asked == ["POST /enter nobody", "POST /leave opaque-main", "DELETE /a/5 opaque-main"]


def test_what_lies_deeper_is_deleted_first() -> None:
    above = Operation("drop", "DELETE", "/{id}", (ID,), answers={"204": Answer({})})
    make = Operation(
        "make", "POST", "/", answers={"201": Answer({}, links=(Link("drop", {"id": "$response.body#/id"}),))}
    )
    client = Scripted((201, {"id": 1}), (201, {"id": 2}), (204, None), (204, None))
    walk = Walk(Document((make, above, CREATE, DELETE), (), {}), client, Layer("contract"))
    walk.send(make, "make", {}, None, token=False)
    walk.send(CREATE, "create", {}, None, token=False)
    walk.clean()
    assert client.asked[2:] == ["DELETE /a/2", "DELETE /1"]


def test_what_a_deletion_would_take_along_is_deleted_before() -> None:
    client = Scripted((201, {"id": 1}), (500, None))
    walk = walked(client)
    walk.send(CREATE, "create", {}, None, token=True)
    walk.sweep("/a/{id}")
    assert client.asked == ["POST /a"], "what lies as deep is not held by it"
    walk.sweep("/a")
    walk.clean()
    assert client.asked == ["POST /a", "DELETE /a/1"], "once is enough"
    assert [check.evidence for check in walk.layer.checks] == ["DELETE /a/{id}: 500"]
