"""A generated secret is not made anew while a volume depends on it."""

import json
from typing import Any

import pytest

from kubetasks.errors import SecretInVolume
from kubetasks.objects import PART_OF, Object
from kubetasks.redact import Sensitive
from kubetasks.runner import SystemRunner
from kubetasks.secrets.volumes import check, lost
from kubetasks.settings import load
from kubetasks.targets.base import Cluster, Volume
from kubetasks.targets.kind import KindTarget
from kubetasks.targets.local import LocalTarget
from tests.memory_store import FakeTarget
from tests.recording import Call, RecordingRunner

SETTINGS = load(
    {
        "project": "shop",
        "env_file": ".env",
        "secrets": {
            "DB_PASSWORD": {"kind": "generated", "rotate": False, "help": "the database wrote it into its volume"},
            "SESSION_KEY": {"kind": "generated"},
            "API_KEY": {"kind": "optional", "rotate": False},
        },
    },
    environ={},
)


def test_what_is_lost() -> None:
    value = Sensitive("x")
    assert lost(SETTINGS, {}, {}) == ("DB_PASSWORD",)
    assert lost(SETTINGS, {"DB_PASSWORD": value}, {}) == ()
    assert lost(SETTINGS, {"DB_PASSWORD": Sensitive("")}, {}) == ("DB_PASSWORD",)
    assert lost(SETTINGS, {}, {"DB_PASSWORD": value}) == ()
    assert lost(SETTINGS, {"SESSION_KEY": value}, {"API_KEY": value}) == ("DB_PASSWORD",)


def workload(kind: str = "StatefulSet", name: str = "db", **spec: Any) -> Object:
    pod = {"containers": [{"name": name, **spec.pop("container", {})}], "volumes": spec.pop("volumes", [])}
    template = {"metadata": {}, "spec": pod}
    body = {"jobTemplate": {"spec": {"template": template}}} if kind == "CronJob" else {"template": template}
    return {"kind": kind, "metadata": {"name": name}, "spec": {**body, **spec}}


REFERENCE = {"env": [{"name": "PGPASS", "valueFrom": {"secretKeyRef": {"name": "shop-secrets", "key": "DB_PASSWORD"}}}]}
CLAIM = [{"metadata": {"name": "data"}}]
MOUNT = [{"name": "v", "persistentVolumeClaim": {"claimName": "data-db-0"}}]
WHOLE = {"envFrom": [{"secretRef": {"name": "shop-secrets"}}]}


def files(**more: object) -> list[Object]:
    """A volume of files from the Secret."""
    return [{"name": "s", "secret": {"secretName": "shop-secrets", **more}}]


