"""Programs that the tests need: those that are installed, else those of a Debian package, installed on the spot."""

import os
import shutil
import subprocess
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

INSTALL_SECONDS = 600


def provided(package: str, find: Callable[[], T | None], missing: str) -> T:
    """Return what `find` finds; install a Debian package where it finds nothing.

    Fails, saying what is missing and how to get it, where that is not possible: a test that needs it must not pass
    for one that was run.
    """
    found = find()
    if found is None:
        why = install(package)
        found = find()
        if found is None:
            pytest.fail(f"{missing}; install it, e.g. with `apt-get install {package}` ({why})", pytrace=False)
    return found


def install(package: str) -> str:
    """Install a Debian package as root, or as somebody who may become root without a password; say how it went."""
    apt = shutil.which("apt-get")
    if apt is None:
        return "not tried: there is no apt-get here"
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and not _goes([*as_root, "true"]):
        return "not tried: we are not root, and sudo wants a password"
    # RUNLEVEL keeps packages of servers from starting one.
    begin = [
        *as_root,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "RUNLEVEL=1",
        apt,
        "-qq",
        "-o",
        "DPkg::Lock::Timeout=60",
    ]
    for _ in range(2):
        done = subprocess.run(
            [*begin, "install", "-y", "--no-install-recommends", package],
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
        )
        if done.returncode == 0:
            return "it was installed"
        _goes([*begin, "update"], INSTALL_SECONDS)  # the lists may be missing, or old
    return f"tried in vain: {done.stderr.strip().rpartition(chr(10))[2]}"


def _goes(argv: list[str], seconds: float = 20) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, check=False, timeout=seconds).returncode == 0
    except OSError:
        return False
