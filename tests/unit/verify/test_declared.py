"""Declared secrets in journeys and checks, against a server that sends back whatever it got."""

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest

from kubetasks.console import Console
from kubetasks.errors import Forbidden, SettingsError
from kubetasks.settings import Settings, load
from kubetasks.verify import Report, verify
from kubetasks.verify.run import prepare
from tests.samples import CANARY
from tests.unit.verify.fakes import FakeStore, FakeTarget, application

VALUE = f"{CANARY} with a blank / and a 'quote'"


class Echo(BaseHTTPRequestHandler):
    """Answers with its request: the status of the header X-Status, and all of it as JSON."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        said = json.dumps({"path": self.path, "headers": dict(self.headers), "body": body}).encode()
        self.send_response(int(self.headers.get("X-Status") or 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextmanager
def echoing() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


JOURNEY = """
name: keys
steps:
  - name: "a key in ${PLACE}"
    request:
      method: POST
      path: "/a/${secret.API_KEY}"
      bearer: "${secret.API_KEY}"
      headers: {X-Key: "k ${secret.API_KEY}", X-Status: "STATUS"}
      query: {key: "${secret.API_KEY}"}
      json: {key: "${secret.API_KEY}"}
    expect: {body: {/headers/X-Key: "k ${secret.API_KEY}", /path: {contains: "nowhere"}}}
""".replace("${PLACE}", "all places")


def settings(journeys: list[str] | None = None, checks: list[Any] | None = None) -> Settings:
    section: dict[str, Any] = {
        "project": "notes",
        "services": {"web": {}},
        "secrets": {"API_KEY": {"into": "web-keys/key"}, "UNSET": {"kind": "optional"}},
        "verify": {"entry": "web", "journeys": journeys or [], "checks": checks or []},
    }
    return load(section, environ={})


SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "web-keys",
        "labels": {"app.kubernetes.io/managed-by": "kubetasks", "kubetasks.dev/project": "notes"},
    },
    "data": {"key": base64.b64encode(VALUE.encode()).decode()},
}


def outputs(chosen: Settings, root: Path, store: FakeStore | None = None) -> tuple[Report, str]:
    """The report, and everything that is said and written of it."""
    rendered, live = application()
    stream = io.StringIO()
    with echoing() as base:
        target = FakeTarget({"web": base}, store or FakeStore([*live, SECRET]))
        report = verify(chosen, root, target, rendered, Console(stream=stream))
    said = [stream.getvalue(), json.dumps(report.document()), report.to_junit(), report.to_html()]
    return report, "\n".join([*said, *(" ".join(row) for row in report.rows())])


def forms() -> list[str]:
    return [CANARY, quote(VALUE, safe=""), base64.b64encode(VALUE.encode()).decode().rstrip("=")[:-1]]


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_journey_sends_the_value_and_shows_it_nowhere(tmp_path: Path, status: int) -> None:
    (tmp_path / "j.yaml").write_text(JOURNEY.replace("STATUS", str(status)))
    report, said = outputs(settings(["j.yaml"]), tmp_path)
    [step] = [each for each in report.checks if each.layer == "journeys"]
    assert step.status == "fail"
    # The header came back as it was sent: only what was meant to differ does.
    assert ("body/path" if status == 200 else str(status)) in step.evidence
    assert "X-Key" not in step.evidence or status != 200
    assert not [form for form in forms() if form in said]


CHECKS: list[dict[str, Any]] = [
    {"path": "/x/${secret.API_KEY}", "body": {"/path": f"/x/{quote(VALUE, safe='')}"}},
    {"path": "/", "headers": {"X-Key": "${secret.API_KEY}"}, "body": {"/headers/X-Key": "${secret.API_KEY}"}},
    {"path": "/", "method": "POST", "json": {"k": ["${secret.API_KEY}"]}, "text": {"contains": CANARY}},
    {"path": "/", "headers": {"X-Key": "${secret.API_KEY}"}, "text": {"contains": "${secret.API_KEY}"}},
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("wrong", [{}, {"status": 404}, {"headers": {"X-Key": "${secret.API_KEY}", "X-Status": "500"}}])
def test_a_check_sends_the_value_and_shows_it_nowhere(
    tmp_path: Path, check: dict[str, Any], wrong: dict[str, Any]
) -> None:
    report, said = outputs(settings(checks=[{"name": "keys", **check, **wrong}]), tmp_path)
    [found] = [each for each in report.checks if each.layer == "checks"]
    assert found.status == ("fail" if wrong else "pass"), found.evidence
    assert not [form for form in forms() if form in said]


def test_a_secret_without_a_value_fails_what_needs_it_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "j.yaml").write_text(JOURNEY.replace("secret.API_KEY", "secret.UNSET").replace("STATUS", "200"))
    checks = [{"name": "a", "path": "/", "headers": {"X": "${secret.UNSET}"}}, {"name": "b", "path": "/"}]
    report, _ = outputs(settings(["j.yaml"], checks), tmp_path)
    found = {each.name: (each.status, each.evidence) for each in report.checks}
    assert found["keys: a key in all places"] == ("fail", "UNSET has no value in notes")
    assert found["a"] == ("fail", "UNSET has no value in notes")
    assert found["b"][0] == "pass"


def test_secrets_that_may_not_be_read(tmp_path: Path) -> None:
    class Closed(FakeStore):
        def get(self, kinds: Any, *, selector: str = "") -> Any:
            if "Secret" in kinds:
                raise Forbidden("you may not read Secrets")
            return super().get(kinds, selector=selector)

    checks = [{"name": "a", "path": "/", "headers": {"X": "${secret.API_KEY}"}}]
    _, live = application()
    report, _ = outputs(settings(checks=checks), tmp_path, Closed(live))
    assert {each.name: each.evidence for each in report.checks}["a"].startswith("the Secrets cannot be read")


def test_a_secret_that_is_not_declared_is_refused_before_anything_is_tried(tmp_path: Path) -> None:
    (tmp_path / "j.yaml").write_text(JOURNEY.replace("secret.API_KEY", "secret.API_KYE").replace("STATUS", "200"))
    with pytest.raises(SettingsError, match=r"there is no secret API_KYE in kubetasks.secrets; did you mean API_KEY"):
        prepare(settings(["j.yaml"]), tmp_path)
    for place in ({"path": "/${secret.NO}"}, {"path": "/", "json": {"a": ["${secret.NO}"]}}):
        with pytest.raises(SettingsError, match=r"checks\[0\]"):
            prepare(settings(checks=[{"name": "a", **place}]), tmp_path)


def test_a_variable_cannot_take_the_name_of_a_secret(tmp_path: Path) -> None:
    text = "name: a\nsteps:\n- {name: b, request: {path: /}, save: {secret.API_KEY: /x}}\n"
    (tmp_path / "j.yaml").write_text(text)
    with pytest.raises(SettingsError, match="save"):
        prepare(settings(["j.yaml"]), tmp_path)
