"""ConfigMaps, Secrets and their keys that a pod refers to and that do not exist."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from kubetasks.diagnose.finding import Confidence, Fix
from kubetasks.diagnose.fixes import Step, change, compact, kubectl, lasting, run, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back, who
from kubetasks.diagnose.refs import Reference, references
from kubetasks.diagnose.rule import START, Candidate, Rule, check, define
from kubetasks.diagnose.views import Container, Pod
from kubetasks.diagnose.words import Near, listed, nearest

PLACEHOLDER: Final = "CHANGE_ME"
WAITING: Final = ("CreateContainerConfigError", "ContainerCreating", "PodInitializing", "CreateContainerError")
NOT_FOUND: Final = re.compile(r"\b(?P<kind>configmap|secret) \"(?P<name>[\w.-]+)\" not found", re.IGNORECASE)
NO_KEY: Final = re.compile(r"couldn't find key (?P<key>\S+) in (?P<kind>\w+) (?:[\w-]+/)?(?P<name>[\w.-]+)")
PASSING: Final = re.compile(r"failed to sync (?:secret|configmap) cache|services have not yet been read")

CONFIG_MAP = define(
    "CONFIGMAP_MISSING",
    "configuration",
    "a ConfigMap does not exist",
    signal="CreateContainerConfigError or FailedMount, and the ConfigMap that the pod refers to does not exist",
    why="Its name is misspelt, it is in another namespace, or it was never applied.",
    fix="correct the name, or create the ConfigMap",
    depth=START,
)
SECRET = define(
    "SECRET_MISSING",
    "configuration",
    "a Secret does not exist",
    signal="CreateContainerConfigError or FailedMount, and the Secret that the pod refers to does not exist",
    why="Its name is misspelt, it is in another namespace, or it was never created.",
    fix="correct the name, or create the Secret",
    depth=START,
)
KEY = define(
    "CONFIG_KEY_MISSING",
    "configuration",
    "a ConfigMap or Secret has no such key",
    signal="CreateContainerConfigError or FailedMount, and the object has other keys than the pod asks for",
    why="The key is misspelt in the pod or in the object, or it was left out.",
    fix="correct the key, or add it to the object",
    depth=START,
)
OTHER = define(
    "CONTAINER_CONFIG",
    "configuration",
    "the container's configuration cannot be created",
    signal="CreateContainerConfigError",
    why="The message of the kubelet says what is wrong with the container's spec.",
    fix="correct what the message names",
    depth=START - 1,
)


def stuck(pod: Pod) -> list[Container]:
    """The containers that were never started."""
    return [each for each in pod.containers if each.waiting[0] in WAITING or (not each.status and pod.node)]


@check
def missing(world: World) -> Iterator[Candidate]:
    """References of pods that do not start, to what does not exist."""
    found: dict[tuple[str, str], list[tuple[Workload, list[Reference]]]] = defaultdict(list)
    for workload in world.workloads.values():
        waiting = [pod for pod in workload.current if stuck(pod) and not pod.deleted]
        if not waiting:
            continue
        gone: dict[tuple[str, str], list[Reference]] = defaultdict(list)
        for each in references(workload.spec):
            if each.optional or each.kind == "PersistentVolumeClaim" or not world.reads(each.kind):
                continue
            item = world.get(each.kind, each.name)
            if item is None:
                gone[each.kind, each.name].append(each)
            elif each.key and each.key not in _keys(item):
                yield _key(world, workload, waiting[0], each)
        for key, refs in gone.items():
            found[key].append((workload, refs))
    for (kind, name), users in found.items():
        yield _object(world, kind, name, users)


def _keys(item: dict[str, object]) -> list[str]:
    data, binary = item.get("data"), item.get("binaryData")
    return [*(data if isinstance(data, dict) else {}), *(binary if isinstance(binary, dict) else {})]


def _evidence(pods: Sequence[Pod]) -> list[str]:
    """What the kubelet says of pods that do not start."""
    found = []
    for pod in pods:
        for each in pod.containers:
            reason, message = each.waiting
            if reason == "CreateContainerConfigError":
                found.append(f"{each.label} waits: {reason}: {message}")
        found += [event.line for event in list(pod.events_with("FailedMount"))[:1]]
    return found[:3]


def _wanted(refs: Sequence[Reference]) -> list[str]:
    return list(dict.fromkeys(each.key for each in refs if each.key))


def _object(world: World, kind: str, name: str, users: list[tuple[Workload, list[Reference]]]) -> Candidate:
    """A ConfigMap or Secret that does not exist: once, however many workloads refer to it."""
    refs = [ref for _, each in users for ref in each]
    keys = _wanted(refs)
    near = _near(world, kind, name, keys)
    workload = users[0][0]
    label = workload.key if len(users) == 1 else listed(each.name for each, _ in users)
    cause = f"{label}: {kind} {name} does not exist{near.hint} ({listed((each.where for each in refs), 2)})"
    if len(cause) > 120:
        cause = f"{label}: {kind} {name} does not exist{near.hint}"
    confidence: Confidence = "certain"
    swapped = world.get("Secret" if kind == "ConfigMap" else "ConfigMap", name)
    if swapped is not None and len(users) == 1:
        other = swapped["kind"]
        cause = f"{label}: {kind} {name} does not exist, but {other} {name} does"
        fix = _swap(world, workload, refs, other)
    elif near and len(users) == 1 and (near.typo or keys):
        fix = _renamed(world, workload, refs, near.name)
    else:
        fix = back(world, workload) or create(world, kind, name, keys)
    return Candidate(
        CONFIG_MAP if kind == "ConfigMap" else SECRET,
        workload.key if len(users) == 1 else f"{kind}/{name}",
        cause,
        fix,
        _evidence([pod for each, _ in users for pod in each.current]),
        affects=tuple(each.key for each, _ in users),
        confidence=confidence,
    )


def _near(world: World, kind: str, name: str, keys: list[str]) -> Near:
    """The object that was meant: a typo of its name, or the only one that has the keys that are asked for."""
    near = nearest(name, world.names(kind))
    if near.typo or not keys:
        return near
    having = [each["metadata"]["name"] for each in world.all(kind) if set(keys) <= set(_keys(each))]
    return Near(having[0], typo=True) if len(having) == 1 else near if near.name in having else Near(near.name)


def _renamed(world: World, workload: Workload, refs: Sequence[Reference], new: str) -> Fix:
    paths = dict.fromkeys(each.path for each in refs)
    steps: list[Step] = [("replace", path, new) for path in paths]
    return change(world, workload, f"use {refs[0].kind} {new}", steps)


def _swap(world: World, workload: Workload, refs: Sequence[Reference], kind: str) -> Fix:
    """Refer to the Secret instead of the ConfigMap of the same name, or the reverse."""
    fields = {"configMapKeyRef": "secretKeyRef", "configMapRef": "secretRef", "configMap": "secret"}
    back_ = {value: key for key, value in fields.items()}
    table = fields if kind == "Secret" else back_
    steps: list[Step] = []
    for path in dict.fromkeys(each.path for each in refs):
        parent, _, _ = path.rpartition("/")
        holder, _, field = parent.rpartition("/")
        if field not in table:
            return words(f"refer to {kind} {refs[0].name}")
        ref = next(each for each in refs if each.path == path)
        named = "secretName" if table[field] == "secret" and "/projected/" not in path else "name"
        value = {named: ref.name, **({"key": ref.key} if ref.key and field.endswith("KeyRef") else {})}
        steps += [("remove", parent, ""), ("add", f"{holder}/{table[field]}", value)]
    return change(world, workload, f"refer to {kind} {refs[0].name}", steps)


def create(world: World, kind: str, name: str, keys: Sequence[str]) -> Fix:
    """The command that creates an object with the keys that are asked for. The values are the user's to fill in."""
    ours = world.snapshot.ours
    if kind == "Secret" and name == ours.secret:
        return Fix(
            kind="command",
            text="inv secret.apply",
            what=f"create Secret {name}",
            note="inv secret.check says what is set",
        )
    if kind == "ConfigMap" and name == ours.config:
        return Fix(kind="command", text="inv deploy --force", what=f"apply ConfigMap {name} again")
    if kind == "ConfigMap":
        values = [f"--from-literal={key}={PLACEHOLDER}" for key in keys]
        what = (
            f"create it, with its values in place of {PLACEHOLDER}"
            if keys
            else "create it; then give it the keys that the program reads"
        )
        return run(world, what, "create", "configmap", name, *values)
    if not keys:
        return run(
            world, "create it; then give it the keys that the program reads", "create", "secret", "generic", name
        )
    return run(
        world,
        "create it from your shell's variables of those names",
        "create",
        "secret",
        "generic",
        name,
        "--from-env-file=/dev/stdin",
        stdin="".join(f"{key}\n" for key in keys),
        note=f"export {listed(keys)} first: kubectl takes the values from there",
    )


