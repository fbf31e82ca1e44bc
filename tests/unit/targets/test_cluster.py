"""Making, keeping and deleting local clusters; the runner is recorded."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubetasks.console import Console
from kubetasks.errors import (
    ClusterCreateFailed,
    ContextRefused,
    EngineDown,
    Interrupted,
    KubetasksError,
    NotEffective,
    ToolMissing,
    ToolTimeout,
    UsageError,
)
from kubetasks.settings import Settings
from kubetasks.settings.sections import Kind, Minikube
from kubetasks.targets import cluster, creation, kind_ready
from kubetasks.tools import kind
from tests.recording import Answer, Call, RecordingRunner

SETTINGS = Settings(kind=Kind(name="dev", node_image="node:1", wait=60), minikube=Minikube(profile="mini"))
ROOT = Path("/project")
LIST = kind.containers()
EXPORT = ["kind", "export", "kubeconfig", "--name", "dev"]
CREATE = ["kind", "create", "cluster", "--name", "dev", "--image", "node:1", "--wait", "60s"]
DELETE = ["kind", "delete", "cluster", "--name", "dev"]
API = ["kubectl", "--context", "kind-dev", "get", "--raw=/readyz", "--request-timeout=5s"]
READY = ["kubectl", "--context", "kind-dev", "wait", "--for=condition=Ready", "node", "--all", "--timeout=60s"]
STATUS = ["minikube", "-p", "mini", "status", "-o", "json"]
START = [
    *("minikube", "-p", "mini", "start", "--wait=all", "--driver=docker", "--container-runtime=containerd"),
    *("--base-image=kic:1", "--cpus=4", "--memory=6000"),
]
OTHER = "other running other-control-plane\n"
RUNNING = OTHER + "dev running dev-control-plane\n"
STOPPED = OTHER + "dev exited dev-control-plane\n"
Given = str | tuple[int, str] | tuple[int, str, str]
IN_USE = '{"Name":"mini","Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Configured"}'


def recording(answers: list[tuple[list[str], Answer]], programs: frozenset[str] | None = None) -> RecordingRunner:
    return RecordingRunner({tuple(argv): answer for argv, answer in answers}, programs)


class Screen:
    """A console whose lines are kept, without the times."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.console = Console(stream=self.stream)

    @property
    def lines(self) -> list[str]:
        return [line.rpartition(" (")[0] or line for line in self.stream.getvalue().splitlines()]


def write(path: Path, server: str = "https://127.0.0.1:6443", name: str = "kind-dev") -> None:
    document = {
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
    }
    path.write_text(json.dumps(document))


@pytest.fixture(autouse=True)
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's kubeconfig, which knows the cluster."""
    path = tmp_path / "kubeconfig"
    write(path)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def screen() -> Screen:
    return Screen()


def up(runner: RecordingRunner, screen: Screen, *, root: Path = ROOT, offline: bool = False) -> str:
    return cluster.up(SETTINGS, runner, screen.console, root, "kind", offline)


def test_kind_is_created(screen: Screen) -> None:
    runner = recording([(LIST, OTHER), (CREATE, " ✓ Preparing nodes"), (API, "ok"), (READY, "met")])
    assert up(runner, screen) == "kind-dev"
    assert runner.argvs == [LIST, CREATE, API, READY]
    assert screen.lines == ["✓ kind cluster dev: created, Ready"]


def test_kind_takes_the_configuration_from_settings(screen: Screen) -> None:
    settings = Settings(kind=Kind(name="dev", config="ops/kind.yaml", wait=60))
    argv = ["kind", "create", "cluster", "--name", "dev", "--config", "/project/ops/kind.yaml", "--wait", "60s"]
    runner = recording([(LIST, ""), (argv, ""), (API, "ok"), (READY, "met")])
    cluster.up(settings, runner, screen.console, ROOT, "kind", offline=False)
    assert runner.argvs == [LIST, argv, API, READY]


def test_a_running_kind_cluster_is_kept(screen: Screen) -> None:
    runner = recording([(LIST, RUNNING), (API, "ok"), (READY, "met")])
    assert up(runner, screen) == "kind-dev"
    assert runner.argvs == [LIST, API, READY]
    assert screen.lines == ["- kind cluster dev: it is there and Ready; kept"]


