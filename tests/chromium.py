"""A real Chromium for tests of the page: the one that is installed, or Debian's, installed now."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.app.packages import provided

NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
# No sandbox where we are root, no calls home; /dev/shm is small in a container.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
)


def find_chromium() -> Path:
    """Return the program; install it, or fail saying what is missing. $CHROMIUM names another one."""
    chosen = os.environ.get("CHROMIUM", "")
    if chosen:
        return Path(chosen)

    def installed() -> Path | None:
        found = next((path for name in NAMES if (path := shutil.which(name))), None)
        return Path(found) if found else None

    return provided("chromium", installed, "there is no Chromium on PATH")


def _libatomic() -> bool | None:
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        return None
    return True


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running, headless Chromium."""
    program = find_chromium()
    provided("libatomic1", _libatomic, "Playwright's driver needs libatomic.so.1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
