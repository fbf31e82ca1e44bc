"""The digest of everything that goes into an image; its first 16 hex digits are the image's tag.

It is the same for equal sources on every checkout, for every user and umask, because a build gets the
context as ``context`` lists it and ``stage`` writes it. Names, bytes, git's modes, targets of links and empty folders
count. Times do not: no builder's cache knows them. Bytes count as they are: keep line endings equal with
``.gitattributes``. What is outside of the digest is in docs/adr/0016-a-tag-names-one-content.md.
"""

import hashlib
import os
import platform as machine
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from kubetasks.images import dockerfile as parsing
from kubetasks.images.context import FOLDER, LINK, Item, Listing, walk
from kubetasks.images.ignore import Ignore
from kubetasks.images.withheld import Withheld

LENGTH: Final = 16
# Changes when the digest is made of other things than before.
FORMAT: Final = b"kubetasks image 2\0"
ARCHITECTURES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "armv7l": "arm/v7"}

# Reads an item: the SHA-256 of a file's bytes, the target of a link, nothing of a folder.
Read = Callable[[Item], bytes]
# A file up to this size is read at once.
_WHOLE: Final = 1 << 20


def own_platform() -> str:
    """The platform that an engine of this machine builds for unless it is given one, e.g. ``linux/amd64``."""
    name = machine.machine().lower()
    return f"linux/{ARCHITECTURES.get(name, name)}"


@dataclass(frozen=True)
class Recipe:
    """Everything that goes into one image.

    Args:
        context: the build context.
        dockerfile: the Dockerfile's path.
        source: the Dockerfile's bytes.
        ignore: which files of the context go in.
        build_args: the build arguments, ``BASE_IMAGE`` among them.
        platform: e.g. ``linux/arm64``; this machine's own if empty.
        withheld: what is left out whatever the ignore file says.
    """

    context: Path
    dockerfile: Path
    source: bytes
    ignore: Ignore = field(default_factory=lambda: Ignore([]))
    build_args: dict[str, str] = field(default_factory=dict)
    platform: str = ""
    withheld: Withheld = field(default_factory=Withheld)

    @cached_property
    def listing(self) -> Listing:
        """What the context holds, as it was when this was first asked."""
        return walk(self.context, self.ignore, self.withheld)

    @cached_property
    def named(self) -> parsing.Named:
        """What the Dockerfile names."""
        return parsing.read(self.source.decode("utf-8", "replace"), self.build_args)

    @property
    def for_platform(self) -> str:
        """The platform that the image is for."""
        return self.platform or own_platform()


def digest(recipe: Recipe, read: Read | None = None, listing: Listing | None = None) -> str:
    """SHA-256 over what goes into an image, as ``LENGTH`` hex digits.

    Args:
        recipe: what goes in.
        read: reads each item, in their order; ``content`` where None.
        listing: the context's content; the recipe's own where None.
    """
    total = hashlib.sha256(FORMAT)
    _add(total, b"dockerfile", recipe.source)
    _add(total, b"platform", recipe.for_platform.encode())
    for name, value in sorted(recipe.build_args.items()):
        _add(total, b"argument", name.encode(), value.encode("utf-8", "surrogateescape"))
    listing, read = listing or recipe.listing, read or content
    for item in listing.items:
        try:
            data = read(item)
        except OSError as error:
            listing.refused[item.path] = error.strerror or "cannot be read"
            continue
        _add(total, item.kind, item.name, data)
    for path in sorted(listing.refused):
        _add(total, b"refused", path.encode("utf-8", "surrogateescape"))
    return total.hexdigest()[:LENGTH]


def content(item: Item) -> bytes:
    """What of an item counts: the SHA-256 of a file's bytes, the target of a link, nothing of a folder.

    Raises:
        OSError: it cannot be read.
    """
    if item.kind == LINK:
        return target(item)
    if item.kind == FOLDER:
        return b""
    with open(item.source, "rb", buffering=0) as file:  # noqa: PTH123  (a path object costs more than the call)
        if item.size <= _WHOLE:
            return hashlib.sha256(file.readall()).digest()
        return hashlib.file_digest(file, "sha256").digest()


def target(item: Item) -> bytes:
    """Where a link leads, with slashes."""
    return os.readlink(item.source).replace(os.sep, "/").encode("utf-8", "surrogateescape")  # noqa: PTH115


def _add(total: "hashlib._Hash", *parts: bytes) -> None:
    """Each part with its length before it, so that no two lists of parts give the same bytes."""
    for part in parts:
        total.update(b"%d:" % len(part))
        total.update(part)