def _key(world: World, workload: Workload, pod: Pod, ref: Reference) -> Candidate:
    """An object without the key that is asked for."""
    item = world.get(ref.kind, ref.name) or {}
    keys = _keys(item)
    near = nearest(ref.key, keys)
    has = near.hint or (f"; it has {listed(keys)}" if keys else "; it is empty")
    holder = next((each for each in pod.containers if each.name == ref.container), None)
    label = who(workload, holder) if holder else workload.key
    cause = f"{label}: {ref.kind} {ref.name} has no key {ref.key}{has} ({ref.where})"
    if len(cause) > 120:
        cause = f"{label}: {ref.kind} {ref.name} has no key {ref.key}{has}"
    if near.typo and ref.key_path:
        fix = change(world, workload, f"ask for key {near.name}", [("replace", ref.key_path, near.name)])
    else:
        fix = _elsewhere(world, workload, ref) or back(world, workload) or add_key(world, ref)
    at = ref.container or ref.where
    return Candidate(KEY, workload.key, cause, fix, _evidence([pod]), at=f"{at} {ref.key}")


def _elsewhere(world: World, workload: Workload, ref: Reference) -> Fix | None:
    """The same key in the only other object of the kind that has it."""
    having = [each["metadata"]["name"] for each in world.all(ref.kind) if ref.key in _keys(each)]
    if len(having) != 1 or not ref.key_path or not ref.container:
        return None
    return change(world, workload, f"take {ref.key} from {ref.kind} {having[0]}", [("replace", ref.path, having[0])])


