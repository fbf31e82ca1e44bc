"""How the right content gets under each image's name: what stays, what is delivered, what is built, what is renamed.

One name stands for one content for good. A build normally gets the digest of its source as its tag. When that tag
already stands for another content in this namespace (the image was rebuilt by force, or a base image changed), or when
pods under that name run something else, the new content gets its own name: the tag with the beginning of its ID
after it. So pods are replaced exactly when their content changes, and a node with an old image never starts it by
mistake.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Literal

from kubetasks.images.compare import same_content
from kubetasks.images.content import Content, agree, identity
from kubetasks.images.engine import View, view
from kubetasks.images.ledger import Ledger
from kubetasks.images.plan import Image
from kubetasks.images.supply import supply
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.targets.base import Progress, Target
from kubetasks.tools import docker
from kubetasks.tools.docker import Inspected

Action = Literal["keep", "deliver", "build"]
# How many digits of an ID a name gets: more where a shorter name is taken by something else.
_LENGTHS: Final = (8, 12, 16, 24, 32)


@dataclass(frozen=True)
class Choice:
    """What happens to one image, and why where that is not plain."""

    action: Action
    why: str


def is_right(image: Image, there: Content | None, known: Collection[str], ledger: Ledger) -> bool:
    """Whether what a target has under an image's name is what the name stands for.

    Args:
        image: the image.
        there: what the target has.
        known: the identities that were recorded for the name; where there are none, what this machine built under it
            counts, and without that the image's own label.
        ledger: what this machine built.
    """
    if there is None:
        return False
    if known:
        return agree(known, there.identities)
    if there.made_for is not None and there.made_for != image.mark:
        return False
    built = ledger.built(image.built_as) if image.reference == image.built_as else {}
    return not built or agree(built, there.identities)


def new_name(image: Image, found: Inspected) -> str:
    """A tag for a content that the image's present name does not stand for."""
    number = found.id.removeprefix("sha256:")
    names = (f"{image.tag}-{number[:length]}" for length in _LENGTHS)
    return next(name for name in names if name != image.name)


