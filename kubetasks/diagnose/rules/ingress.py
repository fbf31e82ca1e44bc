"""Ingresses: their class, the Services that they lead to, their certificates."""

from collections.abc import Iterator
from typing import Any, Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import compact, lasting, run, words
from kubetasks.diagnose.graph import World
from kubetasks.diagnose.ingresses import backends, paths
from kubetasks.diagnose.rule import PROBE, SYMPTOM, Candidate, check, define
from kubetasks.diagnose.views import moment
from kubetasks.diagnose.words import listed, nearest
from kubetasks.objects import Object

DEFAULT: Final = "ingressclass.kubernetes.io/is-default-class"
LEGACY: Final = "kubernetes.io/ingress.class"

CLASS = define(
    "INGRESS_CLASS_MISSING",
    "network",
    "the IngressClass does not exist",
    signal="spec.ingressClassName names no IngressClass",
    why="The name is misspelt, or no controller of that class is installed.",
    fix="use a class that exists, or install its controller",
    depth=PROBE,
    severity="error",
)
NO_CLASS = define(
    "INGRESS_NO_CLASS",
    "network",
    "an Ingress has no class, and there is no default one",
    signal="no ingressClassName, and no IngressClass is the default",
    why="No controller feels responsible for the Ingress.",
    fix="name a class, or install a controller",
    depth=PROBE - 1,
    severity="warning",
)
SERVICE = define(
    "INGRESS_BACKEND_MISSING",
    "network",
    "an Ingress leads to a Service that does not exist",
    signal="a path that leads to no Service",
    why="The name is misspelt, or the Service is in another namespace.",
    fix="correct the Service's name",
    depth=PROBE,
)
PORT = define(
    "INGRESS_WRONG_PORT",
    "network",
    "an Ingress leads to a port that its Service does not have",
    signal="the port of a path is none of the Service's",
    why="The port is the container's, or an old one.",
    fix="use the Service's port",
    depth=PROBE,
)
TLS = define(
    "INGRESS_TLS_SECRET_MISSING",
    "network",
    "the certificate of an Ingress does not exist",
    signal="spec.tls names no Secret",
    why="The name is misspelt, or nothing has issued the certificate.",
    fix="correct the name, or create the Secret: kubectl create secret tls",
    depth=PROBE,
)
NOT_TLS = define(
    "INGRESS_TLS_SECRET_KIND",
    "network",
    "the Secret of an Ingress contains no certificate",
    signal="a Secret in spec.tls without the keys tls.crt and tls.key",
    why="It is a Secret for something else.",
    fix="create it with kubectl create secret tls",
    depth=PROBE,
)
EXPIRED = define(
    "CERTIFICATE_EXPIRED",
    "network",
    "a certificate has expired",
    signal="notAfter of the certificate in a TLS Secret is past",
    why="Nothing renewed it.",
    fix="renew the certificate in the Secret",
    depth=PROBE,
)
DEAD = define(
    "INGRESS_BACKEND_DOWN",
    "network",
    "what an Ingress leads to is not ready",
    signal="a Service without ready pods behind a path",
    why="The pods behind the Service are not ready.",
    fix="see the pods",
    depth=SYMPTOM,
    symptom=True,
)


@check
def ingresses(world: World) -> Iterator[Candidate]:
    """Everything that can be wrong with an Ingress by itself, and what is wrong behind it."""
    for item in world.all("Ingress"):
        key = f"Ingress/{item['metadata']['name']}"
        yield from _class(world, item, key)
        yield from _backends(world, item, key)
        yield from _tls(world, item, key)
        blames = tuple(f"Service/{name}" for name in backends(item))
        yield Candidate(DEAD, key, f"{key} leads to what is not ready", words(DEAD.fix), blames=blames)


def _patch(world: World, item: Object, what: str, path: str, value: Any, *, op: str = "replace") -> Fix:
    patch = compact([{"op": op, "path": path, "value": value}])
    return run(
        world, what, "patch", "ingress", item["metadata"]["name"], "--type=json", "-p", patch, note=lasting(world, item)
    )


