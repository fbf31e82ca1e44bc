"""Which target is chosen, and why."""

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from kubetasks.errors import (
    ClusterUnreachable,
    ContextNotFound,
    ContextRefused,
    KubeconfigError,
    KubetasksError,
    SettingsError,
    UsageError,
)
from kubetasks.settings import load
from kubetasks.targets import detect, reach
from kubetasks.targets.base import Target
from kubetasks.tools import kind
from kubetasks.tools.kubeconfig import MINIKUBE
from tests.recording import Answer, RecordingRunner

NONE: frozenset[str] = frozenset()
PS = tuple(kind.containers())
PROFILES = ("minikube", "profile", "list", "-o", "json")
STATUS, STATE = ("minikube", "-p"), ("status", "-o", "json")
STOPPED = (7, '{"Name":"x","Host":"Stopped","Kubelet":"Stopped","APIServer":"Stopped","Kubeconfig":"Stopped"}')
PAUSED = (2, '{"Name":"x","Host":"Running","Kubelet":"Stopped","APIServer":"Paused","Kubeconfig":"Configured"}')
SERVERS = {
    "kind-kubetasks": "https://127.0.0.1:34567",
    "kind-other": "https://127.0.0.1:34568",
    "minikube": "https://192.168.49.2:8443",
    "docker-desktop": "https://kubernetes.docker.internal:6443",
    "k3d-dev": "https://0.0.0.0:6550",
    "prod": "https://prod.example",
    "kind-prod": "https://203.0.113.7:6443",
}


def write(path: Path, current: str = "", *names: str) -> str:
    document: dict[str, Any] = {
        "current-context": current,
        "clusters": [{"name": name, "cluster": {"server": SERVERS[name]}} for name in names],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in names],
        "users": [{"name": "me", "user": {"token": "t"}}],
    }
    path.write_text(json.dumps(document))
    return str(path)


def profiles(**states: str) -> str:
    valid = [
        {
            "Name": name,
            "Status": state,
            "Config": {"Driver": "docker", "KubernetesConfig": {"ContainerRuntime": "docker"}},
        }
        for name, state in states.items()
    ]
    return json.dumps({"invalid": [], "valid": valid})


def choose(
    paths: str,
    answers: dict[tuple[str, ...], Answer] | None = None,
    *,
    programs: frozenset[str] | None = None,
    named: str = "",
    down: tuple[str, ...] = (),
    warned: list[str] | None = None,
    **settings: Any,
) -> tuple[Target, RecordingRunner]:
    runner = RecordingRunner(answers or {}, programs)
    found = detect.choose(
        load({"project": "shop", **settings}, environ={}),
        runner,
        Path("/project"),
        named_context=named,
        kubeconfig_paths=paths,
        probe=lambda server: server not in {SERVERS[name] for name in down},
        warn=(warned if warned is not None else []).append,
    )
    return found, runner


@pytest.mark.parametrize(
    ("current", "target"),
    [
        ("kind-kubetasks", "kind"),
        ("kind-other", "kind"),
        ("minikube", "minikube"),
        ("docker-desktop", "docker-desktop"),
        ("k3d-dev", "k3d"),
    ],
)
def test_auto_takes_the_current_context_and_starts_nothing(tmp_path: Path, current: str, target: str) -> None:
    paths = write(tmp_path / "config", current, *SERVERS)
    found, runner = choose(paths)
    assert (found.name, found.reason) == (target, f"current context {current}")
    assert found.cluster is not None
    assert (found.cluster.context, found.cluster.namespace, found.cluster.server) == (current, "shop", SERVERS[current])
    assert list(private(found)["clusters"][0]["cluster"].values()) == [SERVERS[current]]
    assert runner.argvs == []


def test_auto_falls_to_a_running_minikube_profile(tmp_path: Path) -> None:
    paths = write(tmp_path / "config", "prod", "prod", "minikube", "kind-kubetasks")
    found, runner = choose(paths, {PROFILES: profiles(minikube="OK")})
    assert found.name == "minikube"
    assert found.reason == "minikube cluster minikube runs; current context prod is no known local cluster"
    assert runner.argvs == [list(PROFILES)]


