"""The layers together."""

import copy
import io
import json
from pathlib import Path

import pytest

from kubetasks.console import Console
from kubetasks.errors import ClusterUnreachable, SettingsError, ToolFailed
from kubetasks.objects import Objects
from kubetasks.redact import Redactor, Sensitive
from kubetasks.settings import Login, Settings, Verify
from kubetasks.verify import LAYERS, Report, verify
from tests.unit.verify.fakes import FakeStore, FakeTarget, application, service
from tests.unit.verify.server import CONTRACT, TOKEN, App, serving
from tests.unit.verify.test_play import JOURNEY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "openapi.json").write_text(json.dumps(CONTRACT))
    (tmp_path / "journey.yaml").write_text(JOURNEY)
    return tmp_path


def settings(entry: str = "web", /, **more: object) -> Settings:
    given = {"contract": "openapi.json", "journeys": ["journey.yaml"], **more}
    login = Login(operation="login", parameters={"user_id": "/user_id"})
    return Settings(project="notes", verify=Verify(entry=entry, login=login, **given))  # type: ignore[arg-type]


def states(report: Report) -> dict[str, set[str]]:
    return {layer: {check.status for check in report.checks if check.layer == layer} for layer in LAYERS}


def skipped(report: Report) -> set[tuple[str, str, str]]:
    return {(each.layer, each.name, each.evidence) for each in report.checks if each.evidence.startswith("not tried")}


def whys(report: Report) -> dict[str, str]:
    """The reason of each layer that was skipped as a whole."""
    return {check.layer: check.evidence for check in report.checks if check.name == "all"}


def test_all_holds(root: Path) -> None:
    app, out = App(), io.StringIO()
    rendered, live = application()
    with serving(app) as base:
        target = FakeTarget({"web": base}, FakeStore(live))
        report = verify(settings(), root, target, rendered, Console(stream=out))
    assert report.ok, report.failures
    found = {layer: found - {"skip"} for layer, found in states(report).items()}
    assert found == {layer: {"pass"} for layer in LAYERS} | {"images": set(), "checks": set()}
    assert (report.target, report.context, report.namespace) == ("kind", "kind-test", "notes")
    assert target.opened == target.closed == [("web", 80)]
    assert target.live.asked[1:2] == [["Pod"]]
    assert app.notes == {}
    assert TOKEN not in report.to_json() + report.to_junit() + out.getvalue()
    assert out.getvalue().splitlines()[:4] == [
        "✓ objects: 3 passed",
        "✓ rollout: 3 passed",
        "- images: `services` names nothing that is built",
        "✓ endpoints: 2 passed",
    ]


def test_the_rendered_objects_stay_as_they_are(root: Path) -> None:
    rendered, live = application()
    before = json.dumps(rendered)
    with serving(App()) as base:
        verify(settings(), root, FakeTarget({"web": base}, FakeStore(live)), rendered, Console(quiet=True))
    assert json.dumps(rendered) == before


def test_nothing_deployed(root: Path) -> None:
    rendered, _ = application()
    report = verify(settings(), root, FakeTarget(), rendered, Console(quiet=True))
    assert not report.ok
    assert states(report) == {"objects": {"fail"}, **{layer: {"skip"} for layer in LAYERS[1:]}, "checks": set()}
    reasons = {check.evidence for check in report.checks if check.status == "skip"}
    assert reasons == {"nothing is deployed in notes"}


def test_a_rollout_under_way_skips_what_would_try_old_pods(root: Path) -> None:
    rendered, live = application()
    live[0]["status"]["updatedReplicas"] = 1
    app = App()
    with serving(app) as base:
        report = verify(settings(), root, FakeTarget({"web": base}, FakeStore(live)), rendered, Console(quiet=True))
    assert states(report)["probes"] == {"pass"}
    assert skipped(report) == {
        ("rollout", "pods of earlier revisions", "not tried: rollout/Deployment/web failed"),
        ("contract", "contract", "not tried: rollout/Deployment/web failed"),
        ("journeys", "notes", "not tried: rollout/Deployment/web failed"),
    }
    assert app.made == 0


def test_drift_alone_does_not_skip_the_rest(root: Path) -> None:
    rendered, live = application()
    live[0]["metadata"]["labels"]["app"] = "other"
    with serving(App()) as base:
        report = verify(settings(), root, FakeTarget({"web": base}, FakeStore(live)), rendered, Console(quiet=True))
    assert [check.name for check in report.failures] == ["Deployment/web"]
    assert whys(report) == {}


def test_nothing_behind_the_entry(root: Path) -> None:
    rendered, live = application()
    target = FakeTarget({}, FakeStore(live[:3]))
    report = verify(settings(), root, target, rendered, Console(quiet=True))
    assert states(report)["endpoints"] == {"fail", "skip"}
    assert states(report)["probes"] == {"skip"}
    assert ("contract", "contract", "not tried: endpoints/Service/web failed") in skipped(report)
    assert ("probes", "Deployment/web /", "not tried: endpoints/Service/web failed") in skipped(report)
    assert target.opened == []


