"""The sandboxes: whole argument vectors, which one is chosen, and what bubblewrap keeps apart."""

import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from kubetasks.aiops import sandbox
from kubetasks.aiops.sandbox import Bubblewrap, Container, Unsandboxed, Work
from kubetasks.environment import Exact
from kubetasks.errors import SandboxMissing, ToolTimeout
from kubetasks.runner import SystemRunner
from tests.recording import Answer, RecordingRunner

SLEEP = 200_000 + os.getpid()  # seconds; of no other run of these tests
IMAGE = "python:3.11-slim"
WORKS: Answer = ""
FAILS: Answer = (1, "", "bwrap: No permissions to create new namespace")


def work(argv: list[str], **more: object) -> Work:
    return Work(argv, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "programs", "bwrap", "docker", "wanted"),
    [
        ("auto", {"bwrap", "docker"}, WORKS, WORKS, "bubblewrap"),
        ("auto", {"docker"}, WORKS, WORKS, "container"),
        ("auto", {"bwrap", "docker"}, FAILS, WORKS, "container"),
        ("auto", {"bwrap"}, FAILS, WORKS, ""),
        ("auto", {"docker"}, WORKS, (1, "", "no such image"), ""),
        ("auto", set(), WORKS, WORKS, ""),
        ("bubblewrap", {"bwrap", "docker"}, FAILS, WORKS, ""),
        ("container", {"bwrap", "docker"}, WORKS, WORKS, "container"),
        ("container", {"bwrap"}, WORKS, WORKS, ""),
    ],
)
def test_which_one_is_chosen(kind: str, programs: set[str], bwrap: Answer, docker: Answer, wanted: str) -> None:
    runner = RecordingRunner({("bwrap",): bwrap, ("docker", "image", "inspect"): docker}, frozenset(programs))
    if wanted:
        assert sandbox.choose(kind, runner, IMAGE).name == wanted
        return
    with pytest.raises(SandboxMissing) as refused:
        sandbox.choose(kind, runner, IMAGE)
    assert "--unsandboxed" in refused.value.fix
    assert refused.value.why


def test_the_whole_argv_of_bubblewrap(tmp_path: Path) -> None:
    runner = RecordingRunner({("bwrap",): "out"})
    job = Work(["kubectl-ai", "why?"], {"kubectl": "/opt/kubectl"}, {6443: tmp_path / "api.sock"},
               {"kubeconfig": tmp_path / "config"}, {"A": "b"})  # fmt: skip
    assert Bubblewrap().run(job, runner).stdout == "out"
    [call] = runner.calls
    argv = call.argv
    assert argv[:7] == [
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--ro-bind",
    ]
    assert "--share-net" not in argv
    assert "--bind" not in argv  # nothing outside can be written to
    assert "--dev-bind" not in argv
    outside = [argv[index + 1] for index, word in enumerate(argv) if word == "--ro-bind"]
    system = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", os.path.realpath(sys.base_prefix)}
    given = {str(sandbox.RELAY), "/opt/kubectl", str(tmp_path / "api.sock"), str(tmp_path / "config")}
    assert set(outside) <= system | given
    tail = argv[argv.index("--") + 1 :]
    assert tail == [os.path.realpath(sys.executable), "-I", "-S", "/run/kubetasks/relay.py",
                    "6443=/run/kubetasks/6443.sock", "--", "kubectl-ai", "why?"]  # fmt: skip
    assert argv[argv.index("--") - 2 : argv.index("--")] == ["--remount-ro", "/"]
    assert call.exact
    assert set(call.env) == {"PATH", "HOME", "TMPDIR", "USER", "LANG", "TERM", "NO_COLOR", "KUBECTL_KUBERC", "A"}


def test_the_whole_argv_of_a_container(tmp_path: Path) -> None:
    runner = RecordingRunner({("docker", "run"): (3, "out"), ("docker", "rm"): ""})
    job = Work(["kubectl-ai", "why?"], {"kubectl": "/opt/kubectl"}, {8080: tmp_path / "model.sock"})
    assert Container(IMAGE).run(job, runner).code == 3
    [run, remove] = runner.argvs
    name = run[run.index("--name") + 1]
    assert remove == ["docker", "rm", "--force", name]
    text = " ".join(run)
    needs = ["--read-only", "--network none", "--cap-drop ALL", "--security-opt no-new-privileges", "--pull never"]
    needs += ["--pids-limit 256", "--memory 1g", f"--user {os.getuid()}:{os.getgid()}", "--rm"]
    for needed in needs:
        assert f" {needed} " in text
    mounts = [run[index + 1] for index, word in enumerate(run) if word == "--mount"]
    assert len(mounts) == 3
    assert all(each.endswith(",readonly") for each in mounts)
    assert "docker.sock" not in text
    assert "--privileged" not in text
    assert "-v" not in run
    assert run[run.index("--entrypoint") :] == [
        "--entrypoint", "python3", IMAGE, "-I", "-S", "/run/kubetasks/relay.py", "8080=/run/kubetasks/8080.sock", "--",
        "kubectl-ai", "why?",
    ]  # fmt: skip


