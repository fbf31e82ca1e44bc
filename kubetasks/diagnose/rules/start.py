"""Containers that the runtime cannot start: command, user, mounts, hooks."""

import re
from collections.abc import Iterator
from typing import Final

from kubetasks.diagnose import commands
from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back, who
from kubetasks.diagnose.rule import START, Candidate, Family, check
from kubetasks.diagnose.views import Container
from kubetasks.diagnose.words import one_line
from kubetasks.objects import Object

# An arbitrary user, for an image that names none.
USER: Final = 10001


_rule = Family("start", START).rule

COMMAND = _rule(
    "COMMAND_NOT_FOUND",
    "the command is not in the image",
    "StartError with `executable file not found` or `no such file`",
    "The command is misspelt, is a whole command line in one word, or the image does not have it.",
    "correct command and args of the container, or use an image that has the program",
)
NOT_EXECUTABLE = _rule(
    "COMMAND_NOT_EXECUTABLE",
    "the command may not be executed",
    "StartError with `permission denied`",
    "The file has no execute bit, is a folder, or comes from a ConfigMap, whose files have mode 0644.",
    "set the execute bit in the image, give the volume defaultMode 0755, or start it through its interpreter",
)
ROOT = _rule(
    "RUNS_AS_ROOT",
    "the container would run as root and may not",
    "CreateContainerConfigError with runAsNonRoot",
    "runAsNonRoot is set, and the image names no user, root, or a user by name, which the kubelet cannot check.",
    "give the image a numeric USER other than 0, or the container a runAsUser",
)
USER_UNKNOWN = _rule(
    "USER_UNKNOWN",
    "the image has no such user",
    "CreateContainerError with `no matching entries in passwd file`",
    "The image's USER or the spec names a user that is not in the image's /etc/passwd.",
    "set runAsUser to a number, or correct USER in the Dockerfile",
)
NO_COMMAND = _rule(
    "NO_COMMAND",
    "neither the image nor the spec has a command",
    "CreateContainerError with `no command specified`",
    "The image has no ENTRYPOINT or CMD.",
    "give the container a command",
)
MOUNT_TYPE = _rule(
    "MOUNT_TYPE",
    "a file is mounted on a folder or a folder on a file",
    "StartError with `not a directory` while mounting",
    "A volume is mounted at a path that is a file in the image, or the key in subPath does not exist "
    "and became a folder.",
    "mount the one file with subPath, or mount the volume at a folder",
)
WORKDIR = _rule(
    "WORKDIR",
    "the working directory cannot be used",
    "StartError with `chdir to cwd`",
    "workingDir does not exist in the image, or the user may not enter it.",
    "correct workingDir",
)
HOOK = _rule(
    "HOOK_FAILED",
    "a lifecycle hook fails",
    "PostStartHookError, FailedPostStartHook, FailedPreStopHook",
    "The command of postStart failed; the kubelet then kills the container.",
    "correct the hook's command, or remove it",
)
TOO_SMALL = _rule(
    "LIMIT_TOO_SMALL_TO_START",
    "the memory limit is too low to start at all",
    "StartError with `container init was OOM-killed`",
    "The limit does not even hold the runtime's own start.",
    "raise the container's memory limit",
)
PROFILE = _rule(
    "SECURITY_PROFILE",
    "a security profile is not on the node",
    "CreateContainerError with seccomp, apparmor or a capability",
    "The profile's file is not on the node, or the capability does not exist.",
    "load the profile on the node, or use RuntimeDefault",
)
SANDBOX = _rule(
    "POD_SANDBOX",
    "the pod's sandbox cannot be created",
    "FailedCreatePodSandBox",
    "The network plugin has no address left or does not work, or the node does not know the runtime class.",
    "see the network plugin's pods on the node, and the runtime class",
    grace=30.0,
    depth=START + 5,
)
CREATE = _rule(
    "CONTAINER_CREATE",
    "the container cannot be created",
    "CreateContainerError, RunContainerError, StartError",
    "The message of the runtime says why.",
    "correct what the message names",
    grace=5.0,
    depth=START - 1,
)

