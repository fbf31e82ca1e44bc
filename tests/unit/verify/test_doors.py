"""The ways to Services."""

import threading

import pytest

from kubetasks.errors import ToolFailed
from kubetasks.verify.doors import Doors
from tests.unit.verify.fakes import FakeTarget


def test_each_is_opened_once_and_all_are_closed() -> None:
    target = FakeTarget({"a": "http://a", "b": "http://b"})
    with Doors(target) as doors:
        opening = [threading.Thread(target=doors.url, args=door) for door in [("a", 1), ("b", 2), ("a", 1)]]
        for thread in opening:
            thread.start()
        for thread in opening:
            thread.join()
        assert doors.url("a", 1) == "http://a"
        assert doors.url("a", 1) == "http://a"
        assert doors.url("a", 3) == "http://a"
        assert target.closed == []
    assert sorted(target.opened) == [("a", 1), ("a", 3), ("b", 2)]
    assert sorted(target.closed) == sorted(target.opened)


def test_one_that_does_not_open_is_told_when_it_is_asked_for() -> None:
    target = FakeTarget({"a": ToolFailed("no way"), "b": "http://b"})
    with Doors(target) as doors:
        assert doors.url("b", 2) == "http://b"
        for _ in range(2):
            with pytest.raises(ToolFailed, match="no way"):
                doors.url("a", 1)
