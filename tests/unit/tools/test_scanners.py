"""The scanners' command lines, and their real output."""

from pathlib import Path

import pytest

from kubetasks.tools import scanners

RECORDED = Path(__file__).parents[2] / "recorded" / "scanners"


def recorded(name: str) -> str:
    return (RECORDED / f"{name}.json").read_text(encoding="utf-8")


def test_hadolint() -> None:
    assert scanners.hadolint(["a", "b"]) == ["hadolint", "--format", "json", "a", "b"]
    found = scanners.parse_hadolint(recorded("hadolint"))
    assert [each.code for each in found] == ["DL3007", "DL3009", "DL3003", "DL3015", "DL3008", "DL3002", "DL3066"]
    assert (found[0].level, found[0].where) == ("warning", "-:1")
    assert found[0].link.endswith("/wiki/DL3007")


def test_hadolint_on_what_is_not_a_dockerfile() -> None:
    text = '[{"code":"DL1000","column":1,"file":"x","level":"error","line":1,"message":"unexpected"}]'
    assert scanners.parse_hadolint(text)[0].level == "error"


def test_kube_score() -> None:
    argv = scanners.kube_score("v1.34", without=["a-b"])
    assert argv[:3] == ["kube-score", "score", "--output-format"]
    assert argv[-3:] == ["--ignore-test", "a-b", "-"]
    found = scanners.parse_kube_score(recorded("kube-score"))
    assert {each.where for each in found} == {"Deployment/web"}
    assert ("container-image-tag", "error") in {(each.code, each.level) for each in found}
    assert all(each.what and "ignored" not in each.what for each in found)


def test_kubeconform() -> None:
    argv = scanners.kubeconform("/x/{{.ResourceKind}}.json", "1.34.0")
    assert argv[-3:] == ["-schema-location", "/x/{{.ResourceKind}}.json", "-"]
    assert "-schema-location" not in scanners.kubeconform("", "1.34.0")
    (found,), unchecked = scanners.parse_kubeconform(recorded("kubeconform"))
    assert unchecked == ""
    assert found.level == "critical"
    assert found.what == "at '/spec/template/spec/containers/0': additional properties 'bogus' not allowed"[
        5 - 5 :
    ] or ("'bogus' not allowed" in found.what)


def test_kubeconform_without_schemas_says_so() -> None:
    text = '{"resources": [{"kind": "X", "name": "y", "status": "statusError", "msg": "failed downloading schema"}]}'
    assert scanners.parse_kubeconform(text) == ([], "failed downloading schema")


def test_checkov() -> None:
    argv = scanners.checkov(["a", "b"], "kubernetes", without=["CKV_1", "CKV_2"])
    assert argv[-6:] == ["--file", "a", "--file", "b", "--skip-check", "CKV_1,CKV_2"]
    assert "--skip-download" in argv
    found = scanners.parse_checkov(recorded("checkov"))
    assert {each.code for each in found} == {"CKV_DOCKER_2", "CKV_DOCKER_7"}
    assert scanners.parse_checkov('{"passed": 0, "failed": 0}') == []
    row = '{"check_id": "C", "resource": "Deployment.shop.web", "severity": "HIGH"}'
    (one,) = scanners.parse_checkov(f'[{{"results": {{"failed_checks": [{row}]}}}}]')
    assert (one.where, one.level, one.what) == ("Deployment/web", "error", "C")


PARSERS = [scanners.parse_hadolint, scanners.parse_kube_score, scanners.parse_kubeconform, scanners.parse_checkov]


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("text", ["", "panic: oh", "null", "3", '[{"x": 1}]'])
def test_anything_else_is_not_a_report(parse: object, text: str) -> None:
    assert callable(parse)
    if parse is scanners.parse_checkov and text == '[{"x": 1}]':
        return
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        parse(text)
