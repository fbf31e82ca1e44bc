"""``image.scan`` and ``chart.score``: scanners that answer from a table, and the exit codes."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from kubetasks.aiops.scan import dockerfiles, image, objects
from kubetasks.aiops.scan.advice import ADVICE
from kubetasks.aiops.scan.findings import Scan, made, of_remarks
from kubetasks.aiops.scan.tools import INSTALL
from kubetasks.errors import ScanImpossible
from kubetasks.tools.scanners import PROGRAMS, Remark
from tests.recording import Call, RecordingRunner
from tests.samples import deployment
from tests.unit.aiops.scan.test_layers import image as archive
from tests.unit.tools.test_scanners import recorded

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
VALUES = {"API_KEY": "correct-horse-battery"}


def config(**more: Any) -> dict[str, Any]:
    return {"Size": 1000, "Created": "2026-05-30T00:00:00Z", "Config": {"User": "10001:10001"}, **more}


def scan(
    tmp_path: Path, *, of: dict[str, Any] | None = None, base: str = "2026-05-01T00:00:00Z", history: str = "",
    files: dict[str, str | bytes] | None = None,
) -> Scan:  # fmt: skip
    built = archive(tmp_path, files or {"x": "y"})

    def save(call: Call) -> str:
        Path(call.argv[3]).write_bytes(built.read_bytes())
        return ""

    def inspect(call: Call) -> str:
        return json.dumps({"Created": base} if call.argv[-1] == "base:1" else of or config())

    answers: dict[tuple[str, ...], Any] = {
        ("docker", "image", "inspect"): inspect, ("docker", "history"): history, ("docker", "save"): save,
    }  # fmt: skip
    return image.scan(RecordingRunner(answers), "shop/web:1", "base:1", env={}, values=VALUES, now=NOW)


def ids(found: Scan) -> dict[str, str]:
    return {each.id: each.severity for each in found.findings}


def test_a_good_image_has_no_findings(tmp_path: Path) -> None:
    assert scan(tmp_path).findings == []


@pytest.mark.parametrize(
    ("user", "found"),
    [("", "image.user-root"), ("root", "image.user-root"), ("0:0", "image.user-root"), ("app", "image.user-name")],
)
def test_the_user(tmp_path: Path, user: str, found: str) -> None:
    assert list(ids(scan(tmp_path, of=config(Config={"User": user})))) == [found]


@pytest.mark.parametrize(
    ("created", "found"),
    [
        ("2026-05-01T00:00:00Z", {}),
        ("2026-01-01T00:00:00Z", {"image.base-old": "warning"}),
        ("2024-01-01T00:00:00.123Z", {"image.base-old": "error"}),
        ("1970-01-01T00:00:00Z", {}),
        ("1980-01-01T00:00:01Z", {}),
        ("0001-01-01T00:00:00Z", {}),
        ("", {}),
        ("2024-01-01", {}),
    ],
)
def test_the_age_of_the_base(tmp_path: Path, created: str, found: dict[str, str]) -> None:
    assert ids(scan(tmp_path, base=created)) == found


def row(size: int, step: str) -> str:
    return json.dumps({"Size": str(size), "CreatedBy": step})


def test_sizes(tmp_path: Path) -> None:
    history = "\n".join([row(200 << 20, "RUN apt-get install password=hunter22"), row(100, "COPY . .")])
    found = scan(tmp_path, of=config(Size=900 << 20), history=history)
    assert ids(found) == {"image.large": "warning", "image.layer-large": "warning"}
    assert "200 MiB" in found.findings[1].cause
    assert "hunter22" not in str(found)


def test_secrets(tmp_path: Path) -> None:
    value = VALUES["API_KEY"]
    of = config(Config={"User": "1", "Env": ["DB_PASSWORD=hunter22", f"URL=x{value}", "PATH=/bin", "A_TOKEN="]})
    found = scan(tmp_path, of=of, history=row(1, f"RUN curl -H {value}"), files={"app/key.pem": "x", "app/.env": value})
    assert ids(found) == dict.fromkeys(["image.secret-env", "image.secret-history", "image.secret-file"], "critical")
    assert len(found.findings) == 4
    assert value not in str(found)
    assert "hunter22" not in str(found)


def test_caches(tmp_path: Path) -> None:
    found = scan(tmp_path, files={"var/lib/apt/lists/x": "y" * (2 << 20), "root/.cache/pip/x": "small"})
    assert [each.cause for each in found.findings] == ["it holds 2 MiB of apt lists"]


def test_an_image_that_is_not_there() -> None:
    runner = RecordingRunner({("docker",): (1, "", "No such image")})
    found = image.scan(runner, "shop/web:1", "base:1", env={}, values={}, now=NOW)
    assert found.notes == ["shop/web:1 is not built: inv image.build"]
    runner = RecordingRunner({("docker",): (1, "", "Cannot connect to the Docker daemon")})
    assert "does not answer" in image.scan(runner, "shop/web:1", "b", env={}, values={}, now=NOW).notes[0]


def test_dockerfiles(tmp_path: Path) -> None:
    runner = RecordingRunner({("hadolint",): (1, recorded("hadolint")), ("checkov",): (1, recorded("checkov"))})
    found = dockerfiles.scan(runner, tmp_path, ["Dockerfile"], [])
    assert {each.family for each in found.findings} == {"hadolint", "checkov"}
    assert next(each for each in found.findings if each.id == "hadolint.DL3002").fix.text == ADVICE["DL3002"]


def test_objects() -> None:
    answers: dict[tuple[str, ...], Any] = {
        ("kube-score",): (1, recorded("kube-score")), ("kubeconform",): (1, recorded("kubeconform")),
        ("checkov",): '{"passed": 1}',
    }  # fmt: skip
    runner = RecordingRunner(answers)
    found = objects.scan(runner, [deployment("web", "web:1")], "1.34", "", [])
    assert found.ordered()[0].id == "kubeconform.invalid"
    schemas = runner.argvs[1][runner.argvs[1].index("-schema-location") + 1]
    assert Path(schemas).with_name("deployment-apps-v1.json").is_file()


@pytest.mark.parametrize("tool", PROGRAMS)
def test_a_missing_scanner_is_one_line_with_the_command(tmp_path: Path, tool: str) -> None:
    others = frozenset(PROGRAMS) - {tool}
    runner = RecordingRunner({(name,): "[]" for name in ("hadolint", "kube-score", "checkov")}, others)
    runner.answers |= {("kubeconform",): "{}"}

    def run(wanted: list[str]) -> Scan:
        if tool == "hadolint":
            return dockerfiles.scan(runner, tmp_path, ["Dockerfile"], wanted)
        return objects.scan(runner, [], "1.34", "", wanted)

    assert run([]).notes == [f"{tool} is not installed: {INSTALL[tool]}"]
    with pytest.raises(ScanImpossible, match=f"{tool} is not installed") as refused:
        run([tool])
    assert refused.value.fix == INSTALL[tool]


@pytest.mark.parametrize("output", ["", "panic: out of memory", "<html>"])
def test_a_scanner_that_prints_nonsense(tmp_path: Path, output: str) -> None:
    runner = RecordingRunner({("hadolint",): (2, output, "")})
    with pytest.raises(ScanImpossible, match="exit code 2"):
        dockerfiles.scan(runner, tmp_path, ["Dockerfile"], ["hadolint"])


def test_the_threshold() -> None:
    found = Scan(
        [made("a", "warning", "x", "w", "f"), made("b", "critical", "x", "c", "f"), made("c", "error", "x", "e", "f")]
    )
    counts = {level: len(found.at_least(level)) for level in ("critical", "error", "warning", "never")}
    assert counts == {"critical": 1, "error": 2, "warning": 3, "never": 0}
    assert [each.id for each in found.ordered()] == ["b", "c", "a"]


def test_foreign_text_is_made_safe() -> None:
    (found,) = of_remarks("hadolint", [Remark("X", "error", "a\nb", "\x1b[31mred\u202e" + "y" * 500)])
    assert found.subject == "a b"
    assert "\x1b" not in found.cause
    assert len(found.cause) <= 120
