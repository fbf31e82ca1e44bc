"""Watching a rollout, with a clock that goes on only while the watch sleeps."""

from collections.abc import Callable
from typing import Any

import pytest

from kubetasks.deployers.rollout import INTERVAL, Progress, Watch, newest_replicaset, pods_of, progress
from kubetasks.errors import ClusterUnreachable, RolloutFailed, RolloutTimeout
from kubetasks.objects import Object, Objects
from tests.memory_store import NAMESPACE, Clock, MemoryStore
from tests.samples import PROJECT, configmap, deployment, job, statefulset


def store(*objects: Object, **more: Any) -> MemoryStore:
    made = MemoryStore(**more)
    made.put(NAMESPACE)
    made.apply(list(objects))
    return made


def watch(cluster: MemoryStore, deadline: float = 120, clock: Clock | None = None) -> tuple[Watch, Clock, list[str]]:
    clock, shown = clock or Clock(), list[str]()
    made = Watch(cluster, PROJECT, deadline, shown.append, clock, clock.sleep)
    return made, clock, shown


def waiting(reason: str, message: str = "", **more: Any) -> Object:
    return {"ready": False, "state": {"waiting": {"reason": reason, "message": message}}, **more}


def test_returns_at_once_when_everything_is_there() -> None:
    objects = [configmap(), deployment(replicas=2), statefulset(), job()]
    made, clock, shown = watch(store(*objects))
    assert made.until_ready(objects) == [
        Progress("Deployment/backend", True, "2/2 ready"),
        Progress("StatefulSet/postgres", True, "1/1 ready"),
        Progress("Job/migrate-0123", True, "complete"),
    ]
    assert clock.now == 0
    assert shown == ["backend: 2/2 ready  postgres: 1/1 ready  migrate-0123: complete"]


def test_without_any_workload_there_is_nothing_to_wait_for() -> None:
    made, clock, _ = watch(store(configmap()))
    assert made.until_ready([configmap()]) == []
    assert clock.now == 0


def test_waits_until_the_last_one_is_ready() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": waiting("ContainerCreating")})

    def heal() -> None:
        cluster.broken.clear()
        cluster._control(cluster.objects["Deployment/backend"])

    made, clock, shown = watch(cluster, clock=Clock(at={10.0: heal}))
    assert made.until_ready([deployment()])[0].done
    assert 10 <= clock.now < 10 + 2 * INTERVAL
    assert shown[0] == "backend: 0/1 ready"
    assert shown[-1] == "backend: 1/1 ready"


def test_a_look_is_one_call() -> None:
    cluster = store(deployment())
    cluster.log.clear()
    watch(cluster)[0].until_ready([deployment()])
    assert cluster.log == ["get Deployment,StatefulSet,Job,ReplicaSet,Pod"]


# name, the container's status, the ID, after how many seconds
AT_ONCE = [
    (
        waiting(
            "ErrImageNeverPull", 'Container image "kubetasks/todo-backend:1" is not present with pull policy of Never'
        ),
        "IMAGE_NOT_ON_NODE",
    ),
    (waiting("InvalidImageName", "couldn't parse image name"), "IMAGE_NAME_INVALID"),
    (
        waiting("CreateContainerConfigError", "couldn't find key API_KEY in Secret todo/todo-secrets"),
        "CONFIG_KEY_MISSING",
    ),
    (waiting("ErrImagePull", "docker.io/kubetasks/todo-backend:1: not found"), "IMAGE_PULL"),
    (
        waiting("CrashLoopBackOff", "back-off 20s", restartCount=2, lastState={"terminated": {"exitCode": 1}}),
        "CRASH_LOOP",
    ),
    (
        {
            "ready": False,
            "restartCount": 1,
            "state": {"running": {}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        },
        "OUT_OF_MEMORY",
    ),
]


@pytest.mark.parametrize(("status", "expected"), AT_ONCE, ids=[each[1] for each in AT_ONCE])
def test_what_cannot_heal_ends_it_at_once(status: Object, expected: str) -> None:
    cluster = store(deployment(), broken={"Deployment/backend": status})
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed) as caught:
        made.until_ready([deployment()])
    assert clock.now == 0
    assert caught.value.what == f"Deployment/backend cannot become ready [{expected}]"
    assert caught.value.why.startswith("container backend is in ")
    assert caught.value.fix
    assert caught.value.exit_code == 52