@dataclass
class Arrival:
    """The images of one deploy.

    Args:
        settings: the settings.
        runner: starts docker.
        target: where they go.
        images: service to image; those that get another name are replaced here.
        ledger: what this machine built.
        known: gives the identities that are recorded for a name.
        reasons: service to why its image is looked at although its name is right.
        strays: those of them whose pods run another content than their image's name stands for.
        forced: build all of them again.
        others: further references that the target must have, which are not built here.
    """

    settings: Settings
    runner: Runner
    target: Target
    images: dict[str, Image]
    ledger: Ledger
    known: Callable[[str], Collection[str]]
    reasons: Mapping[str, str] = field(default_factory=dict)
    strays: Collection[str] = ()
    forced: bool = False
    others: Sequence[str] = ()
    contents: dict[str, Content] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)

    @cached_property
    def choices(self) -> dict[str, Choice]:
        """What happens to the image of each service. The engine is asked only where something has to be done."""
        references = [image.reference for image in self.images.values()] + list(self.others)
        self.contents = dict(self.target.contents(references))
        found = {name: self._choice(image) for name, image in self.images.items()}
        return {name: choice or self._from_engine(self.images[name]) for name, choice in found.items()}

    def _choice(self, image: Image) -> Choice | None:
        if self.forced:
            return Choice("build", "asked for")
        if image.service in self.reasons:
            return None
        if is_right(image, self.contents.get(image.reference), self.known(image.reference), self.ledger):
            return Choice("keep", "")
        return None

    def _from_engine(self, image: Image) -> Choice:
        why = self.reasons.get(image.service, "")
        if not why:
            why = "the target has another image with that name" if image.reference in self.contents else ""
        moved = self.engine.moved(image)
        if moved:
            return Choice("build", f"its base {', '.join(moved)} changed")
        return Choice("deliver" if self._ready(image) is not None else "build", why)

    @cached_property
    def engine(self) -> View:
        """What the engine that builds has."""
        self.target.preflight()
        return view(list(self.images.values()), self.ledger, self.runner, self.target.build_env())

    def _ready(self, image: Image) -> Inspected | None:
        """The engine's image that can be deployed as it is: one that waits to be deployed, else the named one."""
        if self.ledger.pending(image.built_as):
            return self.engine.of(image, image.built_as)
        return self.engine.of(image, image.reference)

    @property
    def to_build(self) -> list[Image]:
        """The images that have to be built."""
        return [self.images[name] for name, choice in self.choices.items() if choice.action == "build"]

    def shown(self) -> tuple[str, str]:
        """What is built and what is delivered, with the reasons, for the plan."""
        why = {name: f" ({choice.why})" if choice.why else "" for name, choice in self.choices.items()}
        built = [image.service for image in self.to_build]
        # What is built is delivered for the same reason.
        brought = {self.images[name].reference: why[name] for name in self.images if name not in built}
        return (
            ", ".join(name + why[name] for name in built),
            ", ".join(each + brought.get(each, "") for each in self.to_deliver),
        )

    @property
    def to_deliver(self) -> list[str]:
        """The references that the target is to get, by their present names."""
        own = [self.images[name].reference for name, choice in self.choices.items() if choice.action != "keep"]
        return own + [each for each in self.others if not self._other_is_right(each)]

    def _other_is_right(self, reference: str) -> bool:
        there = self.contents.get(reference)
        return there is not None and agree(self.known(reference), there.identities)

    def build(self, progress: Callable[[str, str], None]) -> list[str]:
        """Build what has to be built; the references by which it is deployed."""
        from kubetasks.images.build import build  # noqa: PLC0415

        before, images = self.engine, self.to_build
        env = self.target.build_env()
        built = build(images, self.settings, self.runner, env, progress, self.ledger, cache=not self.forced)
        for image in images:
            self._take(image, built[image.service], before)
        return [self.images[image.service].reference for image in images]

    def load(self, progress: Progress) -> list[str]:
        """Bring to the target what it lacks; the references."""
        for name, choice in self.choices.items():
            image = self.images[name]
            held = self._ready(image) if choice.action == "deliver" else None
            if held is not None:
                self._take(image, held, self.engine)
        if self.settings.offline:
            supply(self.others, self.runner, self.target.build_env(), progress)
        references = [*self.to_deliver, *self.repairs]
        self.contents.update(self.target.deliver(references, progress))
        return references

    def _take(self, image: Image, found: Inspected, before: View) -> None:
        """Settle the name of a content that the engine has under ``built_as`` or under the name in use."""
        known, old = self.known(image.reference), before.held.get(image.reference)
        deployed = old is not None and bool(known) and agree(known, {identity(old)})
        if (
            old is not None
            and deployed
            and old.id != found.id
            and same_content(old, found, self.runner, self.target.build_env())
        ):
            found = old  # rebuilt with the same content: nothing is replaced
            self._tag(old.id, image.built_as)
            self.ledger.note(image.built_as, identity(old), before.bases(image))
        if known and (image.service in self.strays or not agree(known, {identity(found)})):
            renamed = replace(image, name=new_name(image, found))
            self._tag(found.id, renamed.reference)
            if image.reference == image.built_as and self._give_back(image.built_as, known):
                self._repair(image, known)
            self.images[image.service] = renamed
        elif image.reference != image.built_as:
            self._tag(found.id, image.reference)

    def _tag(self, number: str, reference: str) -> None:
        self.runner.run(docker.tag(number, reference), env=self.target.build_env())

    def _give_back(self, reference: str, known: Collection[str]) -> bool:
        """Let a name stand for its recorded content again in the engine; False when the engine has that no more."""
        numbers = [each.partition(":")[2] for each in known]
        env = self.target.build_env()
        return any(self.runner.run(docker.tag(each, reference), env=env, check=False).ok for each in numbers)

    def _repair(self, image: Image, known: Collection[str]) -> None:
        """Let a name that is given up stand for its recorded content on the target, too: others may use it."""
        there = self.contents.get(image.reference)
        if there is not None and not agree(known, there.identities):
            self.repairs.append(image.reference)

    def record(self) -> dict[str, list[str]]:
        """Reference to the identities of its content, for the revision's record."""
        references = [*(image.reference for image in self.images.values()), *self.others]
        return {each: sorted(self.contents[each].identities) for each in references if each in self.contents}

    def settle(self) -> None:
        """What was built is deployed now."""
        self.ledger.settle(image.built_as for image in self.images.values())