def _class(world: World, item: Object, key: str) -> Iterator[Candidate]:
    if not world.reads("IngressClass") or world.snapshot.ours.target == "local":
        return
    name = (item.get("spec") or {}).get("ingressClassName")
    known = world.names("IngressClass")
    default = next(
        (
            each["metadata"]["name"]
            for each in world.all("IngressClass")
            if (each["metadata"].get("annotations") or {}).get(DEFAULT) == "true"
        ),
        "",
    )
    if name and name not in known:
        near = nearest(name, known)
        right = near.name if near.typo else known[0] if len(known) == 1 else default
        has = (
            f"the cluster has {listed(known)}" if known else "the cluster has none: no ingress controller is installed"
        )
        cause = f"{key}: IngressClass {name} does not exist; {has}"
        fix: Fix = (
            _patch(world, item, f"use class {right}", "/spec/ingressClassName", right)
            if right
            else words(f"install an ingress controller with class {name}, or correct the name")
        )
        yield Candidate(CLASS, key, cause, fix, severity="critical" if known else "error")
    legacy = (item["metadata"].get("annotations") or {}).get(LEGACY)
    if not name and not legacy and not default:
        if len(known) >= 1:
            fix = _patch(world, item, f"use class {known[0]}", "/spec/ingressClassName", known[0], op="add")
        else:
            fix = words("install an ingress controller, and name its class in spec.ingressClassName")
        has = f"the cluster has {listed(known)}" if known else "no ingress controller is installed"
        yield Candidate(NO_CLASS, key, f"{key} names no IngressClass, and none is the default; {has}", fix)


def _backends(world: World, item: Object, key: str) -> Iterator[Candidate]:
    for path, service_of in paths(item):
        name, port = str(service_of.get("name")), service_of.get("port") or {}
        service = world.get("Service", name)
        if service is None:
            near = nearest(name, world.names("Service"))
            right = near.name or (world.names("Service")[0] if len(world.names("Service")) == 1 else "")
            cause = f"{key} leads to Service {name}, which does not exist{near.hint}"
            fix = (
                _patch(world, item, f"lead to Service {right}", f"{path}/name", right)
                if right
                else words(f"correct the name, or create Service {name}")
            )
            yield Candidate(SERVICE, key, cause, fix, at=path, severity="critical")
            continue
        ports = (service.get("spec") or {}).get("ports") or []
        numbers, names = (
            [int(each["port"]) for each in ports],
            [str(each["name"]) for each in ports if each.get("name")],
        )
        wanted = port.get("number") or port.get("name")
        if wanted is None or wanted in numbers or wanted in names:
            continue
        cause = f"{key} leads to port {wanted} of Service {name}, which has {listed([*map(str, numbers), *names])}"
        fix = (
            _patch(world, item, f"lead to port {numbers[0]}", f"{path}/port", {"number": numbers[0]})
            if len(numbers) == 1
            else words(f"use one of {listed(map(str, numbers))}")
        )
        yield Candidate(PORT, key, cause, fix, at=path, severity="critical")


def _tls(world: World, item: Object, key: str) -> Iterator[Candidate]:
    if not world.reads("Secret"):
        return
    for index, each in enumerate((item.get("spec") or {}).get("tls") or ()):
        name = each.get("secretName")
        secret = world.get("Secret", str(name))
        if not name:
            continue
        at = f"/spec/tls/{index}/secretName"
        if secret is None:
            known = [
                found["metadata"]["name"] for found in world.all("Secret") if found.get("type") == "kubernetes.io/tls"
            ]
            near = nearest(str(name), known)
            hosts = listed(each.get("hosts") or ())
            cause = f"{key}: TLS Secret {name} does not exist{near.hint}" + (f" (for {hosts})" if hosts else "")
            right = near.name or (known[0] if len(known) == 1 else "")
            fix = (
                _patch(world, item, f"use Secret {right}", at, right)
                if right
                else words(
                    f"create it: kubectl -n {world.snapshot.namespace} create secret tls {name} --cert=FILE --key=FILE"
                )
            )
            yield Candidate(TLS, key, cause, fix, at=at)
        elif not {"tls.crt", "tls.key"} <= set(secret.get("data") or {}):
            cause = f"{key}: Secret {name} holds no certificate: it has {listed(secret.get('data') or {}) or 'no keys'}"
            yield Candidate(NOT_TLS, key, cause, words(NOT_TLS.fix), at=at)


@check
def certificates(world: World) -> Iterator[Candidate]:
    """Certificates that an Ingress or a pod uses and that have expired."""
    used = {
        str(each.get("secretName"))
        for item in world.all("Ingress")
        for each in (item.get("spec") or {}).get("tls") or ()
    }
    used |= {
        str((volume.get("secret") or {}).get("secretName"))
        for workload in world.workloads.values()
        for volume in workload.spec.get("volumes") or ()
    }
    for secret in world.all("Secret"):
        until = moment((secret.get("facts") or {}).get("expires"))
        name = secret["metadata"]["name"]
        if until is not None and until < world.now and name in used:
            cause = f"Secret/{name}: its certificate expired on {until:%Y-%m-%d}"
            fix = words(
                f"renew it: kubectl -n {world.snapshot.namespace} create secret tls {name} --cert=FILE --key=FILE "
                "--dry-run=client -o yaml | kubectl apply -f -"
            )
            yield Candidate(EXPIRED, f"Secret/{name}", cause, fix)
