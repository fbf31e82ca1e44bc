"""Pod Security: the change that makes a pod's spec meet a level, as a patch.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from typing import Any, Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, as_yaml, change, words
from kubetasks.diagnose.graph import Workload, World

USER: Final = 10001
BASELINE_CAPABILITIES: Final = frozenset(
    [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
)
VOLUMES: Final = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
)


def _pod_context(spec: dict[str, Any], level: str) -> dict[str, Any]:
    """The pod's security context as the level wants it."""
    context = dict(spec.get("securityContext") or {})
    if level == "restricted":
        context["runAsNonRoot"] = True
        context["seccompProfile"] = {"type": "RuntimeDefault"}
        if context.get("runAsUser") == 0:
            context["runAsUser"] = USER
        named = any(
            "runAsUser" in (each.get("securityContext") or {})
            for part in ("initContainers", "containers")
            for each in spec.get(part) or ()
        )
        was_non_root = (spec.get("securityContext") or {}).get("runAsNonRoot") is True
        if "runAsUser" not in context and not named and not was_non_root:
            context["runAsUser"] = USER
    for key in ("windowsOptions", "sysctls"):
        context.pop(key, None)
    return context


def _context(container: dict[str, Any], level: str) -> dict[str, Any]:
    """A container's security context as the level wants it."""
    context = dict(container.get("securityContext") or {})
    for key in ("procMount", "windowsOptions"):
        context.pop(key, None)
    if context.get("privileged"):
        context["privileged"] = False
    capabilities = dict(context.get("capabilities") or {})
    added = [each for each in capabilities.get("add") or () if each in BASELINE_CAPABILITIES]
    if level == "restricted":
        added = [each for each in added if each == "NET_BIND_SERVICE"]
        context["allowPrivilegeEscalation"] = False
        capabilities = {"drop": ["ALL"]}
        if context.get("runAsNonRoot") is False:
            context["runAsNonRoot"] = True
        if context.get("runAsUser") == 0:
            context["runAsUser"] = USER
        if (context.get("seccompProfile") or {}).get("type") == "Unconfined":
            context["seccompProfile"] = {"type": "RuntimeDefault"}
    else:
        capabilities.pop("add", None)
    if added:
        capabilities["add"] = added
    if capabilities:
        context["capabilities"] = capabilities
    else:
        context.pop("capabilities", None)
    return context


def fix(world: World, workload: Workload, level: str, message: str) -> Fix:
    """The patch that makes the pods of a workload meet a level; words where that would take something away from them.

    Args:
        world: the snapshot.
        workload: the workload.
        level: ``baseline`` or ``restricted``.
        message: what the API server names.
    """
    spec = workload.spec
    steps: list[Step] = []
    shown: dict[str, Any] = {}
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            steps.append(("remove", key, ""))
            shown[key] = False
    context = _pod_context(spec, level)
    if context != (spec.get("securityContext") or {}):
        steps.append(("add", "securityContext", context))
        shown["securityContext"] = context
    for part, index, container in workload.containers():
        found = _context(container, level)
        if found != (container.get("securityContext") or {}):
            steps.append(("add", f"{part}/{index}/securityContext", found))
            shown.setdefault(part, []).append({"name": container["name"], "securityContext": found})
        for number, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort"):
                steps.append(("remove", f"{part}/{index}/ports/{number}/hostPort", ""))
    for index, volume in enumerate(spec.get("volumes") or ()):
        forbidden = "hostPath" in volume if level == "baseline" else not any(kind in volume for kind in VOLUMES)
        if forbidden:
            steps.append(("replace", f"volumes/{index}", {"name": volume["name"], "emptyDir": {}}))
            shown.setdefault("volumes", []).append({"name": volume["name"], "emptyDir": {}})
    if not steps:
        return words(f"set what Pod Security {level} asks for: {message}")
    made = change(world, workload, f"meet Pod Security {level}", steps)
    note = "an emptyDir replaces hostPath: its files do not exist" if "volumes" in shown else made.note
    patch = as_yaml({"spec": {"template": {"spec": shown}} if workload.kind not in {"Pod", "CronJob"} else shown})
    return Fix(
        kind="patch" if made.kind == "command" else "words", text=made.text, what=made.what, patch=patch, note=note
    )
