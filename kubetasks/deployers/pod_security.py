"""What a Pod Security Standard would refuse of the rendered pods, found without a cluster.

The API server checks pods, not what creates them: a Deployment is accepted, and its pods never come. Source of the
rules: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (Kubernetes 1.34).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from kubetasks.objects import Object, Objects, identity, is_hook, pod_specs

Spec = Mapping[str, Any]
Rule = Callable[[Spec], Iterator[str]]

PARTS: Final = ("initContainers", "containers", "ephemeralContainers")
CAPABILITIES: Final = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
VOLUMES: Final = frozenset(
    {
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
        "secret",
    }
)  # fmt: skip
SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    }
)  # fmt: skip
SELINUX: Final = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
PROFILES: Final = frozenset({"RuntimeDefault", "Localhost"})


def _containers(spec: Spec) -> Iterator[Spec]:
    for part in PARTS:
        yield from (each for each in spec.get(part) or () if isinstance(each, Mapping))


def _context(of: Spec) -> Spec:
    found = of.get("securityContext")
    return found if isinstance(found, Mapping) else {}


def _contexts(spec: Spec) -> Iterator[tuple[str, Spec]]:
    """The security contexts of the pod and of each container, with how messages name them."""
    yield "pod", _context(spec)
    for each in _containers(spec):
        yield f"container {each.get('name')}", _context(each)


def _windows(spec: Spec) -> bool:
    return bool((spec.get("os") or {}).get("name") == "windows")


def _host(spec: Spec) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield key
    for who, context in _contexts(spec):
        if (context.get("windowsOptions") or {}).get("hostProcess"):
            yield f"hostProcess ({who})"
    for each in _containers(spec):
        if any(port.get("hostPort") for port in each.get("ports") or ()):
            yield f"hostPort (container {each.get('name')})"
        handlers = [each.get(probe) for probe in ("livenessProbe", "readinessProbe", "startupProbe")]
        handlers += list((each.get("lifecycle") or {}).values())
        for handler in filter(None, handlers):
            if any((handler.get(kind) or {}).get("host") for kind in ("httpGet", "tcpSocket")):
                yield f"host of a probe or hook (container {each.get('name')})"
    for volume in spec.get("volumes") or ():
        if "hostPath" in volume:
            yield f"hostPath (volume {volume.get('name')})"


def _privileges(spec: Spec) -> Iterator[str]:
    for each in _containers(spec):
        context, who = _context(each), f"container {each.get('name')}"
        if context.get("privileged"):
            yield f"privileged ({who})"
        added = {*((context.get("capabilities") or {}).get("add") or ())} - CAPABILITIES
        if added:
            yield f"capabilities.add {', '.join(sorted(added))} ({who})"
        if context.get("procMount", "Default") not in {"Default", ""}:
            yield f"procMount ({who})"


def _profiles(spec: Spec) -> Iterator[str]:
    for who, context in _contexts(spec):
        if (context.get("seccompProfile") or {}).get("type") == "Unconfined":
            yield f"seccompProfile Unconfined ({who})"
        if (context.get("appArmorProfile") or {}).get("type", "RuntimeDefault") not in PROFILES:
            yield f"appArmorProfile ({who})"
        selinux = context.get("seLinuxOptions") or {}
        if selinux.get("type", "") not in SELINUX or selinux.get("user") or selinux.get("role"):
            yield f"seLinuxOptions ({who})"
    for each in _context(spec).get("sysctls") or ():
        if each.get("name") not in SYSCTLS:
            yield f"sysctl {each.get('name')}"


def _volumes(spec: Spec) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        kinds = {*volume} - {"name"} - VOLUMES - {"hostPath"}
        if kinds:
            yield f"{', '.join(sorted(kinds))} (volume {volume.get('name')})"


def _escalation(spec: Spec) -> Iterator[str]:
    if _windows(spec):
        return
    for each in _containers(spec):
        context, who = _context(each), f"container {each.get('name')}"
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"allowPrivilegeEscalation is not false ({who})"
        capabilities = context.get("capabilities") or {}
        if "ALL" not in (capabilities.get("drop") or ()):
            yield f"capabilities.drop lacks ALL ({who})"
        more = {*(capabilities.get("add") or ())} & CAPABILITIES - {"NET_BIND_SERVICE"}
        if more:
            yield f"capabilities.add {', '.join(sorted(more))} ({who})"


def _user(spec: Spec) -> Iterator[str]:
    pod = _context(spec)
    for each in _containers(spec):
        if _context(each).get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
            yield f"runAsNonRoot is not true (container {each.get('name')})"
    for who, context in _contexts(spec):
        if context.get("runAsUser") == 0:
            yield f"runAsUser is 0 ({who})"


def _seccomp(spec: Spec) -> Iterator[str]:
    if _windows(spec):
        return
    whole = (_context(spec).get("seccompProfile") or {}).get("type")
    for each in _containers(spec):
        found = (_context(each).get("seccompProfile") or {}).get("type", whole)
        if found not in PROFILES and found != "Unconfined":  # which baseline refuses
            yield f"seccompProfile is not RuntimeDefault (container {each.get('name')})"


BASELINE: Final[tuple[Rule, ...]] = (_host, _privileges, _profiles)
RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "none": (),
    "baseline": BASELINE,
    "restricted": (*BASELINE, _volumes, _escalation, _user, _seccomp),
}


def refusals(spec: Spec, level: str) -> list[str]:
    """Why a standard refuses a pod with this spec; empty where it does not.

    Args:
        spec: a pod's spec.
        level: ``none``, ``baseline`` or ``restricted``.
    """
    return [why for rule in RULES[level] for why in rule(spec)]


def refused(objects: Objects, level: str, templates: Mapping[str, str] | None = None) -> dict[str, list[str]]:
    """``Kind/name`` of each object whose pods a standard refuses, with the reasons.

    Args:
        objects: what is rendered.
        level: the standard.
        templates: where custom resources keep a pod template.
    """
    found: dict[str, list[str]] = {}
    for item in objects:
        if not is_hook(item):
            why = _of_object(item, level, templates or {})
            if why:
                found[identity(item)] = why
    return found


def _of_object(item: Object, level: str, templates: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(why for spec in pod_specs(item, templates) for why in refusals(spec, level)))


def line(found: Mapping[str, list[str]], level: str, *, enforced: bool) -> str:
    """What a plan says of it; empty where nothing is refused.

    Args:
        found: from ``refused``.
        level: the standard.
        enforced: whether the namespace that is created will enforce it.
    """
    if not found:
        return ""
    said = "; ".join(f"{name}: {', '.join(why)}" for name, why in sorted(found.items()))
    return f"{level}, which `namespace_policy` names, refuses {said}" if enforced else f"{level} would refuse {said}"
