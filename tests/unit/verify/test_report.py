"""The report: counts, table, JSON and JUnit XML, and that nothing private gets into it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from kubetasks.redact import Redactor, Sensitive
from kubetasks.verify.report import COLUMNS, Report
from kubetasks.verify.results import LONGEST, Layer, Result, scrub

SCHEMA = Path(__file__).parents[3] / "docs" / "verify-report.schema.json"
CHECKS = (
    Result("objects", "Deployment/web", "pass", "as rendered", 0.1),
    Result("objects", "Service/web", "fail", 'expected <a> & "b"', 0.2),
    Result("contract", "all", "skip", "objects must hold first"),
)


def report(*checks: Result) -> Report:
    return Report(checks, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "kind", "kind-test", "notes", 1.2345)


def test_ok_needs_a_check_that_holds_and_none_that_fails() -> None:
    assert not report(*CHECKS).ok
    assert report(CHECKS[0], CHECKS[2]).ok
    assert not report(CHECKS[2]).ok
    assert not report().ok


def test_summary() -> None:
    assert report(*CHECKS).summary == "1 of 2 checks failed: objects: Service/web"
    assert report(*[CHECKS[1]] * 5).summary.endswith("objects: Service/web and 2 more")
    assert report(CHECKS[0]).summary == "1 checks passed"
    assert report(CHECKS[2]).summary == "nothing was checked"


def test_rows_fit_the_columns_and_cut_what_holds_but_not_what_fails() -> None:
    long = "x" * 300
    rows = report(*CHECKS, Result("probes", "a", "pass", long), Result("probes", "b", "fail", long)).rows()
    assert rows[0] == ["objects", "Deployment/web", "pass", "as rendered"]
    assert all(len(row) == len(COLUMNS) for row in rows)
    assert len(rows[3][3]) == 110
    assert rows[4][3] == long


def test_json_is_as_documented() -> None:
    document = json.loads(report(*CHECKS).to_json())
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(document)
    assert document["version"] == 1
    assert document["counts"] == {"pass": 1, "fail": 1, "skip": 1}
    assert document["started"] == "2026-01-02T03:04:05+00:00"
    assert document["checks"][1] == {
        "layer": "objects", "name": "Service/web", "status": "fail", "evidence": 'expected <a> & "b"', "seconds": 0.2,
        "started": 0.0,
    }  # fmt: skip


def test_junit_has_a_suite_for_each_layer() -> None:
    root = ET.fromstring(report(*CHECKS).to_junit())  # noqa: S314  (our own)
    assert root.attrib["tests"] == "3"
    assert root.attrib["failures"] == "1"
    assert root.attrib["skipped"] == "1"
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [("objects", "2"), ("contract", "1")]
    assert root[0].get("timestamp") == "2026-01-02T03:04:05"
    failure = root[0][1][0]
    assert failure.tag == "failure"
    assert failure.get("message") == 'expected <a> & "b"'
    assert root[1][0][0].tag == "skipped"


def test_junit_survives_characters_that_xml_forbids() -> None:
    layer = Layer("probes")
    layer.failed("a\x00b", "bell \x07, lone \ud800, colour \x1b[31m")
    root = ET.fromstring(report(*layer.checks).to_junit())  # noqa: S314
    assert root[0][0].get("name") == "a?b"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer canary-1234567",
        'sent {"token": "canary-1234567"}',
        "{'access_token': 'canary-1234567'}",
        '{"client-secret" : "canary-1234567"}',
        "got eyJcanary-1234567.eyJcanary.sig-canary",
        'password="canary-1234567"',
    ],
)
def test_what_looks_like_a_token_is_hidden(text: str) -> None:
    assert "canary" not in scrub(text)


def test_ordinary_words_stay() -> None:
    assert scrub("a bearer of news, no token given: 401") == "a bearer of news, no token given: 401"


def test_a_layer_hides_cuts_and_counts() -> None:
    redactor = Redactor()
    redactor.add([Sensitive("canary")])
    layer = Layer("objects", redactor)
    layer.passed("canary", "the canary\n  sings")
    assert layer.checks[0].status == "pass"
    assert not layer.judged("b", ["one", "two canary"])
    layer.skipped("c", "x" * 2000)
    assert [check.evidence for check in layer.checks[:2]] == ["the *** sings", "one; two ***"]
    assert layer.checks[0].name == "***"
    assert len(layer.checks[2].evidence) == LONGEST
    assert not layer.ok
    assert layer.summary == "1 passed, 1 failed, 1 skipped"
    assert Layer("probes").summary == "nothing to check"
