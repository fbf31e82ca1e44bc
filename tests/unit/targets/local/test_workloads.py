import sys
from pathlib import Path

import pytest

from kubetasks.objects import Object, Objects
from kubetasks.targets.local.applying import merged
from kubetasks.targets.local.workloads import Here, Pod, Ports, own_ports, pod_of, service_ports, surroundings
from tests.unit.targets.local.objects import config_map, container, deployment, job, secret, service, web

ROOT = Path("/project")


def stored(*items: Object) -> Objects:
    return [merged(item, None, "demo") for item in items]


def made(objects: Objects, here: Here, ports: dict[str, Ports] | None = None) -> dict[str, Pod]:
    workloads = [item for item in objects if item["kind"] in {"Deployment", "StatefulSet", "Job"}]
    services = [item for item in objects if item["kind"] == "Service"]
    ports = ports or {
        f"{i['kind'].lower()}.{i['metadata']['name']}": own_ports(i, services, here.local_ports) for i in workloads
    }
    around = surroundings(objects, "demo", ports)
    pods = [
        pod_of(item, ports[f"{item['kind'].lower()}.{item['metadata']['name']}"], around, here, "u-1")
        for item in workloads
    ]
    return {pod.group: pod for pod in pods}


def test_ports_are_the_containers_own_unless_set() -> None:
    item, behind = web("backend", 8000), service("backend", 80)
    assert own_ports(item, [behind], {}) == {8000: 8000}
    assert own_ports(item, [behind], {"backend": 18000}) == {8000: 18000}
    assert own_ports(item, [behind], {"other": 18000}) == {8000: 8000}
    assert own_ports(item, [], {"backend": 18000}) == {8000: 18000}


def test_the_set_port_is_the_one_behind_the_service() -> None:
    item = web(
        "backend",
        8000,
        extra={"ports": [{"name": "metrics", "containerPort": 9}, {"name": "http", "containerPort": 8000}]},
    )
    assert own_ports(item, [service("backend", 80)], {"backend": 18000}) == {9: 9, 8000: 18000}


@pytest.mark.parametrize("target", ["http", 8000])
def test_service_ports(target: str | int) -> None:
    item = web("backend", 8000)
    assert service_ports(service("backend", 80, target), [item], {"deployment.backend": {8000: 18000}}) == {80: 18000}
    assert service_ports(service("other", 80, target), [item], {}) == {}
    assert service_ports(service("backend", 80, "nope"), [item], {}) == {}


def test_a_pod_is_made_of_all_its_objects() -> None:
    front = web(
        "frontend", 3000, env={"API": "$(BACKEND_URL)/api"}, extra={"envFrom": [{"configMapRef": {"name": "config"}}]}
    )
    objects = stored(
        config_map("config", BACKEND_URL="http://backend:8000"), web("backend", 8000), service("backend", 8000), front
    )
    here = Here(
        ROOT, "", {"backend": 18000}, environ={"PATH": "/bin", "HOME": "/home/me", "AWS_SECRET": "x", "HTTP_PROXY": "p"}
    )
    run = made(objects, here)["deployment.frontend"].programs[0].run[0]
    assert run["argv"][0] == sys.executable
    assert {key: value for key, value in run["env"].items() if not key.startswith("BACKEND_SERVICE")} == {
        "PATH": f"{Path(sys.executable).parent}:/bin",
        "HOME": "/home/me",
        "PYTHONUNBUFFERED": "1",
        "BACKEND_URL": "http://127.0.0.1:18000",
        "HOST": "127.0.0.1",
        "PORT": "3000",
        "API": "http://127.0.0.1:18000/api",
    }


def test_a_digest_changes_with_what_the_process_is_made_from() -> None:
    here = Here(ROOT)
    front = web("frontend", 3000, env={"API": "http://backend:8000"})
    objects = stored(web("backend", 8000), service("backend", 8000), front)
    before = made(objects, here)
    assert made(objects, here) == before
    moved = made(objects, Here(ROOT, local_ports={"backend": 18000}))
    assert all(moved[group].digest != before[group].digest for group in before)
    assert moved["deployment.frontend"].name == before["deployment.frontend"].name
    alone = made(objects, Here(ROOT, local_ports={"frontend": 13000}))
    assert alone["deployment.backend"].digest == before["deployment.backend"].digest
    noted = stored(
        web("backend", 8000, annotations={"kubetasks.dev/config-digest": "2"}), service("backend", 8000), front
    )
    assert made(noted, here)["deployment.backend"].digest != before["deployment.backend"].digest
    assert made(noted, here)["deployment.frontend"].digest == before["deployment.frontend"].digest
    more = stored(web("backend", 8000, replicas=3), service("backend", 8000), front)
    assert made(more, here)["deployment.backend"].digest == before["deployment.backend"].digest


def test_a_secret_that_changed_alone_replaces_nothing() -> None:
    item = web("web", 1, extra={"envFrom": [{"secretRef": {"name": "secrets"}}]})
    one, two = (made(stored(item, secret("secrets", K=value)), Here(ROOT))["deployment.web"] for value in ("1", "2"))
    assert one.digest == two.digest
    assert one.programs != two.programs


def test_problems_keep_only_their_container_from_starting() -> None:
    bad = container("bad", "", envFrom=[{"secretRef": {"name": "none"}}])
    pod = made(stored(deployment("web", container("good", ""), bad)), Here(ROOT))["deployment.web"]
    assert [program.name for program in pod.programs] == ["deployment.web@good"]
    assert pod.problems == {"bad": ("CreateContainerConfigError", 'secret "none" not found')}


def test_an_init_container_that_cannot_start_keeps_all_from_starting() -> None:
    bad = container("bad", "", envFrom=[{"secretRef": {"name": "none"}}])
    pod = made(stored(deployment("web", container("good", ""), initContainers=[bad])), Here(ROOT))["deployment.web"]
    assert pod.programs == []
    assert list(pod.problems) == ["bad"]


def test_sidecars_run_beside() -> None:
    beside = container("proxy", "", restartPolicy="Always")
    pod = made(stored(deployment("web", container("main", ""), initContainers=[beside])), Here(ROOT))["deployment.web"]
    assert pod.init == []
    assert [program.name for program in pod.programs] == ["deployment.web@proxy", "deployment.web@main"]


def test_a_job_is_one_program_made_anew_with_the_job() -> None:
    item = job("migrate", container("a", ""), container("b", ""))
    first, second = (made(stored(item), Here(ROOT))["job.migrate"] for _ in "12")
    assert [each["name"] for each in first.programs[0].run] == ["a", "b"]
    assert first.digest != second.digest
