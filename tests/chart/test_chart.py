"""The chart by itself: lint, the values' schema, the notes, the tests that it brings."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubetasks.objects import by_identity, of_kind
from kubetasks.tools import helm

from .common import CHART, ROOT, runner, template


@pytest.mark.parametrize("files", [(), ("chart/ci/everything.yaml",)], ids=["defaults", "everything"])
def test_lint(files: tuple[str, ...]) -> None:
    result = runner().run(helm.Helm().lint("chart", values=files), check=False)
    assert result.ok, result.stdout + result.stderr
    assert "[WARNING]" not in result.stdout


def test_everything_differs_from_the_defaults_in_every_value() -> None:
    """Else an option could be broken and no test would see it."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    everything = yaml.safe_load((CHART / "ci/everything.yaml").read_text())

    def same(left: Any, right: Any, path: str = "") -> list[str]:
        if isinstance(left, dict) and left and isinstance(right, dict):
            return [each for key in left for each in same(left[key], right.get(key, left[key]), f"{path}.{key}")]
        return [path] if left == right else []

    # Switches that are on by default, the one address, and limits that have no other sensible value.
    assert set(same(defaults, everything)) == {
        ".networkPolicy.enabled",
        ".podDisruptionBudget.enabled",
        ".config.BACKEND_URL",
        ".frontend.resources.requests.memory",
        ".frontend.resources.limits.memory",
    }


def test_options_that_are_off() -> None:
    result = template(
        values={"networkPolicy": {"enabled": False}, "podDisruptionBudget": {"enabled": False}}, tests=True
    )
    objects = [item for item in yaml.safe_load_all(result.stdout) if item]
    assert of_kind(objects, "NetworkPolicy", "PodDisruptionBudget") == []
    assert of_kind(objects, "Pod")


def test_every_option_arrives() -> None:
    result = template(files=("chart/ci/everything.yaml",))
    found = by_identity(item for item in yaml.safe_load_all(result.stdout) if item)
    backend = found["Deployment/backend"]["spec"]
    assert backend["replicas"] == 2
    assert backend["template"]["metadata"]["annotations"] == {
        "kubetasks.dev/config-digest": "3c2d1e0f",
        "kubetasks.dev/secret-digest": "0f1e2d3c",
    }
    assert backend["template"]["spec"]["imagePullSecrets"] == [{"name": "registry-credentials"}]
    assert "my-secrets" in str(backend)
    assert "todo-secrets" not in result.stdout
    assert found["ConfigMap/todo-config"]["data"] == {
        "BACKEND_URL": "http://backend:8000",
        "LOG_LEVEL": "debug",
        "LLM_BASE_URL": "https://models.example.com/v1",
        "LLM_MODEL": "small",
        "RATE_LIMIT": "30/second",
        "CHAT_RATE_LIMIT": "off",
        "LOGIN_RATE_LIMIT": "5/hour",
        "DRAIN_SECONDS": "3",
        "SHUTDOWN_SECONDS": "5",
        "EXTRA": "1",
    }
    assert "NetworkPolicy/backend-model" in found
    claim = found["StatefulSet/postgres"]["spec"]["volumeClaimTemplates"][0]["spec"]
    assert (claim["storageClassName"], claim["resources"]["requests"]["storage"]) == ("fast", "5Gi")
    frontend = found["Service/frontend"]
    assert frontend["metadata"]["annotations"] == {"example.com/scheme": "internet-facing"}
    assert (frontend["spec"]["type"], frontend["spec"]["ports"][0]["port"]) == ("NodePort", 8080)
    migrate = found["Job/migrate-abcdef012345"]["spec"]["template"]["spec"]["containers"][0]
    assert migrate["image"] == "registry.example:5000/team/todo-backend:0011223344556677"


def test_what_is_left_empty_is_filled_in() -> None:
    result = template(values={"images": {"backend": {"tag": "AB_cd.ef-0123456789"}}})
    found = by_identity(item for item in yaml.safe_load_all(result.stdout) if item)
    job = found["Job/migrate-ab-cd-ef-012"]["spec"]["template"]["spec"]["containers"][0]
    assert job["image"] == "kubetasks/todo-backend:AB_cd.ef-0123456789"
    annotations = found["Deployment/backend"]["spec"]["template"]["metadata"]["annotations"]
    assert len(annotations.pop("kubetasks.dev/config-digest")) == 64
    assert annotations == {}
    assert "todo-secrets" in str(found["Deployment/backend"])


