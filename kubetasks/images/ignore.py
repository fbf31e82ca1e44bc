"""Which files of a build context ``.dockerignore`` lets through, by Docker's own rules.

A port of https://github.com/moby/patternmatcher (patternmatcher.go, ignorefile/ignorefile.go), which both BuildKit and
the classic builder use, with ``/`` as the separator on every system. Its quirks are kept: a pattern is checked by the
rules of Go's ``path.Match``, then turned into a regular expression character by character.
"""

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

# Characters of a pattern that mean themselves, but not to a regular expression.
_LITERAL: Final = frozenset(".+()|{}$\\")
# Characters that make a pattern more than a name, and what each is as a regular expression.
_SPECIAL: Final = {"*": "[^/]*", "?": "[^/]", "[": "[", "]": "]"}
_TOKEN: Final = re.compile(r"\*\*/?|\\.|.", re.DOTALL)

# For each pattern, whether it matched: handed from a folder to what is in it.
Matched = tuple[bool, ...]


class BadPattern(ValueError):
    """A line of an ignore file that Docker refuses."""


def read(text: str) -> list[str]:
    """The patterns of an ignore file, without comments, empty lines and leading slashes, and with cleaned paths."""
    patterns: list[str] = []
    for line in text.removeprefix("\ufeff").split("\n"):
        if line.startswith("#") or not line.strip():
            continue
        pattern = line.strip()
        invert = pattern.startswith("!")
        if invert:
            pattern = pattern[1:].strip()
        if pattern:
            pattern = clean(pattern)
            if len(pattern) > 1 and pattern[0] == "/":
                pattern = pattern[1:]
        patterns.append(f"!{pattern}" if invert else pattern)
    return patterns


def find(dockerfile: Path, context: Path) -> Path | None:
    """The ignore file of a build: ``<Dockerfile>.dockerignore`` next to it, else the context's; None without either."""
    for path in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"):
        if path.is_file():
            return path
    return None


def clean(path: str) -> str:
    """Go's ``path.Clean``: the shortest path of the same meaning."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".." or not rooted:
            parts.append(part)
    return ("/" if rooted else "") + "/".join(parts) or "."


def check(pattern: str) -> None:
    """Refuse what Go's ``path.Match`` calls a bad pattern.

    Raises:
        BadPattern: an unclosed or empty class, or a backslash at the end.
    """
    rest = pattern
    while rest:
        char, rest = rest[0], rest[1:]
        if char == "\\":
            if not rest:
                raise BadPattern(pattern)
            rest = rest[1:]
        elif char == "[":
            rest = _after_class(rest, pattern)


def _after_class(rest: str, pattern: str) -> str:
    rest = rest.removeprefix("^")
    ranges = 0
    while True:
        if rest.startswith("]") and ranges:
            return rest[1:]
        rest = _after_char(rest, pattern)
        if rest.startswith("-"):
            rest = _after_char(rest[1:], pattern)
        ranges += 1


def _after_char(rest: str, pattern: str) -> str:
    if not rest or rest[0] in "-]":
        raise BadPattern(pattern)
    rest = rest[2:] if rest[0] == "\\" else rest[1:]
    if not rest:
        raise BadPattern(pattern)
    return rest


def _compile(pattern: str) -> Callable[[str], bool]:
    """What tells whether a path matches a cleaned pattern."""
    body = ""
    kind = "exact"
    for found in _TOKEN.finditer(pattern):
        token = found[0]
        if token.startswith("**"):
            if found.end() < len(pattern):
                body, kind = body + "(.*/)?", "regex"
            elif kind == "exact":
                kind = "prefix"
            else:
                body, kind = body + ".*", "regex"
            if found.start() == 0:
                kind = "suffix"
        elif token in _SPECIAL:
            body, kind = body + _SPECIAL[token], "regex"
        elif len(token) == 2:  # a backslash and what it escapes
            body, kind = body + token, "regex"
        else:
            body += f"\\{token}" if token in _LITERAL else token
    return _matcher(kind, pattern, body)


def _matcher(kind: str, pattern: str, body: str) -> Callable[[str], bool]:
    if kind == "exact":
        return pattern.__eq__
    if kind == "prefix":
        start = pattern[:-2]
        return lambda path: path.startswith(start)
    if kind == "suffix":
        end = pattern[2:]
        return lambda path: path.endswith(end) or (end[:1] == "/" and path == end[1:])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # "possible nested set": it is none
            found = re.compile(body).fullmatch
    except re.error:
        raise BadPattern(pattern) from None
    return lambda path: found(path) is not None


@dataclass(frozen=True)
class Rule:
    """One pattern; ``exclusion`` is one that began with ``!`` and lets through again."""

    pattern: str
    exclusion: bool

    @cached_property
    def matches(self) -> Callable[[str], bool]:
        """Tells whether a path, relative to the context, matches."""
        return _compile(self.pattern)


class Ignore:
    """The patterns of one build.

    Args:
        patterns: as ``read`` gives them.

    Raises:
        BadPattern: Docker refuses one of them.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self.rules: list[Rule] = []
        for line in patterns:
            pattern = line.strip()
            if not pattern:
                continue
            pattern = clean(pattern)
            exclusion = pattern[0] == "!"
            if exclusion:
                pattern = pattern[1:]
                if not pattern:
                    raise BadPattern("!")
            check(pattern)
            rule = Rule(pattern, exclusion)
            _ = rule.matches  # a pattern that cannot be compiled is rejected now, not at the first file
            self.rules.append(rule)
        self.exclusions = any(rule.exclusion for rule in self.rules)

    def verdict(self, path: str, parent: Matched = ()) -> tuple[bool, Matched]:
        """Whether a path is ignored, and what to hand on for the paths below it.

        Args:
            path: relative to the context, with slashes.
            parent: what the verdict on its folder handed on; empty at the top.
        """
        ignored = False
        matched: list[bool] = []
        for index, rule in enumerate(self.rules):
            match = bool(parent) and parent[index]
            if not match and rule.exclusion == ignored:
                match = rule.matches(path)
            matched.append(match)
            if match:
                ignored = not rule.exclusion
        return ignored, tuple(matched)

    def ignores(self, path: str) -> bool:
        """Whether a path is ignored, by itself or by one of the folders above it."""
        ignored = False
        matched: Matched = ()
        parts = path.split("/")
        for length in range(1, len(parts) + 1):
            ignored, matched = self.verdict("/".join(parts[:length]), matched)
        return ignored