def test_a_crash_is_forgiven_once() -> None:
    once = waiting("CrashLoopBackOff", "back-off 10s", restartCount=1, lastState={"terminated": {"exitCode": 1}})
    cluster = store(deployment(), broken={"Deployment/backend": once})

    def crash_again() -> None:
        pod = cluster.objects[f"Pod/{cluster.named('Pod')[0]}"]
        pod["status"]["containerStatuses"][0]["restartCount"] = 2

    made, clock, _ = watch(cluster, clock=Clock(at={15.0: crash_again}))
    with pytest.raises(RolloutFailed, match="CRASH_LOOP"):
        made.until_ready([deployment()])
    assert 15 <= clock.now < 16


def unschedulable(cluster: MemoryStore) -> None:
    pod = cluster.objects[f"Pod/{cluster.named('Pod')[0]}"]
    condition = {
        "type": "PodScheduled",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient cpu.",
    }
    pod["status"] = {"phase": "Pending", "conditions": [condition]}


def test_a_pod_that_fits_nowhere_gets_its_grace() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": waiting("")})
    unschedulable(cluster)
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed, match="UNSCHEDULABLE"):
        made.until_ready([deployment()])
    assert 30 <= clock.now < 30 + 2 * INTERVAL


def test_a_pod_that_finds_its_place_within_its_grace_is_fine() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": waiting("")})
    unschedulable(cluster)

    def heal() -> None:
        cluster.broken.clear()
        cluster.objects.pop(f"Pod/{cluster.named('Pod')[0]}")
        cluster._control(cluster.objects["Deployment/backend"])

    made, clock, _ = watch(cluster, clock=Clock(at={29.0: heal}))
    assert made.until_ready([deployment()])[0].done
    assert 29 <= clock.now < 30


def test_a_slow_registry_gets_its_grace() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": waiting("ErrImagePull", "i/o timeout")})
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed, match="IMAGE_PULL"):
        made.until_ready([deployment()])
    assert 20 <= clock.now < 20 + 2 * INTERVAL


REFUSED = {
    "type": "ReplicaFailure",
    "status": "True",
    "reason": "FailedCreate",
    "message": 'pods "backend-" is forbidden: violates PodSecurity "restricted:latest"',
}


def refuse(cluster: MemoryStore, replicaset: str) -> None:
    cluster.objects[f"ReplicaSet/{replicaset}"]["status"] = {"conditions": [REFUSED]}


def test_pods_that_admission_refuses() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": None})
    refuse(cluster, cluster.named("ReplicaSet")[0])
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed) as caught:
        made.until_ready([deployment()])
    assert clock.now == 0
    assert caught.value.line.startswith(
        "Deployment/backend cannot become ready [ADMISSION_REFUSED]: Deployment/backend is in FailedCreate "
        '(pods "backend-" is forbidden: violates PodSecurity'
    )


def test_pods_that_admission_refuses_where_there_is_no_replicaset_to_ask() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": None}, conditions={"Deployment/backend": [REFUSED]})
    del cluster.objects[f"ReplicaSet/{cluster.named('ReplicaSet')[0]}"]
    with pytest.raises(RolloutFailed, match="ADMISSION_REFUSED"):
        watch(cluster)[0].until_ready([deployment()])


def test_what_is_refused_of_an_older_revision_does_not_count() -> None:
    """The Deployment's own condition tells of its old ReplicaSets as well."""
    cluster = store(deployment(), broken={"Deployment/backend": None}, conditions={"Deployment/backend": [REFUSED]})
    refuse(cluster, cluster.named("ReplicaSet")[0])
    cluster.broken["Deployment/backend"] = waiting("ContainerCreating")
    mended = deployment("backend", "kubetasks/todo-backend:mended")
    cluster.apply([mended])

    def heal() -> None:
        cluster.broken.clear()
        cluster._control(cluster.objects["Deployment/backend"])

    made, _, _ = watch(cluster, clock=Clock(at={3.0: heal}))
    assert made.until_ready([mended])[0].done


def test_the_broken_pods_of_the_revision_before_do_not_count() -> None:
    broken = deployment("backend", "kubetasks/todo-backend:broken")
    cluster = store(broken, broken={"Deployment/backend": waiting("ErrImageNeverPull")})
    cluster.stuck.add("Deployment/backend")
    mended = deployment("backend", "kubetasks/todo-backend:mended")
    cluster.apply([mended])

    def look() -> None:
        cluster.stuck.clear()
        cluster.broken.clear()
        cluster._control(cluster.objects["Deployment/backend"])

    made, clock, shown = watch(cluster, clock=Clock(at={1.0: look}))
    assert made.until_ready([mended])[0].done
    assert shown[0] == "backend: not yet seen by its controller"
    assert 1 <= clock.now < 2


