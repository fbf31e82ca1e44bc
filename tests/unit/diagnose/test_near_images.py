"""Which image was meant by one that cannot be had."""

import pytest

from kubetasks.diagnose import images
from kubetasks.diagnose.words import Near
from tests.unit.diagnose.worlds import container, deployment, item, pod, world

LONG = "registry.example.com/team-with-a-long-name"


@pytest.mark.parametrize(
    ("image", "there", "meant"),
    [
        (f"{LONG}/python:4", [f"{LONG}/python:3.11", f"{LONG}/postgres:15"], f"{LONG}/python:3.11"),
        (f"{LONG}/pyhton:3.11", [f"{LONG}/python:3.11", f"{LONG}/postgres:15"], f"{LONG}/python:3.11"),
        (f"{LONG}/shop-api:1", [f"{LONG}/shop-apis:1", f"{LONG}/web:1"], f"{LONG}/shop-apis:1"),
        ("regsitry.example.com/web:1", ["registry.example.com/web:1"], "registry.example.com/web:1"),
        ("web:1", ["registry.example.com/web:1"], "registry.example.com/web:1"),
        # What they share is the registry's name.
        (f"{LONG}/python:4", [f"{LONG}/postgres:15", f"{LONG}/pgbouncer:1"], ""),
        (f"{LONG}/web:1", [f"{LONG}/redis:1"], ""),
        ("python:4", ["postgres:15"], ""),
    ],
)
def test_the_image_that_was_meant(image: str, there: list[str], meant: str) -> None:
    node = item("Node", "node-1", status={"images": [{"names": [each]} for each in there]})
    made = world(node, *deployment(pods=[pod(containers=[container(image=image)])]))
    [workload] = made.workloads.values()
    near: Near = images.meant(made, workload, "web", image)
    assert near.name == meant
