"""What a cluster's controllers would report of workloads and Services, in Kubernetes' own fields. Starts nothing."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from kubetasks.objects import Object, Objects
from kubetasks.targets.local.environment import LOOPBACK
from kubetasks.targets.local.pods import CRASHING, Observed, is_ready
from kubetasks.targets.local.workloads import Ports, group_name, program_name, selects, service_ports


def workload_status(item: Object, its_pod: Object | None, observed: Observed) -> Object:
    """``status`` of a Deployment, StatefulSet or Job. One process stands for all replicas."""
    if item["kind"] == "Job":
        return _job_status(item, its_pod, observed)
    wanted = int(item["spec"].get("replicas", 1))
    there, ready = (wanted if its_pod else 0), (wanted if is_ready(its_pod) else 0)
    counts = {"replicas": there, "updatedReplicas": there, "readyReplicas": ready, "availableReplicas": ready}
    status: Object = {"observedGeneration": item["metadata"]["generation"], **{k: v for k, v in counts.items() if v}}
    if ready < wanted:
        status["unavailableReplicas"] = wanted - ready
    if item["kind"] == "StatefulSet":
        revision = (its_pod or {"metadata": {"name": ""}})["metadata"]["name"]
        return {**status, "currentReplicas": there, "currentRevision": revision, "updateRevision": revision}
    good = ready >= wanted
    return {
        **status,
        "conditions": [
            {
                "type": "Available",
                "status": str(good),
                "reason": "MinimumReplicasAvailable" if good else "MinimumReplicasUnavailable",
            },
            {
                "type": "Progressing",
                "status": "True",
                "reason": "NewReplicaSetAvailable" if good else "ReplicaSetUpdated",
            },
        ],
    }


def _job_status(item: Object, its_pod: Object | None, observed: Observed) -> Object:
    uid = its_pod["metadata"]["uid"] if its_pod else ""
    state = observed.state(program_name(group_name(item), "job"), uid)
    if not state.get("finished"):
        failed = {"failed": state["failed"]} if state.get("failed") else {}
        return {"active": 1, "startTime": state.get("startedAt", ""), **failed} if its_pod else {}
    times = {"startTime": state["startedAt"]}
    if state["exitCode"] == 0:
        return {
            **times,
            "completionTime": state["finishedAt"],
            "succeeded": 1,
            "conditions": [{"type": "Complete", "status": "True", "reason": "CompletionsReached"}],
        }
    message = f"the last attempt exited with {state['exitCode']}"
    failed = {"type": "Failed", "status": "True", "reason": state["reason"], "message": message}
    return {**times, "failed": state["failed"], "conditions": [failed]}


def service_status(item: Object, workloads: Objects, ports: Mapping[str, Ports]) -> Object:
    """``status`` of a Service: a LoadBalancer is found on loopback."""
    if item["spec"].get("type") != "LoadBalancer":
        return {"loadBalancer": {}}
    found = service_ports(item, workloads, ports)
    listed = [{"port": port, "protocol": "TCP"} for port in found.values()]
    return {"loadBalancer": {"ingress": [{"ip": LOOPBACK, "ports": listed}]} if listed else {}}


def endpoints(service: Object, pods: Objects, ports: Ports, namespace: str) -> Objects:
    """The Endpoints and the EndpointSlice of a Service."""
    chosen = [
        each
        for each in pods
        if selects(service, each["metadata"]["labels"]) and "job-name" not in each["metadata"]["labels"]
    ]
    name = service["metadata"]["name"]
    labels = dict(service["metadata"].get("labels") or {})
    listed = [
        {"name": each.get("name", ""), "port": ports[int(each["port"])], "protocol": "TCP"}
        for each in service["spec"].get("ports") or ()
        if int(each["port"]) in ports
    ]

    def address(each: Object) -> Object:
        meta = each["metadata"]
        target = {"kind": "Pod", "name": meta["name"], "namespace": namespace, "uid": meta["uid"]}
        return {"ip": LOOPBACK, "nodeName": "local", "targetRef": target}

    good = [address(each) for each in chosen if is_ready(each)]
    bad = [address(each) for each in chosen if not is_ready(each)]
    subset = {**({"addresses": good} if good else {}), **({"notReadyAddresses": bad} if bad else {}), "ports": listed}
    meta = {"namespace": namespace, "uid": service["metadata"]["uid"]}
    return [
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {**meta, "name": name, "labels": labels},
            "subsets": [subset] if chosen else [],
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**meta, "name": f"{name}-local", "labels": {**labels, "kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": [
                {
                    "addresses": [LOOPBACK],
                    "conditions": {"ready": is_ready(each), "serving": is_ready(each), "terminating": False},
                    "targetRef": address(each)["targetRef"],
                }
                for each in chosen
            ],
            "ports": listed,
        },
    ]


def events(pods: Objects, namespace: str, now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> Objects:
    """What a kubelet would now complain about."""
    found: Objects = []
    for each in pods:
        told: list[tuple[str, str]] = []
        for status in [*each["status"].get("initContainerStatuses", ()), *each["status"]["containerStatuses"]]:
            waiting: Mapping[str, Any] = status["state"].get("waiting") or {}
            reason = waiting.get("reason", "")
            if reason == CRASHING:
                told.append(("BackOff", f"Back-off restarting failed container {status['name']}"))
            elif waiting.get("message"):
                told.append(("Failed", f"Error: {waiting['message']}"))
        told += [
            ("Unhealthy", condition["message"])
            for condition in each["status"]["conditions"]
            if condition["type"] == "Ready" and condition.get("message")
        ]
        meta = each["metadata"]
        for number, (reason, message) in enumerate(told):
            stamp = now().strftime("%Y-%m-%dT%H:%M:%SZ")
            found.append(
                {
                    "apiVersion": "v1",
                    "kind": "Event",
                    "metadata": {
                        "name": f"{meta['name']}.{number}",
                        "namespace": namespace,
                        "creationTimestamp": stamp,
                    },
                    "involvedObject": {"kind": "Pod", "name": meta["name"], "namespace": namespace, "uid": meta["uid"]},
                    "type": "Warning",
                    "reason": reason,
                    "message": message,
                    "count": 1,
                    "lastTimestamp": stamp,
                    "source": {"component": "kubetasks"},
                }
            )
    return found
