"""Programs that are missing are installed, or the test fails and says how to get them."""

import os
import shutil
import subprocess
from typing import Any

import pytest

from tests.app import packages


class Apt:
    """Stands for the programs that are started; installs what it is told to."""

    def __init__(self, *, sudo: bool = True, works_after: int = 0) -> None:
        self.calls: list[list[str]] = []
        self.installed = False
        self._sudo = sudo
        self._failures = works_after

    def __call__(self, argv: list[str], **_options: Any) -> "subprocess.CompletedProcess[str]":
        self.calls.append(argv)
        if argv == ["sudo", "-n", "true"]:
            return subprocess.CompletedProcess(argv, 0 if self._sudo else 1)
        if "install" in argv and self._failures:
            self._failures -= 1
            return subprocess.CompletedProcess(argv, 100, stderr="Reading…\nE: no such package\n")
        self.installed = self.installed or "install" in argv
        return subprocess.CompletedProcess(argv, 0, stderr="")

    def find(self) -> str | None:
        """Return the program, once it is installed."""
        return "/usr/bin/program" if self.installed else None


def use(monkeypatch: pytest.MonkeyPatch, apt: Apt, *, user: int = 0, where: str | None = "/usr/bin/apt-get") -> None:
    """Let a stand-in be what is started."""
    monkeypatch.setattr(subprocess, "run", apt)
    monkeypatch.setattr(shutil, "which", lambda _name: where)
    monkeypatch.setattr(os, "geteuid", lambda: user)


def test_what_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    apt = Apt()
    use(monkeypatch, apt)
    assert packages.provided("package", lambda: "/usr/bin/program", "it is missing") == "/usr/bin/program"
    assert apt.calls == []


@pytest.mark.parametrize(("user", "begin"), [(0, "env"), (1000, "sudo")])
def test_what_is_missing_is_installed(monkeypatch: pytest.MonkeyPatch, user: int, begin: str) -> None:
    apt = Apt(works_after=1)
    use(monkeypatch, apt, user=user)
    assert packages.provided("package", apt.find, "it is missing") == "/usr/bin/program"
    calls = [argv for argv in apt.calls if argv[-1] != "true"]
    assert [argv[0] for argv in calls] == [begin] * 3
    assert [argv[-1] for argv in calls] == ["package", "update", "package"]


@pytest.mark.parametrize(
    ("apt", "user", "where", "why"),
    [
        (Apt(), 0, None, "not tried: there is no apt-get here"),
        (Apt(sudo=False), 1000, "/usr/bin/apt-get", "not tried: we are not root, and sudo wants a password"),
        (Apt(works_after=9), 0, "/usr/bin/apt-get", "tried in vain: E: no such package"),
    ],
)
def test_what_cannot_be_installed_fails_the_test(
    monkeypatch: pytest.MonkeyPatch, apt: Apt, user: int, where: str | None, why: str
) -> None:
    use(monkeypatch, apt, user=user, where=where)
    with pytest.raises(pytest.fail.Exception) as raised:
        packages.provided("package", apt.find, "It is missing")
    assert str(raised.value) == f"It is missing; install it, e.g. with `apt-get install package` ({why})"
