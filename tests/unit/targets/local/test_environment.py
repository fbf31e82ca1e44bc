import pytest

from kubetasks.objects import Object
from kubetasks.targets.local.environment import Maker, Surroundings, Unresolved, expand

AROUND = Surroundings(
    namespace="demo",
    config_maps={"config": {"URL": "http://backend:8000", "LOUD": "yes"}},
    secrets={"secrets": {"KEY": "s3cret backend:8000"}},
    services={"backend": {8000: 18000, 80: 18000}, "my-db": {5432: 15432}},
)


# The cases of the expansion package's own test: third_party/forked/golang/expansion/expand_test.go.
@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$(VAR_A)", "A"),
        ("$(VAR_A)-$(VAR_B)", "A-B"),
        ("___$(VAR_B)___", "___B___"),
        ("$(VAR_EMPTY)", ""),
        ("foo-$(NOT_THERE)-bar", "foo-$(NOT_THERE)-bar"),
        ("$$(VAR_A)", "$(VAR_A)"),
        ("$$$(VAR_A)", "$A"),
        ("$$$$(VAR_A)", "$$(VAR_A)"),
        ("$VAR_A", "$VAR_A"),
        ("$(VAR_A", "$(VAR_A"),
        ("$(VAR_A$(VAR_B)", "$(VAR_A$(VAR_B)"),
        ("f000-$VAR_A", "f000-$VAR_A"),
        ("foo\\$(VAR_C)bar", "foo\\Cbar"),
        ("$", "$"),
        ("$$", "$"),
        ("$$$", "$$"),
        ("$()", "$()"),
        ("$($(VAR_A))", "$($(VAR_A))"),
        ("--$", "--$"),
        ("$(VAR_REF)", "$(VAR_A)"),
    ],
)
def test_expansion_follows_kubernetes(text: str, result: str) -> None:
    values = {"VAR_A": "A", "VAR_B": "B", "VAR_C": "C", "VAR_REF": "$(VAR_A)", "VAR_EMPTY": ""}
    assert expand(text, values) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("http://backend:8000/api", "http://127.0.0.1:18000/api"),
        ("http://backend", "http://127.0.0.1:18000"),
        ("http://backend/x?y=backend", "http://127.0.0.1:18000/x?y=backend"),
        ("http://backend.demo.svc.cluster.local:8000", "http://127.0.0.1:18000"),
        ("http://backend.demo:8000,http://backend.demo.svc:8000", "http://127.0.0.1:18000,http://127.0.0.1:18000"),
        ("backend:8000", "127.0.0.1:18000"),
        ("postgresql+psycopg://u:p@my-db:5432/app", "postgresql+psycopg://u:p@127.0.0.1:15432/app"),
        ("http://backend:9999", "http://backend:9999"),
        ("http://my-backend:8000", "http://my-backend:8000"),
        ("http://backend.other:8000", "http://backend.other:8000"),
        ("http://backend-two:8000", "http://backend-two:8000"),
        ("http://backend:80001", "http://backend:80001"),
        ("the backend is there", "the backend is there"),
        ("redis://backend", "redis://backend"),
    ],
)
def test_service_names_become_loopback_ports(text: str, result: str) -> None:
    used: set[str] = set()
    assert AROUND.to_loopback(text, used) == result
    assert bool(used) == (text != result)


def maker(**spec: object) -> Maker:
    meta = {"name": "web-1", "namespace": "demo", "uid": "u-1", "labels": {"tier": "front"}}
    return Maker(AROUND, {"metadata": meta, "spec": {"enableServiceLinks": False, **spec}}, {8000: 18000, 9000: 9000})


def test_environment_from_all_sources_in_order() -> None:
    made = maker().environment(
        {
            "name": "web",
            "envFrom": [
                {"configMapRef": {"name": "config"}},
                {"prefix": "P_", "secretRef": {"name": "secrets"}},
                {"configMapRef": {"name": "none", "optional": True}},
            ],
            "env": [
                {"name": "LOUD", "value": "no"},
                {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "secrets", "key": "KEY"}}},
                {"name": "ONE", "valueFrom": {"configMapKeyRef": {"name": "config", "key": "URL"}}},
                {"name": "GONE", "valueFrom": {"secretKeyRef": {"name": "secrets", "key": "NO", "optional": True}}},
                {"name": "BOTH", "value": "$(LOUD) $(LATER) $$(LOUD) $(URL)"},
                {"name": "LATER", "value": "later"},
                {"name": "EMPTY"},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "TIER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}},
            ],
        }
    )
    assert made == {
        "URL": "http://127.0.0.1:18000",
        "LOUD": "no",
        "P_KEY": "s3cret backend:8000",
        "KEY": "s3cret backend:8000",
        "ONE": "http://127.0.0.1:18000",
        "BOTH": "no $(LATER) $(LOUD) http://127.0.0.1:18000",
        "LATER": "later",
        "EMPTY": "",
        "POD": "web-1",
        "TIER": "front",
    }


def test_host_and_port_fit_loopback() -> None:
    values = {
        "HOST": "0.0.0.0",
        "PORT": "8000",
        "METRICS_PORT": "9000",
        "DB_PORT": "5432",
        "OTHER": "8000",
        "X_HOST": "x",
    }
    made = maker().environment({"name": "web", "env": [{"name": k, "value": v} for k, v in values.items()]})
    assert made == {**values, "HOST": "127.0.0.1", "PORT": "18000"}


def test_service_links() -> None:
    made = maker(enableServiceLinks=True).environment(
        {"name": "web", "env": [{"name": "X", "value": "$(MY_DB_SERVICE_PORT)"}]}
    )
    assert made["MY_DB_SERVICE_HOST"] == "127.0.0.1"
    assert made["X"] == "15432"


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"secretRef": {"name": "none"}}]}, 'secret "none" not found'),
        (
            {"env": [{"name": "K", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "K"}}}]},
            'configmap "none" not found',
        ),
        (
            {"env": [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "secrets", "key": "NO"}}}]},
            "couldn't find key NO in Secret demo/secrets",
        ),
        (
            {"env": [{"name": "K", "valueFrom": {"fieldRef": {"fieldPath": "spec.nope"}}}]},
            "unsupported fieldPath: spec.nope",
        ),
        (
            {"env": [{"name": "K", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]},
            "env K: resourceFieldRef has no meaning on the local target",
        ),
    ],
)
def test_what_is_missing_is_told_in_the_kubelets_words(container: Object, message: str) -> None:
    with pytest.raises(Unresolved) as caught:
        maker().environment({"name": "web", **container})
    assert (caught.value.reason, caught.value.message) == ("CreateContainerConfigError", message)


def test_command_line() -> None:
    container = {"command": ["python3.11", "-m", "uvicorn"], "args": ["--port", "$(PORT)", "$(NO)", "$$(PORT)"]}
    argv = maker().command(container, {"PORT": "18000"}, "/venv/bin/python")
    assert argv == ["/venv/bin/python", "-m", "uvicorn", "--port", "18000", "$(NO)", "$(PORT)"]
    assert maker().command({"command": ["/usr/local/bin/python"]}, {}, "/py") == ["/py"]
    assert maker().command({"command": ["pythonic"]}, {}, "/py") == ["pythonic"]


def test_a_command_left_to_the_image_is_refused() -> None:
    with pytest.raises(Unresolved, match="no command specified") as caught:
        maker().command({"args": ["x"]}, {}, "/py")
    assert caught.value.reason == "CreateContainerError"
