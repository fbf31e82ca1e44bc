"""Choosing a docker client that can build."""

import os
from pathlib import Path

import pytest

from kubetasks.errors import ToolMissing
from kubetasks.images.client import builder, candidates
from tests.recording import Answer, RecordingRunner

NEW, OLD = "/usr/local/bin/docker", "/usr/bin/docker"
NO_BUILDX = (1, "", "docker: unknown command: docker buildx\n")


def version(client: str) -> tuple[str, ...]:
    return (client, "version", "--format", "{{.Client.Version}}")


class Runner(RecordingRunner):
    def which(self, program: str) -> str | None:
        return program if program.startswith("/") else super().which(program)


@pytest.mark.parametrize(
    ("answers", "chosen"),
    [
        ({version(NEW): "28.2.2\n", (NEW, "buildx"): "github.com/docker/buildx v0.20\n"}, NEW),
        ({version(NEW): "28.2.2\n", (NEW, "buildx"): NO_BUILDX, version(OLD): "20.10.24+dfsg1\n"}, OLD),
        # The engine is down: the client still tells its own version, and fails.
        ({version(NEW): (1, "20.10.24\n", "Cannot connect to the Docker daemon")}, NEW),
        ({version(NEW): (1, "", "boom"), (NEW, "buildx"): NO_BUILDX, version(OLD): "19.03.1\n"}, OLD),
    ],
)
def test_takes_the_first_that_has_buildkit(answers: dict[tuple[str, ...], Answer], chosen: str) -> None:
    assert builder(Runner(answers), [NEW, OLD]) == chosen


def test_says_what_none_of_them_has() -> None:
    runner = Runner({version(NEW): "28.2.2\n", (NEW, "buildx"): NO_BUILDX})
    with pytest.raises(ToolMissing, match=r"/usr/local/bin/docker 28\.2\.2 has no buildx plugin"):
        builder(runner, [NEW])
    assert runner.argvs == [list(version(NEW)), [NEW, "buildx", "version"]]


def test_says_that_there_is_none() -> None:
    with pytest.raises(ToolMissing, match="docker is not installed"):
        builder(Runner({}), [])


def test_finds_every_client_once(tmp_path: Path) -> None:
    for folder in ("one", "two", "none"):
        (tmp_path / folder).mkdir()
    for folder in ("one", "two"):
        (tmp_path / folder / "docker").touch(0o755)
    path = os.pathsep.join(str(tmp_path / folder) for folder in ("two", "none", "one", "two"))
    found = candidates(RecordingRunner({}), path)
    assert found == ["/usr/bin/docker", str(tmp_path / "two/docker"), str(tmp_path / "one/docker")]
    assert candidates(RecordingRunner({}, frozenset()), "") == []
