"""A program cannot reach what it asks: find out why, from the host that it names to the pods behind it."""

import datetime as dt
from typing import Final, Literal

from kubetasks.diagnose import netpol
from kubetasks.diagnose.finding import Confidence, Fix
from kubetasks.diagnose.fixes import change, compact, lasting, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.hosts import Host
from kubetasks.diagnose.logs import Match
from kubetasks.diagnose.rule import LOG, RULES, Candidate, define
from kubetasks.diagnose.talk import KNOWN_PORTS, asked
from kubetasks.diagnose.upstream import Upstream, find, replaced, settings
from kubetasks.diagnose.views import moment
from kubetasks.diagnose.words import listed, nearest

# In which every node has heard of an endpoint that is ready.
SETTLING: Final = dt.timedelta(seconds=15)
How = Literal["name", "refused", "timeout", "reset"]
RULE_OF: Final[dict[How, str]] = {
    "name": "NAME_NOT_RESOLVED",
    "refused": "CONNECTION_REFUSED",
    "timeout": "CONNECTION_TIMEOUT",
    "reset": "CONNECTION_RESET",
}
SAID: Final[dict[How, str]] = {
    "name": "cannot be resolved",
    "refused": "refuses the connection",
    "timeout": "does not answer in time",
    "reset": "closes the connection",
}
SERVICE_MISSING = define(
    "SERVICE_MISSING",
    "network",
    "a Service that is asked for does not exist",
    signal="a log or a variable names a Service, and no Service of that name is in the namespace",
    why="The name is misspelt, the Service was never created or was deleted.",
    fix="correct the name where it is set, or create the Service",
    depth=LOG + 2,
)
WRONG_NAMESPACE = define(
    "SERVICE_IN_OTHER_NAMESPACE",
    "network",
    "the Service is in another namespace",
    signal="a log names a Service that exists in another namespace only",
    why="A bare name is looked up in the pod's own namespace.",
    fix="name the namespace too: NAME.NAMESPACE",
    depth=LOG + 2,
)
WRONG_PORT = define(
    "UPSTREAM_WRONG_PORT",
    "network",
    "the Service does not have the port that is asked",
    signal="a log or a variable names a Service with a port that is none of its ports",
    why="The client's settings have the port of the container, or an old one.",
    fix="ask the Service's own port",
    depth=LOG + 2,
)
LOOPBACK = define(
    "UPSTREAM_IS_LOOPBACK",
    "network",
    "the program asks its own container",
    signal="a log names localhost or 127.0.0.1 with a port that no container of the pod has",
    why="Inside a pod localhost is the pod itself. What runs in another pod is reached by its Service's name.",
    fix="put the Service's name in the place of localhost",
    depth=LOG + 2,
)
BLOCKED = define(
    "NETWORK_POLICY_BLOCKS",
    "network",
    "a NetworkPolicy does not let the client in or out",
    signal="the policies that select the two pods have no rule that lets the one talk to the other",
    why="A policy that selects a pod closes everything that none of its rules opens.",
    fix="add a rule for this client to the policy, or the label that the rule asks for to the client",
    depth=LOG + 3,
)
DNS_POLICY = define(
    "DNS_POLICY",
    "network",
    "the pod does not ask the cluster's DNS",
    signal="spec.dnsPolicy is None or Default, and a name of the cluster cannot be resolved",
    why="With these policies the pod asks other name servers, which do not know Services.",
    fix="set dnsPolicy: ClusterFirst",
    depth=LOG + 3,
)
LATE = define(
    "UPSTREAM_NOT_READY",
    "network",
    "what is asked is not ready",
    signal="a log names a Service none of whose pods is ready",
    why="The pods behind it are not ready yet, or never.",
    fix="see the pods behind the Service",
    depth=LOG,
    grace=60.0,
    symptom=True,
)
CLUSTER_DNS = define(
    "CLUSTER_DNS",
    "cluster",
    "the cluster's DNS does not answer",
    signal="the name of a Service that exists cannot be resolved",
    why="CoreDNS is down, overloaded or misconfigured.",
    fix="see the pods and the ConfigMap coredns in kube-system",
    depth=LOG + 1,
    grace=30.0,
)


