"""Pods, and the lowest Pod Security Standard that refuses each: what the API server is asked, and what we say."""

from copy import deepcopy
from typing import Any

SAFE: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "main",
            "image": "registry.k8s.io/pause:3.10",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}


def _pod(**more: Any) -> dict[str, Any]:
    return {**deepcopy(SAFE), **more}


def _of_pod(**context: Any) -> dict[str, Any]:
    spec = deepcopy(SAFE)
    spec["securityContext"] |= context
    spec["securityContext"] = {key: value for key, value in spec["securityContext"].items() if value is not None}
    return spec


def _of_container(**context: Any) -> dict[str, Any]:
    spec = deepcopy(SAFE)
    found = {**spec["containers"][0]["securityContext"], **context}
    spec["containers"][0]["securityContext"] = {key: value for key, value in found.items() if value is not None}
    return spec


def _container(**more: Any) -> dict[str, Any]:
    spec = deepcopy(SAFE)
    spec["containers"][0] |= more
    return spec


def _init(**context: Any) -> dict[str, Any]:
    spec = _of_container(**context)
    spec["initContainers"] = [{**spec["containers"][0], "name": "init"}]
    spec["containers"] = deepcopy(SAFE)["containers"]
    return spec


PRIVILEGED, BASELINE, NEVER = "baseline", "restricted", ""
# Name to (spec, the lowest level that refuses it).
PODS: dict[str, tuple[dict[str, Any], str]] = {
    "safe": (_pod(), NEVER),
    "nothing-set": ({"containers": [{"name": "main", "image": "registry.k8s.io/pause:3.10"}]}, BASELINE),
    "host-network": (_pod(hostNetwork=True), PRIVILEGED),
    "host-pid": (_pod(hostPID=True), PRIVILEGED),
    "host-ipc": (_pod(hostIPC=True), PRIVILEGED),
    "host-path": (_pod(volumes=[{"name": "v", "hostPath": {"path": "/x"}}]), PRIVILEGED),
    "host-port": (_container(ports=[{"containerPort": 80, "hostPort": 80}]), PRIVILEGED),
    "host-of-a-probe": (_container(livenessProbe={"httpGet": {"port": 80, "host": "example.org"}}), PRIVILEGED),
    "host-of-a-hook": (
        _container(lifecycle={"preStop": {"httpGet": {"port": 80, "host": "example.org"}}}), PRIVILEGED
    ),
    "probe": (_container(livenessProbe={"httpGet": {"port": 80}}), NEVER),
    "privileged": (_of_container(privileged=True, allowPrivilegeEscalation=None), PRIVILEGED),
    "privileged-init": (_init(privileged=True, allowPrivilegeEscalation=None), PRIVILEGED),
    "capability-net-admin": (_of_container(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}), PRIVILEGED),
    "capability-chown": (_of_container(capabilities={"drop": ["ALL"], "add": ["CHOWN"]}), BASELINE),
    "capability-bind": (_of_container(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}), NEVER),
    "capability-not-dropped": (_of_container(capabilities={"drop": ["KILL"]}), BASELINE),
    "seccomp-unconfined": (_of_pod(seccompProfile={"type": "Unconfined"}), PRIVILEGED),
    "seccomp-unconfined-container": (_of_container(seccompProfile={"type": "Unconfined"}), PRIVILEGED),
    "seccomp-unset": (_of_pod(seccompProfile=None), BASELINE),
    "seccomp-of-the-container": (
        {
            **_of_container(seccompProfile={"type": "Localhost", "localhostProfile": "a.json"}),
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001},
        },
        NEVER,
    ),
    "apparmor-unconfined": (_of_pod(appArmorProfile={"type": "Unconfined"}), PRIVILEGED),
    "apparmor-default": (_of_container(appArmorProfile={"type": "RuntimeDefault"}), NEVER),
    "selinux-type": (_of_pod(seLinuxOptions={"type": "spc_t"}), PRIVILEGED),
    "selinux-user": (_of_pod(seLinuxOptions={"user": "system_u"}), PRIVILEGED),
    "selinux-level": (_of_pod(seLinuxOptions={"type": "container_t", "level": "s0:c1,c2"}), NEVER),
    "sysctl-unsafe": (_of_pod(sysctls=[{"name": "kernel.msgmax", "value": "1"}]), PRIVILEGED),
    "sysctl-safe": (_of_pod(sysctls=[{"name": "net.ipv4.tcp_syncookies", "value": "1"}]), NEVER),
    "escalation-unset": (_of_container(allowPrivilegeEscalation=None), BASELINE),
    "escalation-of-an-init": (_init(allowPrivilegeEscalation=True), BASELINE),
    "non-root-unset": (_of_pod(runAsNonRoot=None), BASELINE),
    "non-root-false-in-a-container": (_of_container(runAsNonRoot=False), BASELINE),
    "non-root-of-the-container": (
        {
            **_of_container(runAsNonRoot=True),
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        },
        NEVER,
    ),
    "user-0": (_of_pod(runAsUser=0), BASELINE),
    "user-0-container": (_of_container(runAsUser=0), BASELINE),
    "volume-nfs": (_pod(volumes=[{"name": "v", "nfs": {"server": "a", "path": "/"}}]), BASELINE),
    "volume-iscsi": (
        _pod(volumes=[{"name": "v", "iscsi": {"targetPortal": "1.2.3.4", "iqn": "iqn.2001-04.com.a:b", "lun": 0}}]),
        BASELINE,
    ),
    "volumes": (
        _pod(
            volumes=[
                {"name": "a", "emptyDir": {}},
                {"name": "b", "configMap": {"name": "x"}},
                {"name": "c", "secret": {"secretName": "x"}},
                {"name": "d", "projected": {"sources": []}},
                {"name": "e", "downwardAPI": {"items": []}},
                {"name": "f", "persistentVolumeClaim": {"claimName": "x"}},
                {"name": "g", "image": {"reference": "a/b:1"}},
            ]
        ),
        NEVER,
    ),
}  # fmt: skip
