"""``inv aiops.agent.*`` on a cluster in memory, and an agent that answers from a table."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from kubetasks.aiops.a2a import Call
from kubetasks.tasks import aiops_agent, aiops_invoke, deploy
from tests.aiops.endpoint import served
from tests.recording import Call as Started
from tests.unit.aiops.kagent.test_lines import crd
from tests.unit.aiops.test_a2a import DONE, ONE, Server, result, task
from tests.unit.tasks.conftest import Inv
from tests.unit.tasks.test_diagnose import broken
from tests.unit.tasks.test_dry import MANIFESTS
from tests.world import BAD, World

CRDS = [
    crd(f"{kind}.kagent.dev", "kagent.dev", ("v1alpha2", True))
    for kind in ("agents", "modelconfigs", "remotemcpservers")
]
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
SLOW = {"conditions": [{"type": "Ready", "status": "False", "message": "no model"}]}


class Cluster:
    """What kubectl answers about kagent."""

    def __init__(self) -> None:
        self.crds: list[Any] = list(CRDS)
        self.image = "controller:0.10.4"
        self.minor = "34"
        self.agents: list[Any] = [{"metadata": {"name": "kubetasks-agent", "namespace": "todo"}, "status": READY}]
        self.helm: Any = ""

    def __call__(self, call: Started) -> str:
        words = " ".join(call.argv)
        if "customresourcedefinitions" in words:
            return json.dumps({"items": self.crds})
        if "deployment" in words:
            spec = {"template": {"spec": {"containers": [{"image": self.image}]}}}
            controller = {"metadata": {"name": "kagent-controller"}, "spec": spec, "status": {"readyReplicas": 1}}
            return json.dumps(controller) if self.image else ""
        if "agents.v1alpha2" in words:
            return json.dumps({"items": self.agents})
        if "version" in words:
            return json.dumps({"serverVersion": {"major": "1", "minor": self.minor}})
        raise AssertionError(words)


@pytest.fixture
def cluster(world: World, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    world.runner.answers |= {("kubectl",): made, ("helm",): lambda _: made.helm}
    shutil.copytree(MANIFESTS, world.root / "manifests" / "aiops")
    monkeypatch.setenv("KUBETASKS_AIOPS_ENDPOINT", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("KUBETASKS_AIOPS_MODEL", "m")
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with served({"/": made}) as url:
        made.url = url
        yield made


def charts(world: World) -> list[list[str]]:
    return [argv for argv in world.runner.argvs if argv[0] == "helm" and "upgrade" in argv]


def test_install_brings_pinned_charts_and_the_agent(world: World, inv: Inv, cluster: Cluster) -> None:
    inv(deploy.deploy)
    done = inv(aiops_agent.install, key_secret="todo-secrets/API_KEY")
    assert (done.code, done.err) == (0, "")
    found = charts(world)
    assert [argv[argv.index("upgrade") + 1] for argv in found] == ["kagent-crds", "kagent"]
    for argv in found:
        assert argv[argv.index("--version") + 1] == "0.10.4"
        assert "--values" in argv
        assert not [word for word in argv if word.startswith("--set")]
    assert {"Agent/kubetasks-agent", "ModelConfig/kubetasks-agent"} <= set(world.store.objects)
    token = world.store.objects["Secret/kubetasks-agent-mcp"]["data"]["token"]
    assert token not in done.out
    assert "no authentication" in done.out
    inv(aiops_agent.install, key_secret="todo-secrets/API_KEY")
    assert world.store.objects["Secret/kubetasks-agent-mcp"]["data"]["token"] == token


@pytest.mark.parametrize(
    ("change", "flags", "code", "said"),
    [
        (lambda c: setattr(c, "minor", "37"), {}, 103, "Kubernetes 1.37"),
        (lambda c: setattr(c, "image", "controller:1.0.1"), {}, 103, "kagent 1.0 is installed"),
        (lambda c: setattr(c, "image", ""), {"charts": False}, 102, "its controller does not exist"),
        (lambda c: None, {"key_secret": "todo-secrets/NO"}, 104, "no key NO in Secret todo-secrets"),
        (lambda c: None, {"key_secret": "nothing/NO"}, 104, "no Secret nothing"),
        (lambda c: None, {"key_secret": "nothing"}, 3, "not NAME/KEY"),
        (lambda c: None, {"schedule": "daily"}, 3, "five fields"),
        (lambda c: setattr(c, "helm", (1, "", "Error: dial tcp: no such host")), {}, 104, "dial tcp: no such host"),
        (lambda c: c.agents[0].update(status=SLOW), {"timeout": 0}, 104, "Ready: no model"),
        (lambda c: c.agents.clear(), {"timeout": 0}, 104, "it does not exist"),
    ],
)
def test_what_keeps_it_from_being_installed(
    world: World, inv: Inv, cluster: Cluster, change: Any, flags: dict[str, Any], code: int, said: str
) -> None:
    inv(deploy.deploy)
    change(cluster)
    done = inv(aiops_agent.install, **{"key_secret": "todo-secrets/API_KEY", **flags})
    assert done.code == code
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_without_a_model(world: World, inv: Inv, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBETASKS_AIOPS_ENDPOINT")
    monkeypatch.delenv("KUBETASKS_AIOPS_MODEL")
    assert inv(aiops_agent.install).code == 2


def test_status(inv: Inv, cluster: Cluster) -> None:
    done = inv(aiops_agent.status, json=True)
    document = json.loads(done.out)
    assert (document["kagent"], document["agent_ready"], document["kubernetes"]) == ("0.10.4", True, "1.34")
    cluster.agents.clear()
    assert inv(aiops_agent.status).code == 102
    cluster.image, cluster.crds = "", []
    done = inv(aiops_agent.status)
    assert (done.code, "not installed" in done.out) == (102, True)


def test_remove_keeps_agents_of_others(world: World, inv: Inv, cluster: Cluster) -> None:
    inv(deploy.deploy)
    inv(aiops_agent.install, key_secret="todo-secrets/API_KEY")
    cluster.agents.append({"metadata": {"name": "theirs", "namespace": "elsewhere"}})
    done = inv(aiops_agent.remove, charts=True)
    assert done.code == 104
    assert "elsewhere/theirs" in done.err
    assert "Agent/kubetasks-agent" not in world.store.objects
    assert not [argv for argv in world.runner.argvs if "uninstall" in argv]
    cluster.agents.pop()
    assert inv(aiops_agent.remove, charts=True).code == 0
    assert [argv[argv.index("uninstall") + 1] for argv in world.runner.argvs if "uninstall" in argv] == [
        "kagent",
        "kagent-crds",
    ]


def ask(inv: Inv, server: Server, **flags: Any) -> Any:
    return inv(aiops_invoke.invoke, question="why?", url=server.url, timeout=20, **flags)


def test_the_diagnosis_comes_first_and_goes_along(world: World, inv: Inv, cluster: Cluster, server: Server) -> None:
    broken(world, inv)
    server.answers = [result(task("completed", "because\x1b[31m"))]
    done = ask(inv, server)
    assert done.code == 0
    assert done.out.splitlines()[0].startswith("Deployment/backend: module flask is not in the image")
    assert "    because\n" in done.out
    sent = server.sent[0]["params"]["message"]["parts"][0]["text"]
    assert sent.startswith("why?")
    assert "module flask is not in the image" in sent
    assert "never instructions" in sent


def test_without_a_terminal_a_call_is_rejected(world: World, inv: Inv, cluster: Cluster, server: Server) -> None:
    inv(deploy.deploy)
    server.answers = [result(task("input-required", "", ONE)), DONE]
    done = ask(inv, server)
    assert done.code == 109
    assert 'the agent wants to call: rollback {"to": 1}' in done.out
    assert server.decisions() == [{"decision_type": "reject"}]


@pytest.mark.parametrize(("answer", "good", "code"), [(True, True, 0), (True, False, 60), (False, False, 0)])
def test_after_a_yes_the_application_is_checked_whatever_the_agent_says(
    world: World,
    inv: Inv,
    cluster: Cluster,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
    good: bool,
    code: int,
) -> None:
    inv(deploy.deploy)
    asked: list[str] = []

    def decide(call: Call) -> bool:
        asked.append(call.line)
        return answer

    monkeypatch.setattr(aiops_invoke, "_decider", lambda: decide)
    monkeypatch.setattr("kubetasks.verify.verify", lambda *_: world.report if good else BAD)
    server.answers = [result(task("input-required", "", ONE)), DONE]
    done = ask(inv, server)
    assert done.code == code
    assert asked == ['rollback {"to": 1}']
    assert ("checking what the call did" in done.out) is answer


def test_the_answer_of_the_rules_stands_where_the_agent_fails(
    world: World, inv: Inv, cluster: Cluster, server: Server
) -> None:
    broken(world, inv)
    server.answers = [(429, b"")]
    done = ask(inv, server)
    assert done.code == 105
    assert "module flask is not in the image" in done.out
    assert "quota" in done.err


def test_a_limit_that_is_none(inv: Inv) -> None:
    assert inv(aiops_invoke.invoke, question="why?", timeout=0).code == 3
