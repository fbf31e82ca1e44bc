"""The one YAML loader. What Kubernetes' own tools make of these scalars was taken from Helm (`fromYaml | toJson`);
tests/chart compares with the program itself."""

import json
from typing import Any

import pytest

from kubetasks.documents import Located, NotYamlError, load, load_all, locate
from tests.scalars import PLAIN


@pytest.mark.parametrize("text", PLAIN)
def test_plain_scalars_are_read_as_kubernetes_reads_them(text: str) -> None:
    found = load(f"v: {text}")["v"]
    assert json.dumps(found) == json.dumps(PLAIN[text])


@pytest.mark.parametrize("text", [".inf", "-.Inf", "+.INF", ".nan", ".NaN"])
def test_a_number_that_json_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(NotYamlError, match="not a valid JSON number"):
        load(f"v: {text}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on: x", {"true": "x"}),
        ("no: x", {"false": "x"}),
        ("1: x", {"1": "x"}),
        ("0x10: x", {"16": "x"}),
        ("1.0: x", {"1": "x"}),
        ("1.5: x", {"1.5": "x"}),
        ("2026-01-01: x", {"2026-01-01": "x"}),
        ("=: x", {"=": "x"}),
        ("a: !!str 3", {"a": "3"}),
        ("a: !!bool yes", {"a": True}),
        ("a: &x {k: 1}\nb: {<<: *x, k: 2}", {"a": {"k": 1}, "b": {"k": 2}}),
        ("a: &x {k: 1}\nb: {<<: *x}\nc: {<<: *x}", {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1}}),
        ("a: &x {k: [1, {on: y}]}\nb: *x", {"a": {"k": [1, {"true": True}]}, "b": {"k": [1, {"true": True}]}}),
    ],
)
def test_keys_are_text(text: str, expected: Any) -> None:
    assert load(text) == expected


TWICE = [
    pytest.param("a: 1\nb: 2\na: 3\n", "line 3: key `a` is defined twice, the first time in line 1", id="top"),
    pytest.param(
        "a:\n  b: 1\n  c: 1\n  b: 1\n", "line 4: key `b` is defined twice, the first time in line 2", id="nested"
    ),
    pytest.param("- a: {b: 1, b: 2}\n", "line 1: key `b` is defined twice, the first time in line 1", id="flow"),
    pytest.param("a: 1\n'a': 2\n", "line 2: key `a` is defined twice, the first time in line 1", id="quoted"),
    pytest.param("x: &x {k: 1}\na: 1\nb: {<<: *x}\na: 2", "line 4: key `a` is defined twice", id="beside a merge"),
    pytest.param("x: {<<: {a: 1}, a: 1, a: 2}", "line 1: key `a` is defined twice", id="over a merge"),
    pytest.param("x: {<<: {a: 1, a: 2}}", "line 1: key `a` is defined twice", id="in a merge"),
]


@pytest.mark.parametrize(("text", "line"), TWICE)
@pytest.mark.parametrize("invoke", [False, True])
def test_the_same_key_twice_is_refused_with_both_lines(text: str, line: str, invoke: bool) -> None:
    with pytest.raises(NotYamlError) as caught:
        load(text, invoke=invoke)
    assert str(caught.value).startswith(line)


def test_every_document_of_a_stream_is_checked() -> None:
    assert load_all("---\n# nothing\n---\na: 1\n---\n- 2\n") == [{"a": 1}, [2]]
    with pytest.raises(NotYamlError, match="line 4: key `a`"):
        load_all("a: 1\n---\na: 1\na: 2\n")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [", 2, ""),
        ("a: b: c", 1, "mapping values are not allowed"),
        ("a: 1\n\tb: 2", 2, ""),
        ("a: !!python/object/apply:os.system [x]", 1, "could not determine a constructor"),
        ("a: !own 1", 1, "could not determine a constructor"),
        ("? [a, b]\n: x", 1, ""),
        ("~: x", 1, "a key must be a string"),
        ("a: 1\n---\nb: 1", 2, "another document"),
        ("a: b\x01", 0, ""),
        ("&a {b: *a}", 1, "recursive"),
        ("[" * 5000, 0, ""),
    ],
)
def test_what_is_not_yaml_is_one_line_with_its_number(text: str, line: int, words: str) -> None:
    with pytest.raises(NotYamlError) as caught:
        load(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert line in {0, caught.value.line}


def test_invokes_configuration_is_read_as_invoke_reads_it() -> None:
    found = load("a: yes\nb: y\nc: 1e3\nd: 12:30:45\n", invoke=True)
    assert found == {"a": True, "b": "y", "c": "1e3", "d": 45045}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("config:\n  on: x", "line 2: key `on` is not a string but bool: put it in quotes"),
        ("a: {8080: x}", "line 1: key `8080` is not a string but int: put it in quotes"),
        ("2026-01-01: x", "line 1: key `2026-01-01` is not a string but timestamp: put it in quotes"),
        ("~: x", "line 1: key `~` is not a string but null: put it in quotes"),
    ],
)
def test_a_key_of_invokes_configuration_must_be_text(text: str, line: str) -> None:
    with pytest.raises(NotYamlError) as caught:
        load(text, invoke=True)
    assert str(caught.value) == line


def test_a_value_is_located_by_its_keys() -> None:
    text = "a:\n  b: [1, yes]\n  c: {d: 2026-01-01}\n"
    assert locate(text, ["a", "b", "[1]"], "x.yaml") == Located("x.yaml", 2, "yes")
    assert locate(text, ["a", "c", "d"], "x.yaml") == Located("x.yaml", 3, "2026-01-01")
    assert locate(text, ["a", "b"], "x.yaml") == Located("x.yaml", 2, "")
    assert locate(text, ["a", "x"], "x.yaml") is locate("a: [", ["a"], "") is locate("", ["a"], "") is None


def test_an_empty_text_is_nothing() -> None:
    assert load("") is load("# nothing") is load("", invoke=True) is None


def test_of_keys_that_stand_twice_the_last_counts_where_that_is_wanted() -> None:
    assert load_all("a: 1\na: 2\n", twice=True) == [{"a": 2}]
    with pytest.raises(NotYamlError):
        load_all("a: 1\na: 2\n")
