"""The minikube target, with what real runs of minikube printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import ClusterUnreachable, DeliveryFailed, DiskFull, EngineDown
from kubetasks.images.content import LABEL, Content
from kubetasks.settings import load
from kubetasks.targets.base import Cluster, Target
from kubetasks.targets.minikube import MinikubeTarget
from tests.recording import Answer, Call, RecordingRunner

RECORDED = Path(__file__).parents[2] / "recorded" / "minikube"
SETTINGS = load({"project": "shop"}, environ={})
PROFILES = ("minikube", "profile", "list", "-o", "json")
ENV = ("minikube", "-p", "minikube", "docker-env", "--shell", "none")
LOAD = ("minikube", "-p", "minikube", "image", "load", "--daemon=true")
LS = ("minikube", "-p", "minikube", "image", "ls", "--format", "json")
IDENTITY = ("docker", "info", "--format", "{{.ID}} {{.Name}}")
VERSION = ("docker", "version", "--format", "{{.Server.Version}}")
INSPECT = ("docker", "image", "inspect")
PAUSE = "sha256:294d77bd494c6c102dda448c3797a20617ca0445719a483699343b43f43236c8"
INSIDE = {
    "DOCKER_TLS_VERIFY": "1",
    "DOCKER_HOST": "tcp://192.168.49.2:2376",
    "DOCKER_CERT_PATH": "/home/user/.minikube/certs",
    "MINIKUBE_ACTIVE_DOCKERD": "minikube",
}


def recorded(name: str) -> Answer:
    stderr = RECORDED / f"{name}.stderr"
    return (
        int((RECORDED / f"{name}.exit").read_text()),
        (RECORDED / f"{name}.stdout").read_text(),
        stderr.read_text() if stderr.exists() else "",
    )


def profile(*, runtime: str = "docker", driver: str = "docker", nodes: int = 1) -> str:
    document: dict[str, Any] = json.loads((RECORDED / "profile-list.stdout").read_text())
    config = document["valid"][0]["Config"]
    config["Driver"] = driver
    config["KubernetesConfig"]["ContainerRuntime"] = runtime
    config["Nodes"] *= nodes
    return json.dumps(document)


def make(answers: dict[tuple[str, ...], Answer], context: str = "minikube") -> tuple[MinikubeTarget, RecordingRunner]:
    runner = RecordingRunner(answers)
    return MinikubeTarget(SETTINGS, runner, Cluster(context, "shop"), "because"), runner


def inside(**more: Answer) -> dict[tuple[str, ...], Answer]:
    return {
        PROFILES: recorded("profile-list"),
        ENV: recorded("docker-env-none"),
        IDENTITY: "4c6f:1 minikube\n",
        VERSION: "27.0\n",
    }


def test_is_a_target() -> None:
    target: Target = make({})[0]
    assert (target.name, target.pull_policy, target.bundled_database) == ("minikube", "Never", True)
    assert target.repository("api") == "kubetasks/shop-api"


def test_builds_inside_the_nodes_engine_once_it_answered() -> None:
    target, runner = make(inside())
    target.preflight()
    assert target.build_env() == INSIDE
    assert runner.argvs == [list(PROFILES), list(ENV), list(IDENTITY)]
    assert [call.env for call in runner.calls] == [{}, {}, INSIDE]


def test_what_was_built_inside_needs_no_loading() -> None:
    row = {"Id": "sha256:c", "RepoTags": ["kubetasks/shop-api:1"], "Config": {"Labels": {LABEL: "shop-api:1"}}}
    target, runner = make({**inside(), INSPECT: (1, json.dumps(row) + "\n", "No such image")})
    assert target.contents(["kubetasks/shop-api:1", "kubetasks/shop-web:1"]) == {
        "kubetasks/shop-api:1": Content(frozenset({"config:sha256:c"}), "shop-api:1")
    }
    target.deliver(["kubetasks/shop-api:1"], lambda line: None)
    assert all(call.env == INSIDE for call in runner.calls if call.argv[:3] == list(INSPECT))
    assert not [argv for argv in runner.argvs if argv[3:5] == ["image", "load"]]


@pytest.mark.parametrize(
    "found", [profile(runtime="containerd"), profile(runtime="cri-o"), profile(driver="none"), profile(nodes=2)]
)
def test_builds_on_the_host_where_the_engine_inside_is_no_use(found: str) -> None:
    target, runner = make({PROFILES: found, VERSION: "27.0\n"})
    target.preflight()
    assert target.build_env() == {}
    assert runner.argvs == [list(PROFILES), list(VERSION)]
    assert runner.calls[-1].env == {}


@pytest.mark.parametrize(
    "env", ["docker-env-stopped", "docker-env-missing-profile", "containerd-docker-env", "docker-env-bash"]
)
def test_builds_on_the_host_where_docker_env_fails_or_misleads(env: str) -> None:
    target, _ = make({PROFILES: recorded("profile-list"), ENV: recorded(env)})
    assert target.build_env() == {}


def test_builds_on_the_host_where_the_engine_inside_does_not_answer() -> None:
    down = (1, "", "Cannot connect to the Docker daemon at tcp://192.168.49.2:2376. Is the docker daemon running?")
    target, _ = make({**inside(), IDENTITY: down, VERSION: down})
    assert target.build_env() == {}
    with pytest.raises(EngineDown):
        target.preflight()


def test_loads_what_was_built_on_the_host() -> None:
    target, runner = make(
        {
            PROFILES: profile(runtime="containerd", driver="kvm2"), LOAD: "", LS: recorded("containerd-image-ls"),
            INSPECT: json.dumps({"Id": PAUSE, "RepoTags": ["demo/pause:1"]}) + "\n",
        }
    )  # fmt: skip
    told: list[str] = []
    there = target.deliver(["demo/pause:1"], told.append)
    assert told == ["loading demo/pause:1 into minikube"]
    assert [argv[:5] for argv in runner.argvs] == [
        list(PROFILES), ["docker", "image", "inspect", "--format", "{{json .}}"], list(LOAD[:5]), list(LS[:5]),
    ]  # fmt: skip
    assert there == {"demo/pause:1": Content(frozenset({f"config:{PAUSE}"}))}
    assert set(target.contents(["demo/pause:1", "demo/other:1"])) == {"demo/pause:1"}
    assert target.contents([]) == {}
    assert not target.own_engine


def test_another_content_under_the_right_name_did_not_arrive() -> None:
    answers: dict[tuple[str, ...], Answer] = {
        PROFILES: profile(runtime="containerd", driver="kvm2"), LOAD: "", LS: recorded("containerd-image-ls"),
        INSPECT: json.dumps({"Id": f"sha256:{'0' * 64}", "RepoTags": ["demo/pause:1"]}) + "\n",
    }  # fmt: skip
    with pytest.raises(DeliveryFailed, match="another image has that name there"):
        make(answers)[0].deliver(["demo/pause:1"], lambda line: None)


def test_says_what_did_not_arrive() -> None:
    answers: dict[tuple[str, ...], Answer] = {
        PROFILES: profile(runtime="containerd", driver="kvm2"), LS: "[]",
        INSPECT: (1, "", "No such image"),
        LOAD: (80, "", "X Exiting due to GUEST_IMAGE_LOAD: Failed to load image: boom\n* advice"),
    }  # fmt: skip
    with pytest.raises(DeliveryFailed, match="GUEST_IMAGE_LOAD: Failed to load image: boom"):
        make(answers)[0].deliver(["a:1"], lambda line: None)
    answers[LOAD] = (80, "", "write /var/x: no space left on device")
    with pytest.raises(DiskFull):
        make(answers)[0].deliver(["a:1"], lambda line: None)
    with pytest.raises(EngineDown):
        make({**inside(), INSPECT: (1, "", "Cannot connect to the Docker daemon")})[0].contents(["a:1"])


def several(*names: str, runtime: str = "containerd") -> str:
    document = json.loads(profile(runtime=runtime))
    config = document["valid"][0]["Config"]
    config["Nodes"] = [{**config["Nodes"][0], "Name": name} for name in names]
    return json.dumps(document)


CHECKED = f"docker.io/demo/pause:1 type {PAUSE} complete (3/3) 1 MiB/1 MiB true\n{PAUSE} {{}}\n"


def on_nodes(*machines: str, found: str = CHECKED) -> dict[tuple[str, ...], Answer]:
    """Machines that are containers: ctr answers in each, and lists images."""
    answers: dict[tuple[str, ...], Answer] = {}
    for machine in machines:
        answers["docker", "exec", machine, "ctr", "version"] = "Server: v2.1"
        answers["docker", "exec", machine, "sh"] = found
    return answers


@pytest.mark.parametrize("names", [("",), ("", "m02"), ("m01", "m02", "m03")])
def test_asks_every_node_that_is_a_container(names: tuple[str, ...]) -> None:
    machines = [f"minikube-{name}" if name else "minikube" for name in names]
    target, runner = make({PROFILES: several(*names), **on_nodes(*machines)})
    assert set(target.contents(["demo/pause:1", "demo/other:1"])) == {"demo/pause:1"}
    asked = [argv[2] for argv in runner.argvs if argv[:2] == ["docker", "exec"] and argv[3] == "sh"]
    assert asked == machines
    # What one of them lacks is not there.
    lacking = {PROFILES: several(*names), **on_nodes(*machines), **on_nodes(machines[-1], found="")}
    assert make(lacking)[0].contents(["demo/pause:1"]) == {}


def test_loads_with_minikube_where_the_nodes_are_not_containers_of_this_engine() -> None:
    answers: dict[tuple[str, ...], Answer] = {
        PROFILES: several(""),
        ("docker", "exec", "minikube", "ctr", "version"): (1, "", "No such container: minikube"),
        LOAD: "",
        LS: recorded("containerd-image-ls"),
        INSPECT: json.dumps({"Id": PAUSE, "RepoTags": ["demo/pause:1"]}) + "\n",
    }
    target, runner = make(answers)
    assert set(target.deliver(["demo/pause:1"], lambda line: None)) == {"demo/pause:1"}
    assert [*LOAD, "demo/pause:1"] in runner.argvs


def test_the_driver_none_delivers_nothing() -> None:
    answers: dict[tuple[str, ...], Answer] = {
        PROFILES: profile(driver="none"),
        INSPECT: json.dumps({"Id": PAUSE, "RepoTags": ["demo/pause:1"]}) + "\n",
    }
    target, runner = make(answers)
    assert set(target.deliver(["demo/pause:1"], lambda line: None)) == {"demo/pause:1"}
    assert runner.argvs == [list(PROFILES), [*INSPECT, "--format", "{{json .}}", "demo/pause:1"]]
    assert runner.calls[-1].env == {}


@pytest.mark.parametrize("env", ["docker-env-stopped", "containerd-docker-env"])
def test_says_that_it_builds_on_the_host_instead(env: str) -> None:
    notes: list[str] = []
    target, _ = make({PROFILES: recorded("profile-list"), ENV: recorded(env)})
    target.cluster.link.notify = notes.append
    for _again in range(2):
        assert target.build_env() == {}
    assert len(notes) == 1
    assert "the engine inside minikube profile minikube does not answer" in notes[0]
    assert "images are built on the host and loaded" in notes[0]


def released(name: str, claim: str, path: str, policy: str = "Delete", namespace: str = "shop") -> dict[str, Any]:
    spec = {
        "claimRef": {"namespace": namespace, "name": claim},
        "hostPath": {"path": path},
        "persistentVolumeReclaimPolicy": policy,
    }
    return {"kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec, "status": {"phase": "Released"}}


def test_the_folder_of_a_volume_that_is_gone_belongs_to_the_next_claim() -> None:
    folder = "/tmp/hostpath-provisioner/shop/data-db-0"
    volumes = [
        released("ours", "data-db-0", folder),
        released("kept", "data-db-0", folder, "Retain"),
        released("elsewhere", "data-db-1", "/data/x"),
        released("another", "data-db-0", "/tmp/hostpath-provisioner/other/data-db-0", namespace="other"),
    ]
    there = {each["metadata"]["name"]: each for each in volumes}

    def kubectl(call: Call) -> str:
        if "delete" in call.argv:
            there.pop("ours")
            return "persistentvolume/ours"
        kind = "PersistentVolume" if "persistentvolume" in call.argv else ""
        return json.dumps({"items": [each for each in there.values() if each["kind"] == kind]})

    target, runner = make(
        {
            PROFILES: several("", "m02", runtime="docker"),
            ("kubectl",): kubectl,
            ("minikube", "-p", "minikube", "ssh"): "",
        }
    )
    found = {each.shown.partition("/")[2]: each for each in target.volumes()}
    assert set(found) == {"ours", "kept", "elsewhere"}
    assert [name for name, each in found.items() if each.erase is not None] == ["ours"]
    assert (found["ours"].idle, found["kept"].idle, found["elsewhere"].idle) == (False, True, True)
    assert found["ours"].delete == (
        "kubectl --context minikube delete persistentvolume/ours; "
        f"minikube -p minikube ssh --node minikube -- sudo rm -rf -- {folder}; "
        f"minikube -p minikube ssh --node minikube-m02 -- sudo rm -rf -- {folder}"
    )
    erase = found["ours"].erase
    assert erase is not None
    erase()
    assert "ours" not in there
    ssh = [argv for argv in runner.argvs if "ssh" in argv]
    assert [argv[-1] for argv in ssh] == [folder, folder]


def test_says_that_there_is_no_such_profile() -> None:
    with pytest.raises(ClusterUnreachable, match="minikube has no profile dev"):
        make({PROFILES: recorded("profile-list")}, "dev")[0].build_env()
