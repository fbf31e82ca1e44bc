"""Prose of the repository, line by line: Markdown, docstrings, comments and string constants.

Used by test_prose.py, which compares it with the word list in docs/style/words.yaml.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs" / "style" / "words.yaml"

FENCE = re.compile(r"^\s*(```|~~~)")
INLINE_CODE = re.compile(r"`[^`]*`|\]\([^)]*\)")
COMMENT = re.compile(r"(?:^|\s)#\s(.*)$")


@dataclass(frozen=True)
class Word:
    """An entry of the word list: what to look for, and what to write instead."""

    pattern: re.Pattern[str]
    use: str


@dataclass(frozen=True)
class Hit:
    """A word of the list in a file."""

    path: str
    line: int
    text: str
    use: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: “{self.text}”: {self.use}"


@dataclass(frozen=True)
class Style:
    """The word list, and which files it applies to."""

    words: tuple[Word, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]

    def files(self) -> Iterator[Path]:
        """Every file to check."""
        skipped = {path for pattern in self.exclude for path in ROOT.glob(pattern)}
        for pattern in self.include:
            for path in sorted(ROOT.glob(pattern)):
                if path.is_file() and path not in skipped and "__pycache__" not in path.parts:
                    yield path

    def check(self, name: str, text: str) -> list[Hit]:
        """The words of the list in a file of this name and content."""
        return [
            Hit(name, line + prose.count("\n", 0, match.start()), " ".join(match[0].split()), word.use)
            for line, prose in prose_of(name, text)
            for word in self.words
            for match in word.pattern.finditer(prose)
        ]


def style(path: Path = LIST) -> Style:
    """Read the word list."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    words = tuple(
        Word(re.compile(rf"\b(?:{entry['word']})\b".replace(" ", r"\s+"), re.IGNORECASE), entry["use"])
        for entry in data["words"]
    )
    return Style(words, tuple(data["include"]), tuple(data["exclude"]))


def prose_of(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Line numbers and pieces of prose in a file, by its suffix."""
    suffix = Path(name).suffix
    if suffix == ".md":
        yield from markdown(text)
    elif suffix == ".py":
        yield from python(text)
    else:
        yield from comments(text)


def markdown(text: str) -> Iterator[tuple[int, str]]:
    """The text of a Markdown file with code and link targets blanked; one piece, so that phrases may span lines."""
    lines = []
    fenced = False
    for line in text.split("\n"):
        if FENCE.match(line):
            fenced = not fenced
            lines.append("")
        else:
            lines.append("" if fenced else INLINE_CODE.sub("``", line))
    yield 1, "\n".join(lines)


def comments(text: str) -> Iterator[tuple[int, str]]:
    """The comments of YAML, TOML, shell scripts and Dockerfiles."""
    for number, line in enumerate(text.split("\n"), 1):
        if match := COMMENT.search(line):
            yield number, match[1]


def python(text: str) -> Iterator[tuple[int, str]]:
    """Docstrings, comments, and string constants that hold more than one word."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, INLINE_CODE.sub("``", node.value)
