"""Log classes: files, folders and ports that the program may not use or does not have."""

import posixpath
import re
from typing import Final

from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import Step, change, words
from kubetasks.diagnose.logs import Match, log_class, undo
from kubetasks.diagnose.rule import RULES, Candidate
from kubetasks.diagnose.volumes import files_of, mount_of, source_of
from kubetasks.diagnose.words import nearest

PATH = r"['\"‘’`]?(?P<path>/[^\s'\"‘’`:,;)]+)['\"‘’`]?"


PORT: Final = re.compile(r":(\d{2,5})\b(?!:)|[Pp]ort[ =:]+(\d{2,5})|', (\d{2,5})\)")


def _port(match: Match) -> int:
    """The port that a line names, or one near it; 0 if none does."""
    for line in match.around(6, 2):
        found = PORT.search(line)
        if found:
            return int(next(group for group in found.groups() if group))
    return 0


def _told_port(match: Match) -> int:
    """The port that a container is configured to listen on, where its log does not say: in its command, or the one it declares."""
    mentioned = [int(each) for word in match.container.command for each in re.findall(r"\b(\d{2,5})\b", word)]
    others = {port for each in match.container.pod.containers if each is not match.container for port in each.ports}
    shared = [each for each in [*mentioned, *match.container.ports] if each in others]
    return shared[0] if shared else match.container.ports[0] if len(match.container.ports) == 1 else 0


def _in_use(match: Match) -> Candidate:
    """Two processes of a pod want the same port; with hostNetwork, two of a node."""
    workload, container = match.workload, match.container
    port = _port(match) or _told_port(match)
    text = f"port {port}" if port else "its port"
    others = [each for each in container.pod.containers if each is not container and each.kind != "init"]
    declared = [each for each in others if port in each.ports]
    holder = declared or ([each for each in others if each.ready] if len(others) == 1 else [])
    if holder:
        cause = f"{workload.key} {container.label}: {text} is in use by {holder[0].label} of the same pod"
        fix = _other_port(match, port) or words(
            f"give container {container.name} another port: containers of a pod share them"
        )
    elif workload.spec.get("hostNetwork"):
        cause = f"{match.who}: {text} is in use on the node (hostNetwork is true)"
        fix = change(match.world, workload, "use the pod's own network", [("remove", "hostNetwork", "")])
    else:
        cause = f"{match.who}: {text} is in use: two processes of the container want it"
        fix = undo(match) or words(f"start only one process on {text}, or give one of them another port")
    return Candidate(RULES["PORT_IN_USE"], workload.key, cause, fix)


def _other_port(match: Match, port: int) -> Fix | None:
    """Another port for the container, where its port is set in the open."""
    container, workload = match.container, match.workload
    place = workload.where(container.name)
    taken = {each for other in container.pod.containers for each in other.ports}
    if place is None or not port:
        return None
    free = next(each for each in range(port + 1, port + 1000) if each not in taken)
    at = f"{place[0]}/{place[1]}"
    word = re.compile(rf"(?<!\d){port}(?!\d)")
    steps: list[Step] = [
        ("replace", f"{at}/{part}/{index}", word.sub(str(free), str(text)))
        for part in ("command", "args")
        for index, text in enumerate(container.spec.get(part) or ())
        if word.search(str(text))
    ]
    steps += [
        ("replace", f"{at}/env/{index}/value", str(free))
        for index, each in enumerate(container.spec.get("env") or ())
        if str(each.get("value")) == str(port)
    ]
    steps += [
        ("replace", f"{at}/ports/{index}/containerPort", free)
        for index, each in enumerate(container.spec.get("ports") or ())
        if each.get("containerPort") == port
    ]
    moved = any("/command/" in step[1] or "/args/" in step[1] or "/env/" in step[1] for step in steps)
    return change(match.world, workload, f"give container {container.name} port {free}", steps) if moved else None


log_class(
    "PORT_IN_USE",
    r"\[Errno (?:98|48)\]|EADDRINUSE|(?i:address (?:is )?already in use|address in use|port \d+ is (?:already )?(?:in use|allocated|taken))"
    r"|Address already in use|bind\(\) to \S+ failed \(98",
    title="a port is in use",
    why="All containers of a pod share its ports; with hostNetwork, all pods of a node.",
    fix="give one of the two another port",
    makes=_in_use,
)

