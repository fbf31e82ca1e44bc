"""What a pod's status says, on statuses as a kubelet writes them (Kubernetes 1.34, containerd)."""

from typing import Any

import pytest

from kubetasks.diagnose.pods import FOR_EVER, KNOWN, last_events, of_events, of_pod, of_workload
from kubetasks.objects import Object, Objects
from tests.samples import deployment, job, statefulset

WORKLOAD = "Deployment/backend"


def pod(*statuses: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **status: Any) -> Object:
    containers = [{"name": "backend", "ready": False, "restartCount": 0, **each} for each in statuses]
    inits = [{"name": "wait-for-migrations", "ready": False, "restartCount": 0, **each} for each in init]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "backend-5d4f-x2x9p", "labels": {}},
        "status": {"phase": "Pending", "containerStatuses": containers, "initContainerStatuses": inits, **status},
    }


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, reason: str = "Error", **more: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "containerID": "containerd://abc", **more}}


IMAGE = "kubetasks/todo-backend:1a2b3c"
# name, the container's status, the problem's ID, its grace in seconds, part of its line
STATES: list[tuple[str, dict[str, Any], str, float, str]] = [
    (
        "an image that the node lacks",
        waiting("ErrImageNeverPull", f'Container image "{IMAGE}" is not present with pull policy of Never'),
        "IMAGE_NOT_ON_NODE",
        0,
        "container backend is in ErrImageNeverPull (Container image",
    ),
    (
        "an image name that cannot be",
        waiting("InvalidImageName", 'Failed to apply default image tag "kubetasks/Todo:": couldn\'t parse image name'),
        "IMAGE_NAME_INVALID",
        0,
        "InvalidImageName",
    ),
    (
        "a registry that does not have the image",
        waiting(
            "ErrImagePull",
            f'failed to pull and unpack image "docker.io/{IMAGE}": failed to resolve reference "docker.io/{IMAGE}": '
            f"docker.io/{IMAGE}: not found",
        ),
        "IMAGE_PULL",
        0,
        "not found",
    ),
    (
        "a registry that refuses",
        waiting(
            "ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: pull access denied, authorization failed'
        ),
        "IMAGE_PULL",
        0,
        "denied",
    ),
    (
        "a registry that is slow to answer",
        waiting("ErrImagePull", "rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
        "IMAGE_PULL",
        20,
        "deadline",
    ),
    (
        "a pull that backs off",
        waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"'),
        "IMAGE_PULL",
        20,
        "Back-off",
    ),
    (
        "a key that the Secret lacks",
        waiting("CreateContainerConfigError", "couldn't find key JWT_SECRET in Secret todo/todo-secrets"),
        "CONFIG_KEY_MISSING",
        0,
        "couldn't find key JWT_SECRET in Secret todo/todo-secrets",
    ),
    (
        "a Secret that is not there",
        waiting("CreateContainerConfigError", 'secret "todo-secrets" not found'),
        "CONFIG_KEY_MISSING",
        0,
        'secret "todo-secrets" not found',
    ),
    (
        "a kubelet whose cache is not there yet",
        waiting("CreateContainerConfigError", "failed to sync secret cache: timed out waiting for the condition"),
        "CONFIG_KEY_MISSING",
        20,
        "cache",
    ),
    (
        "an image that runs as root",
        waiting(
            "CreateContainerConfigError",
            'container has runAsNonRoot and image will run as root (pod: "backend-5d4f_todo(1-2)", container: backend)',
        ),
        "RUNS_AS_ROOT",
        0,
        "will run as root",
    ),
    (
        "a crash loop",
        waiting(
            "CrashLoopBackOff",
            "back-off 20s restarting failed container=backend pod=backend-5d4f-x2x9p_todo(1-2)",
            restartCount=2,
            lastState=ended(3),
        ),
        "CRASH_LOOP",
        0,
        "container backend is in CrashLoopBackOff (exit code 3, restarted 2 times)",
    ),
    (
        "too little memory, seen while it backs off",
        waiting("CrashLoopBackOff", "back-off", restartCount=1, lastState=ended(137, "OOMKilled")),
        "OUT_OF_MEMORY",
        0,
        "more memory than its limit",
    ),
    (
        "too little memory, seen while it runs again",
        {
            "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}},
            "restartCount": 1,
            "lastState": ended(137, "OOMKilled"),
        },
        "OUT_OF_MEMORY",
        0,
        "OOMKilled",
    ),
    (
        "a command that is not in the image",
        waiting("RunContainerError", 'exec: "pyton": executable file not found in $PATH: unknown'),
        "CONTAINER_COMMAND",
        0,
        "executable file not found",
    ),
    (
        "a command that is not in the image, seen a moment later",
        {"state": ended(128, "StartError", message='exec: "pyton": executable file not found in $PATH: unknown')},
        "CONTAINER_COMMAND",
        0,
        "executable file not found",
    ),
    (
        "a command that is not in the image, seen while it backs off",
        waiting("CrashLoopBackOff", "back-off", lastState=ended(127, "ContainerCannotRun", message="no such file")),
        "CONTAINER_COMMAND",
        0,
        "no such file",
    ),
    (
        "a container that could not be made",
        waiting("CreateContainerError", "name is reserved"),
        "CONTAINER_CREATE",
        5,
        "reserved",
    ),
    (
        "an image that is damaged",
        waiting("ImageInspectError", "Failed to inspect image"),
        "IMAGE_DAMAGED",
        0,
        "inspect",
    ),
    ("one that ended badly", {"state": ended(1)}, "CONTAINER_FAILED", FOR_EVER, "exit code 1"),
]


@pytest.mark.parametrize(
    ("status", "expected", "grace", "text"), [each[1:] for each in STATES], ids=[each[0] for each in STATES]
)
def test_a_state_has_one_problem(status: dict[str, Any], expected: str, grace: float, text: str) -> None:
    [problem] = of_pod(pod(status), WORKLOAD)
    assert (problem.id, problem.grace) == (expected, grace)
    assert text in problem.line
    assert (problem.workload, problem.pod, problem.container) == (WORKLOAD, "backend-5d4f-x2x9p", "backend")
    assert problem.advice


@pytest.mark.parametrize(
    "status",
    [
        waiting("ContainerCreating"),
        waiting("PodInitializing"),
        {"state": {"running": {}}, "ready": True},
        {"state": {"running": {}}},
        {"state": ended(0, "Completed")},
        {},
        {"state": {"running": {}}, "ready": True, "restartCount": 1, "lastState": ended(137, "OOMKilled")},
        {"state": {"running": {}}, "ready": True, "restartCount": 1, "lastState": ended(128, "StartError")},
        {"state": {"running": {}}, "restartCount": 1, "lastState": ended(1)},
    ],
)
def test_a_state_that_is_none(status: dict[str, Any]) -> None:
    assert list(of_pod(pod(status), WORKLOAD)) == []


def test_a_pod_without_any_status_has_no_problem() -> None:
    assert list(of_pod({"kind": "Pod", "metadata": {"name": "new"}}, WORKLOAD)) == []


def test_a_pod_that_is_going_has_none() -> None:
    item = pod(waiting("ErrImageNeverPull"))
    item["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert list(of_pod(item, WORKLOAD)) == []


def test_a_pod_that_fits_nowhere() -> None:
    message = "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available"
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    [problem] = of_pod(pod(conditions=[condition]), WORKLOAD)
    assert (problem.id, problem.grace, problem.container) == ("UNSCHEDULABLE", 30, "")
    assert problem.line.startswith("pod backend-5d4f-x2x9p is in Unschedulable (0/1 nodes are available")


def test_init_containers_come_first() -> None:
    item = pod(waiting("ErrImageNeverPull"), init=(waiting("CrashLoopBackOff", restartCount=4, lastState=ended(1)),))
    assert [(each.container, each.id) for each in of_pod(item, WORKLOAD)] == [
        ("wait-for-migrations", "CRASH_LOOP"),
        ("backend", "IMAGE_NOT_ON_NODE"),
    ]


def test_a_long_message_is_cut_and_put_on_one_line() -> None:
    [problem] = of_pod(pod(waiting("ErrImageNeverPull", "one\ntwo  " + "x" * 1000)), WORKLOAD)
    assert problem.message.startswith("one two xxx")
    assert len(problem.message) == 300


REFUSED = (
    'pods "backend-5d4f-" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
    '(container "backend" must set securityContext.allowPrivilegeEscalation=false)'
)


def condition(kind: str, reason: str, message: str = "", status: str = "True") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("found", "expected", "grace"),
    [
        (condition("ReplicaFailure", "FailedCreate", REFUSED), "ADMISSION_REFUSED", 0),
        (
            condition(
                "ReplicaFailure",
                "FailedCreate",
                'pods "b" is forbidden: error looking up service account todo/default: not found',
            ),
            "ADMISSION_REFUSED",
            20,
        ),
        (
            condition("ReplicaFailure", "FailedCreate", 'pods "b" is forbidden: exceeded quota: q, requested: pods=1'),
            "ADMISSION_REFUSED",
            20,
        ),
        (condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"), "JOB_FAILED", 0),
        (condition("Failed", "DeadlineExceeded", "Job was active longer than specified deadline"), "JOB_TIMEOUT", 0),
        (
            condition("Failed", "PodFailurePolicy", "Container migrate for pod todo/x failed with exit code 42"),
            "JOB_FAILED",
            0,
        ),
    ],
)
def test_what_a_controller_reports(found: Object, expected: str, grace: float) -> None:
    item = {**deployment(), "status": {"conditions": [found]}}
    [problem] = of_workload(item)
    assert (problem.id, problem.grace, problem.workload, problem.pod) == (expected, grace, "Deployment/backend", "")
    assert problem.line.startswith(f"Deployment/backend is in {found['reason']} (")


@pytest.mark.parametrize(
    "found",
    [
        condition("ReplicaFailure", "FailedCreate", REFUSED, status="False"),
        condition("ReplicaFailure", "FailedDelete"),
        condition("Progressing", "ReplicaSetUpdated"),
        condition("Available", "MinimumReplicasUnavailable", status="False"),
        condition("Complete", "CompletionsReached"),
    ],
)
def test_what_a_controller_reports_and_is_no_problem(found: Object) -> None:
    assert list(of_workload({**job(), "status": {"conditions": [found]}})) == []


def test_a_replicaset_speaks_for_its_deployment() -> None:
    refused = condition("ReplicaFailure", "FailedCreate", REFUSED)
    item = {"kind": "ReplicaSet", "metadata": {"name": "backend-5d4f"}, "status": {"conditions": [refused]}}
    [problem] = of_workload(item, "Deployment/backend")
    assert problem.workload == "Deployment/backend"


def event(name: str, reason: str, message: str, at: str = "2026-01-02T03:04:05Z", **about: str) -> Object:
    return {
        "kind": "Event",
        "metadata": {"name": f"{name}.17", "creationTimestamp": at},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
        "involvedObject": {"name": name, **about},
    }


def test_a_statefulset_whose_pods_are_refused_is_known_by_its_events() -> None:
    item = statefulset()
    item["metadata"]["uid"] = "uid-7"
    other = event("postgres", "FailedCreate", "of the one before", kind="StatefulSet", uid="uid-6")
    mine = event("postgres", "FailedCreate", REFUSED, kind="StatefulSet", uid="uid-7")
    [problem] = of_events([other, mine, mine], item)
    assert (problem.id, problem.workload, problem.grace) == ("ADMISSION_REFUSED", "StatefulSet/postgres", 0)
    assert "PodSecurity" in problem.message
    assert list(of_events([other], item)) == []


def test_the_last_events_in_their_order() -> None:
    events: Objects = [
        event("pod-a", "Failed", "second", "2026-01-02T03:04:06Z"),
        event("pod-b", "Failed", "of another"),
        event("pod-a", "Pulling", "first\nline", "2026-01-02T03:04:05Z"),
        {**event("pod-a", "Old", "zeroth"), "lastTimestamp": None, "eventTime": "2026-01-02T03:00:00.000000Z"},
    ]
    assert last_events(events, {"pod-a"}) == [
        "Warning Old pod-a: zeroth",
        "Warning Pulling pod-a: first line",
        "Warning Failed pod-a: second",
    ]
    assert last_events(events, {"pod-a"}, most=1) == ["Warning Failed pod-a: second"]


def test_ids_are_stable() -> None:
    """They are documented and searched for: one may be added, none renamed."""
    assert {known.id for known in KNOWN.values()} >= {
        "ADMISSION_REFUSED", "CONFIG_KEY_MISSING", "CONTAINER_COMMAND", "CONTAINER_CREATE", "CONTAINER_FAILED",
        "CRASH_LOOP", "IMAGE_DAMAGED", "IMAGE_NAME_INVALID", "IMAGE_NOT_ON_NODE", "IMAGE_PULL", "JOB_FAILED",
        "JOB_TIMEOUT", "OUT_OF_MEMORY", "RUNS_AS_ROOT", "UNSCHEDULABLE",
    }  # fmt: skip
