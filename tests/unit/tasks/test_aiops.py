"""``inv aiops.ask``: the diagnosis first, what is sent, how it fails, and what is run only after a yes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks.aiops import changes, observer
from kubetasks.aiops.answer import Answer, Proposal
from kubetasks.aiops.kubectl_ai import Tool
from kubetasks.errors import Forbidden
from kubetasks.redact import Sensitive
from kubetasks.secrets.store import secret_objects
from kubetasks.tasks import aiops, deploy
from kubetasks.tasks._edge import Edge
from tests.fake_api import closed_port
from tests.samples import CANARY
from tests.scripted_model import HANG, KEY, Model, Raw, Say, Turn, serving
from tests.unit.tasks.conftest import Inv, in_project
from tests.unit.tasks.test_diagnose import broken
from tests.world import World

CAUSE = "No module named 'flask'"
SCOPE = ["kubectl", "--context", "kind-test", "--namespace", "todo", "--request-timeout=20s"]


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Model]:
    with serving(Model()) as model:
        monkeypatch.setenv("KUBETASKS_AIOPS_ENDPOINT", model.url)
        monkeypatch.setenv("KUBETASKS_AIOPS_MODEL", "big-model")
        monkeypatch.setenv("LLM_API_KEY", KEY)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        yield model


@pytest.fixture
def trouble(world: World, inv: Inv) -> World:
    """A deployment whose backend crashes; only ``direct`` is installed."""
    broken(world, inv)
    world.runner.programs = frozenset({"kubectl", "docker"})
    return world


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A user at a terminal who types these answers."""
    answers: list[str] = []
    monkeypatch.setattr(aiops, "attended", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: answers.pop(0))
    monkeypatch.setattr(changes, "LONGEST", 0.0)
    return answers


def proposing(*commands: str, text: str = "Restart it.") -> list[Turn]:
    calls = [("propose", {"command": command.split(), "why": "it helps"}) for command in commands]
    return [Say("", calls), Say(text)]


def test_without_a_model_the_rules_answer(trouble: World, inv: Inv) -> None:
    done = inv(aiops.ask, "why?")
    assert (done.code, done.err) == (0, "")
    first, *_, last = done.out.splitlines()
    assert CAUSE in first or "flask" in first
    assert "no model is configured" in last
    assert "docs/aiops.md" in last


def test_the_rules_can_be_asked_for_alone(trouble: World, inv: Inv, model: Model) -> None:
    done = inv(aiops.ask, "why?", tool="rules")
    assert (done.code, model.received) == (0, [])
    assert "flask" in done.out
    assert "no model" not in done.out


def test_the_diagnosis_is_first_then_the_answer(trouble: World, inv: Inv, model: Model) -> None:
    model.script = [Say("", [("logs", {"pod": "backend-1"}), ("get", {"kind": "pods"})]), Say("Install flask.")]
    done = inv(aiops.ask, "why is the backend restarting?")
    assert (done.code, done.err) == (0, "")
    assert done.out.index("flask") < done.out.index("sent 2 requests") < done.out.index("    Install flask.")
    [first, second] = model.bodies
    assert first["messages"][1]["content"].startswith("why is the backend restarting?")
    assert [each["function"]["name"] for each in first["tools"]] == [
        "get", "describe", "logs", "events", "diagnose", "propose",
    ]  # fmt: skip
    assert [each["role"] for each in second["messages"]] == ["system", "user", "assistant", "tool", "tool"]
    assert "Pod/backend" in second["messages"][4]["content"]


def test_no_secret_leaves_from_where_it_may_be(trouble: World, inv: Inv, model: Model) -> None:
    """The env file, the Secret of the application, and another Secret in the namespace."""
    generated = trouble.store.objects["Secret/todo-secrets"]["data"]
    other = {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": "other"},
        "data": {"x": "b3RoZXItc2VjcmV0LXZhbHVl"},
    }
    trouble.store.objects["Secret/other"] = other
    logs = f"api {CANARY} other-secret-value b3RoZXItc2VjcmV0LXZhbHVl {KEY} {' '.join(generated.values())}"
    for name in trouble.store.named("Pod"):
        trouble.store.lines[name] = f"{logs}\nModuleNotFoundError: {CAUSE}"
    calls = [(name, {"pod": pod}) for name in ("logs",) for pod in trouble.store.named("Pod")]
    calls += [("get", {"kind": "secret"}), ("get", {"kind": "Secret", "name": "other"}), ("events", {})]
    model.script = [Say("", calls), Say(f"The value is {CANARY}.")]
    done = inv(aiops.ask, f"is {CANARY} right?", show_sent=True)
    assert done.code == 0
    sent = model.everything.decode()
    for value in (CANARY, "other-secret-value", "b3RoZXItc2VjcmV0LXZhbHVl", KEY, *generated.values()):
        assert value not in sent
        assert value not in done.out
    assert "Secrets are not readable" in sent