log_class(
    "PORT_PRIVILEGED",
    r"(?i)(?:bind|listen)\w*\(?\)?.{0,40}(?:permission denied|EACCES|\(13:)|listen EACCES.{0,60}:(?P<port>\d{1,3})\b",
    title="the program may not bind a port below 1024",
    why="Ports below 1024 need root or the capability NET_BIND_SERVICE.",
    fix="listen on a port of 1024 or above and set targetPort to it, or add the capability NET_BIND_SERVICE",
    says="it may not bind its port: ports below 1024 need the capability NET_BIND_SERVICE",
)


log_class(
    "PORT_BIND",
    r"(?i)(?:failed|unable|cannot|could not|can't) (?:to )?(?:bind|listen)\b.{0,40}?\b(?P<port>\d{2,5})\b",
    title="the program cannot listen on its port",
    why="The port is in use, below 1024, or not an address of the pod.",
    fix="have the program listen on another port of 0.0.0.0, and set the containers' and the Service's ports to it",
    says="it cannot listen on port {port}",
)


def _folder(match: Match) -> str:
    path = match.group("path")
    return path if path.startswith("/") else ""


# Folders that hold a part of the image: a volume there would hide it.
HOLDING: Final = frozenset(
    [
        "/",
        "/app",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/opt",
        "/proc",
        "/root",
        "/sbin",
        "/srv",
        "/sys",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
        "/usr/share",
        "/var",
        "/var/lib",
    ]
)


def _empty_dir(match: Match, path: str) -> Fix | None:
    """A writable folder where the program writes: an emptyDir instead of the file's folder. None if it would hide files."""
    workload, container = match.workload, match.container
    place = workload.where(container.name)
    makes_folder = re.search(r"mkdir|directory|folder|makedirs", match.line) is not None
    folder = path.rstrip("/") if makes_folder else posixpath.dirname(path.rstrip("/"))
    if place is None or not folder or folder in HOLDING:
        return None
    name = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")[:50] or "scratch"
    at = f"{place[0]}/{place[1]}/volumeMounts"
    mount, volume = {"name": name, "mountPath": folder}, {"name": name, "emptyDir": {}}
    steps: list[Step] = [
        ("add", f"{at}/-", mount) if workload_has_mounts(match) else ("add", at, [mount]),
        ("add", "volumes/-", volume) if workload.spec.get("volumes") else ("add", "volumes", [volume]),
    ]
    return change(match.world, match.workload, f"mount an emptyDir at {folder}", steps)


def workload_has_mounts(match: Match) -> bool:
    """Whether the container of the template itself has mounts: a live pod's also has its token's."""
    return any(
        each["name"] == match.container.name and each.get("volumeMounts") for _, _, each in match.workload.containers()
    )


def _read_only(match: Match) -> Candidate:
    path = _folder(match)
    mount = mount_of(match.workload, match.container, path) if path else None
    security = match.container.spec.get("securityContext") or {}
    place = match.workload.where(match.container.name)
    at = f"{place[0]}/{place[1]}" if place else ""
    said = path or "its file system"
    if mount is not None:
        name = mount[0].get("name")
        kind, owner = source_of(mount[1])
        read_only = mount[0].get("readOnly") or kind in {"ConfigMap", "Secret"}
        cause = f"{match.who}: {said} is read-only: volume {name}" + (
            f" is {kind} {owner}" if kind else " is mounted readOnly"
        )
        fix = words(f"write to another folder than {said}: {kind or 'the volume'} cannot be written")
        if read_only and kind not in {"ConfigMap", "Secret"} and place:
            index = match.container.spec["volumeMounts"].index(mount[0])
            fix = change(
                match.world,
                match.workload,
                "mount it writable",
                [("replace", f"{at}/volumeMounts/{index}/readOnly", False)],
            )
        return Candidate(RULES["READ_ONLY"], match.workload.key, cause, fix)
    why = " (readOnlyRootFilesystem)" if security.get("readOnlyRootFilesystem") else ""
    cause = f"{match.who}: {said} is read-only{why}"
    fix = _empty_dir(match, path) or words("mount an emptyDir at the folder that the program writes to")
    return Candidate(RULES["READ_ONLY"], match.workload.key, cause, fix)


log_class(
    "READ_ONLY",
    rf"(?:open|create|write|touch|mkdir|unlink|rename)\w*(?:\(\)|:)? .{{0,60}}?{PATH}.{{0,20}}Read-only file system",
    rf"(?:Read-only file system|read-only file system|EROFS).{{0,40}}?{PATH}",
    rf"{PATH}:? .{{0,20}}(?:[Rr]ead-only file ?system|EROFS)",
    r"(?i)read-only file ?system|EROFS",
    title="the program writes where it may only read",
    why="The container's root is read-only (readOnlyRootFilesystem), or the volume is.",
    fix="mount an emptyDir at the folder that the program writes to",
    makes=_read_only,
)


