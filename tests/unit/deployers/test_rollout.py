"""Watching a rollout, with a clock that goes on only while the watch sleeps."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from kubetasks.deployers.rollout import AGAIN, INTERVAL, Progress, Watch, newest_replicaset, pods_of, progress
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


def test_notes_when_the_first_new_pod_of_a_service_was_ready() -> None:
    def pod(uid: str, ready: str = "True", **labels: str) -> Object:
        meta = {
            "name": uid,
            "uid": uid,
            "namespace": "todo",
            "labels": {"app.kubernetes.io/part-of": PROJECT, **labels},
        }
        return {"kind": "Pod", "metadata": meta, "status": {"conditions": [{"type": "Ready", "status": ready}]}}

    pods = [pod("old"), pod("starting", "False"), pod("migration", **{"job-name": "migrate"})]
    for extra, noted in ((None, False), (pod("new"), True)):
        cluster = MemoryStore()
        for each in [*pods, *([extra] if extra else [])]:
            cluster.objects[f"Pod/{each['metadata']['name']}"] = each
        made, _, _ = watch(cluster)
        made.before = frozenset({"old"})
        made.until_ready([configmap()])
        assert (made.first_ready is not None) == noted


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
    assert cluster.log == ["get Deployment,StatefulSet,Job,DaemonSet,ReplicaSet,Pod"]


CRASHED = {"terminated": {"exitCode": 1, "reason": "Error"}}
# The container's status, the lines of its log, the finding that ends the rollout at once.
AT_ONCE = [
    (
        waiting(
            "ErrImageNeverPull", 'Container image "kubetasks/todo-backend:1" is not present with pull policy of Never'
        ),
        "",
        "IMAGE_NOT_ON_NODE",
    ),
    (waiting("InvalidImageName", "couldn't parse image name"), "", "IMAGE_NAME_INVALID"),
    (
        waiting("CreateContainerConfigError", "couldn't find key API_KEY in Secret todo/todo-secrets"),
        "",
        "CONFIG_KEY_MISSING",
    ),
    (waiting("ErrImagePull", "docker.io/kubetasks/todo-backend:1: not found"), "", "IMAGE_NOT_FOUND"),
    (waiting("ErrImagePull", "pull access denied"), "", "IMAGE_PULL_DENIED"),
    # The first exit, for a reason that no second run can change.
    ({"ready": False, "state": CRASHED}, "ModuleNotFoundError: No module named 'flask'", "MODULE_MISSING"),
    ({"ready": False, "state": CRASHED}, "KeyError: 'API_KEY'", "ENV_MISSING"),
    ({"ready": False, "state": CRASHED}, "RuntimeError: this is broken", "EXCEPTION"),
    # The second exit, whatever the reason.
    (waiting("CrashLoopBackOff", "back-off 10s", restartCount=1, lastState=CRASHED), "the flux is gone", "CRASH_LOOP"),
    (waiting("CrashLoopBackOff", "back-off 10s", restartCount=1, lastState=CRASHED), "", "CRASH_SILENT"),
    (
        {
            "ready": False,
            "restartCount": 1,
            "state": {"running": {}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        },
        "",
        "OUT_OF_MEMORY",
    ),
]


@pytest.mark.parametrize(("status", "log", "expected"), AT_ONCE, ids=[each[2] for each in AT_ONCE])
def test_what_cannot_heal_ends_it_at_once(status: Object, log: str, expected: str) -> None:
    cluster = store(deployment(), broken={"Deployment/backend": status})
    cluster.lines[cluster.named("Pod")[0]] = log
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed) as caught:
        made.until_ready([deployment()])
    assert clock.now == 0
    assert caught.value.what == f"Deployment/backend cannot become ready [{expected}]"
    assert caught.value.why
    assert not caught.value.why.startswith("Deployment/backend: ")
    assert caught.value.fix
    assert caught.value.exit_code == 52


def test_a_first_exit_that_nothing_explains_may_be_a_race() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": {"ready": False, "state": CRASHED}})
    cluster.lines[cluster.named("Pod")[0]] = "not today"

    def heal() -> None:
        cluster.broken.clear()
        cluster.objects.pop(f"Pod/{cluster.named('Pod')[0]}")
        cluster._control(cluster.objects["Deployment/backend"])

    made, clock, _ = watch(cluster, clock=Clock(at={10.0: heal}))
    assert made.until_ready([deployment()])[0].done
    assert 10 <= clock.now < 11


def test_it_is_given_up_when_it_happens_again() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": {"ready": False, "state": CRASHED}})
    cluster.lines[cluster.named("Pod")[0]] = "not today"

    def crash_again() -> None:
        pod = cluster.objects[f"Pod/{cluster.named('Pod')[0]}"]
        again = waiting("CrashLoopBackOff", restartCount=1, lastState=CRASHED)
        pod["status"]["containerStatuses"][0] |= again

    made, clock, _ = watch(cluster, clock=Clock(at={3.0: crash_again}))
    with pytest.raises(RolloutFailed, match="CRASH_LOOP"):
        made.until_ready([deployment()])
    assert 3 <= clock.now < 3 + 2 * INTERVAL


def test_an_upstream_that_is_late_gets_its_grace() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": {"ready": False, "state": CRASHED}})
    cluster.lines[cluster.named("Pod")[0]] = 'connection to server at "10.0.0.7", port 5432 failed: Connection refused'
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed, match="CONNECTION_REFUSED"):
        made.until_ready([deployment()])
    assert 30 <= clock.now < 30 + AGAIN + INTERVAL


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
    with pytest.raises(RolloutFailed, match=r"INSUFFICIENT_RESOURCES|UNSCHEDULABLE"):
        made.until_ready([deployment()])
    assert 30 <= clock.now < 30 + AGAIN + INTERVAL


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
    with pytest.raises(RolloutFailed, match="IMAGE_REGISTRY_UNREACHABLE"):
        made.until_ready([deployment()])
    assert 20 <= clock.now < 20 + AGAIN + INTERVAL


REFUSED = {
    "type": "ReplicaFailure",
    "status": "True",
    "reason": "FailedCreate",
    "message": 'pods "backend-" is forbidden: violates PodSecurity "restricted:latest": '
    'allowPrivilegeEscalation != false (container "backend" must set securityContext.allowPrivilegeEscalation=false)',
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
        "Deployment/backend cannot become ready [POD_SECURITY]: Pod Security restricted rejects it: "
        "allowPrivilegeEscalation != false"
    )


def test_pods_that_admission_refuses_where_there_is_no_replicaset_to_ask() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": None}, conditions={"Deployment/backend": [REFUSED]})
    del cluster.objects[f"ReplicaSet/{cluster.named('ReplicaSet')[0]}"]
    with pytest.raises(RolloutFailed, match="POD_SECURITY"):
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
            "lastTimestamp": dt.datetime.now(dt.UTC).isoformat(),
        }
    )
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed, match="ADMISSION_REFUSED") as caught:
        made.until_ready([statefulset()])
    assert clock.now == 0
    assert "create Pod postgres-0 in StatefulSet postgres failed: forbidden" in caught.value.detail


def test_a_job_that_has_given_up_with_what_its_log_says() -> None:
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit",
    }
    crashed = {"ready": False, "state": CRASHED}
    cluster = store(job(), broken={"Job/migrate-0123": crashed}, conditions={"Job/migrate-0123": [failed]})
    cluster.lines[cluster.named("Pod")[0]] = 'reading\nrelation "tasks" does not exist'
    made, clock, _ = watch(cluster)
    with pytest.raises(RolloutFailed, match="DB_SCHEMA") as caught:
        made.until_ready([job()])
    assert clock.now == 0
    assert "log of container migrate: relation" in caught.value.detail
    assert "so: Job/migrate-0123 has failed: Job has reached the specified backoff limit" in caught.value.detail


def test_a_job_that_has_given_up_and_says_nothing() -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no more"}
    cluster = store(job(), broken={"Job/migrate-0123": waiting("")}, conditions={"Job/migrate-0123": [failed]})
    with pytest.raises(RolloutFailed, match="JOB_FAILED"):
        watch(cluster)[0].until_ready([job()])


def test_the_log_of_a_crash_is_that_of_the_run_that_crashed() -> None:
    status = {"ready": False, "restartCount": 2, "state": {"running": {}}, "lastState": CRASHED}
    cluster = store(deployment(), broken={"Deployment/backend": status})
    pod = cluster.named("Pod")[0]
    cluster.lines |= {f"{pod} before": "KeyError: 'API_KEY'", pod: "starting"}
    with pytest.raises(RolloutFailed, match="ENV_MISSING") as caught:
        watch(cluster)[0].until_ready([deployment()])
    assert "log of container backend: KeyError: 'API_KEY'" in caught.value.detail


def test_a_log_that_cannot_be_had_hides_no_problem() -> None:
    cluster = store(deployment(), broken={"Deployment/backend": {"ready": False, "state": CRASHED}})
    cluster.fail["logs"] = ClusterUnreachable("the kubelet does not answer")
    with pytest.raises(RolloutFailed, match="CRASH_SILENT"):
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
    assert caught.value.why.startswith("Deployment/backend 0/1 ready; Deployment/backend: image kubetasks/todo-backend")
    assert "see whether the registry has the image and the node may pull it" in caught.value.fix


def test_at_the_deadline_a_first_exit_is_told() -> None:
    cluster = store(job(), broken={"Job/migrate-0123": {"ready": False, "state": CRASHED}})
    cluster.lines[cluster.named("Pod")[0]] = "the flux is gone"
    with pytest.raises(RolloutTimeout) as caught:
        watch(cluster, deadline=3)[0].until_ready([job()])
    assert caught.value.why == "Job/migrate-0123 running; Job/migrate-0123 ends with exit code 1: the flux is gone"


def daemonset(**status: int) -> Object:
    item = deployment("agent")
    return {**item, "kind": "DaemonSet", "status": {"observedGeneration": 1, **status}}


@pytest.mark.parametrize(
    ("item", "done", "line"),
    [
        (daemonset(desiredNumberScheduled=2, updatedNumberScheduled=2, numberReady=2), True, "2/2 ready"),
        (daemonset(desiredNumberScheduled=2, updatedNumberScheduled=1, numberReady=2), False, "2/2 ready"),
        (daemonset(desiredNumberScheduled=2, updatedNumberScheduled=2, numberReady=1), False, "1/2 ready"),
    ],
)
def test_progress_of_a_daemonset(item: Object, done: bool, line: str) -> None:
    item["metadata"]["generation"] = 1
    found = progress(item)
    assert (found.done, found.line) == (done, line)


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