def add_key(world: World, ref: Reference) -> Fix:
    """The command that adds a key to an object. A Secret's value is taken from the shell, not from the command line."""
    ours = world.snapshot.ours
    if ref.kind == "Secret" and ref.name == ours.secret and ref.key in ours.secrets:
        return Fix(
            kind="command", text="inv secret.apply", what=f"set {ref.key}", note="inv secret.check says what is set"
        )
    item = world.get(ref.kind, ref.name)
    note = lasting(world, item) if item else ""
    if ref.kind == "ConfigMap":
        patch = compact({"data": {ref.key: PLACEHOLDER}})
        return run(
            world,
            f"add the key, with its value in place of {PLACEHOLDER}",
            "patch",
            "configmap",
            ref.name,
            "--type=merge",
            "-p",
            patch,
            note=note,
        )
    if not world.snapshot.context:
        return words(f"add the key {ref.key} to Secret {ref.name}", note)
    variable = re.sub(r"\W", "_", ref.key)
    put = kubectl(world, "patch", "secret", ref.name, "--type=merge", "--patch-file=/dev/stdin")
    text = f"""printf '{{"stringData":{{"{ref.key}":"%s"}}}}' "${variable}" | {put}"""
    return Fix(
        kind="command",
        text=text,
        what=f"add the key from your shell's variable {variable}",
        note=note or f"export {variable} first: the value is read from there",
    )


@check
def other(world: World) -> Iterator[Candidate]:
    """Whatever else keeps a container's configuration from being created, and what the rules above cannot read."""
    for workload, container in world.containers():
        reason, message = container.waiting
        if reason != "CreateContainerConfigError" or re.search(r"runAsNonRoot|non-root|run as root", message):
            continue
        rule, said, blames = _said(message)
        text = f"{who(workload, container)}: {said}"
        grace = 20.0 if PASSING.search(message) else 0.0
        fix = back(world, workload) or words(f"correct what the message names: {message}")
        yield Candidate(
            rule,
            workload.key,
            text,
            fix,
            [f"{container.label} waits: {reason}: {message}"],
            at=container.name,
            grace=grace,
            blames=blames,
            depth=OTHER.depth,
        )


def _said(message: str) -> tuple[Rule, str, tuple[str, ...]]:
    """The rule, the cause and what is to blame, by the kubelet's own words."""
    key = NO_KEY.search(message)
    if key:
        kind = "ConfigMap" if key["kind"].lower() == "configmap" else "Secret"
        return KEY, f"{kind} {key['name']} has no key {key['key']}", (f"{kind}/{key['name']}",)
    found = NOT_FOUND.search(message)
    if found:
        kind = "ConfigMap" if found["kind"].lower() == "configmap" else "Secret"
        rule = CONFIG_MAP if kind == "ConfigMap" else SECRET
        return rule, f"{kind} {found['name']} does not exist", (f"{kind}/{found['name']}",)
    return OTHER, message, ()
