"""The main job without a cluster: from a clean clone to a verified deployment, and what can go wrong on the way."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.checkout import Checkout

BACKEND = "app/backend/main.py"
CANARY = "canary-2b9d4e7f60-tweet-tweet-5cc81a"


def processes(folder: Path) -> set[int]:
    """The ids of running processes whose command line or working directory is below a folder."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
                if str(folder).encode() in words and b"pytest" not in words:
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


def state_home(checkout: Checkout) -> Path:
    """Where the state of every project is."""
    return Path(checkout.env["HOME"]) / ".local" / "state" / "kubetasks"


def pod_uids(checkout: Checkout) -> dict[str, str]:
    """Workload to the process ids behind it, as status tells them."""
    state = state_home(checkout)
    return {path.name: path.read_text() for path in sorted(state.rglob("*.pid"))}


def test_the_whole_way(checkout: Checkout) -> None:
    out = checkout.inv("deploy")
    assert "local: " in out
    assert "Deployed todo in" in out
    assert "LoadBalancer" in out, "what is left out is said"

    report = json.loads(checkout.inv("verify", "--json", "--junit", str(checkout.path / "report.xml")))
    assert all(check["status"] != "fail" for check in report["checks"])
    (checkout.path / "report.xml").unlink()
    url = checkout.inv("open").splitlines()[0]
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.status == 200
        assert b"Todo assistant" in answer.read()

    assert "nothing changed since revision 1" in checkout.inv("deploy")
    before = json.loads(checkout.inv("status", "--json"))
    assert {row["workload"].partition("/")[0] for row in before["workloads"]} >= {"Deployment", "Job"}
    assert all(row["ok"] for row in before["workloads"])

    checkout.append(BACKEND, "\nCHANGED = 1\n")
    checkout.inv("deploy")
    checkout.inv("secret.rotate", "JWT_SECRET")
    assert "JWT_SECRET" in checkout.inv("secret.check")
    checkout.inv("deploy")
    checkout.inv("deploy", "--with", "helm")
    checkout.inv("verify", "--with", "helm")
    checkout.inv("rollback")
    assert checkout.inv("logs", "--service", "backend").strip()

    (state,) = state_home(checkout).glob(f"*/local/{checkout.namespace}")
    checkout.inv("destroy")
    assert not state.exists()
    assert not processes(state)
    assert "there is no namespace" in checkout.inv("destroy")


def test_the_list_reads_as_a_manual(checkout: Checkout) -> None:
    out = checkout.inv("--list")
    for name in ("deploy", "verify", "status", "logs", "open", "plan", "diff", "rollback", "destroy", "doctor"):
        assert re.search(rf"^  {name}\s+\w", out, re.MULTILINE), name
    for noun, verbs in {
        "image": "build list load prune",
        "cluster": "up down env list",
        "secret": "apply check rotate",
        "manifest": "render validate apply",
        "chart": "lint template upgrade rollback test",
    }.items():
        for verb in verbs.split():
            assert re.search(rf"^  {noun}\.{verb}\s+\w", out, re.MULTILINE), f"{noun}.{verb}"
    assert "complete" in checkout.inv("completion", "--shell", "bash")


def test_a_broken_source_ends_early_and_is_mended(checkout: Checkout) -> None:
    checkout.append(BACKEND, '\nraise RuntimeError("this line breaks it")\n')
    out = checkout.inv("deploy", code=52)
    assert "EXCEPTION" in out
    assert "this line breaks it" in out
    checkout.edit(BACKEND, 'raise RuntimeError("this line breaks it")', "")
    checkout.inv("deploy")


@pytest.mark.parametrize("point", [r"^. target", r"^. secrets", r"^. apply", r"^. rollout"])
def test_an_interrupted_deploy_goes_on(checkout: Checkout, point: str) -> None:
    out = checkout.interrupt("deploy", at=point)
    assert out.startswith("130"), out
    checkout.inv("deploy")


def test_two_deploys_at_once(checkout: Checkout) -> None:
    with checkout.start("deploy", "--no-verify", env={"PYTHONUNBUFFERED": "1"}) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if "apply" in line:
                break
        second = checkout.start("deploy", "--no-verify", "--force")
        out, _ = second.communicate(timeout=60)
        first.stdout.read()
    assert first.returncode == 0
    # The first may have ended before the second asked for the lock; then the second simply deploys.
    assert second.returncode in {0, 25}, out
    assert second.returncode == 0 or "another deploy is under way" in out
    checkout.inv("verify")


