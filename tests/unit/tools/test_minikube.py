"""minikube: command lines, and what real runs of it printed (tests/recorded/minikube)."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from kubetasks.tools import minikube

RECORDED = Path(__file__).parents[2] / "recorded" / "minikube"


@dataclass(frozen=True)
class Run:
    stdout: str
    stderr: str
    code: int


def recorded(name: str) -> Run:
    stderr = RECORDED / f"{name}.stderr"
    return Run(
        (RECORDED / f"{name}.stdout").read_text(),
        stderr.read_text() if stderr.exists() else "",
        int((RECORDED / f"{name}.exit").read_text()),
    )


def test_argv() -> None:
    assert minikube.version() == ["minikube", "version", "-o", "json"]
    assert minikube.profile_list() == ["minikube", "profile", "list", "-o", "json"]
    assert minikube.status("p") == ["minikube", "-p", "p", "status", "-o", "json"]
    assert minikube.docker_env("p") == ["minikube", "-p", "p", "docker-env", "--shell", "none"]
    assert minikube.image_load("p", ["a:1", "b:1"]) == [
        "minikube",
        "-p",
        "p",
        "image",
        "load",
        "--daemon=true",
        "a:1",
        "b:1",
    ]
    assert minikube.image_ls("p") == ["minikube", "-p", "p", "image", "ls", "--format", "json"]
    assert minikube.delete("p") == ["minikube", "-p", "p", "delete"]
    assert minikube.start("p") == ["minikube", "-p", "p", "start", "--wait=all"]
    assert minikube.start("p", driver="docker", runtime="containerd", cpus=2, memory=4096, base_image="b") == [
        "minikube", "-p", "p", "start", "--wait=all", "--driver=docker", "--container-runtime=containerd",
        "--base-image=b", "--cpus=2", "--memory=4096",
    ]  # fmt: skip


def test_version() -> None:
    assert minikube.parse_version(recorded("version").stdout) == "v1.38.1"
    assert minikube.parse_version("nonsense") == ""


def test_profiles() -> None:
    run = recorded("profile-list")
    assert run.code == 0
    assert minikube.parse_profiles(run.stdout) == [
        minikube.Profile("minikube", "OK", "docker", "docker", 1, "v1.34.4", ("minikube",))
    ]
    assert minikube.parse_profiles(run.stdout)[0].running
    starting = minikube.parse_profiles(recorded("containerd-profile-list").stdout)
    assert [(each.name, each.runtime, each.running) for each in starting] == [("c8d", "containerd", False)]
    assert minikube.parse_profiles("") == []
    assert minikube.parse_profiles('{"invalid":[],"valid":[]}') == []


@pytest.mark.parametrize(
    ("name", "code", "running"),
    [("status-running", 0, True), ("status-stopped", 7, False), ("containerd-status", 6, False)],
)
def test_status(name: str, code: int, running: bool) -> None:
    run = recorded(name)
    status = minikube.parse_status(run.stdout)
    assert run.code == code
    assert status is not None
    assert status.running is running


def test_status_of_a_missing_profile_is_an_event_stream() -> None:
    run = recorded("status-missing-profile")
    assert run.code == 85
    assert minikube.parse_status(run.stdout) is None


def test_status_of_several_nodes_is_a_list() -> None:
    one = recorded("status-running").stdout
    status = minikube.parse_status(f"[{one},{one}]")
    assert status is not None
    assert status.running
    assert minikube.parse_status("[]") is None


def test_docker_env_leaves_the_ssh_agent_alone() -> None:
    assert minikube.parse_docker_env(recorded("docker-env-none").stdout) == {
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_HOST": "tcp://192.168.49.2:2376",
        "DOCKER_CERT_PATH": "/home/user/.minikube/certs",
        "MINIKUBE_ACTIVE_DOCKERD": "minikube",
    }


def test_docker_env_takes_away_what_is_empty_otherwise() -> None:
    found = minikube.parse_docker_env("DOCKER_HOST=ssh://x\nDOCKER_CERT_PATH=\nSSH_AUTH_SOCK=/tmp/agent\n")
    assert found == {"DOCKER_HOST": "ssh://x", "DOCKER_CERT_PATH": None, "SSH_AUTH_SOCK": "/tmp/agent"}


@pytest.mark.parametrize(
    ("name", "code"),
    [("docker-env-stopped", 83), ("docker-env-missing-profile", 85), ("containerd-docker-env", 10)],
)
def test_docker_env_that_did_not_work_is_empty(name: str, code: int) -> None:
    run = recorded(name)
    assert run.code == code
    assert minikube.parse_docker_env(run.stdout) == {}


@pytest.mark.parametrize("shell", ["bash", "fish", "powershell", "cmd", "unset", "o-json"])
def test_docker_env_for_a_shell_is_not_taken_for_values(shell: str) -> None:
    assert minikube.parse_docker_env(recorded(f"docker-env-{shell}").stdout) == {}


def test_images_with_either_runtime() -> None:
    docker = minikube.parse_images(recorded("image-ls").stdout)
    assert "registry.k8s.io/pause:3.10.1" in docker
    assert "registry.k8s.io/kube-proxy:v1.34.4" in docker
    assert "docker.io/demo/pause:1" in minikube.parse_images(recorded("containerd-image-ls").stdout)
    assert recorded("containerd-image-load").code == 0
    assert minikube.parse_images("oops") == {}
    for runtime in ("image-ls", "containerd-image-ls"):
        pause = minikube.parse_images(recorded(runtime).stdout)["registry.k8s.io/pause:3.10.1"]
        assert pause.config == "sha256:294d77bd494c6c102dda448c3797a20617ca0445719a483699343b43f43236c8"
        assert pause.manifests == frozenset()
    with_digest = '[{"id":"1","repoTags":["a:1"],"repoDigests":["a@sha256:2"]}]'
    assert minikube.parse_images(with_digest)["a:1"].manifests == {"sha256:2"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("service-missing", "SVC_NOT_FOUND: Service 'nosuch' was not found in 'default' namespace."),
        ("service-url", "SVC_UNREACHABLE: service not available: no running pod for service web found"),
        ("containerd-docker-env", "MK_START_NERDCTLD: Failed to enable nerdctl.socket:"),
    ],
)
def test_reason(name: str, says: str) -> None:
    assert minikube.reason(recorded(name).stderr) == says
    assert minikube.reason("") == ""
    assert minikube.reason("first\nlast\n") == "last"
