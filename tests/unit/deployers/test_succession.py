"""A Service leads to what it led to until the new pods are ready."""

from copy import deepcopy

from kubetasks.deployers.succession import held_back
from kubetasks.objects import Object
from tests.samples import service


def leading(app: str, port: int = 80) -> Object:
    item = service("web")
    item["spec"] = {"selector": {"app": app}, "ports": [{"port": port}]}
    return item


def pod(app: str, *, ready: bool = True) -> Object:
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return {"kind": "Pod", "metadata": {"name": app, "labels": {"app": app}}, "status": status}


def test_a_service_that_leads_elsewhere_is_held_back() -> None:
    wanted = [leading("new", 81)]
    [held] = held_back(wanted, [leading("old"), pod("old")])
    assert held["spec"] == {"selector": {"app": "old"}, "ports": [{"port": 80}]}
    assert wanted[0]["spec"]["selector"] == {"app": "new"}


def test_a_service_that_has_nothing_to_lose_is_not() -> None:
    wanted = [leading("new")]
    for live in ([], [leading("new"), pod("new")], [leading("old")], [leading("old"), pod("old", ready=False)]):
        assert held_back(wanted, deepcopy(live)) == wanted
