"""JSON pointers."""

from typing import Any

import pytest

from kubetasks.verify.pointer import MISSING, look

DOCUMENT = {"a": {"b/c": [10, {"~": None}]}, "": 1, "0": "zero"}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", DOCUMENT), ("/a/b~1c/0", 10), ("/a/b~1c/1/~0", None), ("/a/b~1c/-1/~0", None), ("/", 1), ("/0", "zero"),
        ("/a/b~1c/2", MISSING), ("/x", MISSING), ("/0/0", MISSING), ("/a/b~1c/x", MISSING),
    ],
)  # fmt: skip
def test_look(pointer: str, found: Any) -> None:
    assert look(DOCUMENT, pointer) == found


def test_an_empty_list_has_no_last_entry() -> None:
    assert look([], "/-1") is MISSING
    assert repr(MISSING) == "nothing"