def test_a_statefulset_whose_pods_are_refused() -> None:
    cluster = store(statefulset(), broken={"StatefulSet/postgres": None})
    about = {"kind": "StatefulSet", "name": "postgres", "uid": cluster.uids("StatefulSet")["postgres"]}
    cluster.put(
        {
            "kind": "Event",
            "metadata": {"name": "postgres.1", "labels": {}},
            "type": "Warning",
            "reason": "FailedCreate",
            "message": "create Pod postgres-0 in StatefulSet postgres failed: forbidden",
            "involvedObject": about,
        }
    )
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed, match="ADMISSION_REFUSED") as caught:
        made.until_ready([statefulset()])
    assert 2 < clock.now < 3
    assert caught.value.detail == (
        "event: Warning FailedCreate postgres: create Pod postgres-0 in StatefulSet postgres failed: forbidden"
    )


def test_a_job_that_has_given_up_with_its_last_log_lines() -> None:
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit",
    }
    cluster = store(job(), broken={"Job/migrate-0123": waiting("")}, conditions={"Job/migrate-0123": [failed]})
    pod = cluster.named("Pod")[0]
    cluster.lines[pod] = "\n".join(f"line {number}" for number in range(15))
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed, match="JOB_FAILED") as caught:
        made.until_ready([job()])
    assert clock.now == 0
    assert caught.value.detail.splitlines() == [f"log of {pod}: line {number}" for number in range(5, 15)]


def test_a_job_that_crashes_is_told_of_at_its_first_back_off() -> None:
    status = waiting("CrashLoopBackOff", restartCount=1, lastState={"terminated": {"exitCode": 2}})
    cluster = store(job(), broken={"Job/migrate-0123": status})
    with pytest.raises(RolloutFailed, match="CRASH_LOOP"):
        watch(cluster)[0].until_ready([job()])


def test_the_log_of_a_crash_is_that_of_the_run_that_crashed() -> None:
    status = waiting("CrashLoopBackOff", restartCount=2, lastState={"terminated": {"exitCode": 1}})
    cluster = store(deployment(), broken={"Deployment/backend": status})
    pod = cluster.named("Pod")[0]
    cluster.lines |= {f"{pod} before": "KeyError: 'API_KEY'", pod: "starting"}
    with pytest.raises(RolloutFailed) as caught:
        watch(cluster)[0].until_ready([deployment()])
    assert caught.value.detail == f"log of {pod}: KeyError: 'API_KEY'"
    del cluster.lines[f"{pod} before"]
    with pytest.raises(RolloutFailed) as caught:
        watch(cluster)[0].until_ready([deployment()])
    assert caught.value.detail == f"log of {pod}: starting"


def test_evidence_that_cannot_be_had_hides_no_problem() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": waiting("ErrImageNeverPull")})
    cluster.fail["logs"] = ClusterUnreachable("the kubelet does not answer")
    with pytest.raises(RolloutFailed, match="IMAGE_NOT_ON_NODE"):
        watch(cluster)[0].until_ready([deployment()])


def test_a_cluster_that_goes_away_says_so() -> None:
    cluster = store(deployment())
    cluster.fail["get"] = ClusterUnreachable("the cluster does not answer")
    with pytest.raises(ClusterUnreachable):
        watch(cluster)[0].until_ready([deployment()])


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda cluster: cluster.objects.pop("Deployment/backend"), "Deployment/backend not there"),
        (
            lambda cluster: cluster.edit("Deployment/backend", replicas=3),
            "Deployment/backend not yet seen by its controller",
        ),
    ],
)
def test_the_deadline(prepare: Callable[[MemoryStore], Any], why: str) -> None:
    cluster = store(deployment())
    prepare(cluster)
    made, clock, _ = watch(cluster, deadline=7)
    with pytest.raises(RolloutTimeout) as caught:
        made.until_ready([deployment()])
    assert 7 <= clock.now < 7 + 2 * INTERVAL
    assert caught.value.line == f"not ready after 7 s: {why} -- see inv status and inv logs, or raise `deadline`"
    assert caught.value.exit_code == 53


