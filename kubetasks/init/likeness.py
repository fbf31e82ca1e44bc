"""How surely an image of a manifest is the one that a Dockerfile builds, by their names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kubetasks.images.names import repository
from kubetasks.init.builds import Build
from kubetasks.init.dockerfiles import PRODUCTION
from kubetasks.init.manifests import Use
from kubetasks.init.walk import folder_of

SURE: Final = 50
EXACT: Final = 95
ALIKE: Final = 76
LATER: Final = 3  # less for each name after the first
ABOVE: Final = 25  # less for the name of a folder further up
# Words that names of images and folders have more or fewer of.
FILLING: Final = frozenset({"service", "svc", "server", "app", "image", "docker", "container", "demo", "example", "ms"})


@dataclass(frozen=True)
class Likeness:
    """How alike they are, 0 to 100, and why."""

    score: int
    why: str = ""


# What applications run beside their own images, from any registry. A name that is only similar does not pair with one
# of them.
WELL_KNOWN: Final = frozenset(
    {
        "adminer", "alpine", "busybox", "cassandra", "consul", "couchdb", "debian", "elasticsearch", "golang",
        "haproxy", "httpd", "influxdb", "kibana", "logstash", "mariadb", "memcached", "mongo", "mysql", "nats",
        "neo4j", "nginx", "node", "postgres", "python", "rabbitmq", "redis", "registry", "telegraf", "traefik",
        "ubuntu", "vault", "wordpress", "zookeeper",
    }
)  # fmt: skip

NONE: Final = Likeness(0)


def words(name: str) -> tuple[str, ...]:
    """The words of a name: ``examplevotingapp_vote``, ``vote-app`` and ``VoteApp`` have two."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    return tuple(each for each in re.split(r"[^a-z0-9]+", split) if each)


def segment(image: str) -> str:
    """The last part of an image's repository."""
    return repository(image).rpartition("/")[2]


def of_names(image: str, name: str) -> int:
    """How alike the last part of an image's name and a name are, by the first rule that fits."""
    theirs, ours = words(image), words(name)
    if not theirs or not ours:
        return 0
    joined, own = "".join(theirs), "".join(ours)
    plain, bare = ([each for each in some if each not in FILLING] for some in (theirs, ours))
    rules = (
        (theirs == ours, 90),
        (joined == own, 88),
        (bool(plain) and plain == bare, 78),
        (joined.removesuffix("service") == own.removesuffix("service"), 76),
        (len(own) > 1 and theirs[-len(ours) :] == ours, 70),
        (len(joined) > 1 and ours[-len(theirs) :] == theirs, 64),
        (len(own) > 5 and joined.endswith(own), 62),
        (len(own) > 2 and theirs[: len(ours)] == ours, 60),
        (len(joined) > 2 and ours[: len(theirs)] == theirs, 56),
    )
    return next((score for fits, score in rules if fits), 0)


def compare(build: Build, image: str, users: list[Use], near: str = "") -> Likeness:
    """How surely a build makes an image.

    Args:
        build: the build.
        image: as manifests have it.
        users: the containers that run it.
        near: the folder of the manifests; a Dockerfile in it or just above it is likelier.
    """
    wanted = repository(image)
    for each in build.images:
        if repository(each) == wanted:
            return Likeness(100, f"{build.file} builds it under this name")
    if wanted in {repository(each) for each in build.dockerfile.bases}:
        return NONE  # it is what the Dockerfile starts from
    for each in build.images:
        if segment(each) == segment(image):
            return Likeness(EXACT, f"{build.file} builds {each}")
    best = max(_by_name(build, image, users), key=lambda like: like.score, default=NONE)
    if segment(image) in WELL_KNOWN and best.score < ALIKE:
        return NONE
    return Likeness(best.score + _circumstances(build, near), best.why) if best.score > 0 else NONE


def _by_name(build: Build, image: str, users: list[Use]) -> Iterator[Likeness]:
    names = [(name, LATER * index) for index, name in enumerate(build.names)]
    names += [(name, ABOVE) for name in build.dockerfile.above]
    for name, less in names:
        score = of_names(segment(image), name)
        if score:
            yield Likeness(score - less, f"same name: {name}" if score >= ALIKE else f"similar name: {name}")
        for user in users:
            if words(name) in {words(user.workload.partition("/")[2]), words(user.container)}:
                yield Likeness(65 - less, f"{user.workload} runs it, and has the name {name}")


def _circumstances(build: Build, near: str) -> int:
    """What the place of a Dockerfile and the rest of its name add to the likeness."""
    dockerfile, folder = build.dockerfile, folder_of(build.path)
    beside = (
        bool(near)
        and near != "."
        and (folder == near or folder.startswith(f"{near}/") or near.startswith(f"{folder}/"))
    )
    added = (20 if folder == near else 8) if beside and folder != "." else 0
    if dockerfile.aside and not beside:
        added -= 45
    if dockerfile.variant:
        added -= 2 if dockerfile.variant in PRODUCTION else 8
    return added
