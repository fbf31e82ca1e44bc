import errno
import re

import pytest

from kubetasks import errors
from kubetasks.errors import KubetasksError, SecretMissing, of_os_error


def every_class(top: type[KubetasksError] = KubetasksError) -> list[type[KubetasksError]]:
    return [
        top,
        *(each for below in top.__subclasses__() if below.__module__ == errors.__name__ for each in every_class(below)),
    ]


def test_one_line_whatever_goes_in() -> None:
    error = KubetasksError("no\nsuch thing", why="it is\n  gone", fix="make it\nagain", detail="much\nmore")
    assert error.line == "no such thing: it is gone -- make it again"
    assert str(error) == error.line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KubetasksError("a"), "a"),
        (KubetasksError("a", why="b"), "a: b"),
        (KubetasksError("a", fix="c"), "a -- c"),
    ],
)
def test_says_only_what_is_known(error: KubetasksError, line: str) -> None:
    assert error.line == line


def test_every_leaf_has_an_exit_code_of_its_own() -> None:
    leaves = [each for each in every_class() if not each.__subclasses__()]
    codes = [each.exit_code for each in leaves]
    assert len(codes) == len(set(codes))
    assert all(2 <= code <= 130 for code in codes)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+) +(\d+)", errors.__doc__ or ""))
    assert drawn == {each.__name__: str(each.exit_code) for each in every_class() if each.exit_code != 1}


def test_every_class_says_what_it_is() -> None:
    assert all(each.__doc__ for each in every_class())


def test_detail_stays_below_the_line() -> None:
    error = SecretMissing("no value for A", detail="A=…")
    assert "A=…" not in error.line
    assert error.detail == "A=…"


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [(errno.ENOSPC, 33, "no space left for a/b"), (errno.EACCES, 1, "a/b cannot be used"), (errno.EIO, 1, "a/b")],
)
def test_what_the_system_refuses_is_one_line_with_the_file(number: int, code: int, text: str) -> None:
    told = of_os_error(OSError(number, "reason", "a/b"))
    assert told.exit_code == code
    assert text in told.line
    assert "reason" in told.line
