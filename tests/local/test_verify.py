"""`inv verify` as a user has it: checks of their own, the page, the rounds of --watch."""

import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import Checkout

MODULE = """
import time
from kubetasks.verify import CheckFailed, check

print("imported")

@check("title", needs=["probes"])
def title(context):
    print("looking")
    if "<title>" not in context.get("/").text:
        raise CheckFailed("there is no title")
    return "there is a title"

@check("hangs", limit=0.5)
def hangs(context):
    time.sleep(60)

all = [title, hangs]
"""


def install(checkout: Checkout, *points: str) -> None:
    """A package with checks, in the environment that ./inv made."""
    [packages] = (checkout.path / ".venv").glob("lib/python*/site-packages")
    (packages / "shop_checks.py").write_text(MODULE)
    about = packages / "shop-1.0.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("\n".join(["[kubetasks.checks]", *points]) + "\n")


@pytest.fixture(autouse=True)
def uninstalled(checkout: Checkout) -> Iterator[None]:
    """Leave the clone's environment as it was: other tests use it too."""
    yield
    for each in (checkout.path / ".venv").glob("lib/python*/site-packages/shop*"):
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def set_checks(checkout: Checkout, *lines: str) -> None:
    settings = checkout.path / "invoke.yaml"
    text = "".join(f"\n    - {line}" for line in lines)
    settings.write_text(settings.read_text().replace("    checks: []", f"    checks:{text}"))


def test_checks_of_ones_own_and_the_page(checkout: Checkout) -> None:
    page = checkout.path / "report.html"
    checkout.inv("deploy", "--html", str(page))
    for step in ("apply", "rollout", "first ready", "verified", "check: contract"):
        assert f">{step}<" in page.read_text()

    install(checkout, "shop = shop_checks:all", "broken = not_there:checks")
    set_checks(
        checkout,
        "{name: page, path: /, text: {contains: html}, latency: 20000}",
        "{name: nobody, path: /api/nobody/tasks, status: 401, body: {/detail: {type: string}}}",
    )
    # What packages print does not get into the document.
    out = checkout.inv("verify", "--layer", "checks", "--json", "--html", str(page), code=60)
    document, _ = json.JSONDecoder().raw_decode(out[out.index("{\n") :])
    own = [each for each in document["checks"] if each["layer"] == "checks"]
    found = {each["name"]: (each["status"], each["evidence"]) for each in own}
    assert found["page"][0] == found["nobody"][0] == "pass"
    assert found["title"] == ("pass", "there is a title")
    assert found["hangs"] == ("fail", "not finished after 0.5 s, its time limit")
    assert found["broken"][0] == "fail"
    assert "No module named 'not_there'" in found["broken"][1]
    assert "What failed" in page.read_text()
    page.unlink()

    install(checkout)
    set_checks(checkout)
    out = checkout.inv("verify", "--only", "checks/page")
    assert "checks: 1 passed" in out
    assert "did you mean `nobody`?" in checkout.inv("verify", "--only", "nobdy", code=3)
    settings = checkout.path / "invoke.yaml"
    settings.write_text(settings.read_text().replace("latency:", "latncy:"))
    for task in ("verify", "deploy"):
        refused = checkout.inv(task, code=2)
        assert "unknown setting `kubetasks.verify.checks[0].latncy` -- did you mean `latency`?" in refused


def test_watch(checkout: Checkout, tmp_path: Path) -> None:
    checkout.inv("deploy")
    seen = tmp_path / "watch.html"
    with checkout.start("verify", "--watch", "--every", "0", "--layer", "probes", "--html", str(seen)) as watching:
        for _ in range(2):  # two rounds
            seen.unlink(missing_ok=True)
            until = time.monotonic() + 120
            while not seen.exists() and time.monotonic() < until:
                time.sleep(0.1)
        watching.send_signal(signal.SIGINT)
        out, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert out.count("LAYER") == 1
    assert "stopped; the last round: 4 checks passed" in out