WAITING: Final = (
    "CreateContainerError",
    "RunContainerError",
    "CreateContainerConfigError",
    "PostStartHookError",
    "CrashLoopBackOff",
)
ENDED: Final = ("StartError", "ContainerCannotRun")
# What runc and containerd put around the words that matter.
PREAMBLE: Final = re.compile(
    r"^.*?(?:unable to start container process: |error during container init: "
    r"|failed to (?:create containerd container|generate container .+? spec): |OCI runtime \w+ failed: )+"
)


def message_of(container: Container) -> str:
    """What the runtime says of a container that it cannot start; empty if that is not its trouble."""
    reason, message = container.waiting
    ended = container.ended
    hook = next(
        (each for each in container.pod.events_with("FailedPostStartHook") if each.container in {container.name, ""}),
        None,
    )
    if hook is not None and not container.ready:
        return hook.message
    if ended is not None and ended.reason in ENDED and not container.is_running:
        return one_line(ended.message or message, 2000)
    if reason in WAITING and reason != "CrashLoopBackOff":
        return one_line(message, 2000) or reason
    return ""


@check
def starts(world: World) -> Iterator[Candidate]:
    """Containers that were created or started in vain."""
    for workload, container in world.containers():
        message = message_of(container)
        if not message or container.ready:
            continue
        made = _candidate(world, workload, container, message)
        if made is not None:
            made.at = container.name
            made.because.insert(0, f"{container.label}: {one_line(PREAMBLE.sub('', message), 300)}")
            yield made


@check
def sandboxes(world: World) -> Iterator[Candidate]:
    """Pods for which the node cannot make a sandbox: no network, no address, no runtime."""
    for workload in world.workloads.values():
        for pod in workload.current:
            event = next(pod.events_with("FailedCreatePodSandBox", "NetworkNotReady"), None)
            if event is None or pod.deleted or any(each.is_running or each.ended for each in pod.containers):
                continue
            said = re.sub(r"^Failed to create pod sandbox: (?:rpc error: code = \w+ desc = )?", "", event.message)
            said = re.sub(r"failed to setup network for sandbox \"[^\"]+\": ", "", said)
            runtime = re.search(
                r"no runtime for \"?([\w-]+)\"? is configured|RuntimeHandler \"([\w-]+)\" not supported", said
            )
            cause = f"{workload.key}: node {pod.node} cannot create the pod's sandbox: {said}"
            fix = words(f"see the network plugin on node {pod.node}: {one_line(said, 150)}")
            if runtime and workload.spec.get("runtimeClassName"):
                name = workload.spec["runtimeClassName"]
                cause = (
                    f"{workload.key}: node {pod.node} has no runtime {runtime[1] or runtime[2]} (RuntimeClass {name})"
                )
                fix = change(world, workload, "use the usual runtime", [("remove", "runtimeClassName", "")])
            yield Candidate(
                SANDBOX,
                workload.key,
                cause,
                fix,
                [event.line],
                blames=(f"Node/{pod.node}",),
                grace=0.0 if runtime else None,
            )


def _candidate(world: World, workload: Workload, container: Container, message: str) -> Candidate | None:
    name = who(workload, container)
    for pattern, function in TABLE:
        found = re.search(pattern, message, re.IGNORECASE)
        if found:
            return function(world, workload, container, found)
    if container.waiting[0] == "CreateContainerConfigError":
        return None  # rules/configuration.py
    text = one_line(PREAMBLE.sub("", message), 200)
    return Candidate(
        CREATE,
        workload.key,
        f"{name}: {text}",
        back(world, workload) or words(f"correct what the runtime names: {text}"),
    )


def _place(workload: Workload, container: Container) -> str:
    place = workload.where(container.name)
    return f"{place[0]}/{place[1]}" if place else ""


