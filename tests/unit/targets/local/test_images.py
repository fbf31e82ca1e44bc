"""Processes that stand for images: their commands, folders, environments and ports, and what is left out."""

import json
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from kubetasks.errors import ImageUnused, SettingsError
from kubetasks.objects import Object, Objects
from kubetasks.settings import Settings, load
from kubetasks.targets.local.images import LocalImages
from kubetasks.targets.local.runnable import LocalRenderer, refusals
from kubetasks.targets.local.workloads import Here, own_ports, pod_of, service_ports, spread, surroundings
from tests.unit.targets.local.objects import deployment, service

DOCKERFILE = """
FROM python:3.12-slim
WORKDIR /app
ENV LOG_DIR=/app/logs PATH=/app/bin:$PATH MODE=image
COPY . .
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "80"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("web/Dockerfile", "api/Dockerfile"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(DOCKERFILE)
    (tmp_path / "web/logs").mkdir()
    return tmp_path


def settings(**local: Any) -> Settings:
    web = {"context": "web", "dockerfile": "web/Dockerfile", "image": "ghcr.io/acme/web"}
    api = {"context": "api", "dockerfile": "api/Dockerfile"}
    return load({"project": "shop", "services": {"web": {**web, "local": local}, "api": api}}, environ={})


def here(root: Path, **local: Any) -> Here:
    names = {"web": "kubetasks/shop-web", "api": "kubetasks/shop-api"}
    return Here(root, images=LocalImages.of(settings(**local), root, names), environ={"PATH": "/usr/bin:/bin"})


def container(image: str = "ghcr.io/acme/web:v1", **more: Any) -> Object:
    return {"name": "main", "image": image, "ports": [{"containerPort": 80}], **more}


def workload(name: str = "web", **more: Any) -> Object:
    item = deployment(name, container(**more))
    item["metadata"]["uid"] = "u"
    return item


def process(root: Path, item: Object, ports: dict[int, int] | None = None, **local: Any) -> dict[str, Any]:
    around = surroundings([item], "shop", {})
    pod = pod_of(item, {80: 80} if ports is None else ports, around, here(root, **local), "u")
    assert pod.problems == {}
    return pod.programs[0].run[0]


@pytest.mark.parametrize("image", ["ghcr.io/acme/web:v1", "kubetasks/shop-web:0123456789abcdef"])
def test_a_container_without_a_command_runs_what_its_dockerfile_says(root: Path, image: str) -> None:
    run = process(root, workload(image=image))
    assert run["argv"] == ["uvicorn", "main:app", "--host", "127.0.0.1", "--port", "80"]
    assert run["cwd"] == str(root / "web")
    assert run["env"]["LOG_DIR"] == str(root / "web/logs")
    assert run["env"]["MODE"] == "image"
    assert run["env"]["PATH"] == f"{Path(sys.executable).parent}:/usr/bin:/bin"


def test_what_the_manifest_says_goes_first(root: Path) -> None:
    (root / "web/src").mkdir()
    item = workload(command=["python", "x.py"], workingDir="/app/src", env=[{"name": "MODE", "value": "manifest"}])
    run = process(root, item)
    assert run["argv"] == [sys.executable, "x.py"]
    assert run["cwd"] == str(root / "web/src")
    assert run["env"]["MODE"] == "manifest"


def test_arguments_alone_replace_cmd(root: Path) -> None:
    (root / "web/Dockerfile").write_text('FROM a\nENTRYPOINT ["python", "-m"]\nCMD ["web"]\n')
    assert process(root, workload())["argv"] == [sys.executable, "-m", "web"]
    assert process(root, workload(args=["other", "$(MISSING)"]))["argv"] == [
        sys.executable,
        "-m",
        "other",
        "$(MISSING)",
    ]


def test_variables_of_the_dockerfile_are_left_to_its_shell(root: Path) -> None:
    (root / "web/Dockerfile").write_text("FROM a\nCMD exec server --port $PORT $(MODE)\n")
    item = workload(env=[{"name": "MODE", "value": "x"}])
    assert process(root, item)["argv"] == ["/bin/sh", "-c", "exec server --port $PORT $(MODE)"]


@pytest.mark.parametrize(
    ("argv", "made"),
    [
        (["/usr/bin/tini", "--", "node", "server.js"], ["node", "server.js"]),
        (["tini", "-g", "-p", "SIGTERM", "-e", "143", "--", "x", "--", "-y"], ["x", "--", "-y"]),
        (["dumb-init", "node", "x"], ["node", "x"]),
        (["dumb-init", "--rewrite", "15:2", "--single-child", "--", "x"], ["x"]),
        (["/sbin/tini"], ["/sbin/tini"]),
        (["node", "tini"], ["node", "tini"]),
        ([], []),
    ],
)
def test_an_init_process_is_left_out(root: Path, argv: list[str], made: list[str]) -> None:
    (root / "web/Dockerfile").write_text(f"FROM a\nENTRYPOINT {json.dumps(argv)}\n")
    image = here(root).images.get(container())
    assert image is not None
    assert image.command(container()) == made
    assert image.command(container(command=argv)) == made


def test_settings_go_before_both(root: Path) -> None:
    run = process(
        root, workload(command=["python"]), command=["python", "-m", "http.server"], cwd="api", python="venv/bin/python"
    )
    assert run["argv"] == [str(root / "venv/bin/python"), "-m", "http.server"]
    assert run["cwd"] == str(root / "api")
    assert run["env"]["PATH"].startswith(f"{root}/venv/bin:")


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["serve", "--port", "80"], ["serve", "--port", "8081"]),
        (["serve", "--port=80", "80"], ["serve", "--port=8081", "80"]),
        (["gunicorn", "-b", "0.0.0.0:80", "app"], ["gunicorn", "-b", "127.0.0.1:8081", "app"]),
        (["gunicorn", "--bind=:80", "app"], ["gunicorn", "--bind=:8081", "app"]),
        (["serve", "-p", "80"], ["serve", "-p", "8081"]),
        (["serve", "--listen-address", ":80"], ["serve", "--listen-address", ":8081"]),
        (["sh", "-c", "uvicorn x --host 0.0.0.0 --port 80"], ["sh", "-c", "uvicorn x --host 127.0.0.1 --port 8081"]),
        (["serve", "--workers", "80", "--port", "800"], ["serve", "--workers", "80", "--port", "800"]),
        (["serve", "10.0.0.0", "v0.0.0.0.1"], ["serve", "10.0.0.0", "v0.0.0.0.1"]),
    ],
)
def test_ports_on_the_command_line_follow(root: Path, given: list[str], made: list[str]) -> None:
    assert process(root, workload(command=given), {80: 8081})["argv"] == made


def test_two_workloads_with_one_port_get_two() -> None:
    first, second = workload("web"), workload("api")
    services: Objects = [service("web", 80, 80), service("api", 80, 80)]
    for item, behind in zip((first, second), services, strict=True):
        item["spec"]["template"]["metadata"] = {"labels": behind["spec"]["selector"]}
    ports = {f"deployment.{item['metadata']['name']}": own_ports(item, services, {}) for item in (first, second)}
    made = spread(ports, set())
    assert made == {"deployment.web": {80: 80}, "deployment.api": {80: 81}}
    assert service_ports(services[1], [first, second], made) == {80: 81}


@pytest.mark.parametrize(
    ("ports", "fixed", "used", "lowest", "made"),
    [
        ([8000, 8000, 8001], (), (), 0, [8000, 8002, 8001]),
        ([80, 443], (), (), 1024, [8080, 8443]),
        ([80, 8080], (), (), 1024, [8081, 8080]),
        ([8000], (), (8000,), 0, [8001]),
        # What settings name stays, so that the conflict is reported.
        ([8000, 8000], (8000,), (), 0, [8000, 8000]),
        ([80], (80,), (), 1024, [80]),
    ],
)
def test_spreading(
    ports: list[int], fixed: tuple[int, ...], used: tuple[int, ...], lowest: int, made: list[int]
) -> None:
    given = {str(index): {1: port} for index, port in enumerate(ports)}
    assert [each[1] for each in spread(given, fixed, used, lowest).values()] == made


@pytest.mark.parametrize(
    ("item", "local", "why"),
    [
        (
            workload(image="redis:7"),
            {},
            "its image redis:7 is not built here, and container main spells out no command",
        ),
        (workload(image="redis:7", command=["redis-server"]), {}, ""),
        (workload(), {"skip": True}, "services.web.local.skip is set"),
        (workload(command=["no-such-program"]), {}, "no-such-program is not installed on this machine; install it, or"),
        (workload(command=["/app/no-such-program"]), {}, "/app/no-such-program is not installed on this machine"),
        (workload(command=["sh", "-c", "x"]), {}, ""),
        (workload(command=["/usr/local/bin/python3.12"]), {}, ""),
        (workload(), {"command": ["sh"]}, ""),
    ],
)
def test_what_cannot_run_is_named(root: Path, item: Object, local: dict[str, Any], why: str) -> None:
    found = [reason for _, reason in refusals([item], here(root, **local))]
    assert len(found) == bool(why)
    assert all(reason.startswith(why) for reason in found), found


@pytest.mark.parametrize("kind", ["Pod", "DaemonSet", "ReplicaSet", "ReplicationController", "CronJob"])
def test_what_runs_pods_on_a_cluster_alone_is_named(root: Path, kind: str) -> None:
    item = {**workload(), "kind": kind, "apiVersion": "v1"}
    assert list(refusals([item], here(root))) == [(f"{kind}/web", f"the local target runs no {kind}")]
    assert list(refusals([{**item, "apiVersion": "example.com/v1"}], here(root))) == []


def test_a_dockerfile_without_a_command(root: Path) -> None:
    (root / "web/Dockerfile").write_text("FROM a\n")
    assert list(refusals([workload()], here(root))) == [
        ("Deployment/web", "the Dockerfile of web has no CMD; set services.web.local.command")
    ]


def test_what_is_left_out_goes_with_its_service(root: Path) -> None:
    (root / "web/Dockerfile").write_text('FROM a\nCMD ["sh"]\n')
    (root / "api/Dockerfile").write_text('FROM a\nCMD ["sh"]\n')
    cache = workload("cache", image="redis:7")
    for name, item in (("web", web := workload()), ("cache", cache), ("api", api := workload("api", image="api"))):
        item["spec"]["template"]["metadata"] = {"labels": {"app": name}}
    objects: Objects = [web, api, cache, *(service(name, 80) for name in ("web", "api", "cache"))]
    for item in objects[3:]:
        item["spec"]["selector"] = {"app": item["metadata"]["name"]}

    class Fixed:
        name = "manifests"

        def render(self, _: object) -> Objects:
            return objects

    class Built:
        images: ClassVar = {"web": "kubetasks/shop-web:1", "api": "kubetasks/shop-api:1"}

    web["spec"]["template"]["spec"]["containers"][0]["image"] = "kubetasks/shop-web:1"
    api["spec"]["template"]["spec"]["containers"][0]["image"] = "kubetasks/shop-api:1"
    renderer = LocalRenderer(settings(), Fixed(), here(root))
    kept = renderer.render(Built())  # type: ignore[arg-type]
    assert [(item["kind"], item["metadata"]["name"]) for item in kept] == [
        ("Deployment", "web"), ("Deployment", "api"), ("Service", "web"), ("Service", "api"),
    ]  # fmt: skip
    assert renderer.left_out == [
        "Deployment/cache: its image redis:7 is not built here, and container main spells out no command"
    ]
    objects.remove(api)
    with pytest.raises(ImageUnused, match="no object uses the image of service api"):
        renderer.render(Built())  # type: ignore[arg-type]


@pytest.mark.parametrize(("entry", "fits"), [("cache", True), ("gone", False)])
def test_the_entry_may_be_left_out_but_has_to_be_rendered(root: Path, entry: str, fits: bool) -> None:
    class Two:
        name = "manifests"

        def render(self, _: object) -> Objects:
            cache = [deployment("cache", container("redis:7")), service("cache", 80)]
            return [workload("web"), service("web", 80), *cache]

    class Nothing:
        images: ClassVar[dict[str, str]] = {}

    chosen = load({"project": "shop", "verify": {"entry": entry}}, environ={})
    renderer = LocalRenderer(chosen, Two(), here(root))
    if fits:
        kept = renderer.render(Nothing())  # type: ignore[arg-type]
        assert "cache" not in {item["metadata"]["name"] for item in kept}
        return
    with pytest.raises(SettingsError, match="no Service gone is rendered"):
        renderer.render(Nothing())  # type: ignore[arg-type]
