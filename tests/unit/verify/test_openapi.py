"""Documents, operations and their links."""

from kubetasks.verify.openapi import Answer, Document, Link, Operation

CREATE = Operation("create", "POST", "/a", answers={"201": Answer({}, links=(Link("get", {"path.id": "$x"}),))})
GET = Operation("get", "GET", "/a/{id}", answers={"200": Answer({}), "404": Answer({}, links=(Link("create", {}),))})
DOCUMENT = Document((CREATE, GET), (), {"components": {"x": 1}, "info": {}})


def test_successes_alone_link_on() -> None:
    assert [link.operation for link in CREATE.links()] == ["get"]
    assert list(GET.links()) == []
    assert GET.successes == ["200"]


def test_what_gives_a_parameter() -> None:
    assert DOCUMENT.sources(GET) == {"id": CREATE}
    assert DOCUMENT.sources(CREATE) == {}


def test_a_schema_keeps_the_document_around_it() -> None:
    assert DOCUMENT.whole({"type": "object"}) == {"components": {"x": 1}, "info": {}, "type": "object"}
    assert DOCUMENT.find("get") is GET
    assert GET.name == "GET /a/{id}"
