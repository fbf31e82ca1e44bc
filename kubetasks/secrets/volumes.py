"""Generated secrets that a volume remembers: one that no longer exists is not recreated while the volume exists.

A database writes its password into its volume when it makes that. Where the Secret was deleted and the volume was
not, a new password opens nothing: every pod would wait until the deadline. So a deploy is rejected, with the choices
(ADR 20).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubetasks.errors import SecretInVolume
from kubetasks.objects import Object, Objects, identity, of_kind, pod_template
from kubetasks.redact import Sensitive
from kubetasks.settings import Settings
from kubetasks.targets.base import Target, Volume

WORKLOADS = ("Deployment", "StatefulSet", "Job", "DaemonSet", "CronJob")


def lost(settings: Settings, live: Mapping[str, Sensitive], given: Mapping[str, Sensitive]) -> tuple[str, ...]:
    """The generated secrets that something else remembers (``rotate: false``) and that have no value any more.

    Args:
        settings: declares the names.
        live: what the Secret holds.
        given: what the user gave now.
    """
    return tuple(
        name
        for name, secret in settings.secrets.items()
        if secret.kind == "generated" and not secret.rotate and not live.get(name) and not given.get(name)
    )


def check(settings: Settings, target: Target, objects: Objects, names: Sequence[str], live: Objects) -> list[str]:
    """Refuse to regenerate secrets that a volume depends on.

    Args:
        settings: names the Secret.
        target: has the volumes.
        objects: what is rendered; says which workload uses which secret and which volume.
        names: from ``lost``.
        live: live objects; says whether a pod still has the value.

    Returns:
        What to take note of, a line each: data of before that nothing will use again.

    Raises:
        SecretInVolume: one is needed.
    """
    volumes = target.volumes() if names else []
    left = "keeps the data of an earlier deployment, and nothing will use it"
    notes = [f"{each.shown} {left}" for each in volumes if each.idle]
    volumes = [each for each in volumes if not each.idle]
    claimed = {claim for item in objects for claim in _claims(item)}
    for name in names:
        places = settings.secrets[name].places(f"{settings.secret_name}/{name}")
        users = [item for item in of_kind(objects, *WORKLOADS) if any(_uses(item, *each) for each in places)]
        own = {claim: item for item in users for claim in _claims(item)}
        for volume in volumes:
            user = next((item for claim, item in own.items() if re.fullmatch(claim, volume.claim)), None)
            if not volume.claim and users:
                user = users[0]
            # Of a volume that nothing rendered claims it is not known what it depends on.
            stray = volume.part_of == settings.project and not any(re.fullmatch(c, volume.claim) for c in claimed)
            if user is not None or (stray and volume.claim):
                raise _refusal(settings, target, name, volume, user, live)
    return notes


def _refusal(
    settings: Settings, target: Target, name: str, volume: Volume, user: Object | None, live: Objects
) -> SecretInVolume:
    wanted = f"export {name}=… (or a line in {settings.env_file or 'an env file'})"
    choices = [f"provide its previous value: {wanted}; inv deploy"]
    cluster = target.cluster
    if cluster is not None and user is not None:
        places = settings.secrets[name].places(f"{settings.secret_name}/{name}")
        variable = next(filter(None, (_variable(user, *each) for each in places)), "")
        if variable and any(identity(item) == identity(user) for item in live):
            read = f"kubectl --context {cluster.context} --namespace {cluster.namespace} exec {_typed(user)}"
            choices.append(f"read it from the pod:       export {name}=$({read} -- printenv {variable}); inv deploy")
    if cluster is not None:
        # A claim is in use, and stays, as long as its pod exists.
        also = f" {_typed(user)}" if user is not None and volume.claimed else ""
        choices.append(f"start without the data:     {volume.delete}{also}; inv deploy")
    if volume.claimed or cluster is None:
        choices.append("start from scratch:         inv destroy; inv deploy")
    return SecretInVolume(
        f"{name} is missing, but {volume.shown}, whose data needs it, still exists",
        why=f"a new one would not fit: {settings.secrets[name].help}" if settings.secrets[name].help else "",
        fix="choose one of the options below",
        detail="\n".join(choices),
    )


def _typed(item: Object) -> str:
    return f"{item['kind'].lower()}/{item['metadata']['name']}"


def _spec(item: Object) -> dict[str, Any]:
    """A workload's pod spec."""
    template = pod_template(item)
    if template is None and item["kind"] == "CronJob":
        template = item.get("spec", {}).get("jobTemplate", {}).get("spec", {}).get("template")
    if template is None and item["kind"] == "DaemonSet":
        template = item.get("spec", {}).get("template")
    found: dict[str, Any] = (template or {}).get("spec") or {}
    return found


def _claims(item: Object) -> Iterator[str]:
    """Patterns for the names of the volume claims that a workload uses."""
    if item["kind"] not in WORKLOADS:
        return
    name = re.escape(item["metadata"]["name"])
    for each in item.get("spec", {}).get("volumeClaimTemplates") or ():
        yield rf"{re.escape(each['metadata']['name'])}-{name}-\d+"
    for each in _spec(item).get("volumes") or ():
        claim = (each.get("persistentVolumeClaim") or {}).get("claimName")
        if claim:
            yield re.escape(claim)


def _environment(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each variable that comes from a Secret: (its name, the Secret, the key); no name and key for a whole one."""
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for each in container.get("env") or ():
            reference = (each.get("valueFrom") or {}).get("secretKeyRef")
            if reference:
                yield each["name"], reference.get("name", ""), reference.get("key", "")
        for each in container.get("envFrom") or ():
            if "secretRef" in each:
                yield "", each["secretRef"].get("name", ""), ""


def _uses(item: Object, secret: str, key: str) -> bool:
    """Whether a workload's pods get a key of a Secret, by the environment or as a file."""
    spec = _spec(item)
    if any(name == secret and of in {key, ""} for _, name, of in _environment(spec)):
        return True
    for volume in spec.get("volumes") or ():
        sources = [volume.get("secret") or {}, *(each.get("secret") or {} for each in _projected(volume))]
        for source in sources:
            items = source.get("items")
            chosen = items is None or any(each.get("key") == key for each in items)
            if secret in {source.get("secretName"), source.get("name")} and chosen:
                return True
    return False


def _projected(volume: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return (volume.get("projected") or {}).get("sources") or []


def _variable(item: Object, secret: str, key: str) -> str:
    """The variable of a workload's first container that has a key of a Secret; empty if none has."""
    spec = {"containers": (_spec(item).get("containers") or [])[:1]}
    for variable, name, of in _environment(spec):
        if name == secret and of in {key, ""}:
            return variable or key
    return ""