def unreachable(match: Match, how: How) -> Candidate | None:
    """The candidate for a program that cannot reach what it asks."""
    upstream = asked(match)
    if upstream is None:
        policy = _dns_trouble(match, None) if how == "name" else None
        if policy is not None:
            return policy
        rule = RULES[RULE_OF[how]]
        cause = f"{match.who}: a host {SAID[how]}: {match.line}"
        return Candidate(rule, match.workload.key, cause, words(rule.fix), confidence="likely")
    return explain(match.world, match.workload, match.who, upstream, how, match)


def explain(
    world: World, workload: Workload, who: str, upstream: Upstream, how: How, match: Match | None = None
) -> Candidate | None:
    """The candidate for a workload that cannot reach an upstream."""
    host = upstream.host
    if upstream.place == "missing" and not (how in {"refused", "reset"} and not host.is_service_like):
        return missing(world, workload, who, upstream)
    if upstream.place == "elsewhere" and not host.namespace and _workload_for(world, host) is not None:
        return missing(world, workload, who, upstream)  # what it is for is here
    if upstream.place == "elsewhere":
        return _elsewhere(world, workload, who, upstream)
    if upstream.place == "loopback":
        return loopback(world, workload, who, host, sure=how == "refused")
    if upstream.place == "service":
        return _of_service(world, workload, who, upstream, how, match)
    return _outside(world, workload, who, upstream, how, match)


def missing(world: World, workload: Workload, who: str, upstream: Upstream) -> Candidate:
    """A Service that does not exist: the one that was meant, or the one to create."""
    host = upstream.host
    near = upstream.near
    if not near.typo and host.port:
        same = [
            each["metadata"]["name"]
            for each in world.all("Service")
            if host.port in [port.get("port") for port in (each.get("spec") or {}).get("ports") or ()]
        ]
        near = near if near.name in same or len(same) != 1 else type(near)(same[0])
    cause = f"{who} asks for Service {host.name}, which does not exist{near.hint}"
    behind = _workload_for(world, host)
    fix: Fix | None = None
    if near.typo or (near and behind is None):
        fix = _rename(world, workload, host.text, near.name)
    if fix is None and behind is not None:
        ports = [port["containerPort"] for _, _, each in behind.containers() for port in each.get("ports") or ()]
        port = host.port or (ports[0] if ports else 80)
        target = port if port in ports or not ports else ports[0]
        fix = run(
            world,
            f"create Service {host.name} in front of {behind.key}",
            "expose",
            behind.kind.lower(),
            behind.name,
            f"--name={host.name}",
            f"--port={port}",
            f"--target-port={target}",
        )
    if fix is None:
        where = listed(each.where for each in find(world, workload, host.text))
        fix = words(
            f"correct the host's name ({where})" if where else f"correct the host's name, or create Service {host.name}"
        )
    return Candidate(SERVICE_MISSING, workload.key, cause, fix, confidence="certain" if near or behind else "likely")


def _rename(world: World, workload: Workload, old: str, new: str) -> Fix | None:
    """Put a Service's name in the place of a host's. A host with a namespace keeps it."""
    first, dot, rest = old.partition(".")
    return replaced(world, workload, old, new + dot + rest, f"ask {new} instead of {first}")


