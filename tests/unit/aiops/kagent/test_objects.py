"""Our agent's objects: what the manifests say, and what is made of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks.aiops.kagent import objects
from kubetasks.errors import KagentFailed
from kubetasks.objects import Objects

ROOT = Path(__file__).parents[4]
WANTED = objects.Wanted(
    project="shop", namespace="shop-dev", model="m1", endpoint="https://llm/v1", secret="keys", key="LLM",
    image="example.org/mcp:1", schedule="5 * * * *", kagent="ai",
)  # fmt: skip


def made(**changes: Any) -> Objects:
    return objects.prepare(objects.read(ROOT, schedule=True), replace(WANTED, **changes))


def one(items: Objects, kind: str) -> dict[str, Any]:
    (found,) = [item for item in items if item["kind"] == kind]
    return found


def test_all_of_it_is_in_the_namespace_and_is_marked() -> None:
    for item in made(rollback=True):
        assert item["metadata"]["namespace"] == "shop-dev"
        assert item["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubetasks"
        assert item["kind"] not in {"ClusterRole", "ClusterRoleBinding", "Namespace"}


def test_the_model_and_its_key() -> None:
    spec = one(made(), "ModelConfig")["spec"]
    assert (spec["model"], spec["apiKeySecret"], spec["apiKeySecretKey"]) == ("m1", "keys", "LLM")
    assert spec["openAI"]["baseUrl"] == "https://llm/v1"


def test_by_default_it_can_only_read() -> None:
    items = made()
    agent = one(items, "Agent")["spec"]["declarative"]
    (tool,) = agent["tools"]
    assert tool["mcpServer"]["toolNames"] == ["status", "diagnose", "logs"]
    assert "requireApproval" not in tool["mcpServer"]
    assert "--allow-changes" not in agent["deployment"]["extraContainers"][0]["args"]
    roles = [item for item in items if item["kind"] == "Role"]
    verbs = {verb for role in roles for rule in role["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}


def test_the_rest_needs_approval() -> None:
    (tool,) = one(made(rollback=True), "Agent")["spec"]["declarative"]["tools"]
    extra = set(tool["mcpServer"]["toolNames"]) - set(objects.READING)
    assert extra == set(tool["mcpServer"]["requireApproval"]) == {"rollback"}


def test_no_role_has_a_wildcard_exec_or_proxy_and_reading_has_no_secrets() -> None:
    for role in [item for item in made(rollback=True) if item["kind"] == "Role"]:
        for rule in role["rules"]:
            named = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert not [
                each for each in named if "*" in each or each.endswith(("/exec", "/proxy", "/attach", "/token"))
            ]
            if not role["metadata"]["name"].endswith("rollback"):
                assert "secrets" not in rule["resources"]


def test_only_the_container_of_the_server_has_a_token() -> None:
    items = made()
    assert one(items, "ServiceAccount")["automountServiceAccountToken"] is False
    deployment = one(items, "Agent")["spec"]["declarative"]["deployment"]
    assert "volumeMounts" not in deployment
    (mcp,) = deployment["extraContainers"]
    assert mcp["image"] == "example.org/mcp:1"
    assert "/var/run/secrets/kubernetes.io/serviceaccount" in {each["mountPath"] for each in mcp["volumeMounts"]}


def test_the_server_is_reached_within_the_pod() -> None:
    assert one(made(), "RemoteMCPServer")["spec"]["url"] == "http://127.0.0.1:8747/mcp"


def test_the_project_of_the_server() -> None:
    settings = yaml.safe_load(one(made(), "ConfigMap")["data"]["invoke.yaml"])["kubetasks"]
    assert (settings["project"], settings["namespace"]) == ("shop", "shop-dev")


def test_the_schedule() -> None:
    spec = one(made(), "CronJob")["spec"]
    assert spec["schedule"] == "5 * * * *"
    assert (
        spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"][-1]
        == "http://kagent-controller.ai:8083"
    )
    items = objects.prepare(objects.read(ROOT, schedule=False), WANTED)
    assert "CronJob" not in {item["kind"] for item in items}


def test_the_files_stay_as_they_are() -> None:
    before = objects.read(ROOT, schedule=True)
    objects.prepare(before, WANTED)
    assert before == objects.read(ROOT, schedule=True)


def test_everything_else_of_kagent_is_off_and_no_key_is_in_the_values() -> None:
    text = (ROOT / "manifests/aiops/values/kagent.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    on = {name for name, value in values.items() if isinstance(value, dict) and value.get("enabled")}
    assert on == set()
    assert values["ui"]["replicas"] == 0
    assert "apiKey" not in text
    assert values["controller"]["service"]["type"] == "ClusterIP"


def test_without_the_files(tmp_path: Path) -> None:
    with pytest.raises(KagentFailed, match=r"rbac\.yaml cannot be read"):
        objects.read(tmp_path, schedule=False)
    folder = tmp_path / objects.FOLDER
    folder.mkdir(parents=True)
    (folder / "rbac.yaml").write_text("{")
    with pytest.raises(KagentFailed, match="not valid YAML"):
        objects.read(tmp_path, schedule=False)
