"""``python -m kubetasks``: Invoke, with a damaged configuration told in one line."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: s}
spec:
  selector: {matchLabels: {app: s}}
  template:
    metadata: {labels: {app: s}}
    spec: {containers: [{name: s, image: s}]}
"""


def run(folder: Path, *words: str, redirect: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    """Run it; ``redirect`` is what follows the command line in a shell, such as a redirection."""
    (folder / "tasks.py").write_text("from kubetasks import collection\n\nnamespace = collection\n")
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirect}', "bash", sys.executable, "-m", "kubetasks", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder), **more},
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


@pytest.mark.parametrize(
    "content", [b"- a\n- b\n", b"hello\n", b"run: 5\n", b"kubetasks: {project: '\xff'}\n", b"kubetasks: a\x01b\n"]
)
def test_an_invoke_yaml_that_is_no_mapping_of_text_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "invoke.yaml").write_bytes(content)
    done = run(tmp_path, "plan")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"{tmp_path / 'invoke.yaml'} cannot be used" in done.stderr
    assert len(done.stderr) < 400, "not all of Invoke's defaults"


def test_a_folder_in_its_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "invoke.yaml").mkdir()
    done = run(tmp_path, "plan")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "Is a directory" in done.stderr


def test_a_flag_that_is_no_number_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, "logs", "--tail", "many")
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr
    assert "'many'" in done.stderr


def test_a_fault_is_one_line_and_whole_with_debug(tmp_path: Path) -> None:
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x}\n")
    run(tmp_path, "--list")  # writes tasks.py
    (tmp_path / "boom.py").write_text(
        "from invoke import Collection, task\n@task\ndef boom(c):\n    {}['gone']\nnamespace = Collection(boom)\n"
    )
    done = run(tmp_path, "-c", "boom", "boom")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "KeyError in" in done.stderr
    assert "boom.py, line 4: 'gone'" in done.stderr
    assert "Traceback" in run(tmp_path, "--debug", "-c", "boom", "boom").stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams_do_not_matter(tmp_path: Path, closed: str) -> None:
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x}\n")
    done = run(tmp_path, "secret.check", "--target", "local", redirect=closed)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("words", "redirect", "code"),
    [
        (["--list"], ">/dev/full", 33),
        (["secret.check", "--target", "local", "--json"], ">/dev/full", 33),
        (["secret.check", "--target", "local"], ">/dev/full", 33),
        (["plan", "--target", "knid"], ">/dev/full", 3),
        (["plan", "--target", "knid"], "2>/dev/full", 3),
        (["--list"], ">/dev/full 2>&1", 33),
    ],
)
def test_a_full_disk_is_one_line(tmp_path: Path, words: list[str], redirect: str, code: int) -> None:
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x, secrets: {A: {kind: optional}}}\n")
    done = run(tmp_path, *words, redirect=redirect)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) <= 1
    assert "ignored" not in done.stderr


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = 'cd gone; rmdir ../gone; exec "$@" --search-root "$0" plan --target local --env-file x.env'
    (tmp_path / "tasks.py").write_text("from kubetasks import collection\n\nnamespace = collection\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x, services: {s: {}}}\n")
    done = subprocess.run(
        ["bash", "-c", script, str(tmp_path), sys.executable, "-P", "-m", "kubetasks"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "the current folder no longer exists" in done.stderr


@pytest.mark.parametrize("words", [["--list"], ["plan", "--target", "local"], ["secret.check", "--target", "local"]])
def test_warnings_that_are_errors_do_not_matter(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "manifests/overlays/sqlite").mkdir(parents=True)
    (tmp_path / "manifests/overlays/sqlite/kustomization.yaml").write_text("resources: [s.yaml]\n")
    (tmp_path / "manifests/overlays/sqlite/s.yaml").write_text(WORKLOAD)
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x, services: {s: {}}}\n")
    done = run(tmp_path, *words, PYTHONWARNINGS="error")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_user_without_a_home_folder(tmp_path: Path) -> None:
    """As in a container with a number for a user: neither HOME nor an entry in the password database."""
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x, secrets: {A: {kind: optional}}}\n")
    (tmp_path / "nobody.py").write_text(
        "import pathlib\n\n\ndef home():\n    raise RuntimeError\n\n\npathlib.Path.home = home\n"
    )
    (tmp_path / "early.py").write_text("import nobody\nfrom kubetasks import collection\n\nnamespace = collection\n")
    done = run(tmp_path, "-c", "early", "secret.check", "--target", "local")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    done = run(tmp_path, "--list", redirect="> >(exec true); wait $!")
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_an_output_in_ascii_is_written(tmp_path: Path) -> None:
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x, services: {s: {context: 'ü'}}}\n")
    done = run(tmp_path, "plan", "--target", "local", PYTHONIOENCODING="ascii", LC_ALL="C.UTF-8")
    assert done.returncode == 30, done.stderr
    assert "Traceback" not in done.stderr


