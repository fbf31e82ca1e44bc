"""The checks that settings describe."""

import re
from pathlib import Path
from typing import Any

import pytest

from kubetasks.console import Console
from kubetasks.errors import SettingsError
from kubetasks.settings import load
from kubetasks.verify import Report, verify
from tests.unit.verify.fakes import FakeStore, FakeTarget, application
from tests.unit.verify.server import App, serving


def settings(*checks: Any, entry: str = "web", **more: Any) -> Any:
    section = {"project": "notes", "services": {"web": {}}, "verify": {"entry": entry, "checks": list(checks), **more}}
    return load(section, environ={})


def run(*checks: Any, app: App | None = None, path: str = "") -> Report:
    rendered, live = application()
    with serving(app or App()) as base:
        for each in checks:
            if "url" in each:
                each["url"] = each["url"].replace("BASE", base)
        target = FakeTarget({"web": base}, FakeStore(live))
        return verify(settings(*checks), Path(path), target, rendered, Console(quiet=True))


def told(*checks: Any) -> list[tuple[str, str, str]]:
    report = run(*checks)
    return [(each.name, each.status, each.evidence) for each in report.checks if each.layer == "checks"]


def test_one_that_passes() -> None:
    [(name, status, evidence)] = told({"name": "page", "path": "/"})
    assert (name, status) == ("page", "pass")
    assert re.fullmatch(r"200 text/html in \d+ ms", evidence)


@pytest.mark.parametrize(
    ("more", "evidence"),
    [
        ({"status": 404}, "status: expected 404, found 200"),
        ({"status": "201|204"}, "status: expected 201 or 204, found 200"),
        ({"status": [201, 204]}, "status: expected 201 or 204, found 200"),
        ({"text": {"contains": "milk"}}, "text: expected contains milk, found text: "),
        ({"response_headers": {"content-type": "text/plain"}}, "header content-type: expected equals text/plain, "),
        ({"response_headers": {"X-Missing": {"exists": True}}}, "header X-Missing: expected exists True"),
        ({"body": {"/status": "ok"}}, "the body is not JSON"),
        ({"path": "/nothing"}, 'status: expected 200, found 401: {"detail": "no token"}'),
    ],
)
def test_one_that_fails(more: dict[str, Any], evidence: str) -> None:
    [(_, status, found)] = told({"name": "page", "path": "/", **more})
    assert status == "fail"
    assert found.startswith(evidence)


SESSION = {"name": "session", "path": "/api/session", "method": "POST", "status": "200|201"}


@pytest.mark.parametrize(
    ("body", "status"),
    [({"/user_id": {"type": "string"}}, "pass"), ({"/user_id": 7}, "fail"), ({"/nobody": {"exists": False}}, "pass")],
)
def test_json_is_compared(body: dict[str, Any], status: str) -> None:
    assert told({**SESSION, "body": body})[0][1] == status


def test_a_whole_url_and_a_service_by_name() -> None:
    found = told({"name": "a", "url": "BASE/"}, {"name": "b", "path": "/", "service": "web:80"})
    assert [status for _, status, _ in found] == ["pass", "pass"]


def test_no_answer() -> None:
    [(_, status, evidence)] = told({"name": "a", "url": "http://127.0.0.1:1/x"})
    assert status == "fail"
    assert evidence == "GET http://127.0.0.1:1/x: connection refused"


def test_a_slow_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("kubetasks.verify.http_checks.monotonic", lambda: float(next(clock)))
    [(_, status, evidence)] = told({"name": "slow", "path": "/", "latency": 200})
    assert (status, evidence) == ("fail", "it took 1000 ms, and 200 ms are allowed")
    assert told({"name": "slow", "path": "/", "latency": 1000})[0][1] == "pass"


def test_a_request_that_changes_something_is_sent_once() -> None:
    app = App()
    run({**SESSION, "latency": 1}, app=app)
    assert [line for line, _ in app.asked if "session" in line] == ["POST /api/session"]


def test_what_needs_the_service_is_not_tried_without_it() -> None:
    rendered, live = application()
    target = FakeTarget({}, FakeStore(live[:3]))
    report = verify(settings({"name": "page", "path": "/"}), Path(), target, rendered, Console(quiet=True))
    [found] = [each for each in report.checks if each.layer == "checks"]
    assert (found.status, found.evidence) == ("skip", "not tried: endpoints/Service/web failed")


def test_needs_are_kept() -> None:
    found = told({"name": "a", "path": "/nothing"}, {"name": "b", "path": "/", "needs": ["a"]})
    assert found[1] == ("b", "skip", "not tried: checks/a failed")


