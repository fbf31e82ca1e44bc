"""Images by what revisions recorded of them: the names in use, and the contents that they stand for."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from kubetasks.errors import ImageReplaced
from kubetasks.images.content import agree, identity
from kubetasks.images.engine import inspect
from kubetasks.images.plan import Image
from kubetasks.runner import Runner
from kubetasks.targets.base import Progress, Target


def lookup(recorded: Sequence[Mapping[str, Collection[str]]]) -> Callable[[str], Collection[str]]:
    """The identities that the newest record with a name has for it; none where no record has it."""
    return lambda reference: next((each[reference] for each in reversed(recorded) if each.get(reference)), ())


def named(images: Mapping[str, Image], recorded: Sequence[Mapping[str, Collection[str]]]) -> dict[str, Image]:
    """The images with the names in use: those by which the newest record with that source has them."""
    found = {}
    for service, image in images.items():
        reference = next((name for each in reversed(recorded) for name in each if image.names(name)), "")
        name = reference.rpartition(":")[2]
        found[service] = replace(image, name=name) if name and name != image.tag else image
    return found


def lost(references: Sequence[str], known: Callable[[str], Collection[str]], target: Target) -> list[str]:
    """Those of recorded images that a target lacks, or has others under their names.

    Args:
        references: ``repository:tag``.
        known: gives the identities that are recorded for a name.
        target: where they are to be.
    """
    if target.cluster is None:
        return []
    there = target.contents(references)
    return [each for each in references if each not in there or not agree(known(each), there[each].identities)]


def bring(
    references: Sequence[str],
    known: Callable[[str], Collection[str]],
    target: Target,
    runner: Runner | None,
    progress: Progress,
) -> None:
    """Deliver recorded images from the engine.

    Args:
        references: ``repository:tag``.
        known: gives the identities that are recorded for a name.
        target: where they go.
        runner: starts docker; None leaves the engine's content unchecked.
        progress: called with what happens.

    Raises:
        ImageReplaced: the engine does not have the recorded content any more.
    """
    target.preflight()
    held = inspect(references, runner, target.build_env()) if runner is not None else {}
    for each in references:
        found = held.get(each)
        if found is not None and not agree(known(each), {identity(found)}):
            raise ImageReplaced(
                f"{each} is another image than the one that was deployed",
                why="it was rebuilt, or its name was given to another image",
                fix="deploy that source again: check it out, then inv deploy",
            )
    target.deliver(references, progress)
