"""Our own tools for a model: what they read, what they say of what is not there, and what they never do."""

import json

import pytest

from kubetasks.aiops import direct
from kubetasks.aiops.changes import settle
from kubetasks.aiops.prompts import in_blocks
from kubetasks.aiops.reader import PARAMETERS, Reader
from kubetasks.diagnose.finding import Finding, Fix
from kubetasks.diagnose.snapshot import Log, Snapshot
from kubetasks.errors import ClusterUnreachable, EmptyAnswer, ModelFailed
from kubetasks.objects import Object
from tests.memory_store import MemoryStore
from tests.scripted_model import Model, Say
from tests.unit.aiops.conftest import Out

POD: Object = {
    "kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web-1"}, "status": {"phase": "Running"},
    "spec": {"containers": [{"name": "app"}, {"name": "side"}], "initContainers": [{"name": "init"}]},
}  # fmt: skip
DEPLOYMENT: Object = {
    "kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web"}, "spec": {"replicas": 2},
    "status": {"replicas": 2, "readyReplicas": 1},
}  # fmt: skip
SECRET: Object = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "***"}}
EVENT: Object = {
    "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "web-1"}, "type": "Warning",
    "reason": "BackOff", "message": "back-off restarting", "lastTimestamp": "2026-01-01T00:00:00Z",
}  # fmt: skip
FINDING = Finding(
    id="X", family="pods", severity="error", subject="Deployment/web", cause="it crashes", fix=Fix(text="do this")
)
STATE = Snapshot(
    taken="2026-01-01T00:00:00Z", context="c", namespace="shop", objects=[POD, DEPLOYMENT, SECRET, EVENT],
    logs=[
        Log(pod="web-1", container="app", text="crashed"),
        Log(pod="web-1", container="app", previous=True, text="before"),
    ],
)  # fmt: skip


@pytest.fixture
def reader() -> Reader:
    return Reader(STATE, [FINDING])


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("get", {"kind": "pod"}, "Pod/web-1 Running"),
        ("get", {"kind": "Deployments"}, "Deployment/web 1/2 ready"),
        ("get", {"kind": "deployments.apps", "name": "web"}, "replicas: 2"),
        ("describe", {"kind": "pods", "name": "pod/web-1"}, "back-off restarting"),
        ("logs", {"pod": "web-1"}, "crashed"),
        ("logs", {"pod": "web-1", "previous": True}, "before"),
        ("logs", {"pod": "web-1", "container": "side"}, "The log is empty."),
        ("events", {}, "Warning Pod/web-1 BackOff: back-off restarting"),
        ("events", {"about": "Pod/other"}, "There are no events."),
        ("diagnose", {}, "it crashes -- do this"),
        ("diagnose", {"workload": "web"}, "it crashes"),
        ("diagnose", {"workload": "other"}, "The rules found nothing wrong."),
        ("get", {"kind": "secret"}, "Secrets are not readable."),
        ("get", {"kind": "Secrets", "name": "db"}, "Secrets are not readable."),
        ("describe", {"kind": "secret", "name": "db"}, "Secrets are not readable."),
        ("get", {"kind": "event"}, "There is no event here"),
        ("get", {"kind": "unicorn"}, "there are objects of Deployment, Pod."),
        ("get", {"kind": "pod", "name": "wbe-1"}, "There is no Pod 'wbe-1'; nearest is web-1."),
        ("logs", {"pod": "nope"}, "There is no Pod 'nope'"),
        ("logs", {"pod": "web-1", "container": "x"}, "it has app, side."),
        ("exec", {"command": "id"}, "There is no tool 'exec'"),
        ("get", {}, "do not fit"),
        ("get", {"kind": "pod", "namespace": "other"}, "do not fit"),
        ("propose", {"command": "kubectl delete pod a", "why": ""}, "do not fit"),
        ("propose", {"command": [], "why": ""}, "do not fit"),
        ("propose", {"command": [1], "why": ""}, "do not fit"),
        ("propose", {"command": ["kubectl", "x"], "why": "y"}, "it was not run"),
    ],
)
def test_what_a_call_gives(reader: Reader, name: str, arguments: dict[str, object], wanted: str) -> None:
    assert wanted in reader.call(name, json.dumps(arguments))
    assert "password" not in reader.call(name, json.dumps(arguments))


@pytest.mark.parametrize("arguments", ["", "{", "[]", "null", '"x"', "1", "[" * 3000])
@pytest.mark.parametrize("name", PARAMETERS)
def test_arguments_of_any_shape(reader: Reader, name: str, arguments: str) -> None:
    assert reader.call(name, arguments)
    assert reader.proposed == []


def test_logs_that_are_not_in_the_snapshot_are_read_live() -> None:
    store = MemoryStore()
    store.lines["web-1"] = "password=hunter22 live"
    reader = Reader(STATE, [], store)
    assert reader.call("logs", '{"pod": "web-1", "container": "side"}') == "password=*** live"


def unseen(_line: str) -> None:
    pass


def test_it_proposes_and_looks_nothing_up_again(out: Out, model: Model, reader: Reader) -> None:
    command = ["kubectl", "scale", "deploy/web", "--replicas=1"]
    model.script = [
        Say("", [("propose", {"command": command, "why": "less"})]),
        Say("Scale it.\n```\nkubectl get x\n```"),
    ]
    seen: list[str] = []
    answer = direct.ask("why?", [FINDING], reader, out(), seen.append)
    assert [(each.command, each.why) for each in answer.proposals] == [(command, "less"), ("kubectl get x", "")]
    assert seen == list(answer.ran)


def test_a_model_that_never_answers(out: Out, model: Model, reader: Reader) -> None:
    model.script = [Say("", [("events", {})])]
    with pytest.raises(ModelFailed, match="12 rounds"):
        direct.ask("why?", [], reader, out(), unseen)
    assert len(model.received) == 12


def test_a_model_that_answers_with_control_characters_alone(out: Out, model: Model, reader: Reader) -> None:
    model.script = [Say("\x1b[2J\u200b")]
    with pytest.raises(EmptyAnswer):
        direct.ask("why?", [], reader, out(), unseen)


def test_commands_in_code_blocks() -> None:
    text = "Do:\n```sh\n$ kubectl a \\\n  b\n# no\nls\nkubectl c\n```\nnot kubectl d\n"
    text += "  ```kubectl\n  kubectl e\n  ```\n```\nkubectl"
    assert in_blocks(text) == ["kubectl a b", "kubectl c", "kubectl e"]


def test_it_waits_until_all_is_settled() -> None:
    status = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
    ready = {**DEPLOYMENT, "metadata": {"name": "web", "generation": 2}, "status": status}
    answers: list[object] = [[DEPLOYMENT], ClusterUnreachable("gone"), [ready]]
    now = [0.0]

    def look(kinds: object) -> list[Object]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, list)
        return answer

    def sleep(seconds: float) -> None:
        now[0] += seconds

    assert settle(look, 60, sleep, lambda: now[0]) is True
    assert now[0] == 2
    answers[:] = [[DEPLOYMENT]]
    assert settle(look, 10, sleep, lambda: now[0]) is False
    assert now[0] >= 12
