"""``python -m kubetasks``: Invoke, with a damaged configuration told in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    (folder / "tasks.py").write_text("from kubetasks import collection\n\nnamespace = collection\n")
    return subprocess.run(
        [sys.executable, "-m", "kubetasks", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", ["kubetasks: [unclosed\n", "kubetasks:\n\tproject: x\n", "a: b: c\n"])
def test_a_damaged_invoke_yaml_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "invoke.yaml").write_text(text)
    done = run(tmp_path, "plan")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "invoke.yaml, line" in done.stderr


def test_a_sound_one_runs_invoke(tmp_path: Path) -> None:
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x}\n")
    done = run(tmp_path, "--list")
    assert done.returncode == 0, done.stderr
    assert "deploy" in done.stdout
