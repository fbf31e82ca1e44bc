"""Rules on states that a cluster reports and a single offline node cannot: registries, several nodes, webhooks, drivers."""

from typing import Any

import pytest

from kubetasks.diagnose import Finding
from kubetasks.objects import Object
from tests.unit.diagnose.worlds import (
    OURS,
    ago,
    container,
    deployment,
    ended,
    event,
    found,
    item,
    log,
    node,
    one,
    pod,
    running,
    service,
    waiting,
)

PULLS = [
    ("IMAGE_RATE_LIMIT", "429 Too Many Requests - toomanyrequests: You have reached your pull rate limit", "docker.io"),
    ("IMAGE_REGISTRY_TLS", "tls: failed to verify certificate: x509: certificate signed by unknown authority", "certificate"),
    ("IMAGE_REGISTRY_TLS", "http: server gave HTTP response to HTTPS client", "certificate"),
    ("IMAGE_ARCHITECTURE", "no match for platform in manifest: not found", "processor"),
    ("IMAGE_NO_SPACE", "failed to extract layer: write /x: no space left on device", "disk"),
    ("IMAGE_PULL_DENIED", "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope", "private"),
    ("IMAGE_PULL_DENIED", "unexpected status from HEAD request to https://ghcr.io/v2/x/manifests/1: 403 Forbidden", "private"),
    ("IMAGE_NOT_FOUND", "failed to resolve reference \"docker.io/library/web:1\": docker.io/library/web:1: not found", "does not exist"),
    ("IMAGE_NOT_FOUND", "manifest unknown: manifest unknown", "does not exist"),
    ("IMAGE_REGISTRY_DNS", "dial tcp: lookup registry.example.com on 10.0.0.2:53: no such host", "cannot be resolved"),
    ("IMAGE_REGISTRY_UNREACHABLE", "dial tcp 10.0.0.9:5000: i/o timeout", "does not answer"),
    ("IMAGE_REGISTRY_UNREACHABLE", "dial tcp 10.0.0.9:5000: connect: connection refused", "does not answer"),
    ("IMAGE_PULL", "something that no table has", "cannot be pulled"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "message", "named"), PULLS, ids=[f"{each[0]}-{i}" for i, each in enumerate(PULLS)]
)
def test_what_a_registry_answers(expected: str, message: str, named: str) -> None:
    status = waiting("ImagePullBackOff", f'Back-off pulling image "web:1": ErrImagePull: {message}')
    finding = one(deployment(pods=[pod(containers=[container(image="web:1")], statuses=[status], phase="Pending")]))
    assert (finding.id, named in finding.cause) == (expected, True), finding.line


def test_a_pull_secret_that_does_not_exist() -> None:
    status = waiting("ImagePullBackOff", "unauthorized: authentication required")
    pods = [pod(statuses=[status], phase="Pending", imagePullSecrets=[{"name": "regcred"}])]
    known = item("Secret", "reg-cred", type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": "***"})
    finding = one(deployment(pods=pods), known)
    assert finding.id == "IMAGE_PULL_SECRET_MISSING"
    assert "regcred does not exist; nearest is reg-cred" in finding.cause
    assert '"path":"/spec/template/spec/imagePullSecrets/0/name","value":"reg-cred"' in finding.fix.text


def test_an_image_of_ours_is_brought_by_inv() -> None:
    image = "example/shop-web:0123"
    pods = [
        pod(
            containers=[container(image=image)], statuses=[waiting("ErrImageNeverPull", "not present")], phase="Pending"
        )
    ]
    finding = one(deployment(pods=pods), ours=OURS)
    assert (finding.id, finding.fix.text) == ("IMAGE_NOT_ON_NODE", "inv image.load")


def pending(message: str, *, replicas: int = 1, **spec: Any) -> list[Object]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    made = pod(phase="Pending", conditions=[condition], **spec)
    del made["spec"]["nodeName"]
    return deployment(pods=[made], replicas=replicas)


def limited(**resources: str) -> Object:
    return container(resources={"requests": resources})


SCHEDULER = [
    ("INSUFFICIENT_RESOURCES", "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available",
     {"containers": [limited(cpu="3")]}, "3 cpu (2 of 2 free)"),
    ("INSUFFICIENT_RESOURCES", "0/1 nodes are available: 1 Insufficient memory, 1 Insufficient cpu.",
     {"containers": [limited(cpu="3", memory="8Gi")]}, "8Gi memory (4Gi of 4Gi free) and 3 cpu"),
    ("INSUFFICIENT_RESOURCES", "0/1 nodes are available: 1 Insufficient example.com/fpga.",
     {"containers": [container(resources={"limits": {"example.com/fpga": "1"}})]}, "1 example.com/fpga (no node has any)"),
    ("TOO_MANY_PODS", "0/1 nodes are available: 1 Too many pods.", {}, "full number of pods"),
    ("TAINT", "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: db}.", {}, "dedicated=db:NoSchedule"),
    ("NODE_CORDONED", "0/1 nodes are available: 1 node(s) were unschedulable.", {}, "cordoned"),
    ("POD_AFFINITY", "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
     {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
         {"labelSelector": {"matchLabels": {"app": "cache"}}, "topologyKey": "kubernetes.io/hostname"}]}}}, "app=cache"),
    ("VOLUME_NODE", "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
     {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}, "data"),
    ("NO_NODES", "no nodes available to schedule pods", {}, "no node"),
    ("UNSCHEDULABLE", "0/1 nodes are available: 1 node(s) is eating lunch.", {}, "eating lunch"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "message", "spec", "named"), SCHEDULER, ids=[f"{each[0]}-{i}" for i, each in enumerate(SCHEDULER)]
)
def test_what_the_scheduler_says(expected: str, message: str, spec: dict[str, Any], named: str) -> None:
    machine = node()
    if "taint" in message:
        machine["spec"] = {"taints": [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]}
    if "unschedulable" in message:
        machine["spec"] = {"unschedulable": True}
    claim = item("PersistentVolumeClaim", "data", spec={}, status={"phase": "Bound"})
    finding = one(pending(message, **spec), machine, claim)
    assert (finding.id, named in finding.cause) == (expected, True), finding.line