# GNU env, as ./inv uses it where it is there.
CAN_BLOCK = subprocess.run(["env", "--block-signal=INT", "true"], capture_output=True, check=False).returncode == 0


def press(folder: Path, after: float, *words: str) -> tuple[float, int, str]:
    """Start it as ./inv does and press Ctrl-C after so many seconds; these, the exit code and what was said."""
    started = subprocess.Popen(
        ["env", "--block-signal=INT", sys.executable, "-P", "-m", "kubetasks", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGINT)
    _, err = started.communicate(timeout=60)
    return after, started.returncode, err


@pytest.mark.skipif(not CAN_BLOCK, reason="env cannot block signals here")
@pytest.mark.parametrize("words", [["--list"], ["plan", "--target", "local"]])
def test_ctrl_c_at_any_moment_is_one_line(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "tasks.py").write_text("from kubetasks import collection\n\nnamespace = collection\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x, services: {s: {}}}\n")
    overlay = tmp_path / "manifests/overlays/sqlite"
    overlay.mkdir(parents=True)
    (overlay / "kustomization.yaml").write_text("resources: []\n")
    chosen = random.Random(8)  # noqa: S311
    moments = [chosen.uniform(0, 0.6) for _ in range(24)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda after: press(tmp_path, after, *words), moments))
    odd = [(after, code, err) for after, code, err in found if code not in {0, 130, -signal.SIGINT} or "Trace" in err]
    assert odd == []
    assert [err for _, code, err in found if code == 130 and not re.fullmatch("error: interrupted.*\n", err)] == []
    assert any(code == 130 for _, code, _ in found)


def test_ctrl_c_before_a_task_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "early.py").write_text("raise KeyboardInterrupt\n")
    done = run(tmp_path, "-c", "early", "--list")
    assert (done.returncode, len(done.stderr.splitlines())) == (130, 1), done.stderr
    assert "interrupted" in done.stderr


def test_a_plan_for_a_folder_that_is_read_only_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "manifests/overlays/sqlite").mkdir(parents=True)
    (tmp_path / "manifests/overlays/sqlite/kustomization.yaml").write_text("resources: [s.yaml]\n")
    (tmp_path / "manifests/overlays/sqlite/s.yaml").write_text(WORKLOAD)
    (tmp_path / "invoke.yaml").write_text(
        "kubetasks: {project: x, services: {s: {context: s, dockerfile: s/Dockerfile}}}\n"
    )
    done = run(tmp_path, "plan", "--target", "local")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / ".kubetasks").exists()


def test_a_project_without_services_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "deploy", "--target", "local")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "defines no services" in done.stderr
    assert not (tmp_path / ".kubetasks").exists()


def test_a_project_whose_images_are_all_pulled_needs_no_services(tmp_path: Path) -> None:
    (tmp_path / "k8s").mkdir()
    (tmp_path / "k8s/a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    (tmp_path / "invoke.yaml").write_text("kubetasks: {project: x, manifests: [k8s]}\n")
    done = run(tmp_path, "plan", "--target", "local")
    assert done.returncode == 0, done.stderr


def without_tasks(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run it in a folder that has no tasks.py, as the program `kubetasks` does."""
    return subprocess.run(
        [sys.executable, "-c", "from kubetasks.main import main; main()", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_tasks_file_the_tasks_are_ours(tmp_path: Path) -> None:
    assert "deploy" in without_tasks(tmp_path, "--list").stdout
    (tmp_path / "invoke.yaml").write_text("kubetasks: {projekt: x}\n")
    (tmp_path / "deep").mkdir()
    done = without_tasks(tmp_path / "deep", "plan")
    assert (done.returncode, done.stderr) == (
        2,
        "error: unknown setting `kubetasks.projekt` -- did you mean `project`?\n",
    )


def test_a_tasks_file_counts_wherever_it_is(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from invoke.tasks import task\n\n\n@task\ndef own(c): ...\n")
    (tmp_path / "deep").mkdir()
    done = without_tasks(tmp_path / "deep", "--list")
    assert "own" in done.stdout
    assert "deploy" not in done.stdout
