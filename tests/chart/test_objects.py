"""What must hold of every rendered object, whoever renders it."""

import pytest
import yaml
from kubernetes_validate.utils import validate

from kubetasks.deployers.render import ChartRenderer, ManifestsRenderer, namespace_object
from kubetasks.objects import NAME, PART_OF, Object, Objects, by_identity, containers, identity, of_kind, pod_template
from kubetasks.tools.kubectl import kustomize

from .common import MODES, ROOT, pod_spec, release, runner, settings, template
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
    assert namespace == namespace_object(settings(namespace_policy="restricted"))
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
        "NetworkPolicy/default-deny",
        "NetworkPolicy/frontend",
        "NetworkPolicy/migrate",
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
        if item["metadata"]["name"] == "default-deny":
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
    assert container["command"] == ["python", "-m", f"app.{name}"]


@pytest.mark.parametrize("name", ["backend", "frontend"])
def test_stopping_fits_into_the_grace_period(objects: Objects, name: str) -> None:
    """The service drains, finishes its work, and its server waits 2 s more; nothing runs before SIGTERM.

    With a preStop hook, the service would not know that it is stopping, and go on keeping its connections.
    """
    found = by_identity(objects)
    config = found["ConfigMap/todo-config"]["data"]
    pod = found[f"Deployment/{name}"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert float(config["DRAIN_SECONDS"]) >= 3  # as long as it takes every node to stop sending connections
    seconds = float(config["DRAIN_SECONDS"]) + float(config["SHUTDOWN_SECONDS"]) + 2
    assert seconds < pod["terminationGracePeriodSeconds"]
    assert "lifecycle" not in container


def secrets_of(item: Object) -> dict[str, dict[str, bool]]:
    """Container to the Secret's keys that it is given, and whether each may be missing."""
    return {
        container["name"]: {
            entry["valueFrom"]["secretKeyRef"]["key"]: entry["valueFrom"]["secretKeyRef"].get("optional", False)
            for entry in container.get("env", ())
            if "secretKeyRef" in entry.get("valueFrom", {})
        }
        for container in containers(item)
    }


def test_who_is_given_which_secret(rendered: Rendered, deployer: str, mode: str) -> None:
    # Whether each may be missing.
    database = {"POSTGRES_PASSWORD": False} if mode == "bundled" else {"DATABASE_URL": False, "DATABASE_PASSWORD": True}
    direct = {"MIGRATION_DATABASE_URL": True} if mode == "external" else {}
    found = by_identity(rendered[deployer, mode])
    assert secrets_of(found["Deployment/backend"]) == {
        "wait-for-migrations": database,
        "backend": {**direct, **database, "JWT_SECRET": False, "LLM_API_KEY": True},
    }
    assert secrets_of(found["Job/migrate-0123456789ab"]) == {"migrate": {**direct, **database}}
    assert secrets_of(found["Deployment/frontend"]) == {"frontend": {}}
    assert "secretRef" not in str(found["Deployment/frontend"])


def reached(policy: Object) -> list[str]:
    """Where a network policy lets its pods go, in words."""
    words = []
    for rule in policy["spec"].get("egress", ()):
        ports = ",".join(f"{port.get('port', 'any')}/{port['protocol']}" for port in rule["ports"])
        peers = [
            peer.get("podSelector", {}).get("matchLabels", {}).get(NAME) or peer.get("ipBlock", {}).get("cidr", "pods")
            for peer in rule.get("to", ())
        ]
        words.append(f"{' '.join(peers) or 'anywhere'} {ports}")
    return words


def test_what_may_go_out(rendered: Rendered, deployer: str, mode: str) -> None:
    policies = of_kind(rendered[deployer, mode], "NetworkPolicy")
    found = {item["metadata"]["name"]: reached(item) for item in policies if "Egress" in item["spec"]["policyTypes"]}
    names, outside = "anywhere 53/UDP,53/TCP", "0.0.0.0/0 ::/0 pods any/TCP"
    database = "postgres 5432/TCP" if mode == "bundled" else outside
    assert found == {
        "default-deny": [],
        "backend": [names, database],
        "migrate": [names, database],
        "frontend": [names, "backend 8000/TCP"],
        **({"postgres": []} if mode == "bundled" else {}),
    }
    for item in policies:
        blocks = [
            peer["ipBlock"]
            for rule in item["spec"].get("egress", ())
            for peer in rule.get("to", ())
            if "ipBlock" in peer
        ]
        assert all(block["except"] for block in blocks), "clouds hand out credentials at link-local addresses"


def test_a_model_is_reached_where_one_is_configured() -> None:
    for url in ("", "https://models.example.com/v1"):
        given = release("bundled", config={"LLM_BASE_URL": url})
        for renderer in (ManifestsRenderer, ChartRenderer):
            found = by_identity(renderer(settings(), ROOT, runner()).render(given))
            policy = found.get("NetworkPolicy/backend-model")
            assert (policy is not None) == bool(url)
            if policy is not None:
                assert policy["spec"]["podSelector"] == found["NetworkPolicy/backend"]["spec"]["podSelector"]
                assert policy["metadata"].get("annotations") is None
                assert reached(policy) == ["0.0.0.0/0 ::/0 pods any/TCP"]


def test_the_password_is_beside_the_database_url_and_not_in_it(rendered: Rendered, deployer: str, mode: str) -> None:
    """A URL's text would need it percent-encoded; libpq takes PGPASSWORD as it is."""
    found = by_identity(rendered[deployer, mode])
    for name in ("Deployment/backend", "Job/migrate-0123456789ab"):
        for container in containers(found[name]):
            env = {each["name"]: each for each in container["env"]}
            password = env["PGPASSWORD"]["valueFrom"]["secretKeyRef"]
            if mode == "bundled":
                assert env["DATABASE_URL"] == {"name": "DATABASE_URL", "value": "postgresql://todo@postgres:5432/todo"}
                assert password == {"name": "todo-secrets", "key": "POSTGRES_PASSWORD"}
            else:
                url = {"secretKeyRef": {"name": "todo-secrets", "key": "DATABASE_URL"}}
                assert env["DATABASE_URL"] == {"name": "DATABASE_URL", "valueFrom": url}
                assert password == {"name": "todo-secrets", "key": "DATABASE_PASSWORD", "optional": True}


def test_no_secret_is_put_into_another_text(rendered: Rendered, deployer: str, mode: str) -> None:
    """By $(NAME), which would need quoting that Kubernetes does not have."""
    for item in rendered[deployer, mode]:
        for container in containers(item):
            held = {each["name"] for each in container.get("env", ()) if "secretKeyRef" in str(each.get("valueFrom"))}
            texts = str(
                [container.get("command"), container.get("args"), [e.get("value") for e in container.get("env", ())]]
            )
            assert [name for name in held if f"$({name})" in texts] == []