def test_a_toleration_with_another_value() -> None:
    machine = node()
    machine["spec"] = {"taints": [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]}
    tolerations = [{"key": "dedicated", "operator": "Equal", "value": "dbs", "effect": "NoSchedule"}]
    finding = one(pending("1 node(s) had untolerated taint {dedicated: db}", tolerations=tolerations), machine)
    assert "tolerates dedicated=dbs:NoSchedule, node node-1 has taint dedicated=db:NoSchedule" in finding.cause
    assert '"op":"replace","path":"/spec/template/spec/tolerations/0"' in finding.fix.text


def test_a_cordoned_node_is_uncordoned() -> None:
    machine = node()
    machine["spec"] = {
        "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}],
        "unschedulable": True,
    }
    finding = one(pending("1 node(s) had untolerated taint {node.kubernetes.io/unschedulable: }"), machine)
    assert finding.fix.text.endswith("uncordon node-1")


def test_what_others_request_counts() -> None:
    finding = one(
        pending("0/1 nodes are available: 1 Insufficient cpu.", containers=[limited(cpu="1500m")]), node(),
        requested={"node-1": {"cpu": 1.0, "pods": 9}},
    )  # fmt: skip
    assert "1500m cpu (1 of 2 free)" in finding.cause
    assert '"value":"500m"' in finding.fix.text


def test_replicas_that_do_not_fit_are_scaled_down() -> None:
    names = [f"web-1-{letter}" for letter in "abc"]
    up = [pod(name, [limited(cpu="900m")], [running()]) for name in names[:2]]
    late = pod(names[2], [limited(cpu="900m")], phase="Pending", conditions=[
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "1 Insufficient cpu."}])  # fmt: skip
    del late["spec"]["nodeName"]
    finding = one(deployment(pods=[*up, late], replicas=3), node())
    assert finding.fix.text.endswith("scale deployment/web --replicas=2")