def test_auto_falls_to_a_running_kind_cluster(tmp_path: Path) -> None:
    paths = write(tmp_path / "config", "minikube", "minikube", "kind-kubetasks", "kind-other")
    answers: dict[tuple[str, ...], Answer] = {
        PROFILES: profiles(minikube="Stopped"),
        PS: (
            "aaa running a-control-plane\nother running other-control-plane\nkubetasks running k-worker\n"
            "kubetasks running k-control-plane\n"
        ),
        (*STATUS, "minikube", *STATE): STOPPED,
    }
    found, runner = choose(paths, answers, down=("minikube",))
    assert found.name == "kind"
    assert found.cluster is not None
    assert found.cluster.context == "kind-kubetasks"
    assert found.reason == "kind cluster kubetasks runs; current context minikube does not answer"
    assert runner.argvs == [[*STATUS, "minikube", *STATE], list(PROFILES), list(PS)]


def test_auto_passes_a_cluster_that_the_kubeconfig_does_not_know(tmp_path: Path) -> None:
    paths = write(tmp_path / "config", "", "kind-other")
    found, _ = choose(paths, {PS: "kubetasks running x\nother running y\n"}, programs=frozenset({"docker"}))
    assert found.cluster is not None
    assert found.cluster.context == "kind-other"
    assert found.reason == (
        "kind cluster other runs; no current context; kind cluster kubetasks is not in the kubeconfig"
    )


def test_auto_passes_a_running_cluster_whose_context_leads_elsewhere(tmp_path: Path) -> None:
    paths = write(tmp_path / "config", "", "kind-prod")
    found, _ = choose(paths, {PS: "prod running x\n"}, programs=frozenset({"docker"}))
    assert found.name == "local"
    assert "context kind-prod may not be touched" in found.reason


