"""Images that cannot be had."""

import re
from collections.abc import Iterator
from typing import Final

from kubetasks.diagnose import images
from kubetasks.diagnose.finding import Fix
from kubetasks.diagnose.fixes import change, words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import back, who
from kubetasks.diagnose.rule import START, Candidate, Family, Rule, check
from kubetasks.diagnose.views import Container
from kubetasks.diagnose.words import Near, nearest

WAITING: Final = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
PULL_GRACE: Final = 20.0


_rule = Family("image", START).rule

NOT_ON_NODE = _rule(
    "IMAGE_NOT_ON_NODE",
    "the image is not on the node",
    "ErrImageNeverPull",
    "imagePullPolicy is Never, so the node does not ask a registry, and the image was not loaded onto it.",
    "load the image onto the node (inv image.load, kind load docker-image, minikube image load), or correct its name",
)
NAME_INVALID = _rule(
    "IMAGE_NAME_INVALID",
    "the image's name is not valid",
    "InvalidImageName",
    "Capitals, spaces, a second colon or an empty tag make a reference that no registry can have.",
    "correct the image's name",
)
NOT_FOUND = _rule(
    "IMAGE_NOT_FOUND",
    "the registry does not have the image",
    "ErrImagePull with `not found` or `manifest unknown`",
    "The repository or the tag is misspelt, or the image was never pushed.",
    "correct the name or the tag, or push the image",
)
DENIED = _rule(
    "IMAGE_PULL_DENIED",
    "the registry rejects the pull",
    "ErrImagePull with 401, 403 or `denied`",
    "The repository is private and the pod has no imagePullSecret for it, or it does not exist: "
    "registries do not say which.",
    "correct the name, or create an imagePullSecret and name it in the pod's spec",
)
PULL_SECRET = _rule(
    "IMAGE_PULL_SECRET_MISSING",
    "the imagePullSecret does not exist",
    "the event FailedToRetrieveImagePullSecret, and the pull is rejected",
    "The name of the Secret is misspelt, or it is in another namespace.",
    "correct the name, or create the Secret: kubectl create secret docker-registry",
)
DNS = _rule(
    "IMAGE_REGISTRY_DNS",
    "the registry's name cannot be resolved",
    "ErrImagePull with `no such host`",
    "The registry's host is misspelt, or the node has no way to the internet.",
    "correct the registry's host; without a network, load the image onto the node: inv image.load",
    grace=PULL_GRACE,
)
UNREACHABLE = _rule(
    "IMAGE_REGISTRY_UNREACHABLE",
    "the registry does not answer",
    "ErrImagePull with a time-out or a refused connection",
    "The registry is down, or a proxy or a firewall is in between.",
    "see whether the node reaches the registry; without a network, load the image onto the node: inv image.load",
    grace=PULL_GRACE,
)
TLS = _rule(
    "IMAGE_REGISTRY_TLS",
    "the registry's certificate is not trusted",
    "ErrImagePull with x509 or `HTTP response to HTTPS client`",
    "The registry has a self-signed certificate, or speaks plain HTTP.",
    "give the node the registry's authority, or configure it as insecure in containerd (hosts.toml)",
)
LIMIT = _rule(
    "IMAGE_RATE_LIMIT",
    "the registry limits the rate of pulls",
    "ErrImagePull with 429 or `toomanyrequests`",
    "Docker Hub allows few anonymous pulls per address.",
    "log in with an imagePullSecret, use a mirror, or load the image onto the node: inv image.load",
    grace=PULL_GRACE,
)
ARCHITECTURE = _rule(
    "IMAGE_ARCHITECTURE",
    "the image does not exist for the node's processor",
    "ErrImagePull with `no match for platform`",
    "The image was pushed for another architecture only.",
    "build it for the node's platform too: docker buildx build --platform",
)
NO_SPACE = _rule(
    "IMAGE_NO_SPACE",
    "the node has no space for the image",
    "ErrImagePull with `no space left on device`",
    "The node's disk is full.",
    "free space on the node: remove unused images (inv image.prune)",
)
ALWAYS = _rule(
    "IMAGE_PULLED_ALWAYS",
    "the registry is asked for an image that the node has",
    "ErrImagePull for an image that is in the node's list",
    "imagePullPolicy is Always, which is the default for the tag latest, and no registry has the image.",
    "set imagePullPolicy: IfNotPresent",
)
DAMAGED = _rule(
    "IMAGE_DAMAGED",
    "the image on the node is damaged",
    "ImageInspectError",
    "It was written half, or its layers were removed.",
    "remove the image from the node and bring it again: inv image.load",
)
PULL = _rule(
    "IMAGE_PULL",
    "the image cannot be pulled",
    "ErrImagePull, ImagePullBackOff",
    "The message says why.",
    "see whether the registry has the image and the node may pull it",
    grace=PULL_GRACE,
)

