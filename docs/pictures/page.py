"""Take the pictures of the page: wide in both colours, and on a phone.

    python docs/pictures/page.py [--url URL] [--chromium PROGRAM]

Without a URL it runs the application itself, on a new SQLite database. Needs the test environment (./nox -s environment
makes it) and Chromium.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHROMIUM = shutil.which("chromium") or "chromium"
SAID = (
    "Add book the train to Lyon tomorrow at 9am, high priority",
    "Add water the plants",
    "Add call the dentist next friday at 5pm",
    "Add write the release notes",
    "Add buy oat milk, due tomorrow",
    "I have finished number 2",
    "Delete the release notes",
    "yes",
)


@contextmanager
def application() -> Iterator[str]:
    """The application, on a database of its own; gives its address."""
    sys.path.insert(0, str(ROOT))
    from app.backend import migrate  # noqa: PLC0415
    from app.backend.application import create_app as create_backend  # noqa: PLC0415
    from app.backend.settings import Settings as BackendSettings  # noqa: PLC0415
    from app.frontend.application import create_app as create_frontend  # noqa: PLC0415
    from app.frontend.settings import Settings  # noqa: PLC0415
    from tests.app.servers import running  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/pictures.db"
        migrate.upgrade(url, 10)
        settings = BackendSettings(database_url=url, jwt_secret="0" * 32)
        with (
            running(create_backend(settings)) as backend,
            running(create_frontend(Settings(backend_url=backend))) as at,
        ):
            yield at


def pictures(chromium: str, url: str) -> None:
    """Have a conversation, and take every picture of it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        wide = visit(browser, url, 1280, 800, "light")
        talk(wide)
        take(wide, "ui.png")
        state = wide.context.storage_state()
        dark = visit(browser, url, 1280, 800, "dark", state)
        dark.locator(".call summary").last.press("Enter")
        dark.locator(".call summary").last.blur()
        dark.mouse.move(0, 0)
        dark.locator("#log").evaluate("(log) => log.scrollTo(0, log.scrollHeight)")
        take(dark, "ui-dark.png")
        phone = visit(browser, url, 390, 780, "light", state, scale=2)
        take(phone, "ui-phone.png")
        browser.close()


def visit(
    browser: Browser, url: str, width: int, height: int, scheme: str, state: object = None, scale: int = 1
) -> Page:
    """Open the page, as a new guest or as someone who has been there."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        device_scale_factor=scale,
        storage_state=state,  # type: ignore[arg-type]
        locale="en-GB",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    if state is None:
        page.get_by_role("button", name="Try it as a guest").click()
    page.locator("html.ready").wait_for(state="attached")
    return page


def talk(page: Page) -> None:
    """Say everything, one after the other."""
    for number, message in enumerate(SAID, 1):
        page.fill("#message", message)
        page.press("#message", "Enter")
        page.locator('.message[data-role="assistant"]').nth(number - 1).wait_for()
        page.locator("#chat-form:not(.busy)").wait_for()
    page.reload()
    page.locator("html.ready").wait_for(state="attached")


def take(page: Page, name: str) -> None:
    """Take a picture, once everything has settled."""
    page.wait_for_timeout(500)
    page.screenshot(path=str(HERE / name))
    print(name)  # noqa: T201


def main() -> None:
    """Take them of the given page, or of one made for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--chromium", default=CHROMIUM)
    args = parser.parse_args()
    if args.url:
        pictures(args.chromium, args.url)
    else:
        with application() as url:
            pictures(args.chromium, url)


if __name__ == "__main__":
    main()
