"""Services: what they select, which port they lead to."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kubetasks.diagnose import listening
from kubetasks.diagnose.finding import Confidence, Fix
from kubetasks.diagnose.fixes import compact, lasting, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.rule import PROBE, SYMPTOM, Candidate, check, define
from kubetasks.diagnose.talk import configured_hosts
from kubetasks.diagnose.upstream import resolve
from kubetasks.diagnose.views import Pod
from kubetasks.diagnose.words import listed, nearest
from kubetasks.objects import Object

GENERATED: Final = (
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
)

NOTHING = define(
    "SERVICE_SELECTS_NOTHING",
    "network",
    "a Service selects no pod",
    signal="a Service whose selector matches no pod's labels",
    why="A label or its value differs between the Service and the pods.",
    fix="set the selector to labels that the pods have",
    depth=PROBE,
    grace=15.0,
)
TARGET_PORT = define(
    "SERVICE_WRONG_TARGET_PORT",
    "network",
    "a Service leads to a port that its pods do not have",
    signal="a targetPort that is no port of the selected pods' containers",
    why="targetPort is the container's port, or the name of one.",
    fix="set targetPort to the container's port",
    depth=PROBE,
    grace=15.0,
)
MIXED = define(
    "SERVICE_SELECTS_OTHERS",
    "network",
    "a Service also selects pods of another workload",
    signal="a selector that matches pods of several workloads that do not offer the same port",
    why="The selector is too wide, so that some requests go to the wrong program.",
    fix="add a label to the selector that only the right pods have",
    depth=PROBE - 5,
    severity="error",
    grace=15.0,
)
UNREADY = define(
    "SERVICE_NOT_READY",
    "network",
    "a Service has no ready pod",
    signal="a Service whose endpoints are all unready",
    why="The pods behind it are not ready.",
    fix="see the pods",
    depth=SYMPTOM,
    symptom=True,
)
LOCAL = define(
    "TRAFFIC_POLICY_LOCAL",
    "network",
    "a Service keeps traffic on the node, and not every node has a pod",
    signal="internalTrafficPolicy: Local with fewer pods than nodes",
    why="Clients on a node without such a pod are refused.",
    fix="set internalTrafficPolicy: Cluster, or run the pods as a DaemonSet",
    depth=SYMPTOM + 5,
    severity="warning",
)


def _workloads(world: World) -> list[Workload]:
    """Those that Services stand in front of."""
    return [each for each in world.workloads.values() if each.kind not in {"Job", "CronJob"}]


def _shown(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


@check
def selectors(world: World) -> Iterator[Candidate]:
    """Services that select no pod, and those whose pods are not ready."""
    for service in world.all("Service"):
        spec = service.get("spec") or {}
        selector = spec.get("selector") or {}
        if not selector or spec.get("type") == "ExternalName":
            continue
        pods = world.selected(service)
        key = f"Service/{service['metadata']['name']}"
        if pods:
            if not any(pod.ready for pod in pods):
                blames = tuple(dict.fromkeys(pod.workload for pod in pods))
                yield Candidate(UNREADY, key, f"{key} has no ready pod", words(UNREADY.fix), blames=blames)
            continue
        made = _nothing(world, service, key, selector)
        if made is not None:
            yield made


def _nothing(world: World, service: Object, key: str, selector: Mapping[str, str]) -> Candidate | None:
    """A Service without pods: scaled to none on purpose, not made yet, or a selector that fits none."""
    fitting = [each for each in _workloads(world) if all(each.labels.get(k) == v for k, v in selector.items())]
    if fitting:
        # The selector is right. The workload has no pods: for its own reason, or because it is to have none.
        blames = tuple(each.key for each in fitting)
        return Candidate(UNREADY, key, f"{key} has no pod", words(UNREADY.fix), blames=blames)
    meant = _meant(world, service, selector)
    if meant is None:
        near = _near_labels(world, selector)
        cause = f"{key} selects {_shown(selector)}, and no pod has these labels{near}"
        fix = words("set its selector to labels that pods have, or apply the workload that it is for")
        return Candidate(
            NOTHING,
            key,
            cause,
            fix,
            confidence="certain" if world.pods else "likely",
            severity=None if world.pods else "warning",
        )
    wrong = {k: v for k, v in selector.items() if meant.labels.get(k) != v}
    has = {k: meant.labels[k] for k in wrong if k in meant.labels}
    cause = f"{key} selects {_shown(wrong)}, pods of {meant.key} have {_shown(has) or 'no such label'}"
    patch: dict[str, Any] = {"spec": {"selector": {k: meant.labels.get(k) for k in wrong}}}
    if not any(meant.labels.get(k) for k in selector):
        own = {k: v for k, v in meant.labels.items() if k not in GENERATED}
        patch = {"spec": {"selector": {**dict.fromkeys(wrong), **own}}}
        cause = f"{key} selects {_shown(wrong)}, pods of {meant.key} have {_shown(own)}"
    name = service["metadata"]["name"]
    fix = run(
        world,
        "select the labels that the pods have",
        "patch",
        "service",
        name,
        "--type=merge",
        "-p",
        compact(patch),
        note=lasting(world, service),
    )
    return Candidate(NOTHING, key, cause, fix, [f"labels of {meant.key}: {_shown(meant.labels)}"], affects=(meant.key,))


def _meant(world: World, service: Object, selector: Mapping[str, str]) -> Workload | None:
    """The workload that a Service is for: by its labels, its name and its ports. None if several could be."""
    scores: dict[str, float] = {}
    name = service["metadata"]["name"]
    ports = {str(port.get("targetPort", port.get("port"))) for port in (service.get("spec") or {}).get("ports") or ()}
    for workload in _workloads(world):
        score = 0.0
        for key, value in selector.items():
            if workload.labels.get(key) == value:
                score += 2
            elif key in workload.labels:
                score += 1.5 if nearest(value, [workload.labels[key]]).typo else 0.3
            elif nearest(key, workload.labels).typo or value in workload.labels.values():
                score += 1
        if workload.name == name:
            score += 2
        elif nearest(name, [workload.name]):
            score += 1
        declared = {
            str(port.get(field))
            for _, _, each in workload.containers()
            for port in each.get("ports") or ()
            for field in ("containerPort", "name")
        }
        score += 1 if ports & declared else 0
        if score >= 1.3:
            scores[workload.key] = score
    ranked = sorted(scores, key=lambda each: -scores[each])
    if not ranked or (len(ranked) > 1 and scores[ranked[0]] - scores[ranked[1]] < 0.5):
        return None
    return world.workloads[ranked[0]]


def _near_labels(world: World, selector: Mapping[str, str]) -> str:
    known = {f"{key}={value}" for pod in world.pods for key, value in pod.labels.items() if key not in GENERATED}
    for key, value in selector.items():
        near = nearest(f"{key}={value}", known)
        if near:
            return near.hint
    return ""


@check
def ports(world: World) -> Iterator[Candidate]:
    """Services that lead to a port that their pods do not have."""
    for service in world.all("Service"):
        pods = world.selected(service)
        if not pods or (service.get("spec") or {}).get("type") == "ExternalName":
            continue
        for index, port in enumerate((service.get("spec") or {}).get("ports") or ()):
            made = _port(world, service, pods, index, port)
            if made is not None:
                yield made


def _port(world: World, service: Object, pods: list[Pod], index: int, port: Mapping[str, Any]) -> Candidate | None:
    target = port.get("targetPort", port.get("port"))
    if len({each.workload for each in pods}) > 1 and any(_offers(each, target) for each in pods):
        return None  # what the others do there is another question
    pod = next((each for each in pods if each.ready), pods[0])
    mains = [each for each in pod.containers if each.kind != "init"]
    declared = [each for container in mains for each in container.spec.get("ports") or ()]
    protocol = port.get("protocol", "TCP")
    numbers = [int(each["containerPort"]) for each in declared if each.get("protocol", "TCP") == protocol]
    named = {str(each["name"]): int(each["containerPort"]) for each in declared if each.get("name")}
    name = service["metadata"]["name"]
    key, at = f"Service/{name}", f"port-{port.get('name') or port.get('port')}"
    right: int | str
    confidence: Confidence = "certain"
    if isinstance(target, str) and not target.isdigit():
        if target in named:
            return None
        near = nearest(target, named)
        right = near.name or (numbers[0] if len(set(numbers)) == 1 else next(iter(named), ""))
        said = f"{key} leads to port {target}, which no container of {pod.workload} names"
        if named or numbers:
            said += f"; it has {listed([*named] or map(str, numbers))}"
    else:
        number = int(target or 0)
        heard = [each.port for container in mains for each in listening.said(container) if not each.on_loopback]
        asked = _probed(pod)
        if not numbers or number in numbers or number in heard or number in asked:
            return None
        good = list(dict.fromkeys([*asked, *heard, *numbers]))
        right = good[0]
        if len(set(good)) > 1:
            right = int(port["port"]) if port.get("port") in good else good[0]
        said = (
            f"{key} leads to port {number}, container listens on {right}"
            if right in heard or right in asked
            else (f"{key} leads to port {number}, pods of {pod.workload} have port {listed(map(str, numbers))}")
        )
        confidence = "certain" if (right in heard or right in asked) or len(set(numbers)) == 1 else "likely"
    if not right:
        return Candidate(
            TARGET_PORT,
            key,
            said,
            words("set targetPort to the port that the container listens on"),
            at=at,
            affects=(pod.workload,),
        )
    patch = [{"op": "add", "path": f"/spec/ports/{index}/targetPort", "value": right}]
    fix: Fix = run(
        world,
        f"lead to port {right}",
        "patch",
        "service",
        name,
        "--type=json",
        "-p",
        compact(patch),
        note=lasting(world, service),
    )
    return Candidate(TARGET_PORT, key, said, fix, at=at, affects=(pod.workload,), confidence=confidence)


def _offers(pod: Pod, target: Any) -> bool:
    """Whether a container of a pod declares a port, by its number or name."""
    declared = [each for container in pod.containers for each in container.spec.get("ports") or ()]
    return any(target in {each.get("containerPort"), each.get("name")} for each in declared)


def _probed(pod: Pod) -> list[int]:
    """The ports that probes of a ready pod ask with success."""
    found = []
    for container in pod.containers:
        if not container.ready:
            continue
        names = {
            str(each["name"]): int(each["containerPort"])
            for each in container.spec.get("ports") or ()
            if each.get("name")
        }
        for kind in ("readinessProbe", "startupProbe"):
            for handler in ("httpGet", "tcpSocket", "grpc"):
                port = ((container.spec.get(kind) or {}).get(handler) or {}).get("port")
                number = names.get(str(port), port)
                if isinstance(number, int):
                    found.append(number)
    return found


@check
def others(world: World) -> Iterator[Candidate]:
    """Services whose selector also fits pods that do not offer what the Service leads to."""
    for service in world.all("Service"):
        pods = [pod for pod in world.selected(service) if pod.ready]
        owners = dict.fromkeys(pod.workload for pod in pods)
        spec = service.get("spec") or {}
        if len(owners) < 2 or spec.get("clusterIP") == "None":
            continue
        targets = [str(port.get("targetPort", port.get("port"))) for port in spec.get("ports") or ()]
        offering = {}
        for owner in owners:
            containers = list(world.workloads[owner].containers())
            have = {
                str(port.get(field))
                for _, _, each in containers
                for port in each.get("ports") or ()
                for field in ("containerPort", "name")
            }
            offering[owner] = (not have) or bool(have & set(targets))
        wrong = [owner for owner, offers in offering.items() if not offers]
        right = [owner for owner, offers in offering.items() if offers]
        if not wrong or len(right) != 1:
            continue
        good = world.workloads[right[0]]
        rest = {
            k: v
            for k, v in good.labels.items()
            if k not in GENERATED and all(world.workloads[each].labels.get(k) != v for each in wrong)
        }
        key = f"Service/{service['metadata']['name']}"
        cause = f"{key} also selects {listed(wrong)}, which does not offer port {listed(targets)}"
        fix: Fix = words(f"add a label to its selector that only pods of {right[0]} have")
        if rest:
            label = next(iter(rest))
            patch = compact({"spec": {"selector": {label: rest[label]}}})
            fix = run(
                world,
                f"select {label}={rest[label]} too",
                "patch",
                "service",
                service["metadata"]["name"],
                "--type=merge",
                "-p",
                patch,
            )
        yield Candidate(MIXED, key, cause, fix, affects=tuple(owners))


@check
def local_only(world: World) -> Iterator[Candidate]:
    """Services that keep traffic on the node, with clients on a node without a pod behind it."""
    for service in world.all("Service"):
        spec = service.get("spec") or {}
        name = service["metadata"]["name"]
        if spec.get("internalTrafficPolicy") != "Local" or len(world.all("Node")) < 2:
            continue
        served = {pod.node for pod in world.selected(service) if pod.ready}
        clients = [
            workload.key
            for workload in world.workloads.values()
            if any(resolve(world, host).key == f"Service/{name}" for host in configured_hosts(world, workload))
            and any(pod.node and pod.node not in served for pod in workload.pods)
        ]
        if not served or not clients:
            continue
        cause = (
            f"Service/{name} keeps traffic on the node (internalTrafficPolicy Local): {listed(clients)} is on "
            "another one"
        )
        patch = compact({"spec": {"internalTrafficPolicy": "Cluster"}})
        fix = run(world, "let it go to other nodes", "patch", "service", name, "--type=merge", "-p", patch)
        yield Candidate(LOCAL, f"Service/{name}", cause, fix, affects=tuple(clients))