REFUSALS = [
    ("POD_SECURITY", ('pods "web" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
     '(container "web" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or container "web" '
     'must set securityContext.runAsNonRoot=true)'), "allowPrivilegeEscalation != false, runAsNonRoot != true"),
    ("QUOTA_EXCEEDED", 'pods "web" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2', "pods 2 of 2 used"),
    ("QUOTA_NEEDS_LIMITS", 'pods "web" is forbidden: failed quota: small: must specify limits.memory for: web; requests.cpu for: web', "limits.memory and requests.cpu"),
    ("LIMIT_RANGE", 'pods "web" is forbidden: [maximum cpu usage per Container is 500m, but limit is 1]', "maximum 500m cpu"),
    ("LIMIT_RANGE", 'pods "web" is forbidden: minimum memory usage per Container is 64Mi, but request is 32Mi', "minimum 64Mi memory"),
    ("LIMIT_RANGE", 'pods "web" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000', "ratio"),
    ("SERVICE_ACCOUNT_MISSING", 'pods "web" is forbidden: error looking up service account space/runner: serviceaccount "runner" not found', "runner"),
    ("PRIORITY_CLASS_MISSING", 'pods "web" is forbidden: no PriorityClass with name high was found', "high"),
    ("RUNTIME_CLASS_MISSING", 'pods "web" is forbidden: pod rejected: RuntimeClass "kata" not found', "kata"),
    ("WEBHOOK_DOWN", ('Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: Post '
     '"https://policy.system.svc:443/check?timeout=10s": no endpoints available for service "policy"'), "no endpoints available"),
    ("WEBHOOK_DOWN", ('Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: Post '
     '"https://policy.system.svc:443/check": tls: failed to verify certificate: x509: certificate signed by unknown authority'), "x509"),
    ("WEBHOOK_DENIES", 'admission webhook "policy.example.com" denied the request: images must come from registry.example.com', "registry.example.com"),
    ("WEBHOOK_DENIES", "pods \"web\" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: tag latest is not allowed", "tag latest"),
    ("POD_INVALID", 'Pod "web" is invalid: spec.containers[0].resources.requests: Invalid value: "200m": must be less than or equal to cpu limit', "must be less than"),
    ("ADMISSION_REFUSED", 'pods "web" is forbidden: the moon is full', "the moon is full"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "message", "named"), REFUSALS, ids=[f"{each[0]}-{i}" for i, each in enumerate(REFUSALS)]
)
def test_what_admission_refuses(expected: str, message: str, named: str) -> None:
    objects = deployment()
    objects[1]["status"] = {
        "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]
    }
    finding = one(objects)
    assert (finding.id, named in finding.cause) == (expected, True), finding.line
    assert any(message[:60] in line for line in finding.because)


def test_the_pod_security_patch_holds_every_field() -> None:
    message = REFUSALS[0][1]
    objects = deployment()
    objects[1]["status"] = {
        "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]
    }
    fix = one(objects).fix
    assert fix.kind == "patch"
    for field in (
        "runAsNonRoot: true",
        "allowPrivilegeEscalation: false",
        "drop:",
        "seccompProfile:",
        "runAsUser: 10001",
    ):
        assert field in fix.patch
    assert fix.text.startswith("kubectl --context kind-test -n space patch deployment web --type=json -p ")


def test_a_rollout_that_a_quota_leaves_no_room_for() -> None:
    old, new = (
        deployment(pods=[pod(statuses=[running()], owner=("ReplicaSet", "web-1"))]),
        item("ReplicaSet", "web-2", spec={}),
    )
    old[0]["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    new["metadata"] |= {
        "annotations": {"deployment.kubernetes.io/revision": "2"},
        "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "Deployment-web"}],
    }
    message = 'pods "web" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1'
    new["status"] = {
        "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]
    }
    fix = one(old, new).fix
    assert '"maxSurge":0,"maxUnavailable":1' in fix.text


def creating(message: str, reason: str = "FailedMount", **spec: Any) -> Finding:
    made = pod(statuses=[waiting("ContainerCreating")], phase="Pending", **spec)
    claim = item("PersistentVolumeClaim", "data", spec={}, status={"phase": "Bound"})
    return one(deployment(pods=[made]), claim, event("Pod/web-1-a", reason, message))


CLAIM = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}


@pytest.mark.parametrize(
    ("expected", "reason", "message", "named"),
    [
        ("VOLUME_IN_USE", "FailedAttachVolume", 'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) web-0', "in use by another pod"),
        ("CSI_DRIVER_MISSING", "FailedMount", "kubernetes.io/csi: attacher.MountDevice failed: driver name ebs.csi.aws.com not found in the list of registered CSI drivers", "ebs.csi.aws.com"),
        ("MOUNT_FAILED", "FailedMount", 'MountVolume.SetUp failed for volume "data" : mount failed: exit status 32', "volume data: mount failed"),
    ],
)  # fmt: skip
def test_volumes_that_cannot_be_mounted(expected: str, reason: str, message: str, named: str) -> None:
    finding = creating(message, reason, **CLAIM)
    assert (finding.id, named in finding.cause) == (expected, True), finding.line


def test_a_pod_without_a_network() -> None:
    message = 'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "ab": plugin type="x" failed: no IP addresses available in range set'
    finding = creating(message, "FailedCreatePodSandBox")
    assert (finding.id, "no IP addresses available" in finding.cause) == ("POD_SANDBOX", True)


def broken_node(kind: str, status: str) -> Object:
    machine = node()
    machine["status"]["conditions"] = [
        {"type": kind, "status": status, "message": "kubelet stopped posting node status."}
    ]
    return machine


