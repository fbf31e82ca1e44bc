"""What a Pod Security Standard would refuse of the rendered pods."""

from typing import Any

import pytest

from kubetasks.deployers.pod_security import line, refusals, refused
from kubetasks.objects import Object
from tests.pod_security import PODS, SAFE


@pytest.mark.parametrize("name", PODS)
def test_each_pod_is_refused_from_its_level_on(name: str) -> None:
    """The end-to-end test asks the API server the same."""
    spec, lowest = PODS[name]
    assert bool(refusals(spec, "baseline")) is (lowest == "baseline")
    assert bool(refusals(spec, "restricted")) is bool(lowest)
    assert refusals(spec, "none") == []


def test_the_reasons_name_the_container() -> None:
    spec, _ = PODS["nothing-set"]
    assert refusals(spec, "restricted") == [
        "allowPrivilegeEscalation is not false (container main)",
        "capabilities.drop lacks ALL (container main)",
        "runAsNonRoot is not true (container main)",
        "seccompProfile is not RuntimeDefault (container main)",
    ]


def test_windows_has_no_linux_fields() -> None:
    spec: dict[str, Any] = {
        "os": {"name": "windows"}, "securityContext": {"runAsNonRoot": True}, "containers": [{"name": "a"}]
    }  # fmt: skip
    assert refusals(spec, "restricted") == []
    spec["securityContext"]["windowsOptions"] = {"hostProcess": True}
    assert refusals(spec, "baseline") == ["hostProcess (pod)"]


BAD = {"containers": [{"name": "a", "securityContext": {"privileged": True}}]}


def item(kind: str, spec: dict[str, Any], **annotations: str) -> Object:
    return {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "x", "annotations": annotations}, "spec": spec}


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Pod", BAD),
        ("CronJob", {"jobTemplate": {"spec": {"template": {"spec": BAD}}}}),
        ("Gadget", {"pod": {"spec": BAD}}),
        *((kind, {"template": {"spec": BAD}}) for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job")),
    ],
)
def test_every_kind_with_pods_is_judged(kind: str, spec: dict[str, Any]) -> None:
    found = refused([item(kind, spec)], "baseline", {"Gadget": "spec.pod"})
    assert [*found.values()] == [["privileged (container a)"]]


def test_what_has_no_pods_and_hooks_are_left_out() -> None:
    hook = item("Pod", BAD, **{"helm.sh/hook": "test"})
    assert refused([item("Service", {}), item("Pod", SAFE), hook], "restricted") == {}


def test_the_line_of_a_plan() -> None:
    found = {"Pod/b": ["hostPID"], "Deployment/a": ["hostIPC", "hostNetwork"]}
    assert line({}, "restricted", enforced=True) == ""
    assert line(found, "restricted", enforced=False) == (
        "restricted would refuse Deployment/a: hostIPC, hostNetwork; Pod/b: hostPID"
    )
    assert line(found, "baseline", enforced=True).startswith("baseline, which `namespace_policy` names, refuses D")