def test_another_config_is_another_digest() -> None:
    def digest(**config: str) -> str:
        found = by_identity(item for item in yaml.safe_load_all(template(values={"config": config}).stdout) if item)
        metadata = found["Deployment/frontend"]["spec"]["template"]["metadata"]
        return str(metadata["annotations"]["kubetasks.dev/config-digest"])

    assert digest(LOG_LEVEL="info") == digest()
    assert digest(LOG_LEVEL="debug") != digest()


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"nope": 1}, "nope"),
        ({"images": {"backend": {"name": "x"}}}, "name"),
        ({"images": {"worker": {"repository": "x"}}}, "worker"),
        ({"images": {"backend": {"tag": "latest"}}}, "tag"),
        ({"images": {"backend": {"tag": 12}}}, "tag"),
        ({"images": {"backend": {"repository": "Not A Name"}}}, "repository"),
        ({"imagePullPolicy": "Sometimes"}, "imagePullPolicy"),
        ({"secret": {"value": "s3cret"}}, "value"),
        ({"secret": {"digest": "not hex"}}, "digest"),
        ({"config": {"LOG_LEVEL": "loud"}}, "LOG_LEVEL"),
        ({"config": {"TIMES": 3}}, "TIMES"),
        ({"config": {"LLM_BASE_URL": "models.example.com"}}, "LLM_BASE_URL"),
        ({"config": {"RATE_LIMIT": "often"}}, "RATE_LIMIT"),
        ({"config": {"DRAIN_SECONDS": "6"}}, "DRAIN_SECONDS"),
        ({"config": {"SHUTDOWN_SECONDS": "11"}}, "SHUTDOWN_SECONDS"),
        ({"config": {"not a name": "x"}}, "not a name"),
        ({"migrations": {"id": "Not_A_Name"}}, "id"),
        ({"migrations": {"image": "repository:latest"}}, "image"),
        ({"database": {"mode": "mysql"}}, "mode"),
        ({"database": {"image": "postgres"}}, "image"),
        ({"database": {"image": "postgres:latest"}}, "image"),
        ({"database": {"storage": {"size": "big"}}}, "size"),
        ({"backend": {"replicas": "two"}}, "replicas"),
        ({"backend": {"replicas": -1}}, "replicas"),
        ({"backend": {"resources": {"request": {}}}}, "request"),
        ({"backend": {"resources": {"limits": {"memory": "lots"}}}}, "memory"),
        ({"backend": {"service": {"port": 80}}}, "service"),
        ({"frontend": {"service": {"type": "ExternalName"}}}, "type"),
        ({"frontend": {"service": {"port": 0}}}, "port"),
        ({"networkPolicy": {"enabled": "yes"}}, "enabled"),
        ({"networkPolicy": {"allow": []}}, "allow"),
        ({"imagePullSecrets": ["registry"]}, "imagePullSecrets"),
    ],
)
def test_values_that_are_refused(values: dict[str, Any], where: str) -> None:
    result = template(values=values)
    assert not result.ok
    assert where in helm.reason(result.stderr)


@pytest.mark.parametrize(
    "values",
    [
        {"global": {"anything": {"at": "all"}}},
        {"database": {"image": "registry.example:5000/team/postgres:17-alpine"}},
        {"database": {"image": "postgres@sha256:" + "0" * 64}},
        {"backend": {"resources": {"limits": {"cpu": 0.5, "memory": "1.5Gi"}}}},
        {"configDigest": "", "secret": {"existingSecret": "", "digest": ""}, "migrations": {"id": "", "image": ""}},
    ],
)
def test_values_that_are_taken(values: dict[str, Any]) -> None:
    result = template(values=values)
    assert result.ok, result.stderr


def test_the_notes_say_what_to_type_next(tmp_path: Path) -> None:
    """`helm template` leaves the notes out and `helm install --dry-run` asks a cluster: so make them a template."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    (chart / "templates/NOTES.txt").rename(chart / "notes.txt")
    (chart / "templates/notes.yaml").write_text('kind: Notes\ntext: {{ tpl (.Files.Get "notes.txt") . | quote }}\n')
    argv = helm.Helm(namespace="there").template("todo", "chart")
    result = runner(tmp_path).run(argv, input="{frontend: {service: {port: 8081}}}")
    (notes,) = (item["text"] for item in yaml.safe_load_all(result.stdout) if item["kind"] == "Notes")
    assert "kubectl --namespace there port-forward service/frontend 8080:8081" in notes
    assert "helm --namespace there test todo" in notes
    assert "inv open" in notes
    assert "todo-secrets" in notes


def test_the_chart_brings_a_test_that_may_reach_both_services() -> None:
    objects = [item for item in yaml.safe_load_all(template(tests=True).stdout) if item]
    hooks = [item for item in objects if "helm.sh/hook" in item["metadata"].get("annotations", {})]
    (pod,) = of_kind(hooks, "Pod")
    into, out = sorted(of_kind(hooks, "NetworkPolicy"), key=lambda item: str(item["metadata"]["name"]))
    assert len(hooks) == 3
    assert {item["metadata"]["annotations"]["helm.sh/hook"] for item in hooks} == {"test"}
    (rule,) = into["spec"]["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert out["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    reached = [peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in out["spec"]["egress"][1]["to"]]
    assert reached == ["backend", "frontend"]
    assert pod["spec"]["containers"][0]["args"][1:] == ["http://frontend:80/", "http://backend:8000/health"]
    compile(pod["spec"]["containers"][0]["args"][0], "reach", "exec")
    assert not [item for item in yaml.safe_load_all(template().stdout) if item and "hook" in str(item)]


def test_every_value_has_a_comment() -> None:
    lines = (ROOT / "chart/values.yaml").read_text().splitlines()
    blocks = [index for index, line in enumerate(lines) if line and not line.startswith((" ", "#"))]
    uncommented = [lines[index] for index in blocks if not lines[index - 1].startswith("#")]
    assert uncommented == []
