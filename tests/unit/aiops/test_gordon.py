"""Gordon is detected, given a prompt, and never started."""

import json

import pytest

from kubetasks.aiops import gordon
from kubetasks.aiops.scan.findings import Scan, made
from tests.recording import Answer, RecordingRunner

DESKTOP = {"OperatingSystem": "Docker Desktop", "ClientInfo": {"Plugins": [{"Name": "buildx"}, {"Name": "ai"}]}}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (json.dumps(DESKTOP), ""),
        (json.dumps({**DESKTOP, "OperatingSystem": "Debian GNU/Linux 12"}), "the engine is Debian"),
        (json.dumps({**DESKTOP, "OperatingSystem": ""}), "no engine answers"),
        (json.dumps({**DESKTOP, "ClientInfo": {"Plugins": None}}), "has no `docker ai`"),
        (json.dumps({"OperatingSystem": "Docker Desktop"}), "has no `docker ai`"),
        ((1, "", "Cannot connect"), "nothing that can be read"),
    ],
)
def test_whether_it_is_there(answer: Answer, why: str) -> None:
    runner = RecordingRunner({("docker", "info"): answer})
    found = gordon.detect(runner)
    assert found.there is (why == "")
    assert why in found.why
    assert all(call.argv[1] == "info" for call in runner.calls)


def test_without_docker() -> None:
    assert gordon.detect(RecordingRunner(programs=frozenset())).why == "docker is not installed"


def test_the_prompt_has_the_findings_and_no_secret() -> None:
    scan = Scan([made("x", "error", "Dockerfile:3", "it runs as root, password=hunter22", "USER 1")])
    text = gordon.prompt(scan, ["Dockerfile"], lambda each: each.replace("root", "***"))
    assert "Dockerfile:3: it runs as ***" in text
    assert "hunter22" not in text
    assert "wait for my approval" in text


def test_the_prompt_is_limited() -> None:
    scan = Scan([made(f"x{number}", "error", "D" * 190, "y" * 100, "z" * 300) for number in range(100)])
    assert len(gordon.prompt(scan, ["Dockerfile"], str).encode()) <= gordon.LONGEST