def _full(match: Match) -> Candidate:
    path = _folder(match)
    found = mount_of(match.workload, match.container, path) if path else None
    volumes = [
        each for each in match.workload.spec.get("volumes") or () if (each.get("emptyDir") or {}).get("sizeLimit")
    ]
    volume = found[1] if found else None
    claims = [each for each in match.workload.spec.get("volumes") or () if each.get("persistentVolumeClaim")]
    if volume is None and len(claims) == 1 and not path:
        volume = claims[0]
    if path.startswith("/dev/shm"):  # noqa: S108  (a path in a log)
        return _shared_memory(match)
    kind, name = source_of(volume) if volume else ("", "")
    if kind == "PersistentVolumeClaim":
        claim = match.world.get("PersistentVolumeClaim", name) or {}
        size = ((claim.get("status") or {}).get("capacity") or {}).get("storage", "")
        cause = f"{match.who}: PersistentVolumeClaim {name} is full" + (f" ({size})" if size else "")
        fix = words(f"delete what is not needed on claim {name}, or give it more than {size or 'it has'}")
    elif volume is not None and volume in volumes:
        index = match.workload.spec["volumes"].index(volume)
        size = volume["emptyDir"]["sizeLimit"]
        cause = f"{match.who}: emptyDir {volume['name']} is full ({size})"
        from kubetasks.diagnose.quantity import doubled  # noqa: PLC0415

        fix = change(
            match.world,
            match.workload,
            "double its size",
            [("replace", f"volumes/{index}/emptyDir/sizeLimit", doubled(size, "storage", 0))],
        )
    else:
        cause = f"{match.who}: no space is left" + (f" for {path}" if path else "")
        fix = words("free space on the node or the volume that the program writes to")
    return Candidate(RULES["DISK_FULL"], match.workload.key, cause, fix)


def _shared_memory(match: Match) -> Candidate:
    place = match.workload.where(match.container.name)
    cause = f"{match.who}: /dev/shm is full: containers get 64 MiB of shared memory"
    if place is None:
        return Candidate(
            RULES["DISK_FULL"], match.workload.key, cause, words("mount an emptyDir in memory at /dev/shm")
        )
    at = f"{place[0]}/{place[1]}/volumeMounts"
    mount = {"name": "shared-memory", "mountPath": "/dev/shm"}  # noqa: S108
    volume = {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}
    steps: list[Step] = [
        ("add", f"{at}/-", mount) if workload_has_mounts(match) else ("add", at, [mount]),
        ("add", "volumes/-", volume) if match.workload.spec.get("volumes") else ("add", "volumes", [volume]),
    ]
    fix = change(match.world, match.workload, "mount more shared memory at /dev/shm", steps)
    return Candidate(RULES["DISK_FULL"], match.workload.key, cause, fix)


log_class(
    "DISK_FULL",
    rf"(?:No space left on device|ENOSPC).{{0,60}}?{PATH}",
    rf"{PATH}.{{0,60}}(?:No space left on device|ENOSPC)",
    r"(?i)no space left on device|ENOSPC|disk quota exceeded|database or disk is full|disk (?:is )?full|not enough (?:disk )?space|insufficient disk space"
    r"|could not resize shared memory segment",
    title="a disk or a volume is full",
    why="The program wrote more than the volume, the emptyDir or the node holds.",
    fix="free space, or make the volume larger",
    makes=_full,
    running=True,
)


def _denied(match: Match) -> Candidate:
    path = _folder(match)
    mount = mount_of(match.workload, match.container, path) if path else None
    security = {
        **(match.workload.spec.get("securityContext") or {}),
        **(match.container.spec.get("securityContext") or {}),
    }
    user, group = security.get("runAsUser"), security.get("fsGroup")
    as_whom = f" for user {user}" if user is not None else ""
    cause = f"{match.who}: permission denied{as_whom}: {path or match.line}"
    if (mount is not None and mount[1].get("persistentVolumeClaim")) or (mount is not None and "emptyDir" in mount[1]):
        if group is None and user:
            number = int(security.get("runAsGroup") or user)
            context = {**(match.workload.spec.get("securityContext") or {}), "fsGroup": number}
            fix = change(
                match.world, match.workload, "give the volume to the pod's group", [("add", "securityContext", context)]
            )
            return Candidate(
                RULES["PERMISSION_DENIED"], match.workload.key, f"{cause} (volume {mount[0]['name']}, no fsGroup)", fix
            )
        fix = words(f"give {path} to user {user or 'of the image'}: fsGroup, or an init container that runs chown")
    elif mount is None and path and user:
        fix = _empty_dir(match, path) or words(f"let user {user} use {path} in the image, or mount a volume there")
    else:
        fix = words(f"let the container's user use {path or 'the file'}: its owner and mode in the image or the volume")
    return Candidate(RULES["PERMISSION_DENIED"], match.workload.key, cause, undo(match) or fix)


