"""What the release workflow reads from the project: ``python bin/release.py version|notes TAG`` or ``badge FILE``.

``version TAG`` checks that the tag names the version of the package, and prints ``semver`` and ``prerelease`` for
GitHub's outputs. ``notes TAG`` prints the section of CHANGELOG.md that belongs to the tag: of a release its own, of a
pre-release *Unreleased*. ``badge FILE`` prints the total of coverage's JSON report as shields.io reads it.
"""

import json
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
VERSION: Final = re.compile(r"(?P<release>\d+\.\d+\.\d+)(?:(?P<kind>a|b|rc)(?P<number>\d+))?")
KINDS: Final = {"a": "alpha", "b": "beta", "rc": "rc"}
GOOD_PERCENT: Final = 92


class ReleaseError(Exception):
    """The tag, the version and the changelog do not belong together."""


def package_version(root: Path = ROOT) -> str:
    """The version in ``kubetasks/__init__.py``, without importing the package."""
    text = (root / "kubetasks" / "__init__.py").read_text(encoding="utf-8")
    return "".join(re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)[:1])


def parse(tag: str) -> re.Match[str]:
    """The parts of a tag.

    Raises:
        ReleaseError: it is not v and a version.
    """
    match = VERSION.fullmatch(tag.removeprefix("v"))
    if match is None or not tag.startswith("v"):
        raise ReleaseError(f"the tag {tag} is not vX.Y.Z or vX.Y.ZrcN")
    return match


def semver(tag: str) -> str:
    """A tag as a semantic version, which images and charts need: v1.0.0rc1 is 1.0.0-rc.1.

    Raises:
        ReleaseError: it is not v and a version.
    """
    parts = parse(tag)
    return parts["release"] + (f"-{KINDS[parts['kind']]}.{parts['number']}" if parts["kind"] else "")


def outputs(tag: str, version: str) -> str:
    """The lines for ``$GITHUB_OUTPUT``.

    Raises:
        ReleaseError: the tag names another version than the package's.
    """
    parts = parse(tag)
    if tag != f"v{version}":
        raise ReleaseError(f"the tag is {tag}, and the version in kubetasks/__init__.py is {version}")
    return f"semver={semver(tag)}\nprerelease={str(parts['kind'] is not None).lower()}\n"


def notes(tag: str, changelog: str) -> str:
    """The section of the changelog that belongs to a tag, without its heading.

    Raises:
        ReleaseError: there is none, or it is empty.
    """
    parts = parse(tag)
    heading = "[Unreleased]" if parts["kind"] else f"[{parts['release']}]"
    for section in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        text = re.sub(r"^\[.+?\]: \S+\n?", "", body, flags=re.MULTILINE).strip()
        if title.startswith(heading) and text:
            return text + "\n"
    raise ReleaseError(f"CHANGELOG.md has no changes below {heading}")


def badge(report: str) -> str:
    """The total of a JSON report of coverage, as an endpoint of shields.io.

    Sources: https://shields.io/badges/endpoint-badge, https://coverage.readthedocs.io/en/latest/commands/cmd_json.html.
    """
    percent = float(json.loads(report)["totals"]["percent_covered"])
    color = "brightgreen" if percent >= GOOD_PERCENT else "orange"
    return json.dumps({"schemaVersion": 1, "label": "coverage", "message": f"{percent:.0f}%", "color": color})


def main(argv: list[str]) -> int:
    """Do what the arguments name; return the exit code."""
    try:
        match argv:
            case ["version", tag]:
                text = outputs(tag, package_version())
            case ["notes", tag]:
                text = notes(tag, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
            case ["badge", path]:
                text = badge(Path(path).read_text(encoding="utf-8")) + "\n"
            case _:
                text = __doc__ or ""
                sys.stderr.write(text)
                return 2
    except ReleaseError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