def test_a_node_that_is_not_ready_explains_its_pods() -> None:
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": ago(200)}
    late = pod(statuses=[running(ready=False)], conditions=[condition])
    findings = found(deployment(pods=[late]), broken_node("Ready", "Unknown"))
    assert [each.id for each in findings] == ["NODE_NOT_READY"]
    assert findings[0].severity == "critical"
    assert "Deployment/web" in findings[0].affects


def test_a_node_under_pressure() -> None:
    finding = one(deployment(pods=[pod(statuses=[running()])]), broken_node("DiskPressure", "True"))
    assert (finding.id, "disk" in finding.cause) == ("NODE_PRESSURE", True)


def test_a_pod_that_wrote_too_much() -> None:
    message = "Pod ephemeral local storage usage exceeds the total limit of containers 16Mi. "
    limits = container(resources={"limits": {"ephemeral-storage": "16Mi"}})
    gone = pod("web-1-z", [limits], [running(ready=False)], phase="Failed")
    gone["status"] |= {"reason": "Evicted", "message": message}
    finding = one(deployment(pods=[gone]))
    assert (finding.id, '"value":"64Mi"' in finding.fix.text) == ("EVICTED", True), finding.line


def test_a_namespace_that_goes_away() -> None:
    space = item("Namespace", "space", status={"phase": "Terminating", "conditions": []})
    space["metadata"] |= {"deletionTimestamp": ago(60)}
    held = item("ConfigMap", "held")
    held["metadata"] |= {"deletionTimestamp": ago(60), "finalizers": ["example.com/x"]}
    finding = one(space, held)
    assert (finding.id, "ConfigMap/held" in finding.cause) == ("NAMESPACE_TERMINATING", True)
    assert finding.fix.text.endswith("""patch configmap held --type=merge -p '{"metadata":{"finalizers":null}}'""")


SAYS_403 = "cannot list: HTTP Error 403: Forbidden"


def test_a_403_without_words_is_explained_by_what_the_container_is_told_to_ask() -> None:
    asks = container(
        command=["sh", "-c", "curl https://kubernetes.default.svc/apis/apps/v1/namespaces/space/deployments"]
    )
    findings = found(deployment(pods=[pod(containers=[asks], statuses=[ended()])]), logs=[log(SAYS_403)])
    assert [each.id for each in findings] == ["API_FORBIDDEN"]
    assert "list deployments.apps" in findings[0].cause
    assert "create role default-list-deployments --verb=list --resource=deployments.apps" in findings[0].fix.text


def rbac(name: str, kind: str, **rest: Any) -> Object:
    return item(kind, name, **rest)


FORBIDDEN = 'pods is forbidden: User "system:serviceaccount:space:web" cannot list resource "pods" in API group "" in the namespace "space"'


@pytest.mark.parametrize(
    ("objects", "cause", "fix"),
    [
        ([], "no Role lets ServiceAccount web list pods", "create role web-list-pods --verb=list --resource=pods &&"),
        (
            [rbac("web", "Role", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
             rbac("web", "RoleBinding", roleRef={"kind": "Role", "name": "web"}, subjects=[{"kind": "ServiceAccount", "name": "web"}])],
            "Role web allows get on pods, not list", "patch role web --type=json",
        ),
        (
            [rbac("web", "Role", rules=[{"apiGroups": [""], "resources": ["services"], "verbs": ["*"]}]),
             rbac("web", "RoleBinding", roleRef={"kind": "Role", "name": "web"}, subjects=[{"kind": "ServiceAccount", "name": "web"}])],
            "Role web does not allow list pods", '"op":"add","path":"/rules/-"',
        ),
        (
            [rbac("reader", "Role", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]),
             rbac("web", "RoleBinding", roleRef={"kind": "Role", "name": "raeder"}, subjects=[{"kind": "ServiceAccount", "name": "web"}])],
            "RoleBinding web refers to Role raeder, which does not exist; nearest is reader",
            "delete rolebinding web && kubectl --context kind-test -n space create rolebinding web --role=reader",
        ),
    ],
)  # fmt: skip
def test_rights_that_are_missing(objects: list[Object], cause: str, fix: str) -> None:
    made = pod(statuses=[ended()], serviceAccountName="web")
    finding = one(deployment(pods=[made]), *objects, logs=[log(FORBIDDEN)])
    assert finding.id == "API_FORBIDDEN"
    assert cause in finding.cause
    assert fix in finding.fix.text


