"""What must hold of every rendered object, whoever renders it."""

import pytest
import yaml
from kubernetes_validate.utils import validate

from kubetasks.deployers.render import namespace_object
from kubetasks.objects import NAME, PART_OF, Objects, by_identity, containers, identity, of_kind, pod_template
from kubetasks.tools.kubectl import kustomize

from .common import MODES, pod_spec, runner, settings, template
from .conftest import Rendered

KUBERNETES = "1.34"
WORKLOADS = ("Deployment", "StatefulSet", "Job")


def everything() -> Objects:
    found = template(files=("chart/ci/everything.yaml",), tests=True)
    assert found.ok, found.stderr
    return [item for item in yaml.safe_load_all(found.stdout) if item]


def test_the_schema_of_kubernetes_holds(objects: Objects) -> None:
    for item in objects:
        assert validate(item, KUBERNETES, strict=True) == KUBERNETES


def test_the_schema_of_kubernetes_holds_with_every_option() -> None:
    for item in everything():
        validate(item, KUBERNETES, strict=True)


def test_the_namespace_is_the_one_that_the_toolkit_applies(mode: str) -> None:
    result = runner().run(kustomize(f"manifests/overlays/{mode}"))
    (namespace,) = (item for item in yaml.safe_load_all(result.stdout) if item["kind"] == "Namespace")
    assert namespace == namespace_object(settings())
    validate(namespace, KUBERNETES, strict=True)
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_kustomize_warns_of_nothing(mode: str) -> None:
    assert runner().run(kustomize(f"manifests/overlays/{mode}")).stderr == ""


def test_neither_namespace_nor_secret(objects: Objects) -> None:
    assert of_kind(objects, "Namespace", "Secret") == []
    assert of_kind(everything(), "Namespace", "Secret") == []


def test_names(rendered: Rendered, deployer: str) -> None:
    common = {
        "ConfigMap/todo-config",
        "Deployment/backend",
        "Deployment/frontend",
        "Job/migrate-0123456789ab",
        "NetworkPolicy/backend",
        "NetworkPolicy/default-deny-ingress",
        "NetworkPolicy/frontend",
        "PodDisruptionBudget/backend",
        "PodDisruptionBudget/frontend",
        "Service/backend",
        "Service/frontend",
    }
    bundled = {"StatefulSet/postgres", "Service/postgres", "NetworkPolicy/postgres"}
    assert {mode: set(map(identity, rendered[deployer, mode])) for mode in MODES} == {
        "external": common,
        "sqlite": common,
        "bundled": common | bundled,
    }


def test_labels(objects: Objects) -> None:
    for item in objects:
        labels = item["metadata"]["labels"]
        assert labels[NAME] == item["metadata"]["name"].removesuffix("-0123456789ab")
        assert labels[PART_OF] == "todo"
        assert labels["app.kubernetes.io/component"]
        assert item["metadata"]["namespace"] == "todo"
        template_ = pod_template(item)
        if template_ is not None:
            assert set(template_["metadata"]["labels"]) == {NAME, PART_OF, "app.kubernetes.io/component"}


def test_selectors_select_their_own_pods(objects: Objects) -> None:
    pods = {
        item["metadata"]["labels"][NAME]: item["spec"]["template"]["metadata"]["labels"]
        for item in of_kind(objects, *WORKLOADS)
    }
    for item in of_kind(objects, "Deployment", "StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy"):
        spec = item["spec"]
        selector = spec["podSelector"] if item["kind"] == "NetworkPolicy" else spec["selector"]
        selector = selector.get("matchLabels", {}) if item["kind"] != "Service" else selector
        if item["metadata"]["name"] == "default-deny-ingress":
            assert selector == {}
            continue
        assert set(selector) == {NAME, PART_OF}
        assert selector.items() <= pods[item["metadata"]["name"]].items()


def test_services_reach_a_port_that_a_container_has(objects: Objects) -> None:
    found = by_identity(objects)
    for service in of_kind(objects, "Service"):
        name = service["metadata"]["name"]
        workload = found.get(f"Deployment/{name}") or found[f"StatefulSet/{name}"]
        ports = {port["name"]: port["containerPort"] for each in containers(workload) for port in each.get("ports", ())}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports)
        policy = found[f"NetworkPolicy/{name}"]
        allowed = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        assert allowed == {ports[port["targetPort"]] for port in service["spec"]["ports"]}
    kinds = {item["metadata"]["name"]: item["spec"]["type"] for item in of_kind(objects, "Service")}
    assert (kinds["backend"], kinds["frontend"]) == ("ClusterIP", "LoadBalancer")


