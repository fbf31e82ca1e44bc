"""Manifests from compose files, or from Dockerfiles alone."""

from pathlib import Path
from typing import Any

import pytest

from kubetasks import documents
from kubetasks.errors import InitNothing, InitUnusable
from kubetasks.init import base
from kubetasks.init.compose import pairs, substituted
from kubetasks.init.variables import is_secret, split
from tests.unit.init.tree import PYTHON, application, deployment

COMPOSE = """
services:
  web:
    build: ./web
    ports: ["8080:80", "127.0.0.1:9229:9229", "5353:53/udp"]
    environment:
      DEBUG: false
      SECRET_KEY: ${SECRET_KEY:?set it}
      MAIL_PASSWORD: ${MAIL_PASSWORD:-}
      DATABASE_URL: postgres://app:${DB_PASSWORD}@db:5432/app
      CACHE_URL: redis://:literal@cache:6379
      LEVEL: ${LEVEL:-info}
      UNSET: ${UNSET}
    healthcheck: {test: [CMD, curl, -f, "http://localhost/health?x=1"]}
    volumes: ["./web:/app", "uploads:/srv/uploads:ro", "/tmp/scratch"]
    depends_on: [db]
  db:
    image: postgres:16
    environment: [POSTGRES_PASSWORD=literal, POSTGRES_DB=app]
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck: {test: "pg_isready -U app"}
    deploy: {resources: {limits: {memory: 256M}}}
  job: {build: {context: .}, command: "python -m job | tee log", user: "1000"}
  tool: {image: adminer, profiles: [tools]}
volumes: {data: {}, uploads: {}}
"""


def made(root: Path, files: dict[str, str]) -> tuple[dict[str, Any], base.Base]:
    found = base.make(application(root, files))
    objects = [item for text in found.files.values() for item in documents.load_all(text)]
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in objects}, found


@pytest.fixture
def objects(tmp_path: Path) -> dict[str, Any]:
    files = {"compose.yaml": COMPOSE, "web/Dockerfile": PYTHON, "Dockerfile": PYTHON, ".env": "UNUSED=1\n"}
    (tmp_path / "shop").mkdir()
    return made(tmp_path / "shop", files)[0]


