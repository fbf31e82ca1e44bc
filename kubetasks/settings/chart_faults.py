"""What is wrong with where a chart comes from, and with the paths of its values (`chart.*`)."""

import re
from collections.abc import Iterator
from typing import Final

from kubetasks.addresses import is_local_url
from kubetasks.settings.fault import Fault, nearest
from kubetasks.settings.sections import Chart, Settings

NAME: Final = re.compile(r"[a-z0-9]+([-._][a-z0-9]+)*")
# An exact version (semver.org); a range would mean another chart tomorrow.
VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
URL: Final = re.compile(r"(oci|https?)://[^\s@?#]+")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
PATH: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
PLACES: Final = ("image", "repository", "tag", "pull_policy")


def faults(settings: Settings) -> Iterator[Fault]:
    """What no type can say of a chart."""
    chart = settings.chart
    if chart.repository:
        yield from _published(chart)
    else:
        for key, value in (("name", chart.name), ("version", chart.version), ("digest", chart.digest)):
            if value:
                yield Fault(f"chart.{key}", "`chart.repository` is not set", "set it, or take this out")
    for service, paths in chart.image_values.items():
        at = f"chart.image_values.{service}"
        if service not in settings.services:
            yield Fault(at, f"there is no service `{service}`", nearest(service, settings.services, "services"))
        for place, path in paths.items():
            if place not in PLACES:
                yield Fault(f"{at}.{place}", "it is no part of an image", nearest(place, PLACES, "choose one of"))
            elif not PATH.fullmatch(path):
                yield Fault(f"{at}.{place}", f"`{path}` is not a dotted path", "e.g. web.image.repository")


def _published(chart: Chart) -> Iterator[Fault]:
    if not URL.fullmatch(chart.repository):
        why = "it is not the URL of a chart repository"
        yield Fault("chart.repository", why, "oci://ghcr.io/me/charts or https://charts.example.org")
    elif chart.repository.startswith("http://") and not is_local_url(chart.repository):
        yield Fault("chart.repository", "it is not encrypted", "use https:// or oci://")
    if not NAME.fullmatch(chart.name):
        yield Fault("chart.name", "it is not the name of a chart", "e.g. web")
    if not VERSION.fullmatch(chart.version):
        yield Fault("chart.version", "it is not an exact version", "e.g. 1.2.3")
    if chart.digest and not DIGEST.fullmatch(chart.digest):
        yield Fault("chart.digest", "it is not sha256: with 64 hexadecimal digits", "see docs/composing.md")