def test_no_way_to_the_entry(root: Path) -> None:
    rendered, live = application()
    del rendered[0]["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    del rendered[0]["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    target = FakeTarget({"web": ToolFailed("no way to service web:80")}, FakeStore(live))
    report = verify(settings(), root, target, rendered, Console(quiet=True))
    assert [(check.layer, check.name, check.evidence) for check in report.failures] == [
        ("endpoints", "the entry can be reached", "no way to service web:80")
    ]
    assert states(report)["contract"] == states(report)["journeys"] == {"skip"}


@pytest.mark.parametrize("entry", ["web:80", "web:http", "web"])
def test_the_entry_may_name_a_port(root: Path, entry: str) -> None:
    rendered, live = application()
    rendered[1]["spec"]["ports"].insert(0 if ":" in entry else 1, {"name": "other", "port": 81, "targetPort": 9})
    live[1]["spec"]["ports"] = rendered[1]["spec"]["ports"]
    with serving(App()) as base:
        target = FakeTarget({"web": base}, FakeStore(live))
        assert verify(settings(entry), root, target, rendered, Console(quiet=True)).ok
    assert target.opened == [("web", 80)]


def test_without_contract_and_journeys(root: Path) -> None:
    rendered, live = application()
    with serving(App()) as base:
        target = FakeTarget({"web": base}, FakeStore(live))
        bare = verify(settings(contract="", journeys=[]), root, target, rendered, Console(quiet=True))
        homeless = verify(settings(""), root, target, rendered, Console(quiet=True))
    assert bare.ok
    assert whys(bare) == {"contract": "`verify.contract` names no document"}
    assert [(each.name, each.evidence) for each in bare.checks if each.layer == "journeys"] == [
        ("GET / of Service web:80", "200 text/html")
    ]
    assert homeless.ok
    assert whys(homeless) == {}


def front(tmp_path: Path, app: App, rendered: Objects, live: Objects, entry: str = "") -> dict[str, tuple[str, str]]:
    """What came of the ways in, without a contract and journeys."""
    with serving(app) as base:
        target = FakeTarget({"web": base, "other": base}, FakeStore(live))
        found = verify(settings(entry, contract="", journeys=[]), tmp_path, target, rendered, Console(quiet=True))
    return {each.name: (each.status, each.evidence) for each in found.checks if each.layer == "journeys"}


def test_an_error_of_the_server_behind_the_entry_is_a_failure(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubetasks.verify.front.PATIENCE", 0.0)
    rendered, live = application()
    status, evidence = front(root, App({"all-500"}), rendered, live)["GET / of Service web:80"]
    assert (status, evidence[:41]) == ("fail", "expected a status below 500, found 500: o")


def test_a_host_of_an_ingress_is_sent(root: Path) -> None:
    rendered, live = application()
    path = {"path": "/shop", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "shop"},
        "spec": {"rules": [{"host": "shop.example", "http": {"paths": [path]}}]},
    }
    app = App()
    found = front(root, app, [*rendered, ingress], [*live, ingress])
    assert found == {"GET /shop of Service web:80 through Ingress/shop": ("pass", "401 application/json")}
    assert app.hosts[-1] == "shop.example"


def test_an_entry_that_is_not_clear_is_named(root: Path) -> None:
    rendered, live = application()
    other = copy.deepcopy(next(item for item in rendered if item["kind"] == "Service"))
    other["metadata"]["name"] = "other"
    with serving(App()) as base:
        target = FakeTarget({"web": base, "other": base}, FakeStore([*live, other]))
        found = verify(settings(""), root, target, [*rendered, other], Console(quiet=True))
    assert set(whys(found).values()) == {"several Services could be the entry (web, other): name one in `verify.entry`"}


def test_the_local_target_has_no_context(root: Path) -> None:
    rendered, live = application()
    with serving(App()) as base:
        target = FakeTarget({"web": base}, FakeStore(live), name="local", cluster=None)
        report = verify(settings(), root, target, rendered, Console(quiet=True))
    assert (report.target, report.context, report.namespace) == ("local", "", "notes")


def test_secrets_that_the_console_knows_are_hidden(root: Path) -> None:
    redactor = Redactor()
    redactor.add([Sensitive("out of order")])
    rendered, live = application()
    with serving(App({"list-500"})) as base:
        target = FakeTarget({"web": base}, FakeStore(live))
        report = verify(settings(), root, target, rendered, Console(hide=redactor, quiet=True))
    assert {check.layer for check in report.failures} == {"contract", "journeys"}
    assert "out of order" not in report.to_json()


@pytest.mark.parametrize("broken", ["contract", "journeys"])
def test_malformed_files_are_refused_before_anything_is_tried(root: Path, broken: str) -> None:
    (root / "bad").write_text("x: [")
    target = FakeTarget()
    value = ["bad"] if broken == "journeys" else "bad"
    with pytest.raises(SettingsError, match="bad is not valid YAML"):
        verify(settings("web", **{broken: value}), root, target, [service()], Console(quiet=True))
    assert target.live.asked == []


def test_an_unreachable_cluster_is_raised(root: Path) -> None:
    target = FakeTarget(live=FakeStore(error=ClusterUnreachable("no answer")))
    with pytest.raises(ClusterUnreachable):
        verify(settings(), root, target, [service()], Console(quiet=True))