# What registries and containerd say, the surest first.
KINDS: Final = (
    (LIMIT, r"toomanyrequests|rate limit|\b429\b"),
    (TLS, r"x509|certificate|HTTP response to HTTPS client|tls:|SSL"),
    (ARCHITECTURE, r"no match for platform|no matching manifest|does not match the specified platform"),
    (NO_SPACE, r"no space left"),
    (
        DENIED,
        r"unauthorized|authentication required|denied|\b40[13]\b|insufficient_scope|no basic auth|authorization failed",
    ),
    (
        NOT_FOUND,
        (
            r"not found|manifest unknown|name unknown|NAME_UNKNOWN|does not exist|\b404\b"
            r"|failed to resolve reference.*not found"
        ),
    ),
    (DNS, r"no such host|server misbehaving|name resolution|lookup \S+"),
    (
        UNREACHABLE,
        (
            r"timeout|timed out|connection refused|no route|unreachable|deadline|EOF|proxyconnect"
            r"|reset by peer|\b50[0234]\b"
        ),
    ),
)


@check
def pulls(world: World) -> Iterator[Candidate]:
    """Containers that wait for their image."""
    have = set(images.on_nodes(world))
    for workload, container in world.containers():
        reason, message = container.waiting
        if reason in WAITING:
            yield _candidate(world, workload, container, reason, message, have)


def _said(container: Container, message: str) -> str:
    """What is known of the pull: the status, and the newest event about this container's image."""
    messages = [event.message for event in container.pod.events_with("Failed") if container.image in event.message]
    return " ".join([message, *messages[:2]])


def _candidate(
    world: World, workload: Workload, container: Container, reason: str, message: str, have: set[str]
) -> Candidate:
    image, name = container.image, who(workload, container)
    said = _said(container, message)
    near = images.meant(world, workload, container.name, image)
    rule, what = _kind(world, container, reason, said, have)
    secret = _pull_secret(world, workload, container) if rule in {DENIED, NOT_FOUND, DNS, UNREACHABLE} else None
    because = [
        f"{container.label} waits: {reason}",
        *(event.line for event in list(container.pod.events_with("Failed"))[:1]),
    ]
    if secret is not None and rule is DENIED:
        cause, fix = secret
        return Candidate(PULL_SECRET, workload.key, f"{name}: {cause}", fix, because, at=container.name)
    cause = f"{name}: image {image} {what}"
    if near and rule is not ALWAYS:
        cause = (
            f"{name}: no image {image}"
            + (" on the node" if rule is not NOT_FOUND else "")
            + f"; nearest is {near.name}"
        )
        because.append(f"image {image} {what}")
    fix = _fix(world, workload, container, rule, near)
    grace = 0.0 if near.typo else rule.grace
    return Candidate(rule, workload.key, cause, fix, because, at=container.name, grace=grace)


