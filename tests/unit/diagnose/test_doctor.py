import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from kubetasks import state
from kubetasks.diagnose.checkup import Finding
from kubetasks.diagnose.doctor import GIB, Machine, engine_state, examine
from kubetasks.diagnose.versions import kubectl_versions, shown, version_in
from kubetasks.settings import load
from kubetasks.targets.local import files
from tests.recording import Answer, Call, RecordingRunner

RECORDED = Path(__file__).resolve().parents[2] / "recorded" / "versions"
INFO = (RECORDED / "docker-info.json").read_text()
DOWN = (RECORDED / "docker-info-down.json").read_text()
KUBECTL = (RECORDED / "kubectl-version.json").read_text()
VERSION = ("kubectl", "--context", "kind-kubetasks", "--request-timeout=5s", "version", "--output", "json")
MACHINE = Machine(python=(3, 11, 7), system="Linux", free_disk=lambda folder: 9 * GIB, available_memory=lambda: 3 * GIB)


def config(current: str, server: str = "https://127.0.0.1:6443") -> str:
    return json.dumps(
        {
            "current-context": current,
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "contexts": [{"name": current, "context": {"cluster": "c", "user": "me"}}] if current else None,
            "users": [{"name": "me", "user": {"token": "t"}}],
        }
    )


def kubectl_answer(client: str, server: str = "") -> str:
    document: dict[str, Any] = {"clientVersion": {"gitVersion": client}}
    if server:
        document["serverVersion"] = {"gitVersion": server}
    return json.dumps(document)


WELL: dict[tuple[str, ...], Answer] = {
    ("docker", "version", "--format", "{{.Client.Version}}"): "28.2.2\n",
    ("/usr/bin/docker", "version", "--format", "{{.Client.Version}}"): "28.2.2\n",
    ("/usr/bin/docker", "buildx", "version"): "github.com/docker/buildx v0.24.0 d0e5e86\n",
    ("docker", "info", "--format", "{{json .}}"): INFO.replace('"CgroupVersion": "1"', '"CgroupVersion": "2"'),
    ("kubectl", "version", "--client", "--output", "json"): kubectl_answer("v1.34.1"),
    ("helm", "version", "--template", "{{.Version}}"): "v4.2.4+gabc",
    ("kind", "version"): "kind v0.33.0 go1.26.8 linux/amd64\n",
    ("minikube", "version", "-o", "json"): '{"commit":"x","minikubeVersion":"v1.38.1"}\n',
    ("minikube", "profile", "list", "-o", "json"): '{"invalid": [], "valid": []}',
    ("kubectl", "--context", "kind-kubetasks", "--namespace"): "",
    VERSION: kubectl_answer("v1.34.1", "v1.34.4"),
}
CLIENTS = ["/usr/bin/docker"]


@pytest.fixture(autouse=True)
def nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))


def look(
    tmp_path: Path,
    section: dict[str, Any] | None = None,
    *,
    machine: Machine = MACHINE,
    without: tuple[str, ...] = (),
    kubeconfig: str = config("kind-kubetasks"),
    **answers: Any,
) -> dict[str, Finding]:
    table = {**WELL, **answers.pop("also", {})}
    (tmp_path / "kubeconfig").write_text(kubeconfig)
    every = {argv[0].rpartition("/")[2] for argv in WELL} | {"/usr/bin/docker"}
    runner = RecordingRunner(table, programs=frozenset(every - set(without)))
    found = examine(load(section or {}, environ={}), runner, tmp_path, machine=machine)
    return {finding.name: finding for finding in found}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("28.2.2", (28, 2, 2)),
        ("github.com/docker/buildx v0.24.0 d0e5e86", (0, 24, 0)),
        ("kind v0.33.0 go1.26.8 linux/amd64", (0, 33, 0)),
        ("v1.32.4-dispatcher", (1, 32, 4)),
        ("v3.17.3", (3, 17, 3)),
        ("v4.2.4+gabc", (4, 2, 4)),
        ('{"commit":"c93a4cb9311efc66b90d33ea03f75f2c4120e9b0","minikubeVersion":"v1.38.1"}', (1, 38, 1)),
        ("v1.34", (1, 34)),
        ("no version at all", ()),
        ("", ()),
    ],
)
def test_versions_in_what_real_programs_print(text: str, version: tuple[int, ...]) -> None:
    assert version_in(text) == version


def test_versions_that_kubectl_told() -> None:
    assert kubectl_versions(KUBECTL) == ((1, 32, 4), (1, 34, 4))
    assert kubectl_versions(kubectl_answer("v1.34.1")) == ((1, 34, 1), ())
    assert kubectl_versions("error: no") == ((), ())
    assert shown((1, 34)) == "1.34"


