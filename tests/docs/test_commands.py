"""Every command in the documentation, in a block or a line of text, names a task and options that exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke.exceptions import Exit, ParseError
from invoke.parser import Parser

from kubetasks import collection
from kubetasks.program import Program, with_flag

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if path.name != "CHANGELOG.md")
BLOCK = re.compile(r"^ *```(?:sh|console|yaml)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"^(?:[ -]*(?:run: )?|.*(?:&& |; ))(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\./inv|inv|kubetasks) (.+)$")
INLINE = re.compile(r"(?<!`)`(?:\./)?inv ([^`…]+)`")
BLOCKS = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
CUT = re.compile(r"\s(?:#|\||>|&&|;|\|\|).*$")


def mentioned(page: Path) -> Iterator[str]:
    """Commands in lines of text; they may leave out words and values."""
    text = BLOCKS.sub("", page.read_text(encoding="utf-8"))
    yield from (CUT.sub("", call) for call in INLINE.findall(text))


def calls(page: Path) -> Iterator[str]:
    """Commands in blocks of code, which are whole."""
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            match = CALL.match(line)
            if match:
                yield CUT.sub("", f" {match[1]}").strip()


CALLS = sorted({(str(page.relative_to(ROOT)), call) for page in PAGES for call in calls(page)})
MENTIONED = sorted({call for page in PAGES for call in mentioned(page)})


def parse(words: list[str]) -> None:
    """Parse a command line as the program does.

    Raises:
        ParseError: a task or an option does not exist.
    """
    program = Program()
    argv = with_flag(["inv", *words])[1:]
    Parser(initial=program.initial_context, contexts=collection.to_contexts()).parse_argv(argv)


def test_there_are_commands() -> None:
    assert len(CALLS) > 30
    assert len(MENTIONED) > 50


@pytest.mark.parametrize(("page", "call"), CALLS, ids=[f"{page}: {call}" for page, call in CALLS])
def test_its_task_and_its_options_exist(page: str, call: str) -> None:
    try:
        parse(shlex.split(call))
    except (ParseError, Exit, ValueError) as error:
        pytest.fail(f"{page}: inv {call}: {error}", pytrace=False)


@pytest.mark.parametrize("call", MENTIONED)
def test_the_task_and_the_options_that_are_mentioned_exist(call: str) -> None:
    try:
        parse(shlex.split(call))
    except (ParseError, Exit, ValueError) as error:
        if not re.search(r"did not receive required positional|needed value", str(error)):
            pytest.fail(f"inv {call}: {error}", pytrace=False)


@pytest.mark.parametrize("call", ["deplyo", "deploy --tarket kind", "image.biuld", "verify --layers x"])
def test_a_wrong_command_is_noticed(call: str) -> None:
    with pytest.raises(ParseError):
        parse(shlex.split(call))