def _command(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    program = found["name"]
    cause, fix = commands.missing(world, workload, container, program)
    return Candidate(COMMAND, workload.key, f"{who(workload, container)}: {cause}", fix)


def _not_executable(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    """From a ConfigMap: the volume's mode, or its interpreter; in the image: the image."""
    from kubetasks.diagnose.volumes import mount_of, source_of  # noqa: PLC0415

    program, at = found["name"], _place(workload, container)
    mount = mount_of(workload, container, program)
    cause = f"{who(workload, container)}: {program} may not be executed"
    fix: Fix = back(world, workload) or words(
        f"set the execute bit of {program} in the image, or start it through its interpreter"
    )
    kind, owner = source_of(mount[1]) if mount else ("", "")
    if mount and kind in {"ConfigMap", "Secret"}:
        index = next(i for i, each in enumerate(workload.spec["volumes"]) if each.get("name") == mount[1].get("name"))
        field = "configMap" if kind == "ConfigMap" else "secret"
        cause += f": files of {kind} {owner} have no execute bit"
        fix = change(
            world, workload, "give the files mode 0755", [("add", f"volumes/{index}/{field}/defaultMode", 0o755)]
        )
    elif at and program.endswith(".sh") and container.spec.get("command"):
        fix = change(
            world, workload, "start it through sh", [("replace", f"{at}/command", ["sh", *container.spec["command"]])]
        )
    return Candidate(NOT_EXECUTABLE, workload.key, cause, fix)


def _root(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    at = _place(workload, container)
    own, pod = container.spec.get("securityContext") or {}, workload.spec.get("securityContext") or {}
    user = own.get("runAsUser", pod.get("runAsUser"))
    if user == 0:
        why = "runAsUser is 0"
    elif "non-numeric" in found.string:
        named = re.search(r"non-numeric user \(([^)]+)\)", found.string)
        why = f"the image's user {named[1] if named else ''} is not a number"
    else:
        why = "its image runs as root"
    cause = f"{who(workload, container)}: runAsNonRoot is set, and {why}"
    there = next((each for _, _, each in workload.containers() if each["name"] == container.name), {})
    steps: list[Step] = (
        [("add", f"{at}/securityContext/runAsUser", USER)]
        if there.get("securityContext") is not None
        else [("add", f"{at}/securityContext", {"runAsUser": USER})]
    )
    fix = change(
        world,
        workload,
        f"run it as user {USER}",
        steps,
        note="better: a numeric USER in the Dockerfile, which owns its files",
    )
    return Candidate(ROOT, workload.key, cause, fix)


def _user(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    cause = f"{who(workload, container)}: image {container.image} has no user {found['name']}"
    at = _place(workload, container)
    there = next((each for _, _, each in workload.containers() if each["name"] == container.name), {})
    steps: list[Step] = (
        [("add", f"{at}/securityContext/runAsUser", USER)]
        if there.get("securityContext") is not None
        else [("add", f"{at}/securityContext", {"runAsUser": USER})]
    )
    fix = back(world, workload) or change(world, workload, f"run it as user {USER}", steps)
    return Candidate(USER_UNKNOWN, workload.key, cause, fix)


def _no_command(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    cause = f"{who(workload, container)}: neither the image {container.image} nor the spec has a command"
    return Candidate(NO_COMMAND, workload.key, cause, back(world, workload) or words("give the container a command"))


def _mount(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    path = re.search(r"(?:to rootfs at|mount_rootfs.*?to) \\?\"?([^\s\"\\]+)", found.string)
    at = path[1] if path else "a path"
    mounts: list[Object] = container.spec.get("volumeMounts") or []
    mount = next((each for each in mounts if each.get("mountPath") == at), {})
    key = mount.get("subPath")
    why = (
        f"key {key} of volume {mount.get('name')} does not exist and became a folder"
        if key
        else f"volume {mount.get('name', '')} is a folder, {at} a file"
    )
    cause = f"{who(workload, container)}: cannot mount at {at}: {why}"
    fix = back(world, workload) or words(f"mount the one file at {at} with subPath, or the volume at a folder")
    return Candidate(MOUNT_TYPE, workload.key, cause, fix)


def _workdir(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    folder = container.spec.get("workingDir") or found["name"]
    cause = f"{who(workload, container)}: working directory {folder} cannot be used" + (
        f": {found['why']}" if found["why"] else ": it is not a folder"
    )
    fix = back(world, workload)
    if fix is None and container.spec.get("workingDir"):
        fix = change(
            world, workload, "use the image's own", [("remove", f"{_place(workload, container)}/workingDir", "")]
        )
    return Candidate(WORKDIR, workload.key, cause, fix or words(f"correct the working directory {folder}"))


def _hook(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    event = next(container.pod.events_with("FailedPostStartHook"), None)
    said = event.message if event else found.string
    code = re.search(r"exited with (\d+)(?:: (?P<said>[^,]*))?", said)
    command = ((container.spec.get("lifecycle") or {}).get("postStart") or {}).get("exec", {}).get("command") or []
    shown = " ".join(map(str, command))
    why = f" exits with {code[1]}" if code else " fails"
    cause = f"{who(workload, container)}: postStart{why}: {one_line(shown, 60) or one_line(said, 60)}"
    fix = back(world, workload) or words(
        f"correct the postStart command of container {container.name}: {one_line(shown, 100)}"
    )
    return Candidate(HOOK, workload.key, cause, fix, [event.line] if event else [])


def _too_small(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    from kubetasks.diagnose.quantity import doubled  # noqa: PLC0415

    limit = container.limit("memory")
    cause = f"{who(workload, container)}: memory limit {limit} is too low to start at all"
    value = doubled(limit or "64Mi")
    if workload.kind in {"Pod", "Job"}:
        fix = change(
            world,
            workload,
            f"raise the limit to {value}",
            [("replace", f"{_place(workload, container)}/resources/limits/memory", value)],
        )
    else:
        target = f"{workload.kind.lower()}/{workload.name}"
        fix = run(
            world,
            f"raise the limit to {value}",
            "set",
            "resources",
            target,
            "-c",
            container.name,
            f"--limits=memory={value}",
        )
    return Candidate(TOO_SMALL, workload.key, cause, fix)


def _profile(world: World, workload: Workload, container: Container, found: re.Match[str]) -> Candidate:
    text = one_line(PREAMBLE.sub("", found.string), 90)
    return Candidate(
        PROFILE, workload.key, f"{who(workload, container)}: {text}", back(world, workload) or words(PROFILE.fix)
    )


TABLE: Final = (
    (r"PostStartHook|lifecycle hook|postStart|PostStart", _hook),
    (r"runAsNonRoot|non-root policy", _root),
    (r"init was OOM-killed|memory limit too low", _too_small),
    (r"exec: \\?\"(?P<name>.+?)\\?\": (?:executable file not found|stat .+: no such file|no such file)", _command),
    (r"exec (?P<name>/\S+): no such file or directory", _command),
    (r"exec: \\?\"(?P<name>.+?)\\?\": (?:stat .+: )?(?:permission denied|is a directory)", _not_executable),
    (r"unable to find (?:user|group) (?P<name>[^:\s]+): no matching entries|no users found|unknown user", _user),
    (r"no command specified", _no_command),
    (
        (
            r"chdir to cwd \(\\?\"(?P<name>[^\"\\]+)\\?\"\).*failed: (?P<why>[\w ]+)"
            r"|mkdir (?P<dir>\S+): (?P<other>not a directory)"
        ),
        _workdir,
    ),
    (r"not a directory|are you trying to mount a directory onto a file", _mount),
    (r"seccomp|apparmor|unknown capability|invalid capability", _profile),
)