@pytest.mark.parametrize("text", [None, "", "apiVersion: v1\nkind: Config\n"])
def test_auto_ends_with_local(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    found, runner = choose(str(path), programs=NONE)
    assert (found.name, found.cluster) == ("local", None)
    assert found.reason == "no cluster runs; no current context"
    assert runner.argvs == []


def test_auto_survives_an_engine_that_is_down(tmp_path: Path) -> None:
    down = (1, "", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
    found, _ = choose(str(tmp_path / "none"), {PS: down, PROFILES: (1, "", "boom")})
    assert found.name == "local"


def test_auto_says_that_the_current_context_is_gone(tmp_path: Path) -> None:
    found, _ = choose(write(tmp_path / "config", "kind-gone", "prod"), programs=NONE)
    assert found.reason == "no cluster runs; current context kind-gone is gone"


def test_auto_refuses_a_current_context_that_only_looks_local(tmp_path: Path) -> None:
    with pytest.raises(ContextRefused, match="kind-prod"):
        choose(write(tmp_path / "config", "kind-prod", "kind-prod"), programs=NONE, allowed_contexts=["kind-prod"])


@pytest.mark.parametrize("target", ["auto", "kind", "context"])
@pytest.mark.parametrize("text", ["a: [", "just words", "contexts: words"])
def test_a_damaged_kubeconfig_is_an_error(tmp_path: Path, target: str, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(KubeconfigError, match=f"kubeconfig {path} is damaged"):
        choose(str(path), target=target, context="x", programs=NONE)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KubeconfigError, match="it is not text"):
        choose(str(path), target=target, context="x", programs=NONE)


def test_local_needs_no_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a: [")
    found, _ = choose(str(tmp_path / "config"), target="local", programs=NONE)
    assert (found.name, found.reason) == ("local", "asked for")


@pytest.mark.parametrize(
    ("settings", "named", "target", "context"),
    [
        ({"target": "kind"}, "", "kind", "kind-kubetasks"),
        ({"target": "kind", "kind": {"name": "other"}}, "", "kind", "kind-other"),
        ({"target": "kind"}, "kind-other", "kind", "kind-other"),
        ({"target": "minikube"}, "", "minikube", "minikube"),
        ({"target": "context", "context": "docker-desktop"}, "", "context", "docker-desktop"),
        ({"target": "context"}, "kind-kubetasks", "context", "kind-kubetasks"),
        ({}, "kind-kubetasks", "kind", "kind-kubetasks"),
        ({}, "minikube", "minikube", "minikube"),
        ({"allowed_contexts": ["prod"]}, "prod", "context", "prod"),
    ],
)
def test_what_was_asked_for(tmp_path: Path, settings: Any, named: str, target: str, context: str) -> None:
    found, runner = choose(write(tmp_path / "config", "prod", *SERVERS), named=named, **settings)
    assert (found.name, found.reason) == (target, f"context {context}, asked for")
    assert found.cluster is not None
    assert found.cluster.context == context
    assert runner.argvs == []


@pytest.mark.parametrize(
    ("settings", "named", "error", "says"),
    [
        ({"target": "context", "context": "prod"}, "", ContextRefused, "add --context prod"),
        (
            {"target": "context", "context": "prod", "allowed_contexts": ["prod"]},
            "",
            ContextRefused,
            "add --context prod",
        ),
        ({}, "prod", ContextRefused, "add `prod` to kubetasks.allowed_contexts"),
        ({"target": "kind", "kind": {"name": "prod"}}, "", ContextRefused, "203.0.113.7"),
        ({}, "kind-kubetask", ContextNotFound, "did you mean kind-kubetasks"),
        ({"target": "kind", "kind": {"name": "new"}}, "", ContextNotFound, "inv cluster.up --target kind"),
        ({"target": "context"}, "", SettingsError, "add --context NAME"),
        ({"target": "kind"}, "prod", UsageError, "it is no kind cluster"),
        ({"target": "minikube"}, "kind-other", UsageError, "it is no minikube cluster"),
    ],
)
def test_refuses(tmp_path: Path, settings: Any, named: str, error: type[KubetasksError], says: str) -> None:
    with pytest.raises(error) as caught:
        choose(write(tmp_path / "config", "kind-kubetasks", *SERVERS), named=named, **settings)
    assert says in caught.value.line


def test_a_profile_of_another_name_is_known_by_the_settings_or_by_minikubes_mark(tmp_path: Path) -> None:
    path = tmp_path / "config"
    extension = [{"name": "context_info", "extension": {"provider": MINIKUBE}}]
    document = {
        "clusters": [{"name": "dev", "cluster": {"server": "https://192.168.49.2:8443"}}],
        "contexts": [
            {"name": "dev", "context": {"cluster": "dev", "user": "me", "extensions": extension}},
            {"name": "own", "context": {"cluster": "dev", "user": "me"}},
        ],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "current-context": "dev",
    }
    path.write_text(json.dumps(document))
    assert choose(str(path))[0].name == "minikube"
    assert choose(str(path), target="minikube", minikube={"profile": "own"})[0].name == "minikube"


def test_a_missing_or_empty_kubeconfig_is_said(tmp_path: Path) -> None:
    path = tmp_path / "config"
    with pytest.raises(KubeconfigError, match=f"there is no kubeconfig: {path} is missing"):
        choose(str(path), target="kind")
    path.write_text("")
    with pytest.raises(KubeconfigError, match=f"the kubeconfig is empty: {path} has no contexts"):
        choose(str(path), target="kind")


def private(target: Target) -> dict[str, Any]:
    """The kubeconfig that the target's kubectl gets."""
    assert target.cluster is not None
    found: dict[str, Any] = json.loads(Path(target.cluster.kubeconfig).read_text())
    return found


def test_merges_the_files_of_the_list_and_hands_on_one_context_alone(tmp_path: Path) -> None:
    one = write(tmp_path / "one", "", "prod")
    two = write(tmp_path / "two", "kind-kubetasks", "kind-kubetasks")
    paths = os.pathsep.join([one, str(tmp_path / "missing"), "", two])
    found, _ = choose(paths)
    assert private(found)["current-context"] == "kind-kubetasks"
    assert [each["name"] for each in private(found)["contexts"]] == ["kind-kubetasks"]


def test_looks_where_kubectl_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/a:/b")
    assert detect.default_kubeconfig() == "/a:/b"
    monkeypatch.delenv("KUBECONFIG")
    assert detect.default_kubeconfig() == ""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube" / "config", "kind-kubetasks", "kind-kubetasks")
    found, _ = choose("")
    assert private(found)["clusters"][0]["cluster"]["server"] == SERVERS["kind-kubetasks"]


@pytest.mark.parametrize(
    ("state", "what", "start"),
    [
        (STOPPED, "minikube profile dev is stopped", "minikube start -p dev"),
        (PAUSED, "minikube profile dev is paused", "minikube unpause -p dev"),
    ],
)
def test_a_minikube_profile_that_is_stopped_is_said_to_be(tmp_path: Path, state: Answer, what: str, start: str) -> None:
    answers: dict[tuple[str, ...], Answer] = {(*STATUS, "dev", *STATE): state}
    # Stopping one removes its context; a paused one keeps it and takes connections.
    for paths in (write(tmp_path / "config", "", "prod"), str(tmp_path / "none"), write_dev(tmp_path / "dev")):
        with pytest.raises(ClusterUnreachable) as raised:
            choose(paths, answers, target="minikube", minikube={"profile": "dev"}, down=("minikube",))
        assert raised.value.line.startswith(f"{what} -- start it: {start}")
    with pytest.raises(ClusterUnreachable, match=what):
        choose(write_dev(tmp_path / "dev"), answers, named="dev", minikube={"profile": "dev"}, down=("minikube",))
    # One that runs, and one that is not there, are another matter.
    running = json.dumps({"Host": "Running", "Kubelet": "Running", "APIServer": "Running", "Kubeconfig": "Configured"})
    gone: tuple[Answer, ...] = (running, (85, "no such profile"), (1, "boom"))
    for answer in gone:
        with pytest.raises(ContextNotFound, match=r"inv cluster\.up --target minikube"):
            choose(
                write(tmp_path / "config", "", "prod"), {(*STATUS, "dev", *STATE): answer},
                target="minikube", minikube={"profile": "dev"},
            )  # fmt: skip


def write_dev(path: Path) -> str:
    """A kubeconfig with the context of the minikube profile ``dev``, which has the address of ``minikube``."""
    path.write_text(Path(write(path, "minikube", "minikube")).read_text().replace('"minikube"', '"dev"'))
    return str(path)


def test_auto_does_not_take_another_place_in_silence(tmp_path: Path) -> None:
    warned: list[str] = []
    answers: dict[tuple[str, ...], Answer] = {PROFILES: profiles(minikube="Stopped", mine="Stopped"), PS: ""}
    assert choose(str(tmp_path / "none"), answers, warned=warned)[0].name == "local"
    assert len(warned) == 1
    assert warned[0] == (
        "minikube profile minikube is stopped; this command uses the local target instead. Start the cluster "
        "(minikube start -p minikube), or add --target local if this is what you want"
    )
    warned.clear()
    answers = {PROFILES: profiles(minikube="Paused"), PS: "kubetasks exited k\nother running o\nold exited x\n"}
    assert choose(write(tmp_path / "config", "", "kind-other"), answers, warned=warned)[0].name == "kind"
    assert [text.partition(";")[0] for text in warned] == [
        "minikube profile minikube is paused",
        "kind cluster kubetasks is stopped",
    ]
    for text, start in zip(warned, ("minikube unpause -p minikube", "inv cluster.up --target kind"), strict=True):
        assert f"uses context kind-other instead. Start the cluster ({start}), or add --context kind-other" in text
    # The current context counts whatever its name.
    warned.clear()
    answers = {PROFILES: profiles(), PS: "other exited other-control-plane\n"}
    paths = write(tmp_path / "config", "kind-other", "kind-other")
    assert choose(paths, answers, warned=warned, down=("kind-other",))[0].name == "local"
    assert "kind cluster other is stopped" in warned[0]
    assert "docker start other-control-plane" in warned[0]


def test_auto_says_nothing_where_the_current_context_runs(tmp_path: Path) -> None:
    warned: list[str] = []
    choose(write(tmp_path / "config", "kind-other", *SERVERS), warned=warned)
    choose(str(tmp_path / "none"), programs=NONE, warned=warned)
    choose(str(tmp_path / "none"), {PROFILES: profiles(), PS: "old exited x\n"}, warned=warned)
    assert warned == []


def test_a_server_that_takes_a_connection_and_never_answers_is_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "ANSWER_WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not reach.answers(f"https://127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize("answer", [b"HTTP/1.0 400 Bad Request\r\n\r\n", b"\x15\x03\x01", b""])
def test_any_answer_is_one(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reply() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(64)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        assert reach.answers(f"https://0.0.0.0:{server.getsockname()[1]}")
        thread.join()


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not reach.answers(f"https://127.0.0.1:{port}")
    assert not reach.answers("https://")