def test_at_the_deadline_what_is_wrong_is_told_though_it_had_grace_left() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": waiting("ImagePullBackOff", "Back-off pulling image")})
    made, _, _ = watch(cluster, deadline=5)
    with pytest.raises(RolloutTimeout) as caught:
        made.until_ready([deployment()])
    assert (
        caught.value.why
        == "Deployment/backend 0/1 ready; container backend is in ImagePullBackOff (Back-off pulling image)"
    )
    assert caught.value.fix == "see whether the registry has the image and the node may pull it"


def test_a_container_that_ended_badly_is_evidence_and_no_verdict() -> None:
    cluster = store(job(), broken={"Job/migrate-0123": {"ready": False, "state": {"terminated": {"exitCode": 1}}}})
    pod = cluster.named("Pod")[0]
    cluster.lines[pod] = "could not connect to server"
    with pytest.raises(RolloutTimeout) as caught:
        watch(cluster, deadline=3)[0].until_ready([job()])
    assert caught.value.why == "Job/migrate-0123 running; container migrate is in Error (exit code 1)"
    assert caught.value.detail == f"log of {pod}: could not connect to server"


def status(item: Object, generation: int = 1, **fields: Any) -> Object:
    item["metadata"]["generation"] = generation
    return {**item, "status": {"observedGeneration": 1, **fields}}


FULL = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("item", "done", "line"),
    [
        (status(deployment(replicas=2), **FULL), True, "2/2 ready"),
        (status(deployment(replicas=2), generation=2, **FULL), False, "not yet seen by its controller"),
        (status(deployment(replicas=2), **{**FULL, "replicas": 3}), False, "2/2 ready, 1 old"),
        (status(deployment(replicas=2), **{**FULL, "updatedReplicas": 1}), False, "1/2 ready, 1 old"),
        (status(deployment(replicas=2), **{**FULL, "availableReplicas": 1}), False, "1/2 ready"),
        (status(deployment(replicas=0)), True, "0/0 ready"),
        (deployment(), False, "0/1 ready"),
        (status(statefulset(), readyReplicas=1, currentRevision="a", updateRevision="a"), True, "1/1 ready"),
        (status(statefulset(), readyReplicas=1, currentRevision="a", updateRevision="b"), False, "1/1 ready"),
        (
            status(statefulset(), readyReplicas=1, updatedReplicas=1, currentRevision="a", updateRevision="b"),
            True,
            "1/1 ready",
        ),
        (status(statefulset(), currentRevision="a", updateRevision="a"), False, "0/1 ready"),
        (status(job(), active=1), False, "running"),
        (status(job()), False, "waiting"),
        (status(job(), conditions=[{"type": "Complete", "status": "True"}]), True, "complete"),
        (status(job(), conditions=[{"type": "Complete", "status": "False"}]), False, "waiting"),
    ],
)
def test_progress(item: Object, done: bool, line: str) -> None:
    found = progress(item)
    assert (found.done, found.line) == (done, line)


def test_only_the_newest_revisions_pods_count() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": waiting("ContainerCreating")})
    cluster.apply([deployment("backend", "kubetasks/todo-backend:2222")])
    assert len(cluster.named("Pod")) == 2
    live: Objects = cluster.get(["Deployment", "ReplicaSet", "Pod"])
    [pod] = pods_of(live[0] if live[0]["kind"] == "Deployment" else live[-1], live)
    assert pod["spec"]["containers"][0]["image"] == "kubetasks/todo-backend:2222"


def test_a_replicaset_of_another_deployment_is_not_taken() -> None:
    cluster = store(deployment("backend"), deployment("frontend"))
    live = cluster.get(["ReplicaSet"])
    item = cluster.objects["Deployment/frontend"]
    newest = newest_replicaset(item, live)
    assert newest is not None
    assert newest["metadata"]["name"].startswith("frontend-")
    assert newest_replicaset(statefulset(), live) is None


def test_a_pod_of_before_gets_a_grace() -> None:
    """What keeps it waiting may be of before the image was brought; the kubelet tries again by itself."""
    cluster = store(deployment(), broken={"Deployment/backend": waiting("ErrImageNeverPull")})
    pods = cluster.get(["Pod"])
    made, clock, _ = watch(cluster)
    made.before = frozenset(pod["metadata"]["uid"] for pod in pods)
    with pytest.raises(RolloutFailed, match="IMAGE_NOT_ON_NODE"):
        made.until_ready([deployment()])
    assert clock.now >= 25