def exporting(kubeconfig: Path) -> Answer:
    def export(call: Call) -> str:
        write(kubeconfig)
        return ""

    return export


def test_a_lost_context_is_written_again(screen: Screen, kubeconfig: Path) -> None:
    write(kubeconfig, name="kind-other")
    runner = recording([(LIST, RUNNING), (EXPORT, exporting(kubeconfig)), (API, "ok"), (READY, "met")])
    up(runner, screen)
    assert runner.argvs == [LIST, EXPORT, API, READY]


def test_an_export_that_wrote_nothing_is_found_out(screen: Screen, kubeconfig: Path) -> None:
    kubeconfig.unlink()
    with pytest.raises(NotEffective, match="it has no context kind-dev"):
        up(recording([(LIST, RUNNING), (EXPORT, "")]), screen)


@pytest.mark.parametrize(
    "text",
    [
        "error: You must be logged in to the server (Unauthorized)",
        "Unable to connect to the server: x509: certificate signed by unknown authority",
        "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?",
    ],
)
def test_the_kubeconfig_of_an_earlier_cluster_is_written_again(
    screen: Screen, kubeconfig: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind_ready, "sleep", lambda _: None)
    exported: list[Call] = []

    def export(call: Call) -> str:
        exported.append(call)
        return ""

    api: Answer = lambda _: "ok" if exported else (1, "", text)  # noqa: E731
    runner = recording([(LIST, RUNNING), (EXPORT, export), (API, api), (READY, "met")])
    up(runner, screen)
    assert runner.argvs == [LIST, *[API] * 3, EXPORT, API, READY]


def test_a_context_of_that_name_that_leads_elsewhere_is_not_asked(screen: Screen, kubeconfig: Path) -> None:
    write(kubeconfig, "https://203.0.113.7:6443")
    runner = recording([(LIST, RUNNING)])
    with pytest.raises(ContextRefused):
        up(runner, screen)


def test_kubectl_gets_the_private_kubeconfig(screen: Screen, kubeconfig: Path) -> None:
    runner = recording([(LIST, RUNNING), (API, "ok"), (READY, "met")])
    up(runner, screen)
    given = {call.env.get("KUBECONFIG") for call in runner.calls if call.argv[0] == "kubectl"}
    assert len(given) == 1
    assert str(kubeconfig) not in given


def test_a_stopped_kind_cluster_is_started(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind_ready, "sleep", lambda _: None)
    answers: Iterator[Given] = iter(
        [(1, "", "The connection to the server 127.0.0.1:1 was refused - did you specify"), "met"]
    )
    start = ["docker", "start", "dev-control-plane"]
    runner = recording([(LIST, STOPPED), (start, ""), (API, lambda _: next(answers)), (READY, "met")])
    up(runner, screen)
    assert runner.argvs == [LIST, start, API, API, READY]
    assert screen.lines == ["✓ kind cluster dev: was stopped; started again, Ready"]


def test_an_api_server_that_never_answers_is_a_failure(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind_ready, "sleep", lambda _: None)
    runner = recording([(LIST, RUNNING), (EXPORT, ""), (API, (1, "", "connection refused"))])
    with pytest.raises(ClusterCreateFailed, match="there but not Ready: connection refused"):
        up(runner, screen)
    assert runner.argvs == [LIST, *[API] * 3, EXPORT, *[API] * 60]


def test_half_a_cluster_is_not_taken_for_a_whole_one(screen: Screen, kubeconfig: Path) -> None:
    kubeconfig.unlink()
    runner = recording([(LIST, RUNNING), (EXPORT, (1, "", "ERROR: no admin.conf"))])
    with pytest.raises(ClusterCreateFailed, match=r"inv cluster\.down --target kind") as raised:
        up(runner, screen)
    assert raised.value.why == "ERROR: no admin.conf"


def test_a_failed_creation_shows_why_and_the_last_lines(screen: Screen) -> None:
    text = "\n".join([f"line {n}" for n in range(30)] + ["ERROR: failed to create cluster: no image", "", "Output: x"])
    runner = recording([(LIST, ""), (CREATE, (1, text))])
    with pytest.raises(ClusterCreateFailed, match="--offline") as raised:
        up(runner, screen)
    assert raised.value.why == "failed to create cluster: no image"
    assert len(raised.value.detail.splitlines()) == creation.SHOWN
    assert raised.value.detail.endswith("Output: x")