def test_a_pod_that_runs_as_the_wrong_account() -> None:
    role = rbac("reader", "Role", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}])
    bound = rbac(
        "reader",
        "RoleBinding",
        roleRef={"kind": "Role", "name": "reader"},
        subjects=[{"kind": "ServiceAccount", "name": "web"}],
    )
    text = FORBIDDEN.replace("space:web", "space:default")
    finding = one(
        deployment(pods=[pod(statuses=[ended()])]), role, bound, rbac("web", "ServiceAccount"), logs=[log(text)]
    )
    assert "the pod runs as ServiceAccount default; web may list pods" in finding.cause
    assert finding.fix.text.endswith("set serviceaccount deployment/web web")


def test_services_that_select_too_much() -> None:
    web = deployment(
        pods=[
            pod(
                containers=[container(ports=[{"containerPort": 80}])],
                statuses=[running()],
                labels={"app": "web", "team": "a"},
            )
        ]
    )
    job = deployment(
        "batch",
        [
            pod(
                "batch-1-a",
                [container("batch", ports=[{"containerPort": 9000}])],
                [running("batch")],
                {"app": "batch", "team": "a"},
                ("ReplicaSet", "batch-1"),
            )
        ],
    )
    web[0]["spec"]["template"]["metadata"]["labels"] = {"app": "web", "team": "a"}
    finding = one(web, job, service("web", {"team": "a"}))
    assert (finding.id, "also selects Deployment/batch" in finding.cause) == ("SERVICE_SELECTS_OTHERS", True)
    assert '{"spec":{"selector":{"app":"web"}}}' in finding.fix.text


def test_a_certificate_that_has_expired() -> None:
    secret = item(
        "Secret",
        "tls",
        type="kubernetes.io/tls",
        data={"tls.crt": "***", "tls.key": "***"},
        facts={"expires": ago(86400)},
    )
    ingress = item("Ingress", "web", spec={"ingressClassName": "nginx", "tls": [{"secretName": "tls"}]})
    finding = one(secret, ingress, item("IngressClass", "nginx"))
    assert (finding.id, "2026-05-03" in finding.cause) == ("CERTIFICATE_EXPIRED", True)


def test_what_may_not_be_read_is_not_called_missing() -> None:
    variable = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "login", "key": "token"}}}
    made = pod(containers=[container(env=[variable])], statuses=[waiting("ContainerCreating")], phase="Pending")
    findings = found(deployment(pods=[made]), unread={"secrets": "secrets is forbidden"})
    assert [(each.id, each.confidence) for each in findings] == [("UNKNOWN", "unknown")]


def test_another_namespace_has_the_service() -> None:
    asks = container(env=[{"name": "DB_HOST", "value": "db"}])
    finding = one(
        deployment(pods=[pod(containers=[asks], statuses=[ended()])]), elsewhere=["data/db"],
        logs=[log('could not translate host name "db" to address: Name or service not known')],
    )  # fmt: skip
    assert (finding.id, "db, which is in namespace data" in finding.cause) == ("SERVICE_IN_OTHER_NAMESPACE", True)
    assert '"value":"db.data"' in finding.fix.text


def test_a_node_port_of_a_local_policy() -> None:
    shop = deployment(
        "shop",
        [
            pod(
                "shop-1-a",
                [container("shop", env=[{"name": "URL", "value": "http://web:80"}])],
                [running("shop")],
                {"app": "shop"},
                ("ReplicaSet", "shop-1"),
            )
        ],
    )
    shop[2]["spec"]["nodeName"] = "node-2"
    front = service("web", {"app": "web"})
    front["spec"]["internalTrafficPolicy"] = "Local"
    finding = one(deployment(pods=[pod(statuses=[running()])]), shop, front, node(), node("node-2"))
    assert finding.id == "TRAFFIC_POLICY_LOCAL"


@pytest.mark.parametrize("mounts", [["data"], ["config", "data"]])
def test_a_claim_that_a_stateful_set_mounts_read_only_is_not_hidden_by_an_empty_volume(mounts: list[str]) -> None:
    spec = container(volumeMounts=[{"name": each, "mountPath": f"/{each}", "readOnly": True} for each in mounts])
    made = pod("pg-0", containers=[spec], statuses=[ended()], owner=("StatefulSet", "pg"))
    templates = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]
    whole = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "volumeClaimTemplates": templates}
    whole["template"] = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [spec]}}
    line = "mkdir: cannot create directory '/data/pg': Read-only file system"
    finding = one(item("StatefulSet", "pg", spec=whole), made, logs=[log(line, "pg-0")])
    assert finding.id == "READ_ONLY"
    assert "PersistentVolumeClaim data-pg-0" in finding.cause
    assert "emptyDir" not in finding.fix.text
    assert f'volumeMounts/{mounts.index("data")}/readOnly","value":false' in finding.fix.text