def refused_by_restricted(objects: Objects) -> list[str]:
    """What the Pod Security Standard `restricted` would refuse.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    wrong = []
    for item in of_kind(objects, *WORKLOADS, "Pod"):
        spec = pod_spec(item)
        security = spec.get("securityContext", {})
        if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            wrong.append(f"{identity(item)}: host namespaces")
        if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
            wrong.append(f"{identity(item)}: may run as root")
        if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
            wrong.append(f"{identity(item)}: no seccomp profile")
        wrong += [
            f"{identity(item)}: volume {volume['name']}"
            for volume in spec.get("volumes", ())
            if not {"emptyDir", "configMap", "secret", "persistentVolumeClaim", "projected"} & set(volume)
        ]
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            own = container.get("securityContext", {})
            if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
                wrong.append(f"{identity(item)}/{container['name']}: privileges")
            if own.get("capabilities") != {"drop": ["ALL"]}:
                wrong.append(f"{identity(item)}/{container['name']}: capabilities")
            if any("hostPort" in port for port in container.get("ports", ())):
                wrong.append(f"{identity(item)}/{container['name']}: host port")
    return wrong


def test_restricted(objects: Objects) -> None:
    assert refused_by_restricted(objects) == []


def test_restricted_with_every_option() -> None:
    assert refused_by_restricted(everything()) == []


def test_more_than_restricted_asks_for(objects: Objects) -> None:
    for item in of_kind([*objects, *everything()], *WORKLOADS, "Pod"):
        spec = pod_spec(item)
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["resources"]["requests"]["cpu"]
            assert container["resources"]["requests"].get("memory") or "frontend" in container["image"]


def test_images_have_a_tag_that_is_never_latest(objects: Objects) -> None:
    images = {container["image"] for item in objects for container in containers(item)}
    assert {image.rpartition("/")[2].partition(":")[2] for image in images} <= {"1a2b3c", "4d5e6f", "000111", "15"}


def test_images_and_policies(rendered: Rendered, deployer: str) -> None:
    found = {
        f"{item['metadata']['name']}/{container['name']}": (container["image"], container["imagePullPolicy"])
        for item in rendered[deployer, "bundled"]
        for container in containers(item)
    }
    backend = ("kubetasks/todo-backend:1a2b3c", "Never")
    assert found == {
        "backend/wait-for-migrations": backend,
        "backend/backend": backend,
        "frontend/frontend": ("kubetasks/todo-frontend:4d5e6f", "Never"),
        "migrate-0123456789ab/migrate": ("kubetasks/todo-backend:000111", "Never"),
        "postgres/postgres": ("kubetasks.local/postgres:15", "IfNotPresent"),
    }


@pytest.mark.parametrize("name", ["backend", "frontend"])
def test_rolling_out_takes_nothing_away(objects: Objects, name: str) -> None:
    spec = by_identity(objects)[f"Deployment/{name}"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    (container,) = spec["template"]["spec"]["containers"]
    path = {"backend": "/health", "frontend": "/"}[name]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
    stop = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    arguments = container["args"]
    graceful = int(arguments[arguments.index("--timeout-graceful-shutdown") + 1])
    assert stop + graceful < spec["template"]["spec"]["terminationGracePeriodSeconds"]


def test_the_database_url_finds_its_password(rendered: Rendered, deployer: str) -> None:
    """$(NAME) is expanded only when NAME stands before it."""
    found = by_identity(rendered[deployer, "bundled"])
    for name in ("Deployment/backend", "Job/migrate-0123456789ab"):
        for container in containers(found[name]):
            env = [each["name"] for each in container["env"]]
            assert env.index("POSTGRES_PASSWORD") < env.index("DATABASE_URL")
    for container in containers(by_identity(rendered[deployer, "external"])["Deployment/backend"]):
        assert {
            "name": "DATABASE_URL",
            "valueFrom": {"secretKeyRef": {"name": "todo-secrets", "key": "DATABASE_URL"}},
        } in (container["env"])
