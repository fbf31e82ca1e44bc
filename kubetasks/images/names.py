"""Names of images as manifests and charts write them, and which service a name stands for.

Grammar and defaults are those of https://github.com/distribution/reference.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

HUB: Final = "docker.io"
# Other names of the same registry.
HUBS: Final = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_TAG: Final = re.compile(r":[^:/]*$")  # a colon before a slash belongs to a port


def repository(reference: str) -> str:
    """The repository of an image in its full form, without tag and digest.

    ``vote``, ``vote:v1``, ``docker.io/library/vote@sha256:…`` are all ``docker.io/library/vote``;
    ``localhost:5000/vote:1`` is ``localhost:5000/vote``. Empty for an empty reference.
    """
    name = written(reference)
    if not name:
        return ""
    host, slash, rest = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, rest = HUB, name
    if host in HUBS:
        host = HUB
    if host == HUB and "/" not in rest:
        rest = f"library/{rest}"
    return f"{host}/{rest}"


def written(reference: str) -> str:
    """An image as it is written, without tag and digest."""
    return _TAG.sub("", reference.strip().partition("@")[0])


def matcher(names: Mapping[str, str], built: Mapping[str, str]) -> Callable[[str], str]:
    """What gives the service that an image stands for; an empty text for an image that is not built here.

    Args:
        names: service to the image that stands for it in manifests and charts.
        built: service to the ``repository:tag`` that is built for it, which stands for it too.
    """
    known = {repository(reference): service for service, reference in built.items()}
    known |= {repository(name): service for service, name in names.items()}

    def service_of(image: str) -> str:
        return known.get(repository(str(image or "")), "")

    return service_of


def alike(service: str, images: Iterable[str]) -> list[str]:
    """The images whose last part could be meant for a service: ``ghcr.io/me/shop_cart`` for ``cart``."""
    wanted = service.lower()

    def parts(image: str) -> list[str]:
        return re.split(r"[-_.]", repository(image).rpartition("/")[2].lower())

    return sorted({image for image in images if wanted in parts(image) or wanted == "-".join(parts(image))})