def test_a_port_in_use(checkout: Checkout) -> None:
    port = int(checkout.env["KUBETASKS_SERVICES_FRONTEND_LOCAL_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        out = checkout.inv("deploy", code=70)
    assert str(port) in out
    assert "local_port" in out.lower()
    checkout.inv("deploy")


def test_the_canary_is_nowhere_else(checkout: Checkout) -> None:
    (checkout.path / ".env").write_text(f"JWT_SECRET={CANARY}\n")
    checkout.inv("deploy")
    for words in (["plan"], ["diff"], ["status", "--json"], ["secret.check"], ["manifest.render"], ["logs"]):
        checkout.inv(*words)
    checkout.inv("verify", "--junit", str(checkout.path / "report.xml"))
    report = checkout.path / "report.xml"
    assert CANARY not in report.read_text()
    report.unlink()
    assert CANARY not in "\n".join(checkout.outputs)
    assert not (checkout.path / ".kubetasks").exists()
    for path in state_home(checkout).rglob("*"):
        # The one file that stands for the Secret, and what a process is given, are readable by their owner alone.
        if path.is_file() and CANARY.encode() in path.read_bytes():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                assert CANARY.encode() not in (entry / "cmdline").read_bytes()
            except OSError:
                continue


def broken(checkout: Checkout, old: str, new: str) -> None:
    checkout.edit("invoke.yaml", old, new)


BAD_INPUT = [
    (["deploy", "--target", "mars"], {}, 3, "minikube"),
    (["deploy", "--with", "heml"], {}, 3, "helm"),
    (["completion", "--shell", "tcsh"], {}, 3, "fish"),
    (["logs", "--target", "local", "--service", "nobody"], {}, 3, "backend"),
    (["deploy"], {"KUBETASKS_NAMESPACE": "Not A Label"}, 2, "KUBETASKS_NAMESPACE"),
    (["deploy"], {"KUBETASKS_KIND_NMAE": "x"}, 2, "KUBETASKS_KIND_NAME"),
    (["deploy"], {"KUBETASKS_DEADLINE": "soon"}, 2, "KUBETASKS_DEADLINE"),
    (["deploy", "--env-file", "no-such-file"], {}, 40, "no-such-file"),
    (["status", "--context", "nowhere"], {}, 20, "kubeconfig"),
    (["deploy", "--target", "kind"], {}, None, "kind"),
    (["rollback", "--target", "local"], {}, 54, "revision"),
    (["secret.rotate", "NOBODY"], {}, 3, "NOBODY"),
    (["cluster.up"], {}, 3, "kind"),
    (["cluster.up", "--target", "local"], {}, 3, "minikube"),
]


@pytest.mark.parametrize(("words", "env", "code", "named"), BAD_INPUT, ids=lambda each: str(each)[:40])
def test_bad_input_is_one_clear_line(
    checkout: Checkout, words: list[str], env: dict[str, str], code: int | None, named: str
) -> None:
    if code is None:
        with checkout.start(*words, env=env) as process:
            out, _ = process.communicate(timeout=60)
        assert process.returncode >= 10
    else:
        out = checkout.inv(*words, env=env, code=code)
    lines = [line for line in out.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, out
    assert named in lines[0]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", 20),
        ("{not yaml: [", 20),
        ("just text", 20),
        ('{"apiVersion": "v1", "kind": "Config"}', 20),
        ('{"kind": "Config", "contexts": [{"name": "kind-kinf", "context": {"cluster": "a", "user": "b"}}]}', 21),
    ],
)
def test_a_damaged_kubeconfig(checkout: Checkout, tmp_path: Path, content: str, code: int) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    out = checkout.inv("status", "--context", "kind-kind", code=code, env={"KUBECONFIG": str(path)})
    assert out.count("error: ") == 1


def test_settings_with_an_unknown_key(checkout: Checkout) -> None:
    broken(checkout, "  project: todo", "  projcet: todo")
    out = checkout.inv("deploy", code=2)
    assert "kubetasks.projcet" in out
    assert "`project`" in out


def test_an_env_file_with_a_malformed_line(checkout: Checkout) -> None:
    (checkout.path / ".env").write_text(f"JWT_SECRET={CANARY}\nthis is no assignment '\n")
    out = checkout.inv("deploy", code=40)
    assert "line 2" in out
    assert CANARY not in out


def test_a_chart_with_a_syntax_error(checkout: Checkout) -> None:
    template = next((checkout.path / "chart/templates").glob("configmap*.yaml"))
    original = template.read_text()
    template.write_text(original + "\n{{ if }}\n")
    try:
        out = checkout.inv("deploy", "--with", "helm", code=50)
        assert template.name in out
        out = checkout.inv("chart.lint", code=50)
        assert out.count("error: ") == 1
    finally:
        template.write_text(original)


def test_manifests_that_do_not_render(checkout: Checkout) -> None:
    path = checkout.path / "manifests/base/kustomization.yaml"
    original = path.read_text()
    path.write_text(original + "\nresourcse: []\n")
    try:
        checkout.inv("manifest.render", code=50)
    finally:
        path.write_text(original)


def test_a_dockerfile_that_is_missing(checkout: Checkout) -> None:
    broken(checkout, "dockerfile: docker/Dockerfile", "dockerfile: docker/Nofile")
    out = checkout.inv("plan", code=30)
    assert "docker/Nofile" in out


def test_it_runs_from_any_folder(checkout: Checkout, tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", str(checkout.path / "inv"), "plan", "--target", "local"],
        cwd=tmp_path, env=checkout.env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "revision 1" in done.stdout
    assert not (tmp_path / ".kubetasks").exists()
    assert sys.version_info >= (3, 11)


def test_odd_surroundings(checkout: Checkout, tmp_path: Path) -> None:
    """All at once: what each of them broke alone is in the unit tests."""
    odd = tmp_path / "tmp 100% %d; it's"
    odd.mkdir()
    limited = Checkout(
        checkout.path,
        checkout.namespace,
        {
            **checkout.env,
            "TMPDIR": str(odd),
            "PYTHONWARNINGS": "error",
            "PYTHONINSPECT": "1",
            "PYTHONPATH": str(odd),
            "TERM": "dumb",
            "NO_COLOR": "1",
            "LC_ALL": "C",
            "COLUMNS": "20",
        },
        checkout.log,
        launcher=("sh", "-c", 'ulimit -n 200; exec "$@"', "sh", *checkout.launcher),
    )
    (odd / "yaml.py").write_text("raise ImportError")
    limited.inv("deploy")
    document = json.loads(limited.inv("status", "--json"))
    assert all(row["ok"] for row in document["workloads"])
    limited.inv("destroy")
    assert not list(odd.glob("kubetasks*"))