def test_without_a_sandbox_home_and_environment_are_still_its_own(tmp_path: Path) -> None:
    runner = RecordingRunner({(os.path.realpath(sys.executable),): "out"})
    (tmp_path / "kubectl").write_text("")
    Unsandboxed(tmp_path).run(Work(["kubectl-ai", "why?"], {"kubectl": str(tmp_path / "kubectl")}), runner)
    [call] = runner.calls
    assert call.exact
    assert call.env["HOME"] == call.env["TMPDIR"] == str(tmp_path)
    assert str(call.env["PATH"]).startswith(f"{tmp_path}/bin:")
    assert (tmp_path / "bin" / "kubectl").is_symlink()


def test_exit_codes_and_both_outputs_come_through(runner: SystemRunner) -> None:
    result = Bubblewrap().run(work(["sh", "-c", "echo out; echo err >&2; exit 7"]), runner)
    assert (result.code, result.stdout, result.stderr) == (7, "out\n", "err\n")


def test_a_program_that_is_not_there(runner: SystemRunner) -> None:
    result = Bubblewrap().run(work(["no-such-program"]), runner)
    assert result.code == 125
    assert "no-such-program" in result.stderr


def test_outputs_are_cut(runner: SystemRunner) -> None:
    result = Bubblewrap().run(work(["sh", "-c", "yes | head -c 5000000; echo end >&2"]), runner)
    assert (len(result.stdout), result.stderr) == (1_000_000, "end\n")


def test_nothing_comes_in_from_the_terminal(runner: SystemRunner) -> None:
    assert Bubblewrap().run(work(["sh", "-c", "cat; echo read"]), runner).stdout == "read\n"


def test_the_clean_environment(runner: SystemRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_USER", "secret")
    seen = Bubblewrap().run(work(["env"], env={"MINE": "1"}), runner).stdout
    assert "OF_THE_USER" not in seen
    assert "MINE=1" in seen
    assert "HOME=/home/kubetasks" in seen


def test_the_time_limit_ends_everything(runner: SystemRunner) -> None:
    with pytest.raises(ToolTimeout):
        Bubblewrap().run(work(["sh", "-c", f"sleep {SLEEP} & sleep {SLEEP}"], timeout=2.0), runner)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _sleeps():
        time.sleep(0.1)
    assert not _sleeps()


def _sleeps() -> bool:
    for path in sorted(Path("/proc").glob("[0-9]*/cmdline")):
        try:
            if f"sleep\0{SLEEP}".encode() in path.read_bytes():
                return True
        except OSError:
            continue
    return False


def test_a_port_inside_leads_to_its_socket(runner: SystemRunner, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(folder / "x.sock"))
        server.listen()
        server.settimeout(30)
        code = (
            "import socket; s = socket.create_connection(('127.0.0.1', 7777)); s.sendall(b'hello');"
            "s.shutdown(1); print(s.recv(100).decode())"
        )

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.sendall(peer.recv(100).upper())

        thread = threading.Thread(target=answer)
        thread.start()
        job = Work(["python3", "-c", code], sockets={7777: folder / "x.sock"})
        result = Bubblewrap().run(job, runner)
        thread.join(30)
    assert (result.stdout, result.code) == ("HELLO\n", 0)


def test_it_is_a_system_of_its_own(runner: SystemRunner) -> None:
    script = (
        "ls /proc | grep -c '^[0-9]'; id -u; cat /proc/self/status | grep -E 'CapEff|NoNewPrivs'; ls -A /; ls -A /home"
    )
    lines = Bubblewrap().run(work(["sh", "-c", script]), runner).stdout.split()
    assert int(lines[0]) < 10
    text = " ".join(lines)
    assert "CapEff: 0000000000000000" in text
    assert "NoNewPrivs: 1" in text
    # Of a folder that holds the interpreter (/root/.pyenv) the way to it is there, and nothing beside it.
    beside = Bubblewrap().run(work(["ls", "-A", str(Path.home())]), runner).stdout.split()
    assert len(beside) <= 1
    assert not {"work", "srv", "mnt", "boot"} & set(lines)
    assert lines[-1] == "kubetasks"


def test_exact_is_all_that_a_sandbox_gets() -> None:
    assert isinstance(Exact(Work([]).environment("/bin")), dict)