def _kind(world: World, container: Container, reason: str, said: str, have: set[str]) -> tuple[Rule, str]:
    """The rule, and what is wrong with the image in words."""
    image = container.image
    if reason == "InvalidImageName":
        return NAME_INVALID, "is not a valid name"
    if reason == "ErrImageNeverPull":
        return NOT_ON_NODE, "is not on the node (imagePullPolicy Never)"
    if reason == "ImageInspectError":
        return DAMAGED, "is damaged on the node"
    if images.whole(image) in have and container.spec.get("imagePullPolicy") == "Always":
        return ALWAYS, "is on the node, but imagePullPolicy Always asks the registry"
    registry = images.registry(image)
    words_of = {
        LIMIT: f"is refused by {registry}: too many pulls",
        TLS: f"cannot be pulled: the certificate of {registry} is not trusted",
        ARCHITECTURE: "does not exist for the node's processor",
        NO_SPACE: "cannot be pulled: the node's disk is full",
        DENIED: "does not exist or is private: the pull is rejected",
        NOT_FOUND: f"does not exist at {registry}",
        DNS: f"is not on the node, and {registry} cannot be resolved",
        UNREACHABLE: f"is not on the node, and {registry} does not answer",
    }
    for rule, pattern in KINDS:
        if re.search(pattern, said, re.IGNORECASE):
            return rule, words_of[rule]
    return PULL, "cannot be pulled"


def _pull_secret(world: World, workload: Workload, container: Container) -> tuple[str, Fix] | None:
    """An imagePullSecret that is named and does not exist."""
    if not world.reads("Secret"):
        return None
    for index, each in enumerate(workload.spec.get("imagePullSecrets") or ()):
        name = str(each.get("name"))
        if world.get("Secret", name) is not None:
            continue
        known = [item["metadata"]["name"] for item in world.all("Secret") if "docker" in str(item.get("type"))]
        near = nearest(name, known)
        cause = f"imagePullSecret {name} does not exist{near.hint}"
        if near:
            step = ("replace", f"imagePullSecrets/{index}/name", near.name)
            return cause, change(world, workload, f"use Secret {near.name}", [step])
        registry = images.registry(container.image)
        return cause, words(
            f"create it: kubectl -n {world.snapshot.namespace} create secret docker-registry {name} "
            f"--docker-server={registry} …"
        )
    return None


def _fix(world: World, workload: Workload, container: Container, rule: Rule, near: Near) -> Fix:
    """Load our own image with inv; correct a typo; roll back to a working revision; otherwise explain."""
    place = workload.where(container.name)
    ours = world.snapshot.ours
    if place is None:
        return words(rule.fix)
    at = f"{place[0]}/{place[1]}"
    if rule is ALWAYS:
        return change(
            world, workload, "use the image on the node", [("replace", f"{at}/imagePullPolicy", "IfNotPresent")]
        )
    own = ours.images and images.split(container.image)[0].endswith(
        tuple(f"{ours.images}/{ours.project}-{each}" for each in ours.services)
    )
    if own and rule in {NOT_ON_NODE, DNS, UNREACHABLE, NOT_FOUND, DENIED, PULL, DAMAGED}:
        return Fix(
            kind="command",
            text="inv image.load",
            what="build the images and load them onto the nodes",
            note="then inv deploy",
        )
    if near.typo:
        return change(world, workload, f"use {near.name}", [("replace", f"{at}/image", near.name)])
    before = back(world, workload)
    if before is not None:
        return before
    if near and rule is not ARCHITECTURE:
        return change(
            world,
            workload,
            f"use {near.name}",
            [("replace", f"{at}/image", near.name)],
            note=f"if {container.image} is correct, load it into the cluster instead",
        )
    return _brought(world, container, rule)


def _brought(world: World, container: Container, rule: Rule) -> Fix:
    """Bringing the image to a local cluster, where that is what is left."""
    ours, image = world.snapshot.ours, container.image
    if rule not in {NOT_ON_NODE, DNS, UNREACHABLE, LIMIT}:
        return words(f"correct the image {image}: {rule.fix}")
    if world.snapshot.context.startswith("kind-"):
        name = world.snapshot.context.removeprefix("kind-")
        return words(
            f"correct the image's name, or load it onto the node: kind load docker-image {image} --name {name}"
        )
    if ours.target == "minikube" or world.snapshot.context == "minikube":
        return words(f"correct the image's name, or load it onto the node: minikube image load {image}")
    return words(f"correct the image {image}: {rule.fix}")