def test_notes_come_after_the_diagnosis(
    trouble: World, inv: Inv, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble.edit(".env", "API_KEY=short\n")
    get = trouble.store.get

    def refused(kinds: list[str], **more: Any) -> Any:
        if kinds == ["Secret"]:
            raise Forbidden("you may not read secrets")
        return get(kinds, **more)

    monkeypatch.setattr(trouble.store, "get", refused)
    done = inv(aiops.ask, "why?")
    first, *rest = done.out.splitlines()
    assert "flask" in first
    for note in ("you are not allowed to read Secrets here", "API_KEY cannot be hidden everywhere"):
        assert note in "\n".join(rest)


def test_a_damaged_env_file_sends_nothing(trouble: World, inv: Inv, model: Model) -> None:
    trouble.edit(".env", "API_KEY\n")
    done = inv(aiops.ask, "why?")
    assert (done.code, model.received) == (40, [])
    assert "flask" in done.out.splitlines()[0]


def test_show_sent_shows_it(trouble: World, inv: Inv, model: Model) -> None:
    done = inv(aiops.ask, "why?", show_sent=True)
    assert '"content": "why?' in done.out
    assert KEY not in done.out
    hidden = inv(aiops.ask, "why?")
    assert '"content"' not in hidden.out
    assert "1 request (" in hidden.out


FAILURES: dict[str, tuple[Turn, int]] = {
    "401": (Raw(401, b"{}"), 92),
    "403": (Raw(403, b"{}"), 92),
    "402": (Raw(402, b"{}"), 93),
    "429": (Raw(429, b'{"error": {"message": "slow down"}}'), 93),
    "404": (Raw(404, b"<html>", "text/html"), 95),
    "500": (Raw(500, b""), 95),
    "nonsense": (Raw(200, b"hello", "text/plain"), 95),
    "empty": (Say(" "), 96),
    "nothing": (Raw(200, b""), 96),
    "hang": (HANG, 97),
    "endless": (Say("", [("events", {})]), 95),
    "limit": (Say("", [("events", {})]), 99),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_one_line_and_the_rules_answer_stands(
    trouble: World, inv: Inv, model: Model, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    turn, code = FAILURES[name]
    model.script = [turn]
    if name == "hang":
        monkeypatch.setenv("KUBETASKS_AIOPS_TIMEOUT", "1")
    if name == "limit":
        monkeypatch.setenv("KUBETASKS_AIOPS_REQUESTS", "3")
    done = inv(aiops.ask, "why?")
    assert done.code == code
    assert "flask" in done.out.splitlines()[0]
    [line] = done.err.splitlines()
    assert line.startswith("error: ")
    assert " -- " in line


def test_no_endpoint_at_the_address(trouble: World, inv: Inv, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBETASKS_AIOPS_ENDPOINT", f"http://127.0.0.1:{closed_port()}/v1")
    done = inv(aiops.ask, "why?")
    assert (done.code, len(done.err.splitlines())) == (94, 1)
    assert "flask" in done.out.splitlines()[0]


@pytest.mark.parametrize(
    ("flags", "environ", "code"),
    [
        ({"tool": "direct"}, {"KUBETASKS_AIOPS_ENDPOINT": "", "KUBETASKS_AIOPS_MODEL": ""}, 90),
        ({"tool": "kubectl-ai"}, {"KUBETASKS_AIOPS_ENDPOINT": "", "KUBETASKS_AIOPS_MODEL": ""}, 90),
        ({}, {"KUBETASKS_AIOPS_ENDPOINT": "https://api.example.com/v1", "LLM_API_KEY": ""}, 91),
        ({"tool": "kubectl-ai"}, {}, 10),
        ({"tool": "gpt"}, {}, 3),
        ({}, {"KUBETASKS_AIOPS_TOOL": "gpt"}, 2),
        ({}, {"KUBETASKS_AIOPS_MODEL": ""}, 2),
        ({}, {"KUBETASKS_AIOPS_ENDPOINT": ""}, 2),
        ({}, {"KUBETASKS_AIOPS_ENDPOINT": "http://api.example.com/v1"}, 2),
        ({}, {"KUBETASKS_AIOPS_ENDPOINT": "https://me:pass@api.example.com/v1"}, 2),
        ({}, {"KUBETASKS_AIOPS_ENDPOINT": "https://api.example.com/v1?key=1"}, 2),
        ({}, {"KUBETASKS_AIOPS_ENDPOINT": "https://api.example.com/v1/chat/completions"}, 2),
        ({}, {"KUBETASKS_AIOPS_ENDPOINT": "api.example.com"}, 2),
        ({}, {"KUBETASKS_AIOPS_KEY_SECRET": "no name"}, 2),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    trouble: World, inv: Inv, model: Model, monkeypatch: pytest.MonkeyPatch, flags: dict[str, Any],
    environ: dict[str, str], code: int,
) -> None:  # fmt: skip
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    done = inv(aiops.ask, "why?", **flags)
    assert (done.code, model.received) == (code, [])
    assert len(done.err.splitlines()) == 1
    if code >= 10:
        assert "flask" in done.out.splitlines()[0]


@pytest.mark.parametrize("question", ["", " ", "\n"])
def test_an_empty_question(trouble: World, inv: Inv, question: str) -> None:
    assert inv(aiops.ask, question).code == 3


def test_a_key_that_is_no_secret_of_the_application_comes_from_the_env_file(
    trouble: World, inv: Inv, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLM_API_KEY")
    monkeypatch.setenv("KUBETASKS_AIOPS_KEY_SECRET", "OPS_KEY")
    trouble.edit(".env", f"API_KEY={CANARY}\nOPS_KEY=the-key-of-operations\n")
    assert inv(aiops.ask, "why?").code == 0
    assert model.received[0][2]["Authorization"] == "Bearer the-key-of-operations"


def test_a_key_that_is_only_in_the_cluster(
    trouble: World, inv: Inv, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLM_API_KEY")
    monkeypatch.setenv("KUBETASKS_AIOPS_KEY_SECRET", "API_KEY")
    trouble.edit(".env", "")
    live = secret_objects(trouble.settings, {"API_KEY": Sensitive("the-key-in-the-cluster")})[0]
    trouble.store.objects["Secret/todo-secrets"]["data"] = live["data"]
    assert inv(aiops.ask, "why?").code == 0
    assert model.received[0][2]["Authorization"] == "Bearer the-key-in-the-cluster"


def test_an_endpoint_here_needs_no_key(trouble: World, inv: Inv, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLM_API_KEY")
    assert inv(aiops.ask, "why?").code == 0
    assert "Authorization" not in model.received[0][2]


def test_without_a_terminal_nothing_is_run(trouble: World, inv: Inv, model: Model) -> None:
    model.script = proposing("kubectl rollout restart deploy/backend", "kubectl delete secret todo-secrets")
    done = inv(aiops.ask, "fix it")
    assert done.code == 0
    assert "proposed: kubectl --context kind-test --namespace todo" in done.out
    assert "not run: a proposal needs a terminal and your approval" in done.out
    assert "proposed and rejected: kubectl delete secret todo-secrets" in done.out
    assert trouble.runner.argvs == []


@pytest.mark.parametrize("typed", ["", "n", "no", "N", "yeah", "maybe", "ja"])
def test_without_a_yes_nothing_is_run(trouble: World, inv: Inv, model: Model, terminal: list[str], typed: str) -> None:
    model.script = proposing("kubectl rollout restart deploy/backend")
    terminal.append(typed)
    assert inv(aiops.ask, "fix it").code == 0
    assert terminal == []
    assert trouble.runner.argvs == []


def test_a_yes_runs_that_one_and_then_it_is_proven(
    trouble: World, inv: Inv, model: Model, terminal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[bool] = []

    def verify(*_: object) -> object:
        verified.append(True)
        return trouble.report

    monkeypatch.setattr("kubetasks.verify.verify", verify)
    trouble.runner.answers[("kubectl",)] = "deployment.apps/backend restarted"
    model.script = proposing("kubectl rollout restart deploy/backend", "kubectl delete pod backend-1")
    terminal += ["y", "n"]
    done = inv(aiops.ask, "fix it")
    kubectl = [argv for argv in trouble.runner.argvs if argv[0] == "kubectl"]
    assert kubectl == [[*SCOPE, "rollout", "restart", "deploy/backend"]]
    assert verified == [True]
    assert done.code == 61  # the memory's pod is as broken as before: success is checked, not believed
    assert done.out.count("No module named") + done.out.count("flask") >= 2
    assert "Lease/" not in " ".join(trouble.store.objects)  # the lock is given back


def test_a_command_that_fails(trouble: World, inv: Inv, model: Model, terminal: list[str]) -> None:
    trouble.runner.answers[("kubectl",)] = (1, "", 'Error from server (NotFound): deployments.apps "x" not found')
    model.script = proposing("kubectl rollout restart deploy/x", "kubectl rollout restart deploy/backend")
    terminal += ["y", "y"]
    done = inv(aiops.ask, "fix it")
    assert done.code == 12
    assert "not found" in done.err
    assert terminal == ["y"]  # it is not gone on with the next


def test_dry_sends_and_changes_nothing(
    trouble: World, inv: Inv, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.dumps(trouble.store.objects, sort_keys=True)
    context = in_project(trouble.root)
    context.config.run.dry = True
    aiops.ask(context, "why?")
    shown = capsys.readouterr().out
    assert "flask" in shown.splitlines()[0]
    assert "would send the question and the diagnosis to 127.0.0.1" in shown
    assert model.received == []
    assert json.dumps(trouble.store.objects, sort_keys=True) == before
    assert not list(tmp_path.glob("state/**/*.jsonl"))


def test_json_is_one_document(trouble: World, inv: Inv, model: Model, terminal: list[str]) -> None:
    model.script = proposing("kubectl rollout restart deploy/backend", "kubectl exec backend-1 -- env")
    done = inv(aiops.ask, "fix it", json=True)
    document = json.loads(done.out)
    assert document["diagnosis"]["healthy"] is False
    assert (document["tool"], document["answer"], document["error"]) == ("direct", "Restart it.", None)
    assert [bool(each["argv"]) for each in document["proposals"]] == [True, False]
    assert document["sent"]["requests"] == 2
    assert trouble.runner.argvs == []  # a machine says no yes
    model.script = [Raw(401, b"{}")]
    done = inv(aiops.ask, "fix it", json=True)
    document = json.loads(done.out)
    assert (done.code, document["error"]["exit_code"]) == (92, 92)
    assert document["diagnosis"]["findings"]


def test_kubectl_ai_where_it_is_installed(
    trouble: World, inv: Inv, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble.runner.programs = None
    trouble.runner.answers |= {("bwrap",): "", ("kubectl",): "token-of-the-observer"}
    asked: list[Tool] = []

    def ask(tool: Tool, question: str, findings: object) -> Answer:
        asked.append(tool)
        return Answer(
            "kubectl-ai", "Because.", [Proposal("kubectl rollout restart deploy/backend")], ["kubectl get pods"]
        )

    monkeypatch.setattr(Tool, "ask", ask)
    done = inv(aiops.ask, "why?")
    assert done.code == 0
    assert [tool.box.name for tool in asked] == ["bubblewrap"]
    assert "wrote Role kubetasks-observer in todo" in done.out
    assert "it ran kubectl get pods" in done.out
    assert "    Because." in done.out
    assert {"ServiceAccount/kubetasks-observer", "Role/kubetasks-observer", "RoleBinding/kubetasks-observer"} <= set(
        trouble.store.objects
    )
    assert "wrote Role" not in inv(aiops.ask, "why?").out
    trouble.runner.programs = frozenset({"kubectl-ai", "kubectl"})
    refused = inv(aiops.ask, "why?")
    assert (refused.code, "flask" in refused.out) == (98, True)
    assert len(asked) == 2
    assert inv(aiops.ask, "why?", unsandboxed=True).code == 0
    assert asked[-1].box.name == "no sandbox"


def test_a_deploy_leaves_the_observer_alone(world: World, inv: Inv, model: Model) -> None:
    inv(deploy.deploy)
    observer.ensure(world.store, "todo")
    world.edit("frontend/main.py")
    assert inv(deploy.deploy).code == 0
    assert "Role/kubetasks-observer" in world.store.objects


def test_the_settings_of_the_project_are_what_counts(world: World) -> None:
    document = yaml.safe_load((world.root / "invoke.yaml").read_text())
    assert document["kubetasks"]["aiops"]["endpoint"] == ""
    assert Edge(in_project(world.root), {}).settings.aiops.tool == "auto"