def test_a_node_that_is_never_ready_is_a_failure(screen: Screen) -> None:
    runner = recording(
        [(LIST, ""), (CREATE, "WARNING: Timed out"), (API, "ok"), (READY, (1, "", "error: timed out waiting"))]
    )
    with pytest.raises(ClusterCreateFailed, match="not Ready after 60 s: error: timed out waiting"):
        up(runner, screen)


@pytest.mark.parametrize(
    ("stop", "error"), [(Interrupted("interrupted"), Interrupted), (ToolTimeout("too long"), ClusterCreateFailed)]
)
def test_a_creation_that_was_cut_off_leaves_nothing(
    screen: Screen, stop: KubetasksError, error: type[KubetasksError]
) -> None:
    def cut_off(call: Call) -> str:
        raise stop

    runner = recording([(LIST, ""), (CREATE, cut_off), (DELETE, "")])
    with pytest.raises(error):
        up(runner, screen)
    assert runner.argvs == [LIST, CREATE, DELETE]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    kit = tmp_path / "docker" / "offline"
    kit.mkdir(parents=True)
    (kit / "up").touch()
    return tmp_path


def test_offline_makes_everything_first(screen: Screen, project: Path) -> None:
    kit = ["bash", str(project / "docker" / "offline" / "up")]
    create = [
        *("kind", "create", "cluster", "--name", "dev", "--image", "kubetasks.local/kind-node:v1.34.4"),
        *("--config", str(project / "docker" / "offline" / "kind.yaml"), "--wait", "60s"),
    ]
    down = (1, "", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
    states: Iterator[Given] = iter([down, ""])
    runner = recording(
        [
            (LIST, lambda _: next(states)),
            (kit, "engine: made (20 s)\nready after 30 s"),
            (create, ""),
            (API, "ok"),
            (READY, "met"),
        ]
    )
    assert up(runner, screen, root=project, offline=True) == "kind-dev"
    assert runner.argvs == [LIST, kit, LIST, create, API, READY]
    assert screen.lines == [
        "  engine: made",
        "  ready after 30 s",
        "✓ make engine, images and programs from package registries: ready after 30 s",
        "✓ kind cluster dev: created, Ready",
    ]


def test_offline_keeps_a_running_cluster_without_making_anything(screen: Screen, project: Path) -> None:
    runner = recording([(LIST, RUNNING), (API, "ok"), (READY, "met")])
    up(runner, screen, root=project, offline=True)
    assert runner.argvs == [LIST, LIST, API, READY]


def test_offline_failure_has_the_last_lines(screen: Screen, project: Path) -> None:
    runner = recording([(LIST, ""), (["bash"], (1, "engine: present (0 s)\noffline: postgres failed"))])
    with pytest.raises(ClusterCreateFailed, match="offline: postgres failed") as raised:
        up(runner, screen, root=project, offline=True)
    assert raised.value.detail.splitlines() == ["engine: present (0 s)", "offline: postgres failed"]


def test_offline_needs_the_kit(screen: Screen, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no docker/offline/up"):
        up(recording([(LIST, "")]), screen, root=tmp_path, offline=True)


def test_a_silent_engine_is_named(screen: Screen) -> None:
    text = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
    with pytest.raises(EngineDown, match="Cannot connect"):
        up(recording([(LIST, (1, "", text))]), screen)


def minikube_settings(base_image: str = "kic:1") -> Settings:
    return Settings(
        minikube=Minikube(
            profile="mini", driver="docker", runtime="containerd", cpus=4, memory=6000, base_image=base_image
        )
    )


@pytest.fixture
def knows_mini(kubeconfig: Path) -> Path:
    """The user's kubeconfig, which has a context for the profile ``mini``."""
    write(kubeconfig, name="mini")
    return kubeconfig


def minikube_up(runner: RecordingRunner, screen: Screen, *, offline: bool = False) -> str:
    return cluster.up(minikube_settings(), runner, screen.console, ROOT, "minikube", offline=offline)


def status(api_server: str = "Running", *, host: str = "Running", kubeconfig: str = "Configured") -> str:
    kubelet = "Running" if api_server == "Running" else "Stopped"
    state = {"Name": "mini", "Host": host, "Kubelet": kubelet, "APIServer": api_server, "Kubeconfig": kubeconfig}
    return json.dumps(state)


BARE_START = ["minikube", "-p", "mini", "start", "--wait=all"]
UNPAUSE = ["minikube", "-p", "mini", "unpause"]
UPDATE = ["minikube", "-p", "mini", "update-context"]


@pytest.mark.usefixtures("knows_mini")
def test_minikube_is_created_with_the_flags_of_the_settings(screen: Screen) -> None:
    runner = recording([(STATUS, (85, "not found")), (START, "Done!")])
    assert minikube_up(runner, screen) == "mini"
    assert runner.argvs == [STATUS, START]
    assert screen.lines == ["✓ minikube profile mini: created"]


@pytest.mark.usefixtures("knows_mini")
@pytest.mark.parametrize(
    "before",
    [
        (7, status("Stopped", host="Stopped", kubeconfig="Stopped")),
        (6, status("Stopped")),
        (7, status("", host="Nonexistent", kubeconfig="")),
        (3, status("Error", host="Error")),
        (7, f"[{status('Stopped', host='Stopped')}, {status('Stopped', host='Stopped')}]"),
    ],
)
def test_a_minikube_profile_that_exists_is_started_as_it_is(screen: Screen, before: tuple[int, str]) -> None:
    runner = recording([(STATUS, before), (BARE_START, "Done!")])
    assert minikube_up(runner, screen) == "mini"
    assert runner.argvs == [STATUS, BARE_START]
    assert screen.lines == ["✓ minikube profile mini: was stopped; started"]


@pytest.mark.usefixtures("knows_mini")
def test_a_paused_minikube_is_unpaused(screen: Screen) -> None:
    runner = recording([(STATUS, (2, status("Paused"))), (UNPAUSE, "")])
    assert minikube_up(runner, screen) == "mini"
    assert runner.argvs == [STATUS, UNPAUSE]
    assert screen.lines == ["✓ minikube profile mini: was paused; unpaused"]


@pytest.mark.usefixtures("knows_mini")
def test_a_running_minikube_is_kept(screen: Screen) -> None:
    runner = recording([(STATUS, IN_USE)])
    assert minikube_up(runner, screen, offline=True) == "mini"
    assert runner.argvs == [STATUS]
    assert screen.lines == ["- minikube profile mini: it is running; kept"]


@pytest.mark.parametrize("state", [status(), status(kubeconfig="Misconfigured")])
def test_minikube_writes_the_context_that_the_kubeconfig_lacks(screen: Screen, kubeconfig: Path, state: str) -> None:
    def update(call: Call) -> str:
        write(kubeconfig, name="mini")
        return ""

    runner = recording([(STATUS, state), (UPDATE, update)])
    assert minikube_up(runner, screen) == "mini"
    assert runner.argvs == [STATUS, UPDATE]
    assert screen.lines == ["✓ minikube profile mini: running; its context was written to the kubeconfig"]


def test_minikube_is_not_ready_while_the_kubeconfig_lacks_it(screen: Screen, kubeconfig: Path) -> None:
    kubeconfig.unlink()
    runner = recording([(STATUS, IN_USE), (UPDATE, "* context updated")])
    with pytest.raises(NotEffective, match="the kubeconfig has no context mini") as raised:
        minikube_up(runner, screen)
    assert str(kubeconfig) in raised.value.why
    runner = recording([(STATUS, IN_USE), (UPDATE, (1, "X Exiting due to HOST_KUBECONFIG_UPDATE: read-only"))])
    with pytest.raises(ClusterCreateFailed, match="HOST_KUBECONFIG_UPDATE"):
        minikube_up(runner, screen)


@pytest.mark.parametrize(
    ("before", "answers"),
    [
        ((7, status("Stopped", host="Stopped")), [(BARE_START, (65, "X Exiting due to RUNTIME_ENABLE: no"))]),
        ((2, status("Paused")), [(UNPAUSE, (80, "X Exiting due to GUEST_UNPAUSE: no"))]),
        ((14, "X Exiting due to GUEST_STATUS: state: unknown"), []),
        ((0, "nonsense"), []),
    ],
)
def test_a_minikube_profile_of_the_users_is_never_to_be_deleted(
    screen: Screen, before: tuple[int, str], answers: list[tuple[list[str], Answer]]
) -> None:
    runner = recording([(STATUS, before), *answers])
    with pytest.raises(ClusterCreateFailed) as raised:
        minikube_up(runner, screen)
    assert raised.value.fix == "see what is wrong: minikube -p mini logs --problems"
    assert not [argv for argv in runner.argvs if "delete" in argv]


def test_minikube_says_why_it_did_not_start(screen: Screen) -> None:
    text = "* working\nX Exiting due to RSRC_INSUFFICIENT_CORES: 2 CPUs needed\n* advice"
    runner = recording([(STATUS, (85, "")), (START, (29, text))])
    with pytest.raises(ClusterCreateFailed) as raised:
        cluster.up(minikube_settings(), runner, screen.console, ROOT, "minikube", offline=False)
    assert raised.value.why == "RSRC_INSUFFICIENT_CORES: 2 CPUs needed"


def test_there_is_no_offline_minikube(screen: Screen) -> None:
    runner = recording([(STATUS, (85, ""))])
    with pytest.raises(UsageError, match="only a kind cluster"):
        cluster.up(minikube_settings(base_image=""), runner, screen.console, ROOT, "minikube", offline=True)


def test_no_cluster_of_another_kind(screen: Screen) -> None:
    with pytest.raises(UsageError, match="--target local"):
        cluster.up(SETTINGS, recording([]), screen.console, ROOT, "local", offline=False)
    with pytest.raises(UsageError, match="--target local"):
        cluster.down(SETTINGS, recording([]), screen.console, "local")


def test_down_deletes_only_its_own(screen: Screen) -> None:
    states: Iterator[Given] = iter([RUNNING, OTHER])
    runner = recording([(LIST, lambda _: next(states)), (DELETE, 'Deleting cluster "dev" ...')])
    cluster.down(SETTINGS, runner, screen.console, "kind")
    assert runner.argvs == [LIST, DELETE, LIST]
    assert screen.lines == ["✓ delete kind cluster dev"]


def test_down_without_a_cluster(screen: Screen) -> None:
    runner = recording([(LIST, OTHER)])
    cluster.down(SETTINGS, runner, screen.console, "kind")
    assert runner.argvs == [LIST]
    assert screen.lines == ["- delete kind cluster dev: there is none"]


def test_down_minikube(screen: Screen) -> None:
    profiles = '{"valid": [{"Name": "mini", "Status": "Stopped"}]}'
    listed = ["minikube", "profile", "list", "-o", "json"]
    delete = ["minikube", "-p", "mini", "delete"]
    states: Iterator[Given] = iter([profiles, '{"valid": []}'])
    runner = recording([(listed, lambda _: next(states)), (delete, "")])
    cluster.down(SETTINGS, runner, screen.console, "minikube")
    assert runner.argvs == [listed, delete, listed]
    with pytest.raises(NotEffective, match="reported the cluster mini as deleted, but it is still there"):
        cluster.down(SETTINGS, recording([(listed, profiles), (delete, "")]), screen.console, "minikube")


def test_listing() -> None:
    profiles = '{"valid": [{"Name": "mini", "Status": "OK"}, {"Name": "old", "Status": "Stopped"}]}'
    runner = recording([(LIST, STOPPED), (["minikube", "profile", "list", "-o", "json"], profiles)])
    assert cluster.listing(SETTINGS, runner) == [
        cluster.Listed("kind", "dev", "Stopped", "kind-dev", ours=True),
        cluster.Listed("kind", "other", "Running", "kind-other", ours=False),
        cluster.Listed("minikube", "mini", "Running", "mini", ours=True),
        cluster.Listed("minikube", "old", "Stopped", "old", ours=False),
    ]


def test_listing_without_docker_and_minikube() -> None:
    assert cluster.listing(SETTINGS, recording([], frozenset())) == []


def test_down_without_docker(screen: Screen) -> None:
    with pytest.raises(ToolMissing):
        cluster.down(SETTINGS, recording([], frozenset()), screen.console, "kind")
