"""What holds a deletion: named from finalizers and from a namespace's conditions, as real clusters word them."""

from typing import Any

import pytest

from kubetasks.diagnose.leaving import Scope, needs_help, of_namespace, of_object, refusal, remaining, summary
from kubetasks.objects import Object

SCOPE = Scope("kind-test", "todo")
HERE = "kubectl --context kind-test --namespace todo"


def leaving(kind: str, name: str, *finalizers: str, **more: Any) -> Object:
    meta = {"name": name, "uid": f"uid-{name}", "deletionTimestamp": "2026-01-02T03:04:05Z"}
    return {"kind": kind, "metadata": {**meta, **({"finalizers": list(finalizers)} if finalizers else {})}, **more}


def user(claim: str) -> Object:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {"kind": "Pod", "metadata": {"name": "postgres-0"}, "spec": {"volumes": volumes}}


def dependent(uid: str) -> Object:
    owner = {"kind": "Deployment", "uid": uid, "blockOwnerDeletion": True}
    return {"kind": "ReplicaSet", "metadata": {"name": "backend-1", "ownerReferences": [owner]}}


HOLDS: dict[str, tuple[Object, list[Object], str, str]] = {
    "a custom finalizer": (
        leaving("ConfigMap", "held", "example.org/held"),
        [],
        "ConfigMap/held: finalizer example.org/held: the controller that set it has not removed it",
        f'{HERE} patch configmap held --type=merge --patch \'{{"metadata": {{"finalizers": null}}}}\' (risk: ',
    ),
    "a custom finalizer beside another": (
        leaving("ConfigMap", "held", "example.org/held", "example.org/more"),
        [],
        "ConfigMap/held: finalizer example.org/held: ",
        '{"metadata": {"finalizers": ["example.org/more"]}}',
    ),
    "a claim that a pod uses": (
        leaving("PersistentVolumeClaim", "data-postgres-0", "kubernetes.io/pvc-protection"),
        [user("other"), user("data-postgres-0")],
        "PersistentVolumeClaim/data-postgres-0: finalizer kubernetes.io/pvc-protection: Pod/postgres-0 still uses it",
        f"end the pod, once its data is saved: {HERE} delete pod postgres-0",
    ),
    "a claim whose pod is not known": (
        leaving("PersistentVolumeClaim", "data", "kubernetes.io/pvc-protection"),
        [],
        "PersistentVolumeClaim/data: finalizer kubernetes.io/pvc-protection: a pod still uses it",
        f"find the pod that uses it: {HERE} describe pvc data",
    ),
    "a foreground deletion": (
        leaving("Deployment", "backend", "foregroundDeletion"),
        [dependent("other"), dependent("uid-backend")],
        "Deployment/backend: finalizer foregroundDeletion: what it owns has to be deleted first, ReplicaSet/backend-1",
        f"see what it owns: {HERE} describe deployment backend",
    ),
    "a load balancer": (
        leaving("Service", "frontend", "service.kubernetes.io/load-balancer-cleanup"),
        [],
        "Service/frontend: finalizer service.kubernetes.io/load-balancer-cleanup: the cloud has to delete its load",
        f"see its events: {HERE} describe service frontend",
    ),
    "a pod that stops": (
        leaving("Pod", "backend-1", spec={"nodeName": "node-1"}),
        [],
        "Pod/backend-1: it is still stopping on node-1",
        f"{HERE} delete pod backend-1 --grace-period=0 --force (risk: ",
    ),
}


@pytest.mark.parametrize("name", HOLDS)
def test_what_holds_an_object(name: str) -> None:
    item, live, line, fix = HOLDS[name]
    hold = of_object(item, live, SCOPE)[0]
    assert hold.line.startswith(line)
    assert fix in hold.fix


def test_an_object_without_finalizers_is_held_by_nothing() -> None:
    assert of_object(leaving("ConfigMap", "going"), [], SCOPE) == []


def test_every_advice_to_remove_something_by_force_names_the_risk() -> None:
    for item, live, _, _ in HOLDS.values():
        for hold in of_object(item, live, SCOPE):
            assert not any(word in hold.fix for word in ("patch", "--force")) or "(risk: " in hold.fix


def namespace(*finalizers: str, **conditions: str) -> Object:
    said = [{"type": name, "status": "True", "message": text} for name, text in conditions.items()]
    said.append({"type": "NamespaceDeletionContentFailure", "status": "False", "message": "All content deleted"})
    meta = {"name": "todo", "deletionTimestamp": "2026-01-02T03:04:05Z", "finalizers": list(finalizers)}
    return {"kind": "Namespace", "metadata": meta, "status": {"phase": "Terminating", "conditions": said}}