log_class(
    "PERMISSION_DENIED",
    rf"PermissionError: \[Errno 13\].{{0,30}}?{PATH}",
    rf"(?:EACCES|EPERM).{{0,60}}?{PATH}",
    rf"(?:open|create|mkdir|touch|access|write|chown|chmod|read|exec)\w*(?:\(\))?:? .{{0,40}}?{PATH}:? .{{0,10}}(?:[Pp]ermission denied|Operation not permitted)",
    rf"{PATH}: (?:[Pp]ermission denied|Operation not permitted)",
    r"(?:AccessDeniedException: )(?P<path>/\S+)",
    r"(?:[Pp]ermission denied|Operation not permitted|EPERM|EACCES)(?! for (?:table|schema|relation|database))",
    title="the program may not use a file",
    why="The container's user does not own the file, or a capability is missing.",
    fix="give the file to the container's user: fsGroup for volumes, chown in the image",
    makes=_denied,
)


# Where the kubelet mounts the token of the pod's ServiceAccount.
ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount/"


def _no_file(match: Match) -> Candidate | None:
    """A file that does not exist: in a volume the nearest key is named, in the image only the file."""
    path = _folder(match)
    if not path:
        return None
    world, workload, container = match.world, match.workload, match.container
    near = nearest(path, files_of(world, workload, container))
    mount = mount_of(workload, container, path)
    cause = f"{match.who}: file {path} does not exist{near.hint}"
    kind, owner = source_of(mount[1]) if mount else ("", "")
    if mount and kind in {"ConfigMap", "Secret"}:
        keys = list((world.get(kind, owner) or {}).get("data") or {})
        key = posixpath.basename(path)
        near_key = nearest(key, keys)
        cause = f"{match.who}: file {path} does not exist: {kind} {owner} has no key {key}{near_key.hint}"
        fix = _with_item(match, mount[1], kind, near_key.name, key) if near_key.typo else None
        fix = fix or words(f"add the key {key} to {kind} {owner}, then restart the pods")
        return Candidate(RULES["FILE_MISSING"], workload.key, cause, fix)
    if path.startswith(ACCOUNT) and workload.spec.get("automountServiceAccountToken") is False:
        cause = f"{match.who}: no token of the Kubernetes API is mounted (automountServiceAccountToken: false)"
        token = change(match.world, workload, "mount the token", [("add", "automountServiceAccountToken", True)])
        return Candidate(RULES["CREDENTIALS_MISSING"], workload.key, cause, token)
    fix = undo(match) or words(f"put {path} into the image or mount it, or correct the path")
    return Candidate(RULES["FILE_MISSING"], workload.key, cause, fix)


def _with_item(match: Match, volume: dict[str, object], kind: str, key: str, name: str) -> Fix | None:
    """Mount a key under the name that the program asks for."""
    volumes = match.workload.spec.get("volumes") or []
    index = next((i for i, each in enumerate(volumes) if each.get("name") == volume.get("name")), None)
    if index is None:
        return None
    field = "configMap" if kind == "ConfigMap" else "secret"
    data = (match.world.get(kind, source_of(volume)[1]) or {}).get("data") or {}
    items = volumes[index][field].get("items") or [{"key": each, "path": each} for each in data]
    renamed = [{"key": each["key"], "path": name if each["key"] == key else each["path"]} for each in items]
    return change(
        match.world, match.workload, f"mount key {key} as {name}", [("add", f"volumes/{index}/{field}/items", renamed)]
    )


log_class(
    "FILE_MISSING",
    rf"(?:FileNotFoundError|NoSuchFileException|ENOENT|FileNotFoundException).{{0,60}}?{PATH}",
    rf"(?:open|stat|read|load|cat|exec|cannot access|can't open|cannot open|source)\w*:? .{{0,30}}?{PATH}['’\"]?:? .{{0,10}}[Nn]o such file",
    rf"{PATH}:? [Nn]o such file or directory",
    rf"(?i)(?:file|config(?:uration)?|path) {PATH} (?:does not exist|not found|is missing)|(?:no such file|not found|missing)[: ]+{PATH.replace('path', 'other')}",
    title="a file does not exist",
    why="The path is misspelt, the ConfigMap has another key, or the image does not contain the file.",
    fix="correct the path or the key, or put the file there",
    makes=_no_file,
)
