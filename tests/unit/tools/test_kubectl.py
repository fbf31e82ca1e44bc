"""kubectl's argument vectors, whole, and what it prints."""

import json

import pytest

from kubetasks.tools import kubectl as tool
from kubetasks.tools.kubectl import Kubectl

KUBECTL = Kubectl("kind-test", "todo")
SCOPE = ["kubectl", "--context", "kind-test", "--namespace", "todo"]
BASE = [*SCOPE, "--request-timeout=20s"]
APPLY = ["apply", "--server-side", "--force-conflicts", "--field-manager=kubetasks"]
JSON_STDIN = ["--output", "json", "--filename", "-"]
KLOG = (
    'E0102 03:04:05.678901   123 memcache.go:265] "Unhandled Error" err="couldn\'t get current server API group list"'
)
WEBHOOK = (
    'Error from server (InternalError): error when creating "STDIN": Internal error occurred: failed calling webhook '
    '"check.example.org": Post "https://hook.ns.svc:443/": dial tcp 10.96.0.7:443: connect: connection refused'
)
KUBELET = (
    'Error from server: Get "https://172.18.0.2:10250/containerLogs/todo/backend-1/backend": dial tcp '
    "172.18.0.2:10250: connect: connection refused"
)
LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "todo-deploy", "resourceVersion": "7", "uid": "u-1"},
}
NAME_STDIN = ["--output", "name", "--filename", "-"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (KUBECTL.argv("api-resources"), [*BASE, "api-resources"]),
        (
            Kubectl("kind-test").argv("get", "nodes"),
            ["kubectl", "--context", "kind-test", "--request-timeout=20s", "get", "nodes"],
        ),
        (KUBECTL.get(["Deployment", "Pod"]), [*BASE, "get", "deployment,pod", "--output", "json"]),
        (
            KUBECTL.get(["Secret"], selector="owner=helm,name=todo"),
            [*BASE, "get", "secret", "--selector", "owner=helm,name=todo", "--output", "json"],
        ),
        (
            KUBECTL.get(["Job"], managed_fields=True),
            [*BASE, "get", "job", "--show-managed-fields", "--output", "json"],
        ),
        (KUBECTL.get_namespace(), [*BASE, "get", "namespace", "todo", "--ignore-not-found", "--output", "json"]),
        (KUBECTL.apply(), [*BASE, *APPLY, *JSON_STDIN]),
        (KUBECTL.apply(dry_run=True), [*BASE, *APPLY, "--dry-run=server", *JSON_STDIN]),
        (KUBECTL.create(), [*BASE, "create", "--field-manager=kubetasks", *NAME_STDIN]),
        (KUBECTL.replace(), [*BASE, "replace", "--field-manager=kubetasks", *NAME_STDIN]),
        # A limit on one request would end the wait.
        (
            KUBECTL.delete(),
            [
                *SCOPE, "delete", "--ignore-not-found", "--wait=true", "--cascade=foreground", "--timeout=90s",
                "--filename", "-",
            ],
        ),
        (KUBECTL.delete(wait=False), [*SCOPE, "delete", "--ignore-not-found", "--wait=false", "--filename", "-"]),
        (
            KUBECTL.delete_namespace(),
            [*BASE, "delete", "namespace", "todo", "--ignore-not-found", "--wait=false"],
        ),
        (
            KUBECTL.delete_as_read(LEASE),
            [
                *BASE, "delete", "--raw", "/apis/coordination.k8s.io/v1/namespaces/todo/leases/todo-deploy",
                "--filename", "-",
            ],
        ),
        (
            KUBECTL.delete_as_read({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}),
            [*BASE, "delete", "--raw", "/api/v1/namespaces/todo/configmaps/one", "--filename", "-"],
        ),
        (
            KUBECTL.co_own("another"),
            [
                *BASE, "apply", "--server-side", "--field-manager=another", "--output", "name", "--filename", "-",
            ],
        ),
        (KUBECTL.logs("pod-1"), [*BASE, "logs", "pod-1", "--all-containers", "--tail=20"]),
        (
            KUBECTL.logs("pod-1", "backend", tail=5, previous=True),
            [*BASE, "logs", "pod-1", "--container", "backend", "--tail=5", "--previous"],
        ),
        (KUBECTL.follow("pod-1"), [*SCOPE, "logs", "pod-1", "--all-containers", "--follow", "--prefix", "--tail=10"]),
        (
            KUBECTL.proxy("/tmp/x/api"),
            [*SCOPE[:3], "proxy", "--unix-socket=/tmp/x/api", "--reject-methods=^POST$,^PUT$,^PATCH$,^DELETE$"],
        ),
        (
            KUBECTL.port_forward("service/frontend", 80),
            [*SCOPE, "port-forward", "service/frontend", ":80", "--address", "127.0.0.1"],
        ),
        (
            KUBECTL.cluster_version(),
            ["kubectl", "--context", "kind-test", "--request-timeout=5s", "version", "--output", "json"],
        ),
        (tool.kustomize("manifests/overlays/external"), ["kubectl", "kustomize", "manifests/overlays/external"]),
    ],
)  # fmt: skip
def test_argv(argv: list[str], expected: list[str]) -> None:
    assert argv == expected


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (KUBECTL.get(["Deployment", "Pod"], selector="a=b"), "get deployment,pod"),
        (KUBECTL.apply(), "apply"),
        (KUBECTL.delete(), "delete"),
        (KUBECTL.delete_namespace(), "delete namespace todo"),
        (KUBECTL.logs("pod-1"), "logs pod-1"),
        (["kubectl"], ""),
    ],
)
def test_verb(argv: list[str], said: str) -> None:
    assert tool.verb(argv) == said


