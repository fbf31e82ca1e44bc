"""Which Dockerfile builds which image of the manifests, and what is left over."""

from collections.abc import Callable
from dataclasses import dataclass, field

from kubetasks.images.names import repository, written
from kubetasks.init.builds import Build
from kubetasks.init.likeness import EXACT, SURE, Likeness, compare
from kubetasks.init.manifests import Use
from kubetasks.settings.checking import REFERENCE

# Chooses one of several Dockerfiles for an image; None chooses none.
Ask = Callable[[str, list[Build]], Build | None]
NEAR = 3


@dataclass(frozen=True)
class Pair:
    """An image that is built here."""

    image: str
    build: Build
    why: str
    score: int
    workloads: tuple[str, ...]


@dataclass(frozen=True)
class Pairing:
    """Which images are built here.

    Args:
        pairs: the images that are.
        ambiguous: images that several Dockerfiles may build, with them.
        pulled: images that are built elsewhere.
        unused: builds that no image belongs to.
    """

    pairs: tuple[Pair, ...] = ()
    ambiguous: tuple[tuple[str, tuple[Build, ...]], ...] = ()
    pulled: tuple[str, ...] = ()
    unused: tuple[Build, ...] = field(default=(), repr=False)

    @property
    def worth(self) -> tuple[int, int]:
        """How many images are built here, and how sure that is."""
        return len(self.pairs), sum(each.score for each in self.pairs)


def pair(builds: list[Build], uses: list[Use], ask: Ask | None = None, near: str = "") -> Pairing:
    """Pair images with builds by their names, the surest first.

    Args:
        builds: what can be built.
        uses: the images that are run.
        ask: decides between several; None leaves those out.
        near: the folder of the manifests.
    """
    users: dict[str, list[Use]] = {}
    for use in uses:
        if REFERENCE.fullmatch(use.image):  # else a placeholder
            users.setdefault(repository(use.image), []).append(use)
    scores = {
        (image, index): compare(build, used[0].image, used, near)
        for image, used in users.items()
        for index, build in enumerate(builds)
    }
    sure = sorted(
        (key for key, like in scores.items() if like.score >= SURE), key=lambda key: (-scores[key].score, key[1])
    )
    taken: dict[str, tuple[int, Likeness]] = {}
    used_up: set[int] = set()
    ambiguous: dict[str, tuple[Build, ...]] = {}
    for image, index in sure:
        like = scores[image, index]
        if image in taken or image in ambiguous or (index in used_up and like.score < EXACT):
            continue
        rivals = [
            other
            for other in range(len(builds))
            if other != index
            and other not in used_up
            and scores[image, other].score >= max(SURE, like.score - NEAR)
            and not _better_elsewhere(scores, image, other, taken)
        ]
        if rivals:
            among = tuple(builds[each] for each in sorted([index, *rivals]))
            chosen = ask(written(users[image][0].image), list(among)) if ask is not None else None
            if chosen is None:
                ambiguous[image] = among
                continue
            taken[image] = (builds.index(chosen), Likeness(EXACT, "your choice"))
        else:
            taken[image] = (index, like)
        used_up.add(taken[image][0])
    _last_one(builds, users, taken, used_up, ambiguous)
    pairs = tuple(
        Pair(
            written(used[0].image), builds[taken[image][0]], taken[image][1].why, taken[image][1].score,
            tuple(dict.fromkeys(each.workload for each in used)),
        )
        for image, used in users.items()
        if image in taken
    )  # fmt: skip
    pulled = tuple(used[0].image for image, used in users.items() if image not in taken and image not in ambiguous)
    meant = {each.path for several in ambiguous.values() for each in several}
    left = tuple(each for index, each in enumerate(builds) if index not in used_up and each.path not in meant)
    named = tuple((written(users[image][0].image), several) for image, several in ambiguous.items())
    return Pairing(pairs, named, pulled, left)


def _better_elsewhere(
    scores: dict[tuple[str, int], Likeness], image: str, index: int, taken: dict[str, tuple[int, Likeness]]
) -> bool:
    """Whether a build belongs to another image rather than to this one."""
    here = scores[image, index].score
    return any(
        like.score > here for (other, each), like in scores.items() if each == index and other not in {image, *taken}
    )


def _last_one(
    builds: list[Build],
    users: dict[str, list[Use]],
    taken: dict[str, tuple[int, Likeness]],
    used_up: set[int],
    ambiguous: dict[str, tuple[Build, ...]],
) -> None:
    """Where one Dockerfile and one image that is not an official one are all there are, they belong together."""
    own = [index for index, each in enumerate(builds) if not each.dockerfile.aside and not each.dockerfile.variant]
    theirs = [image for image in users if not image.startswith("docker.io/library/")]
    if taken or ambiguous or len(own) != 1 or len(theirs) != 1:
        return
    if theirs[0] not in {repository(each) for each in builds[own[0]].dockerfile.bases}:
        taken[theirs[0]] = (
            own[0],
            Likeness(SURE, "the only Dockerfile and the only image that is not an official one"),
        )
        used_up.add(own[0])
