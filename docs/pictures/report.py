"""Take the picture of an HTML report of `inv verify` or `inv deploy`.

    python docs/pictures/report.py REPORT.html [--chromium PROGRAM]

Needs the test environment (./nox -s environment makes it) and Chromium.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
CHROMIUM = shutil.which("chromium") or "chromium"
NAME = "report.png"


def picture(chromium: str, report: Path) -> None:
    """Take the picture: the beginning of the page, up to the checks."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1100, "height": 1000}, java_script_enabled=False)
        page.goto(report.resolve().as_uri())
        page.screenshot(path=str(HERE / NAME))
        browser.close()
    print(NAME)  # noqa: T201


def main() -> None:
    """Take it of the given report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--chromium", default=CHROMIUM)
    args = parser.parse_args()
    picture(args.chromium, args.report)


if __name__ == "__main__":
    main()