@pytest.mark.parametrize(
    ("check", "line"),
    [
        ({"path": "/"}, "setting `kubetasks.verify.checks[0]`: Object missing required field `name` -- "),
        (
            {"name": "a", "path": "/", "stauts": 200},
            "unknown setting `kubetasks.verify.checks[0].stauts` -- did you mean `status`?",
        ),
        ({"name": "a"}, "setting `kubetasks.verify.checks[0]`: it has neither a path nor a url -- give a path"),
        ({"name": "a", "path": "/", "url": "http://x/"}, "setting `kubetasks.verify.checks[0]`: path and url exclude"),
        ({"name": "a", "path": "health"}, "setting `kubetasks.verify.checks[0].path`: it is not a valid request "),
        ({"name": "a", "path": "/a b"}, "setting `kubetasks.verify.checks[0].path`: it is not a valid request "),
        ({"name": "a", "path": "/a\r\nX: y"}, "setting `kubetasks.verify.checks[0].path`: it is not a valid request "),
        ({"name": "a", "url": "ftp://x/"}, "setting `kubetasks.verify.checks[0].url`: it is not an http or https URL"),
        ({"name": "a", "url": "http://x/", "service": "web"}, "setting `kubetasks.verify.checks[0].service`: the url "),
        ({"name": "a", "path": "/", "service": "Web!"}, "setting `kubetasks.verify.checks[0].service`: it is not SERV"),
        (
            {"name": "a", "path": "/", "method": "GTE"},
            "setting `kubetasks.verify.checks[0].method`: unknown value -- choose one of GET, HEAD, OPTIONS, POST, ",
        ),
        ({"name": "a", "path": "/", "status": 99}, "setting `kubetasks.verify.checks[0].status`: it is not a status"),
        ({"name": "a", "path": "/", "status": "2xx"}, "setting `kubetasks.verify.checks[0].status`: it is not a stat"),
        ({"name": "a", "path": "/", "status": []}, "setting `kubetasks.verify.checks[0].status`: it is not a status"),
        (
            {"name": "a", "path": "/", "latency": -1},
            "setting `kubetasks.verify.checks[0].latency`: Expected `int` >= 0",
        ),
        ({"name": "a", "path": "/", "latency": "fast"}, "setting `kubetasks.verify.checks[0].latency`: Expected `int`"),
        ({"name": "a,b", "path": "/"}, "setting `kubetasks.verify.checks[0].name`: it must be a printable text"),
        ({"name": "a", "path": "/", "headers": {"X Y": "z"}}, "setting `kubetasks.verify.checks[0].headers.X Y`: it "),
        (
            {"name": "a", "path": "/", "headers": {"X": "y\r\nZ: 1"}},
            "setting `kubetasks.verify.checks[0].headers.X`: it cannot be sent as a header",
        ),
        ("text", "setting `kubetasks.verify.checks[0]`: Expected `object`, got `str`"),
    ],
)
def test_bad_settings_are_refused_with_their_path(check: Any, line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(check)
    assert refused.value.line.startswith(line)
    assert "\n" not in refused.value.line


def test_names_are_unique() -> None:
    with pytest.raises(SettingsError, match=r"verify\.checks\[1\]\.name.*another check has the name a"):
        settings({"name": "a", "path": "/"}, {"name": "a", "path": "/x"})


def test_a_path_without_an_entry_asks_the_one_that_is_inferred() -> None:
    assert settings({"name": "a", "path": "/"}, entry="")
    assert settings({"name": "a", "path": "/", "service": "web"}, entry="")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"body": {"/a": {"contain": "x"}}},
            "setting `kubetasks.verify.checks[0].body[/a]`: unknown matcher `contain`; there are equals, contains, ",
        ),
        ({"body": {"a": 1}}, "setting `kubetasks.verify.checks[0].body`: `a` is not a JSON pointer; it begins with /"),
        (
            {"body": {"/a": {"type": "strng"}}},
            "setting `kubetasks.verify.checks[0].body[/a].type`: unknown type `strng`",
        ),
        ({"text": {"matches": "("}}, "setting `kubetasks.verify.checks[0].text.matches`: missing )"),
        ({"response_headers": {"x": {"zzz": 1}}}, "setting `kubetasks.verify.checks[0].response_headers.x`: unknown "),
        (
            {"service": "wbe"},
            "setting `kubetasks.verify.checks[0].service`: there is no Service wbe -- did you mean `web`?",
        ),
        (
            {"needs": ["contrat"]},
            "setting `kubetasks.verify.checks[0].needs`: there is no layer or check `contrat` -- ",
        ),
    ],
)
def test_what_only_the_rendered_objects_tell_is_refused_before_anything_is_tried(
    more: dict[str, Any], line: str
) -> None:
    rendered, live = application()
    target = FakeTarget({}, FakeStore(live))
    with pytest.raises(SettingsError) as refused:
        verify(settings({"name": "a", "path": "/", **more}), Path(), target, rendered, Console(quiet=True))
    assert refused.value.line.startswith(line)
    near = re.search("did you mean `(.*)`", refused.value.fix)
    assert near is None or near[1] in {"contains", "string", "web", "contract"}
    assert target.live.asked == []


def test_no_variable_stands_for_the_list() -> None:
    with pytest.raises(SettingsError, match="unknown setting in the environment: KUBETASKS_VERIFY_CHECKS"):
        load({"project": "notes"}, environ={"KUBETASKS_VERIFY_CHECKS": "a"})