def container(item: dict[str, Any]) -> dict[str, Any]:
    [found] = item["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_the_objects(objects: dict[str, Any]) -> None:
    assert sorted(objects) == [
        "ConfigMap/db-config", "ConfigMap/web-config", "Deployment/db", "Deployment/job", "Deployment/web",
        "PersistentVolumeClaim/data", "PersistentVolumeClaim/uploads", "Service/db", "Service/web",
    ]  # fmt: skip


def test_ports_and_probes(objects: dict[str, Any]) -> None:
    ports = {name: objects[f"Service/{name}"]["spec"]["ports"] for name in ("web", "db")}
    assert [(each["port"], each["targetPort"]) for each in ports["web"]] == [(80, 80)]
    assert [each["port"] for each in ports["db"]] == [5432]
    assert container(objects["Deployment/web"])["readinessProbe"]["httpGet"] == {"path": "/health", "port": 80}
    assert container(objects["Deployment/db"])["readinessProbe"]["tcpSocket"] == {"port": 5432}
    assert "readinessProbe" not in container(objects["Deployment/job"])


def test_what_is_secret_is_in_no_file(tmp_path: Path, objects: dict[str, Any]) -> None:
    env = {each["name"]: each for each in container(objects["Deployment/web"])["env"]}
    assert env["SECRET_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "shop-secrets", "key": "SECRET_KEY"}
    assert env["MAIL_PASSWORD"]["valueFrom"]["secretKeyRef"]["optional"]
    assert env["DATABASE_URL"]["value"] == "postgres://app:$(DB_PASSWORD)@db:5432/app"
    assert "valueFrom" in env["DB_PASSWORD"]
    assert "valueFrom" in env["CACHE_URL"]
    assert [*env].index("DB_PASSWORD") < [*env].index("DATABASE_URL")
    assert objects["ConfigMap/web-config"]["data"] == {"DEBUG": "false", "LEVEL": "info", "UNSET": ""}
    assert objects["ConfigMap/db-config"]["data"] == {"POSTGRES_DB": "app"}
    assert "literal" not in str(objects)


def test_volumes(objects: dict[str, Any]) -> None:
    mounts = container(objects["Deployment/web"])["volumeMounts"]
    assert [(each["mountPath"], each.get("readOnly", False)) for each in mounts] == [
        ("/srv/uploads", True), ("/tmp/scratch", False),
    ]  # fmt: skip
    assert objects["Deployment/db"]["spec"]["strategy"] == {"type": "Recreate"}
    assert objects["PersistentVolumeClaim/data"]["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_resources_and_security(objects: dict[str, Any]) -> None:
    assert container(objects["Deployment/db"])["resources"]["limits"] == {"memory": "256Mi"}
    for name in ("web", "db", "job"):
        assert container(objects[f"Deployment/{name}"])["securityContext"]["allowPrivilegeEscalation"] is False
    assert container(objects["Deployment/job"])["args"] == ["sh", "-c", "python -m job | tee log"]


def test_what_has_no_place_is_said(tmp_path: Path) -> None:
    notes = made(tmp_path, {"compose.yaml": COMPOSE, "web/Dockerfile": PYTHON, "Dockerfile": PYTHON})[1].notes
    text = "\n".join(notes)
    for each in ("./web, which compose mounts on /app", "job has no port", "web: UNSET has no value"):
        assert each in text


def test_from_dockerfiles_alone(tmp_path: Path) -> None:
    files = {
        "web/Dockerfile": "FROM x\nEXPOSE 8080\nUSER 1001\n", "web/Dockerfile.dev": PYTHON, "worker/Dockerfile": PYTHON,
        "tests/Dockerfile": PYTHON,
    }  # fmt: skip
    objects, found = made(tmp_path, files)
    assert sorted(objects) == ["Deployment/web", "Deployment/worker", "Service/web"]
    assert container(objects["Deployment/web"])["securityContext"]["runAsUser"] == 1001
    assert sorted(found.files) == ["k8s/web.yaml", "k8s/worker.yaml"]


def test_manifests_that_are_there_are_enough(tmp_path: Path) -> None:
    files = {"web/Dockerfile": PYTHON, "deploy/a.yaml": deployment("web", "acme/web")}
    with pytest.raises(InitUnusable, match="deploy describes this application already"):
        base.make(application(tmp_path, files))


def test_a_file_of_the_users_counts(tmp_path: Path) -> None:
    own = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\n"
    objects, _ = made(tmp_path, {"web/Dockerfile": PYTHON, "k8s/web.yaml": own})
    assert [*objects] == ["ConfigMap/mine"]


@pytest.mark.parametrize(
    ("files", "error"), [({}, InitNothing), ({"README.md": "x"}, InitNothing), ({"Dockerfile": PYTHON}, InitUnusable)]
)
def test_nothing_to_deploy(tmp_path: Path, files: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        base.refuse_nothing(application(tmp_path, files))


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD", "DB_PASS", "POSTGRES_PASSWORD", "MYSQL_ROOT_PASSWORD", "SECRET_KEY", "API_KEY", "OPENAI_API_KEY",
        "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "JWT_SECRET", "STRIPE_KEY", "SENTRY_DSN",
        "db_password",
    ],
)  # fmt: skip
def test_names_that_say_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "PORT",
        "MYSQL_ALLOW_EMPTY_PASSWORD",
        "TOKEN_TTL",
        "PASSWORD_FILE",
        "STRIPE_PUBLIC_KEY",
        "COMPASS",
        "ACCESS_TOKEN_EXPIRE_MINUTES",
    ],
)
def test_names_that_do_not(name: str) -> None:
    assert not is_secret(name)


def test_substitution() -> None:
    given = {"A": "1", "EMPTY": ""}
    text = "$A ${A} ${B:-x} ${B-y} ${EMPTY:-z} ${A:+set} ${B:?gone} $$A ${B}"
    assert substituted(text, given) == "1 1 x y z set  $A "
    assert pairs(["A=1", "B"]) == {"A": "1", "B": None}


def test_a_variable_that_is_passed_through() -> None:
    found = split(["A", "B", "MY_SECRET"], {}, {"A": "1"})
    assert (found.plain, found.secret, found.empty) == ({"A": "1", "B": ""}, {"MY_SECRET": "MY_SECRET"}, ["B"])


@pytest.mark.parametrize(
    ("said", "key", "optional"),
    [
        ("${DB_PASSWORD}", "DB_PASSWORD", False),
        ("$DB_PASSWORD", "DB_PASSWORD", False),
        ("literal", "X_PASSWORD", False),
        ("${DB_PASSWORD:-}", "DB_PASSWORD", True),
        ("${DB_PASSWORD:-known}", "DB_PASSWORD", False),
        ("", "X_PASSWORD", True),
        ("${DB_PASSWORD:?missing}", "DB_PASSWORD", False),
    ],
)
def test_one_value_has_one_key(said: str, key: str, optional: bool) -> None:
    found = split({"X_PASSWORD": said}, {}, {})
    assert (found.secret, bool(found.optional)) == ({"X_PASSWORD": key}, optional)


def test_ports_that_others_ask(tmp_path: Path) -> None:
    compose = (
        "services:\n  carts-db: {image: amazon/dynamodb-local}\n"
        "  cart: {build: ., environment: {ENDPOINT: 'http://carts-db:8000/x'}}\n"
    )
    objects, _ = made(tmp_path, {"compose.yaml": compose, "Dockerfile": PYTHON})
    assert objects["Service/carts-db"]["spec"]["ports"][0]["port"] == 8000