def _workload_for(world: World, host: Host) -> Workload | None:
    """The workload that a missing Service would stand in front of: by its name, or by its labels."""
    for workload in world.workloads.values():
        if workload.kind in {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod"}:
            names = {workload.name, workload.labels.get("app", ""), workload.labels.get("app.kubernetes.io/name", "")}
            if host.name in names and workload.kind != "DaemonSet":
                return workload
    close = nearest(
        host.name, [each.name for each in world.workloads.values() if each.kind in {"Deployment", "StatefulSet"}]
    )
    found = [each for each in world.workloads.values() if each.name == close.name and close.typo]
    return found[0] if found and not world.services_of(found[0].pods) and found[0].kind == "Deployment" else None


def _elsewhere(world: World, workload: Workload, who: str, upstream: Upstream) -> Candidate:
    host, near = upstream.host, upstream.near
    if near.typo:
        cause = f"{who} asks for {host.text}; Service {near.name} is in this namespace, {world.snapshot.namespace}"
        new = near.name
    else:
        space = upstream.found_in.partition("/")[0]
        if host.namespace:
            cause = f"{who} asks for {host.text}, which cannot be reached in namespace {space}"
            fix = words(f"see whether Service {host.name} is in namespace {space}, and whether its pods are ready")
            return Candidate(WRONG_NAMESPACE, workload.key, cause, fix, confidence="likely", grace=30.0)
        cause = f"{who} asks for {host.name}, which is in namespace {space}, not in {world.snapshot.namespace}"
        new = f"{host.name}.{space}"
    fix = replaced(world, workload, host.text, new, f"ask {new}") or words(f"ask {new} instead of {host.text}")
    return Candidate(WRONG_NAMESPACE, workload.key, cause, fix)


def loopback(world: World, workload: Workload, who: str, host: Host, *, sure: bool) -> Candidate | None:
    """A program that asks its own pod for what another one has."""
    own = {port["containerPort"] for _, _, each in workload.containers() for port in each.get("ports") or ()}
    if host.port in own:
        return None
    serving = [
        each["metadata"]["name"]
        for each in world.all("Service")
        if host.port and host.port in [port.get("port") for port in (each.get("spec") or {}).get("ports") or ()]
    ]
    what = f" ({KNOWN_PORTS[host.port]})" if host.port in KNOWN_PORTS else ""
    cause = f"{who} asks {host.shown}{what}, its own pod, where nothing listens on that port"
    if len(serving) == 1:
        cause = f"{who} asks {host.shown}, its own pod; Service {serving[0]} has port {host.port}"
        whole = find(world, workload, host.shown)
        old = host.shown if whole else host.text
        new = f"{serving[0]}:{host.port}" if whole else serving[0]
        fix = replaced(world, workload, old, new, f"ask {serving[0]}") or words(
            f"ask {serving[0]} instead of {host.text}"
        )
    else:
        fix = words(f"put the Service's name in the place of {host.text} where the program reads it")
    confidence: Confidence = "certain" if sure and len(serving) == 1 else "likely"
    return Candidate(LOOPBACK, workload.key, cause, fix, confidence=confidence)


def _of_service(
    world: World, workload: Workload, who: str, upstream: Upstream, how: How, match: Match | None
) -> Candidate | None:
    """A Service that exists: its port, a policy in between, the cluster's DNS, or what is behind it."""
    host, service = upstream.host, upstream.service
    if how == "name":
        return _dns_trouble(match, upstream) if match else None
    if host.port and upstream.ports and host.port not in upstream.ports:
        return wrong_port(world, workload, who, upstream)
    policy = blocked(world, workload, who, upstream) if how in {"timeout", "refused"} else None
    if policy is not None:
        return policy
    name = (service or {}).get("metadata", {}).get("name", host.name)
    pods = world.selected(service) if service else []
    behind = listed(sorted({pod.workload for pod in pods})) or "no pod"
    ready = [moment(pod.condition("Ready").get("lastTransitionTime")) for pod in pods if pod.ready]
    cause = f"{who}: {host.shown} {SAID[how]}"
    if not ready:
        # Whatever keeps its pods from being ready is the cause; while nothing does, they are only late.
        fix = words(f"see what is behind Service {name}: {behind}")
        return Candidate(LATE, workload.key, cause, fix, blames=(upstream.key,))
    failed = _failed_at(match)
    if failed is not None and all(each is not None and failed <= each + SETTLING for each in ready):
        return None  # it asked before they were ready; they are now
    fix = words(f"see what is behind Service {name}: {behind}; its pods are ready")
    return Candidate(RULES[RULE_OF[how]], workload.key, cause, fix, blames=(upstream.key,), confidence="likely")


def _failed_at(match: Match | None) -> dt.datetime | None:
    """When a program failed to reach what it asks."""
    if match is None:
        return None
    ended = match.container.ended
    return match.lines[match.index].at or (ended.finished if ended else None)


def wrong_port(world: World, workload: Workload, who: str, upstream: Upstream) -> Candidate:
    """A client that asks a port that the Service does not have."""
    host, ports = upstream.host, upstream.ports
    name = upstream.key.partition("/")[2]
    has = f"port {ports[0]}" if len(ports) == 1 else f"ports {listed(map(str, ports))}"
    cause = f"{who} asks {host.shown}; Service {name} has {has}"
    right = ports[0] if len(ports) == 1 else 0
    fix: Fix | None = None
    if right:
        what = f"ask port {right}"
        fix = replaced(world, workload, host.shown, f"{host.text}:{right}", what)
        if fix is None:
            alone = [each for each in settings(world, workload) if each.value.strip() == str(host.port)]
            if alone and all("PORT" in each.where.upper() for each in alone):
                fix = replaced(world, workload, str(host.port), str(right), what)
    fix = fix or words(f"ask {host.text} on {has}")
    return Candidate(WRONG_PORT, workload.key, cause, fix)


def blocked(world: World, workload: Workload, who: str, upstream: Upstream, *, sure: bool = True) -> Candidate | None:
    """A NetworkPolicy between a client and the pods behind a Service."""
    service = upstream.service
    pods = world.selected(service) if service else []
    if not pods or service is None:
        return None
    for port in (service.get("spec") or {}).get("ports") or ():
        if upstream.host.port and port.get("port") != upstream.host.port:
            continue
        names = {
            each["name"]: each["containerPort"]
            for container in pods[0].containers
            for each in container.spec.get("ports") or ()
            if each.get("name")
        }
        target = port.get("targetPort", port.get("port"))
        number = names.get(target) if isinstance(target, str) else target
        found = netpol.blocking(world, workload.labels, pods[0].labels, int(number or 0), names)
        if found is None:
            continue
        policy, direction = found
        return _policy(world, workload, who, upstream, policy, direction, int(number or 0), sure=sure)
    return None


def _policy(
    world: World,
    workload: Workload,
    who: str,
    upstream: Upstream,
    policy: dict[str, object],
    direction: str,
    port: int,
    *,
    sure: bool,
) -> Candidate:
    name = str(policy["metadata"]["name"])  # type: ignore[index]
    server = world.selected(upstream.service or {})[0]
    target = world.workloads[server.workload]
    if direction == "Ingress":
        cause = f"NetworkPolicy {name} does not let {workload.key} in to {target.key}, port {port}"
        peer, side, labels = "from", "ingress", workload.labels
    else:
        cause = f"NetworkPolicy {name} does not let {workload.key} out to {target.key}, port {port}"
        peer, side, labels = "to", "egress", target.labels
    stable = {
        key: value for key, value in labels.items() if key not in {"pod-template-hash", "controller-revision-hash"}
    }
    rule = {peer: [{"podSelector": {"matchLabels": stable}}], "ports": [{"port": port, "protocol": "TCP"}]}
    spec = policy.get("spec")
    there = isinstance(spec, dict) and bool(spec.get(side))
    step = (
        {"op": "add", "path": f"/spec/{side}/-", "value": rule}
        if there
        else {"op": "add", "path": f"/spec/{side}", "value": [rule]}
    )
    fix = run(
        world,
        f"let it {'in' if direction == 'Ingress' else 'out'}",
        "patch",
        "networkpolicy",
        name,
        "--type=json",
        "-p",
        compact([step]),
        note=lasting(world, policy),
    )
    return Candidate(
        BLOCKED,
        f"NetworkPolicy/{name}",
        cause,
        fix,
        affects=(workload.key,),
        at=workload.key,
        confidence="certain" if sure else "likely",
    )


def _dns_trouble(match: Match | None, upstream: Upstream | None) -> Candidate | None:
    """A name that exists and cannot be resolved: the pod's DNS settings, a policy, or the cluster's DNS itself."""
    if match is None:
        return None
    world, workload = match.world, match.workload
    asked_for = upstream.host.text if upstream else "a name"
    policy = str(workload.spec.get("dnsPolicy") or "ClusterFirst")
    if policy in {"None", "Default"} and (upstream is None or upstream.place == "service"):
        servers = listed((workload.spec.get("dnsConfig") or {}).get("nameservers") or ()) or "the node's name servers"
        cause = f"{match.who}: dnsPolicy is {policy}, so {servers} is asked for {asked_for}, not the cluster's DNS"
        steps = [("replace", "dnsPolicy", "ClusterFirst")]
        if policy == "None" and workload.spec.get("dnsConfig"):
            steps.append(("remove", "dnsConfig", ""))
        return Candidate(DNS_POLICY, workload.key, cause, change(world, workload, "ask the cluster's DNS", steps))
    closed = netpol.without_dns(world, workload.labels)
    if closed is not None:
        name = closed["metadata"]["name"]
        cause = f"NetworkPolicy {name} lets {workload.key} ask no DNS: no egress rule opens port 53"
        rule = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
        there = bool((closed.get("spec") or {}).get("egress"))
        step = {"op": "add", "path": "/spec/egress/-" if there else "/spec/egress", "value": rule if there else [rule]}
        fix = run(world, "open port 53", "patch", "networkpolicy", name, "--type=json", "-p", compact([step]))
        return Candidate(BLOCKED, f"NetworkPolicy/{name}", cause, fix, affects=(workload.key,), at=workload.key)
    if upstream is None:
        return None
    cause = f"{match.who} cannot resolve {asked_for}, a Service that exists: the cluster's DNS does not answer"
    fix = words(
        f"see the cluster's DNS: kubectl --context {world.snapshot.context} -n kube-system get "
        "pods,configmap -l k8s-app=kube-dns"
    )
    return Candidate(CLUSTER_DNS, workload.key, cause, fix, confidence="likely")


def _outside(
    world: World, workload: Workload, who: str, upstream: Upstream, how: How, match: Match | None
) -> Candidate | None:
    """A host outside the cluster."""
    host = upstream.host
    rule = RULES[RULE_OF[how]]
    if match is not None and how == "name":
        policy = _dns_trouble(match, None)
        if policy is not None:
            return policy
    closed = netpol.outside(world, workload.labels, host.port) if how in {"timeout", "name"} else None
    if closed is not None:
        name = closed["metadata"]["name"]
        cause = f"NetworkPolicy {name} lets {workload.key} not out to {host.shown}"
        return Candidate(
            BLOCKED,
            f"NetworkPolicy/{name}",
            cause,
            words(f"open {host.shown} in an egress rule of {name}"),
            affects=(workload.key,),
            at=workload.key,
        )
    where = listed(each.where for each in find(world, workload, host.text))
    cause = f"{who}: host {host.shown} {SAID[how]}" + (f" ({where})" if where else "")
    fix = words(
        f"correct {host.text} ({where})"
        if where and how == "name"
        else f"see whether {host.shown} is right and reachable from the cluster"
    )
    return Candidate(rule, workload.key, cause, fix, confidence="certain" if how == "name" else "likely")
