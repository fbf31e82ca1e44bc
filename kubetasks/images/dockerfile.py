"""What a Dockerfile draws on: the images it is built from, and the paths of the context that it names.

Only what that takes is read; the builder parses the rest. The rules are those of
https://docs.docker.com/reference/dockerfile/: parser directives, line continuation, comments within an instruction,
heredocs, and the expansion of ``ARG`` and ``ENV``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from kubetasks.images.ignore import clean

_DIRECTIVE: Final = re.compile(r"^#\s*(?P<name>[a-z]+)\s*=\s*(?P<value>\S+)", re.IGNORECASE)
_HEREDOC: Final = re.compile(r"<<(?P<dash>-?)(?P<quote>[\"']?)(?P<word>[A-Za-z_][A-Za-z0-9_.]*)(?P=quote)")
_VARIABLE: Final = re.compile(
    r"\\\$|\$(?:(?P<bare>\w+)|\{(?P<name>\w+)(?:(?P<sign>:?[-+])(?P<other>[^}]*))?(?:[#%/][^}]*)?\})"
)
_REMOTE: Final = re.compile(r"^(?:[a-z]+://|git@)", re.IGNORECASE)


@dataclass(frozen=True)
class Named:
    """What a Dockerfile names.

    Args:
        bases: the images of ``FROM``, ``COPY --from`` and ``RUN --mount=from``, in their order.
        paths: the context's paths of ``COPY``, ``ADD`` and ``RUN --mount=type=bind``, relative to it.
    """

    bases: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction in upper case, and the rest of its line, with continued lines joined and heredocs removed."""
    lines = iter(text.removeprefix("\ufeff").splitlines())
    escape, directives = "\\", True
    joined = ""
    for line in lines:
        found = _DIRECTIVE.match(line) if directives else None
        if found:
            escape = found["value"] if found["name"].lower() == "escape" else escape
            continue
        directives = False
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue  # also within a continued instruction
        continued = line.rstrip().endswith(escape)
        joined += line.rstrip()[:-1] if continued else line
        if continued:
            continue
        word, rest = _split(joined)
        joined = ""
        if word in {"RUN", "COPY", "ADD"}:
            for here in _HEREDOC.finditer(rest):
                for body in lines:
                    if (body.lstrip("\t") if here["dash"] else body) == here["word"]:
                        break
        yield word, rest
    if joined.strip():
        yield _split(joined)


def _split(text: str) -> tuple[str, str]:
    """An instruction's name in upper case, and the rest."""
    word, *rest = text.split(None, 1)
    return word.upper(), rest[0].strip() if rest else ""


def expand(text: str, values: Mapping[str, str]) -> str:
    """A text with its variables replaced; those without a value are empty."""

    def value(found: re.Match[str]) -> str:
        if found[0] == r"\$":
            return "$"
        name, sign, other = found["bare"] or found["name"], found["sign"] or "", found["other"] or ""
        held = values.get(name)
        there = bool(held) if sign.startswith(":") else held is not None
        if sign.endswith("-"):
            return held or "" if there else expand(other, values)
        if sign.endswith("+"):
            return expand(other, values) if there else ""
        return held or ""

    return _VARIABLE.sub(value, text)


def arguments_of(rest: str) -> tuple[dict[str, list[str]], list[str]]:
    """The flags of an instruction, and its arguments in either form."""
    flags: dict[str, list[str]] = {}
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        name, _, value = flag[2:].partition("=")
        flags.setdefault(name, []).append(value.strip("\"'"))
        rest = rest.lstrip()
    if rest.startswith("["):
        try:
            return flags, [str(word) for word in json.loads(rest)]
        except ValueError:
            pass
    return flags, [word.strip("\"'") for word in rest.split()]


def assignments(rest: str) -> Iterator[tuple[str, str | None]]:
    """The names of an ARG or ENV, each with its value; None where it has none."""
    for word in re.findall(r"(?:[^\s\"']|\"[^\"]*\"|'[^']*')+", rest):
        name, sign, value = word.partition("=")
        yield name, value.strip("\"'") if sign else None


def read(text: str, arguments: Mapping[str, str]) -> Named:
    """What a Dockerfile names.

    Args:
        text: the Dockerfile.
        arguments: the build arguments.
    """
    reader = _Reader(arguments)
    for word, rest in instructions(text):
        reader.take(*(_split(rest) if word == "ONBUILD" else (word, rest)))
    return Named(tuple(dict.fromkeys(reader.bases)), tuple(dict.fromkeys(reader.paths)))


class _Reader:
    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.arguments = arguments
        self.before: dict[str, str] = {}  # the arguments before the first FROM
        self.values: dict[str, str] = {}
        self.stages: set[str] = set()
        self.number = 0
        self.bases: list[str] = []
        self.paths: list[str] = []

    def take(self, word: str, rest: str) -> None:
        if word == "ARG":
            for name, value in assignments(rest):
                held = self.arguments.get(name, self.before.get(name) if value is None else value)
                if held is not None:
                    self.values[name] = expand(held, self.values)
            if not self.number:
                self.before = dict(self.values)
        elif word == "ENV":
            pairs = list(assignments(rest))
            if pairs and pairs[0][1] is None:
                pairs = [(pairs[0][0], rest.partition(" ")[2].strip())]
            self.values.update({name: expand(value or "", self.values) for name, value in pairs})
        elif word == "FROM":
            self.begin(rest)
        elif word in {"COPY", "ADD"}:
            self.copy(rest)
        elif word == "RUN":
            for mount in arguments_of(rest)[0].get("mount", []):
                self.mount(expand(mount, self.values))

    def begin(self, rest: str) -> None:
        _, words = arguments_of(rest)
        if words:
            self.base(expand(words[0], self.before))
        if len(words) >= 3 and words[1].upper() == "AS":
            self.stages.add(words[2].lower())
        self.number += 1
        self.values = {}

    def base(self, name: str) -> None:
        """An image, unless it is an earlier stage."""
        if name and name != "scratch" and not name.isdigit() and name.lower() not in self.stages:
            self.bases.append(name)

    def copy(self, rest: str) -> None:
        flags, words = arguments_of(rest)
        if "from" in flags:
            self.base(expand(flags["from"][-1], self.values))
            return
        for word in words[:-1]:
            self.path(expand(word, self.values))

    def mount(self, text: str) -> None:
        options = dict(part.partition("=")[::2] for part in text.split(","))
        source = options.get("source", options.get("src", ""))
        if options.get("from"):
            self.base(options["from"])
        elif options.get("type", "bind") == "bind" and source:
            self.path(source)

    def path(self, text: str) -> None:
        if text and not text.startswith("<<") and not _REMOTE.match(text):
            self.paths.append(clean("/" + text).lstrip("/") or ".")