def test_errors_that_mean_something() -> None:
    terminating = (
        'Error from server (Forbidden): leases.coordination.k8s.io "todo-deploy" is forbidden: unable to create new '
        "content in namespace todo because it is being terminated"
    )
    assert tool.is_terminating(terminating)
    assert not tool.is_terminating("Error from server (Forbidden): no")
    existing = (
        'Error from server (AlreadyExists): error when creating "STDIN": leases.coordination.k8s.io "x" already exists'
    )
    assert tool.is_existing(existing)
    assert not tool.is_existing(terminating)
    assert tool.is_missing_namespace('Error from server (NotFound): namespaces "todo" not found')
    assert not tool.is_missing_namespace('Error from server (NotFound): configmaps "todo" not found')


def test_a_call_that_came_too_late() -> None:
    assert tool.is_changed('Error from server (Conflict): Operation cannot be fulfilled on Lease "x": the Resource…')
    assert tool.is_changed('Error from server (NotFound): leases.coordination.k8s.io "x" not found')
    assert not tool.is_changed('Error from server (Forbidden): leases.coordination.k8s.io "x" is forbidden')


def test_what_must_hold_before_a_deletion() -> None:
    assert json.loads(tool.preconditions(LEASE))["preconditions"] == {"resourceVersion": "7", "uid": "u-1"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            'Error from server (Forbidden): error when creating "STDIN": pods "x" is forbidden: no',
            'pods "x" is forbidden: no',
        ),
        (
            'Warning: deprecated\nError from server (Invalid): Deployment.apps "backend" is invalid: spec.selector',
            'Deployment.apps "backend" is invalid: spec.selector',
        ),
        (f"{KLOG}\nThe connection to the server was refused", "The connection to the server was refused"),
        ('error: context "gone" does not exist', 'context "gone" does not exist'),
        ("  \n", "kubectl printed no reason"),
        ("Warning: only a warning", "Warning: only a warning"),
    ],
)
def test_reason(text: str, reason: str) -> None:
    assert tool.reason(text) == reason
