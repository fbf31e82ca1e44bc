"""The page's chat journey in a real Chromium, against the deployment, through the frontend's Service."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.checkout import Checkout
from tests.chromium import chromium
from tests.e2e.conftest import Cluster, opened, pods

SECONDS = 20_000  # milliseconds; a pod that has just started is slower than one that is warm


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def say(page: Page, text: str) -> None:
    """Write a message and send it as people do; wait until it has its answer."""
    expect(page.locator("html.ready")).to_be_attached(timeout=SECONDS)  # before that, Enter breaks the line
    answers = page.locator("#messages > [data-role=assistant]")
    before = answers.count()
    page.locator("#message").fill(text)
    page.locator("#message").press("Enter")
    expect(answers).to_have_count(before + 1, timeout=SECONDS)
    expect(page.locator("#chat-form:not(.busy)")).to_be_attached(timeout=SECONDS)


def reloaded(page: Page) -> None:
    """Load the page again until it reaches the backend: a new endpoint takes a moment to get to the node."""
    deadline = time.monotonic() + 30
    page.reload()
    while page.locator("#problem").count():
        assert time.monotonic() < deadline, page.locator("#problem").inner_text()
        page.wait_for_timeout(300)
        page.reload()


@pytest.mark.parametrize("deployer", ["manifests", "helm"])
def test_a_user_keeps_a_list(cluster: Cluster, checkout: Checkout, browser: Browser, deployer: str) -> None:
    checkout.inv("deploy", "--with", deployer)
    with opened(checkout) as url, browser.new_context() as context:
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        page.goto(url)
        page.get_by_role("button", name="Try it as a guest").click()
        tasks = page.locator("#tasks > [data-task]")

        say(page, "add buy milk tomorrow")
        expect(tasks).to_have_count(1, timeout=SECONDS)
        expect(tasks.first).to_contain_text("buy milk")
        say(page, "add call the dentist")
        expect(tasks).to_have_count(2, timeout=SECONDS)
        say(page, "complete #1")
        expect(page.locator("#tasks > [data-task='1']")).to_have_attribute("data-completed", "true", timeout=SECONDS)

        # What was done is there as chips, and can be undone.
        chips = page.locator("#messages details.call")
        assert chips.count() == 3
        say(page, "delete #2")
        if tasks.count() == 2:  # it asked first
            say(page, "yes")
        expect(tasks).to_have_count(1, timeout=SECONDS)
        say(page, "undo")
        expect(tasks).to_have_count(2, timeout=SECONDS)

        assert problems == []

        # The conversation is in the database alone: neither a reload nor a new pod loses it.
        said = page.locator("#messages > [data-message]").count()
        old = pods(cluster, checkout.namespace, "backend")
        cluster.kubectl("--namespace", checkout.namespace, "delete", "pod", *old)
        cluster.kubectl("--namespace", checkout.namespace, "rollout", "status", "deployment/backend", "--timeout=120s")
        reloaded(page)
        expect(page.locator("#messages > [data-message]")).to_have_count(said, timeout=SECONDS)
        expect(tasks).to_have_count(2, timeout=SECONDS)
        say(page, "list")