# The messages are those of Kubernetes 1.34.
DISCOVERY = (
    "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
    "metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1"
)
NO_WEBHOOK = (
    'Failed to delete all resource types, 1 remaining: Internal error occurred: failed calling webhook "keep.example.'
    'org": failed to call webhook: Post "https://nowhere.hook.svc:443/?timeout=2s": service "nowhere" not found'
)
CONTENT = (
    "Some resources are remaining: certificates.cert-manager.io has 1 resource instances, configmaps. has 2 resource "
    "instances, pods. has 1 resource instances"
)
FINALIZERS = "Some content in the namespace has finalizers remaining: example.org/held in 1 resource instances"


def test_an_aggregated_api_that_does_not_answer() -> None:
    [hold] = of_namespace(namespace(NamespaceDeletionDiscoveryFailure=DISCOVERY), [], SCOPE)
    assert hold.what == "APIService/v1beta1.metrics.k8s.io"
    assert "kubectl --context kind-test delete apiservice v1beta1.metrics.k8s.io (risk: " in hold.fix
    assert needs_help([hold])


def test_an_api_that_is_not_named() -> None:
    [hold] = of_namespace(namespace(NamespaceDeletionDiscoveryFailure="no answer"), [], SCOPE)
    assert hold.line == "an API of the cluster: no answer"
    [hold] = of_namespace(namespace(NamespaceDeletionGroupVersionParsingFailure="unexpected ///"), [], SCOPE)
    assert hold.line == "an API of the cluster: unexpected ///"


def test_a_webhook_that_does_not_answer() -> None:
    [hold] = of_namespace(namespace(NamespaceDeletionContentFailure=NO_WEBHOOK), [], SCOPE)
    assert hold.what == "webhook keep.example.org"
    assert hold.why.startswith("it does not answer: failed to call webhook: Post")
    assert "(risk: " in hold.fix


def test_another_failure_to_delete_the_content() -> None:
    [hold] = of_namespace(namespace(NamespaceDeletionContentFailure="etcd is full"), [], SCOPE)
    assert hold.line == "its content: etcd is full"


def test_what_remains_is_looked_up_by_its_resource() -> None:
    found = namespace(NamespaceContentRemaining=CONTENT)
    assert remaining(found) == ["certificates.cert-manager.io", "configmaps", "pods"]
    assert remaining(namespace()) == []


def test_what_needs_help_comes_before_what_takes_its_time() -> None:
    content = [leaving("Pod", "backend-1"), leaving("Certificate", "tls", "cert-manager.io/cleanup")]
    found = of_namespace(
        namespace(NamespaceContentRemaining=CONTENT, NamespaceFinalizersRemaining=FINALIZERS), content, SCOPE
    )
    assert [hold.what for hold in found] == ["Certificate/tls", "Pod/backend-1"]
    assert needs_help(found)
    assert not needs_help(found[1:])


def test_in_its_first_seconds_what_will_hold_it_can_be_seen() -> None:
    """The namespace controller begins 5 s after the deletion; nothing in it is marked until then."""
    held = leaving("ConfigMap", "held", "example.org/held")
    del held["metadata"]["deletionTimestamp"]
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "x", "finalizers": ["kubernetes.io/pvc-protection"]}}
    found = of_namespace(namespace(), [held, claim, user("x")], SCOPE)
    assert [hold.what for hold in found] == ["ConfigMap/held"]


def test_finalizers_of_the_namespace_itself() -> None:
    [hold] = of_namespace(namespace("example.org/quota"), [], SCOPE)
    assert hold.line.startswith("Namespace/todo: finalizer example.org/quota: ")


def test_what_is_not_found_is_told_as_the_condition_says_it() -> None:
    """Of a kind that may not be listed, say."""
    [hold] = of_namespace(namespace(NamespaceFinalizersRemaining=FINALIZERS), [], SCOPE)
    assert hold.line == "its content: example.org/held in 1 resource instances"
    assert of_namespace(namespace(), [], SCOPE) == []


POLICY = (
    "The namespaces \"hook\" is invalid: : ValidatingAdmissionPolicy 'no-friday' with binding 'no-friday' denied "
    "request: not on a Friday"
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (POLICY, "ValidatingAdmissionPolicy/no-friday: it rejects the deletion: not on a Friday"),
        (
            'Error from server (Forbidden): admission webhook "keep.example.org" denied the request: no',
            "webhook keep.example.org: it rejects the deletion: denied the request: no",
        ),
        ('Error from server (Forbidden): pods "x" is forbidden', ""),
        ("", ""),
    ],
)
def test_what_refused_a_deletion(text: str, line: str) -> None:
    found = refusal(text, SCOPE)
    assert (found.line if found else "") == line


def test_an_error_names_the_first_and_lists_the_others() -> None:
    found = [hold for number in range(8) for hold in of_object(leaving("Pod", f"pod-{number}"), [], SCOPE)]
    why, fix, detail = summary(found)
    assert why.startswith("Pod/pod-0: ")
    assert fix.startswith("wait for it")
    assert [line.split(":")[0] for line in detail.splitlines()] == [
        *(f"Pod/pod-{n}" for n in range(1, 6)),
        "and 2 more",
    ]
    assert summary([]) == ("", "", "")