# Every way in which a workload can depend on both.
DEPENDS = {
    "a variable": workload(container=REFERENCE, volumeClaimTemplates=CLAIM),
    "all variables": workload(
        container={"envFrom": [{"secretRef": {"name": "shop-secrets"}}]}, volumeClaimTemplates=CLAIM
    ),
    "a file": workload(volumes=files(), volumeClaimTemplates=CLAIM),
    "one file": workload(volumes=files(items=[{"key": "DB_PASSWORD"}]), volumeClaimTemplates=CLAIM),
    "a projected file": workload(
        volumes=[{"name": "s", "projected": {"sources": [{"configMap": {}}, {"secret": {"name": "shop-secrets"}}]}}],
        volumeClaimTemplates=CLAIM,
    ),
    "a Deployment": workload("Deployment", container=REFERENCE, volumes=MOUNT),
    "a Job": workload("Job", container=REFERENCE, volumes=MOUNT),
    "a CronJob": workload("CronJob", container=REFERENCE, volumes=MOUNT),
    "a DaemonSet": workload("DaemonSet", container=REFERENCE, volumes=MOUNT),
}
INDEPENDENT = {
    "no volume": workload(container=REFERENCE),
    "another volume": workload("Deployment", container=REFERENCE, volumes=[{"name": "v", "emptyDir": {}}]),
    "another claim": workload(container=REFERENCE, volumeClaimTemplates=[{"metadata": {"name": "other"}}]),
    "a claim of a similar name": workload(name="db-0-x", container=REFERENCE, volumeClaimTemplates=CLAIM),
    "another key": workload(
        container={"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "shop-secrets", "key": "API_KEY"}}}]},
        volumeClaimTemplates=CLAIM,
    ),
    "another Secret": workload(container={"envFrom": [{"secretRef": {"name": "other"}}]}, volumeClaimTemplates=CLAIM),
    "other files": workload(volumes=files(items=[{"key": "API_KEY"}]), volumeClaimTemplates=CLAIM),
    "no workload": {"kind": "ConfigMap", "metadata": {"name": "db"}},
}


class Target(FakeTarget):
    """A cluster with these volumes."""

    def __init__(self, *held: Volume, local: bool = False) -> None:
        super().__init__(cluster=None if local else Cluster("kind-x", "shop"))
        self.held = list(held)

    def volumes(self) -> list[Volume]:
        return self.held


HELD = Volume("PersistentVolumeClaim/data-db-0", "kubectl delete pvc/data-db-0", "data-db-0", claimed=True)


@pytest.mark.parametrize("how", DEPENDS)
def test_a_volume_that_depends_on_it_refuses(how: str) -> None:
    item = DEPENDS[how]
    with pytest.raises(SecretInVolume) as caught:
        check(SETTINGS, Target(HELD), [item], ["DB_PASSWORD"], [])
    error = caught.value
    assert error.exit_code == 43
    assert error.line == (
        "DB_PASSWORD is missing, but PersistentVolumeClaim/data-db-0, whose data needs it, still exists: "
        "a new one would not fit: the database wrote it into its volume -- choose one of the options below"
    )
    assert error.detail.splitlines() == [
        "provide its previous value: export DB_PASSWORD=… (or a line in .env); inv deploy",
        f"start without the data:     kubectl delete pvc/data-db-0 {item['kind'].lower()}/db; inv deploy",
        "start from scratch:         inv destroy; inv deploy",
    ]


@pytest.mark.parametrize("how", INDEPENDENT)
def test_what_does_not_depend_on_it_does_not(how: str) -> None:
    assert check(SETTINGS, Target(HELD), [INDEPENDENT[how]], ["DB_PASSWORD"], []) == []


def test_without_volumes_or_without_a_loss_there_is_nothing_to_refuse() -> None:
    objects = list(DEPENDS.values())
    assert check(SETTINGS, Target(), objects, ["DB_PASSWORD"], []) == []
    assert check(SETTINGS, Target(HELD), objects, [], []) == []


def test_a_live_workload_may_still_have_the_value() -> None:
    item = DEPENDS["a variable"]
    with pytest.raises(SecretInVolume) as caught:
        check(SETTINGS, Target(HELD), [item], ["DB_PASSWORD"], [item])
    assert caught.value.detail.splitlines()[1] == (
        "read it from the pod:       export DB_PASSWORD=$(kubectl --context kind-x --namespace shop exec "
        "statefulset/db -- printenv PGPASS); inv deploy"
    )
    whole = DEPENDS["all variables"]
    with pytest.raises(SecretInVolume, match="is missing") as caught:
        check(SETTINGS, Target(HELD), [whole], ["DB_PASSWORD"], [whole])
    assert "printenv DB_PASSWORD)" in caught.value.detail


def test_a_claim_of_the_project_that_nothing_rendered_uses_counts_too() -> None:
    """As after a switch to another database: nothing says what it depends on."""
    stray = Volume("PersistentVolumeClaim/data-db-0", "kubectl delete pvc", "data-db-0", part_of="shop", claimed=True)
    with pytest.raises(SecretInVolume):
        check(SETTINGS, Target(stray), [workload("Deployment", "web")], ["DB_PASSWORD"], [])
    of_another = Volume("PersistentVolumeClaim/x", "kubectl delete pvc", "x", part_of="other", claimed=True)
    assert check(SETTINGS, Target(of_another), [workload("Deployment", "web")], ["DB_PASSWORD"], []) == []


def test_a_volume_that_waits_for_the_claim_counts_and_one_that_is_left_does_not() -> None:
    item = DEPENDS["a variable"]
    waiting = Volume("PersistentVolume/pv-1", "kubectl --context kind-x delete persistentvolume/pv-1", "data-db-0")
    with pytest.raises(SecretInVolume) as caught:
        check(SETTINGS, Target(waiting), [item], ["DB_PASSWORD"], [])
    assert (
        "start without the data:     kubectl --context kind-x delete persistentvolume/pv-1; inv deploy"
        in caught.value.detail
    )
    left = Volume("PersistentVolume/pv-1", "kubectl delete pv", "data-db-0", idle=True)
    assert check(SETTINGS, Target(left), [item], ["DB_PASSWORD"], []) == [
        "PersistentVolume/pv-1 keeps the data of an earlier deployment, and nothing will use it"
    ]


def test_on_the_local_target_every_workload_has_the_data_folder() -> None:
    data = Volume("/x/.kubetasks/local/shop/data", "inv destroy --target local")
    with pytest.raises(SecretInVolume) as caught:
        check(SETTINGS, Target(data, local=True), [INDEPENDENT["no volume"]], ["DB_PASSWORD"], [])
    assert caught.value.detail.splitlines() == [
        "provide its previous value: export DB_PASSWORD=… (or a line in .env); inv deploy",
        "start from scratch:         inv destroy; inv deploy",
    ]
    assert check(SETTINGS, Target(data, local=True), [INDEPENDENT["another key"]], ["DB_PASSWORD"], []) == []


def listed(*items: Object) -> str:
    return json.dumps({"items": list(items)})


def pv(name: str, phase: str, namespace: str = "", claim: str = "") -> Object:
    reference = {"claimRef": {"namespace": namespace, "name": claim}} if claim else {}
    return {"kind": "PersistentVolume", "metadata": {"name": name}, "spec": reference, "status": {"phase": phase}}


def test_the_volumes_of_a_cluster() -> None:
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data-db-0", "labels": {PART_OF: "shop"}}}
    volumes = [
        pv("bound", "Bound", "shop", "data-db-0"),
        pv("waiting", "Available", "shop", "data-db-1"),
        pv("left", "Released", "shop", "data-db-2"),
        pv("elsewhere", "Available", "other", "data-db-1"),
        pv("free", "Available"),
    ]

    def answer(call: Call) -> str:
        return listed(claim) if "persistentvolumeclaim" in call.argv else listed(*volumes)

    target = KindTarget(SETTINGS, RecordingRunner({("kubectl",): answer}), Cluster("kind-x", "shop"))
    delete = "kubectl --context kind-x delete persistentvolume"
    assert target.volumes() == [
        Volume(
            "PersistentVolumeClaim/data-db-0",
            "kubectl --context kind-x --namespace shop delete persistentvolumeclaim/data-db-0",
            "data-db-0",
            "shop",
            claimed=True,
        ),
        Volume("PersistentVolume/waiting", f"{delete}/waiting", "data-db-1"),
        Volume("PersistentVolume/left", f"{delete}/left", "data-db-2", idle=True, released=True),
    ]


def test_who_may_not_list_volumes_sees_none() -> None:
    denied = (1, "", 'Error from server (Forbidden): persistentvolumes is forbidden: User "x" cannot list')
    runner = RecordingRunner({("kubectl",): denied})
    assert KindTarget(SETTINGS, runner, Cluster("kind-x", "shop")).volumes() == []


def test_the_volume_of_the_local_target(tmp_path: Any) -> None:
    target = LocalTarget(SETTINGS, SystemRunner(tmp_path), tmp_path)
    assert target.volumes() == []
    data = target.store.folder / "data"
    data.mkdir(parents=True)
    assert target.volumes() == []
    (data / "app.db").write_text("")
    assert target.volumes() == [Volume(str(data), "inv destroy --target local")]