def test_an_engine_that_is_down_prints_its_client_part_only() -> None:
    assert engine_state(INFO)["ServerVersion"] == "20.10.24+dfsg1"
    assert engine_state(DOWN) == {}
    assert engine_state("Cannot connect to the Docker daemon") == {}


def test_all_is_well(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert {name: (finding.found, finding.status, finding.fix) for name, finding in found.items()} == {
        "python": ("3.11.7", "ok", ""),
        "docker": ("28.2.2", "ok", ""),
        "docker build": ("with /usr/bin/docker", "ok", ""),
        "docker engine": ("20.10.24+dfsg1", "ok", ""),
        "kubectl": ("1.34.1", "ok", ""),
        "helm": ("4.2.4", "ok", ""),
        "kind": ("0.33.0", "ok", ""),
        "minikube": ("1.38.1", "ok", ""),
        "context": ("kind-kubetasks at https://127.0.0.1:6443", "ok", ""),
        "cluster": ("Kubernetes 1.34.4", "ok", ""),
        "disk": ("9.0 GiB free", "ok", ""),
        "memory": ("3.0 GiB available", "ok", ""),
        "cgroup": ("version 2", "ok", ""),
    }


def test_a_bare_machine_can_still_deploy_locally(tmp_path: Path) -> None:
    found = look(tmp_path, without=("docker", "/usr/bin/docker", "kind", "minikube"), kubeconfig=config(""))
    assert {finding.status for finding in found.values()} == {"ok", "warn"}
    assert found["docker"].row() == [
        "warn",
        "docker",
        "-",
        "20.10 or newer (the local target needs none)",
        "install Docker (https://docs.docker.com/get-docker/), or use --target local, which needs no engine",
    ]
    assert found["kind"].row() == ["ok", "kind", "-", "0.20 or newer (optional)", ""]
    assert found["context"].row()[:3] == ["ok", "context", "none"]
    assert "cgroup" not in found


def test_what_the_target_needs_is_missing(tmp_path: Path) -> None:
    found = look(tmp_path, {"target": "kind", "kind": {"name": "mine"}, "deployer": "helm"}, without=("kind", "helm"))
    assert {name for name, finding in found.items() if finding.status == "missing"} == {"kind", "helm", "context"}
    assert (found["context"].found, found["context"].fix) == ("no kind-mine", "inv cluster.up --target kind")
    assert look(tmp_path, {"target": "minikube"})["context"].fix == "inv cluster.up --target minikube"


def profiles(status: str, runtime: str = "containerd", nodes: int = 1) -> str:
    config = {"Driver": "docker", "KubernetesConfig": {"ContainerRuntime": runtime}, "Nodes": [{}] * nodes}
    return json.dumps({"valid": [{"Name": "minikube", "Status": status, "Config": config}]})


MADE_OF = "containerd, driver docker, 1 node"


@pytest.mark.parametrize(
    ("listed", "found", "status", "fix"),
    [
        (profiles("OK"), "minikube is running: containerd, driver docker, 1 node", "ok", ""),
        (profiles("OK", "docker", 3), "minikube is running: docker, driver docker, 3 nodes", "ok", ""),
        (
            profiles("Stopped"),
            "minikube is stopped: containerd, driver docker, 1 node",
            "missing",
            "minikube start -p minikube",
        ),
        (
            profiles("Paused"),
            "minikube is paused: containerd, driver docker, 1 node",
            "missing",
            "minikube unpause -p minikube",
        ),
        ('{"valid": []}', "there is no minikube", "missing", "inv cluster.up --target minikube"),
        ("boom", "there is no minikube", "missing", "inv cluster.up --target minikube"),
    ],
)
def test_the_minikube_profile(tmp_path: Path, listed: str, found: str, status: str, fix: str) -> None:
    answers: dict[tuple[str, ...], Answer] = {("minikube", "profile", "list", "-o", "json"): listed}
    seen = look(tmp_path, {"target": "minikube"}, also=answers)["minikube profile"]
    assert (seen.found, seen.status, seen.fix) == (found, status, fix)
    # Another target does not need it.
    other = look(tmp_path, {"target": "kind"}, also=answers).get("minikube profile")
    assert other is None or (other.status, other.fix) == ("ok", "")


SERVICES = {"project": "shop", "services": {"api": {}, "web": {}}}
LS = ("docker", "image", "ls", "--no-trunc", "--format", "{{json .}}")
BUILT = "".join(
    json.dumps({"Repository": f"kubetasks/shop-{name}", "Tag": "1", "ID": "sha256:1", "Size": "3GB"}) + "\n"
    for name in ("api", "web")
)


@pytest.mark.parametrize(
    ("free", "needed", "status"), [(20, "12.2 GiB", "ok"), (12, "12.2 GiB", "warn"), (6, "12.2 GiB", "warn")]
)
def test_room_for_the_images_of_every_service(tmp_path: Path, free: int, needed: str, status: str) -> None:
    machine = dataclasses.replace(MACHINE, free_disk=lambda folder: free * GIB)
    found = look(tmp_path, SERVICES, machine=machine, also={LS: BUILT})["disk"]
    assert (found.needed, found.status) == (needed, status)


@pytest.mark.parametrize(
    ("free", "status", "fix"),
    [(7 * GIB, "ok", ""), (6 * GIB, "warn", "inv image.prune, or minikube -p minikube ssh -- docker system prune")],
)
def test_room_in_the_engine_inside_a_profile(tmp_path: Path, free: int, status: str, fix: str) -> None:
    def images(call: Call) -> str:
        return BUILT if call.env.get("DOCKER_HOST") == "tcp://192.168.49.2:2376" else ""

    answers: dict[tuple[str, ...], Answer] = {
        ("minikube", "profile", "list", "-o", "json"): profiles("OK", "docker"),
        ("minikube", "-p", "minikube", "docker-env", "--shell", "none"): "DOCKER_HOST=tcp://192.168.49.2:2376\n",
        ("docker", "info", "--format", "{{.ID}} {{.Name}}"): "4c6f minikube\n",
        ("docker", "exec", "minikube", "df"): f"Filesystem\n/dev/sda1 1 1 {free // 1024} 85% /var\n",
        LS: images,
    }
    found = look(tmp_path, {**SERVICES, "target": "minikube"}, also=answers)["profile disk"]
    assert (found.found, found.needed) == (f"{free / GIB:.1f} GiB free in minikube", "6.6 GiB")
    assert (found.status, found.fix) == (status, fix)
    for silent in (("docker", "exec", "minikube", "df"), ("docker", "info", "--format", "{{.ID}} {{.Name}}")):
        assert "profile disk" not in look(tmp_path, SERVICES, also={**answers, silent: (1, "", "no")})


@pytest.mark.parametrize(
    ("answer", "system", "state", "fix"),
    [
        ((1, DOWN), "Linux", "does not answer", "sudo systemctl start docker"),
        ((1, DOWN), "Darwin", "does not answer", "open -a Docker"),
        ((1, DOWN), "Windows", "does not answer", "start Docker Desktop"),
        (
            (1, "", "Got permission denied while trying to connect: permission denied"),
            "Linux",
            "permission denied",
            "sudo usermod -aG docker $USER, then log in again",
        ),
    ],
)
def test_an_engine_that_does_not_answer(tmp_path: Path, answer: Answer, system: str, state: str, fix: str) -> None:
    machine = dataclasses.replace(MACHINE, system=system)
    also = {("docker", "info", "--format", "{{json .}}"): answer}
    found = look(tmp_path, {"target": "kind"}, machine=machine, also=also)["docker engine"]
    assert (found.found, found.status, found.fix) == (state, "missing", fix)


def test_a_client_that_cannot_build(tmp_path: Path) -> None:
    also: dict[tuple[str, ...], Answer] = {("/usr/bin/docker", "buildx", "version"): (1, "", "unknown command")}
    found = look(tmp_path, also=also)["docker build"]
    assert (found.found, found.status) == ("/usr/bin/docker 28.2.2 has no buildx plugin", "warn")
    assert found.fix.startswith("install docker-buildx")


@pytest.mark.parametrize(
    ("program", "argv", "answer", "needed"),
    [
        ("kubectl", ("kubectl", "version", "--client", "--output", "json"), kubectl_answer("v1.26.9"), "1.27 or newer"),
        ("helm", ("helm", "version", "--template", "{{.Version}}"), "v3.9.0", "3.17 or newer (optional)"),
        ("docker", ("docker", "version", "--format", "{{.Client.Version}}"), "19.03.1", "20.10 or newer"),
        ("kind", ("kind", "version"), "what?", "0.20 or newer (optional)"),
    ],
)
def test_an_old_program(tmp_path: Path, program: str, argv: tuple[str, ...], answer: str, needed: str) -> None:
    found = look(tmp_path, also={argv: answer})[program]
    assert found.needed.startswith(needed)
    assert found.status != "ok"
    assert found.fix


def test_an_old_python(tmp_path: Path) -> None:
    found = look(tmp_path, machine=dataclasses.replace(MACHINE, python=(3, 10, 2)))["python"]
    assert (found.found, found.status) == ("3.10.2", "missing")


def test_a_context_that_the_guard_refuses_is_not_asked_anything(tmp_path: Path) -> None:
    found = look(tmp_path, kubeconfig=config("prod", "https://prod.example.com"))
    assert "refused, it is not a known local cluster" in found["context"].found
    assert found["context"].status == "warn"
    assert "--context prod" in found["context"].fix
    assert "cluster" not in found


def test_a_damaged_kubeconfig(tmp_path: Path) -> None:
    found = look(tmp_path, kubeconfig="a: [")
    assert found["kubeconfig"].status == "missing"
    assert "is damaged (exit 20): it is not valid YAML" in found["kubeconfig"].found
    assert "context" not in found
    twice = json.loads(config("kind-kubetasks"))
    twice["clusters"] *= 2
    found = look(tmp_path, kubeconfig=json.dumps(twice))
    assert "has a damaged entry (exit 88): `clusters` has two entries with the name c" in found["kubeconfig"].found
    found = look(tmp_path, kubeconfig=config("kind-kubetasks", ""))
    assert "(exit 89)" in found["context"].found


@pytest.mark.parametrize(
    ("answer", "found", "status"),
    [
        (KUBECTL, "Kubernetes 1.34.4", "warn"),
        (kubectl_answer("v1.35.0", "v1.34.4"), "Kubernetes 1.34.4", "ok"),
        ("{}", "answers without a version", "warn"),
    ],
)
def test_the_cluster_and_kubectls_distance_from_it(tmp_path: Path, answer: Answer, found: str, status: str) -> None:
    finding = look(tmp_path, also={VERSION: answer})["cluster"]
    assert (finding.found, finding.status) == (found, status)
    assert bool(finding.fix) is (status != "ok")


def test_a_cluster_that_does_not_answer_is_described_as_a_deploy_would(tmp_path: Path) -> None:
    refused = (1, "", "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host?")
    asked = ("kubectl", "--context", "kind-kubetasks", "--namespace")
    finding = look(tmp_path, {"target": "kind"}, also={asked: refused})["cluster"]
    assert finding.status == "missing"
    assert "does not answer (exit 23)" in finding.found
    assert "inv cluster.up --target kind" in finding.fix
    assert look(tmp_path, {"context": "kind-kubetasks"}, also={asked: refused})["cluster"].status == "missing"
    assert look(tmp_path, also={asked: refused})["cluster"].status == "warn"
    found = look(tmp_path, without=("kubectl",))
    assert found["cluster"].found == "cannot be asked without kubectl"


def test_little_room(tmp_path: Path) -> None:
    asked: list[Path] = []

    def free(folder: Path) -> int:
        asked.append(folder)
        return GIB

    machine = dataclasses.replace(MACHINE, free_disk=free, available_memory=lambda: GIB)
    also: dict[tuple[str, ...], Answer] = {
        ("docker", "info", "--format", "{{json .}}"): INFO.replace("/var/lib", "/no")
    }
    found = look(tmp_path, machine=machine, also=also)
    assert (found["disk"].status, found["disk"].fix) == ("warn", "docker system prune")
    assert found["memory"].status == "warn"
    assert found["cgroup"].status == "warn"
    assert asked == [tmp_path]
    found = look(tmp_path, machine=dataclasses.replace(machine, available_memory=lambda: 0), without=("docker",))
    assert found["disk"].fix == f"make room below {tmp_path}"
    assert "memory" not in found


def test_the_machine_itself_is_asked(tmp_path: Path) -> None:
    machine = Machine()
    assert machine.free_disk(tmp_path / "not" / "there") > 0
    assert machine.available_memory() >= 0
    assert machine.python >= (3, 11)


def test_a_finding_for_machines() -> None:
    assert Finding("kind", "", "0.20 or newer", "missing", "install kind").document() == {
        "name": "kind",
        "found": "",
        "needed": "0.20 or newer",
        "status": "missing",
        "fix": "install kind",
    }


def test_what_a_deleted_checkout_left_is_told(tmp_path: Path) -> None:
    root = tmp_path / "gone"
    root.mkdir()
    folder = state.claim(root)
    files.write(folder / "local" / "demo" / "supervisord.pid", "4711\n")
    root.rmdir()
    found = look(tmp_path)["local state"]
    assert (found.status, found.found) == ("warn", f"of {root}, which no longer exists")
    assert found.fix == f"kill 4711; rm -r '{folder}'"
