"""What a journey expects."""

from typing import Any

import pytest

from kubetasks.verify.expect import malformed, pointers, unmet

DOCUMENT = {"a": "Hello World", "n": 3, "on": True, "none": None, "list": [{"id": 1, "t": "x"}, {"id": 2, "t": "y"}]}


@pytest.mark.parametrize(
    "wanted",
    [
        {"/a": "Hello World"}, {"/n": 3}, {"/on": True}, {"/none": None}, {"/list/1/id": 2},
        {"/a": {"contains": "world"}}, {"/a": {"lacks": "moon"}}, {"/a": {"matches": "^Hello .+d$"}},
        {"/a": {"type": "string", "length": 11}}, {"/n": {"type": "integer"}}, {"/n": {"type": "number"}},
        {"/on": {"type": "boolean"}}, {"/none": {"type": "null"}}, {"/list": {"length": 2, "type": "array"}},
        {"/list": {"any": {"/id": 2, "/t": {"contains": "y"}}}}, {"/list": {"none": {"/id": 3}}},
        {"/list": {"contains": {"id": 1, "t": "x"}}}, {"/list/0": {"id": 1, "t": "x"}},
        {"/missing": {"exists": False}}, {"/a": {"exists": True}}, {"": {"type": "object"}},
    ],
)  # fmt: skip
def test_met(wanted: dict[str, Any]) -> None:
    assert list(unmet(wanted, DOCUMENT)) == []


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"/a": "x"}, "body/a: expected equals x, found text: Hello World"),
        ({"/on": 1}, "body/on: expected equals 1, found True"),
        ({"/x": 1}, "body/x is missing"),
        ({"/x": {"exists": True}}, "body/x: expected exists True, found nothing"),
        ({"/a": {"contains": "moon"}}, "body/a: expected contains moon, found text: Hello World"),
        ({"/n": {"contains": "3"}}, "body/n: expected contains 3, found 3"),
        ({"/n": {"lacks": "4"}}, "body/n: expected lacks 4, found 3"),
        ({"/a": {"matches": "^x"}}, "body/a: expected matches ^x, found text: Hello World"),
        ({"/on": {"type": "integer"}}, "body/on: expected type integer, found True"),
        ({"/list": {"length": 1}}, "body/list: expected length 1, found a list of 2"),
        ({"/list": {"any": {"/id": 1, "/t": "y"}}}, "body/list: expected any {'/id': 1, '/t': 'y'}, found a list of 2"),
        ({"/list": {"none": {"/id": 1}}}, "body/list: expected none {'/id': 1}, found a list of 2"),
        ({"/list/0": {"id": 2}}, "body/list/0: expected equals {'id': 2}, found an object of 2"),
    ],
)
def test_unmet(wanted: dict[str, Any], told: str) -> None:
    assert list(unmet(wanted, DOCUMENT)) == [told]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"/a": {"contain": 1}}, "x[/a]: unknown matcher `contain`; there are equals, contains"),
        ({"/a": {"any": {"id": 1}}}, "x[/a].any: `id` is not a JSON pointer; it begins with /"),
        ({"/a": {"any": 3}}, "x[/a].any: expected a mapping of JSON pointers"),
        ({"/a": {"type": "text"}}, "x[/a].type: unknown type `text`"),
        ({"/a": {"matches": "("}}, "x[/a].matches: missing )"),
    ],
)
def test_malformed(wanted: dict[str, Any], told: str) -> None:
    assert next(pointers(wanted, "x")).startswith(told)


def test_plain_values_are_well_formed() -> None:
    assert list(malformed("x", "p")) == list(malformed(3, "p")) == list(malformed({"equals": {"a": 1}}, "p")) == []
