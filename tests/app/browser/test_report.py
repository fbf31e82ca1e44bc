"""The HTML report of `inv verify` in a real browser: axe, narrow windows, both colours, no script and no request."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Route

from kubetasks.verify.compare import Difference
from kubetasks.verify.report import Report
from kubetasks.verify.results import Result
from kubetasks.verify.timeline import FIRST_READY, Span, of_layers
from tests.app.browser.test_access import SCHEMES, WIDTHS, check, fits, looks, sizes

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG = "spec.template.spec.containers[web].env[A_RATHER_LONG_NAME_OF_A_VARIABLE].valueFrom.secretKeyRef.name"
RESULTS = (
    Result("objects", "Deployment/web", "fail", f"{LONG}: expected a", 0.1, 0.0, (Difference(LONG, "a", "b"),)),
    Result("rollout", "Deployment/web", "pass", "2 of 2 updated and ready", 0.2, 0.1),
    Result("images", "web", "skip", "unknown: the runtime reports " + "x" * 120),
    Result("checks", "<script>document.title = 'run'</script>", "pass", "<img src='http://127.0.0.1:1/x'>", 1.0, 0.4),
)
SPANS = (
    Span("delivery", STARTED - timedelta(seconds=20), 12.0),
    Span("apply", STARTED - timedelta(seconds=8), 1.5),
    Span(FIRST_READY, STARTED - timedelta(seconds=3), kind="moment"),
    *of_layers(RESULTS, STARTED, 2.0),
)


@looks
@sizes
def test_a_person_can_read_it(chromium: Browser, tmp_path: Path, scheme: str, size: tuple[int, int]) -> None:
    assert scheme in SCHEMES
    assert size in WIDTHS.values()
    report = Report(RESULTS, STARTED, "kind", "kind-test", "notes", 2.0, "notes", SPANS)
    path = tmp_path / "report.html"
    path.write_text(report.to_html(), encoding="utf-8")
    asked: list[str] = []

    def note(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_()

    page = chromium.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
    page.route("**/*", note)
    page.goto(path.as_uri())
    fits(page)
    assert page.title() == "notes on kind: failed"
    page.locator("details").evaluate_all("(all) => all.forEach((each) => { each.open = true; })")
    fits(page)
    check(page)
    assert asked == [path.as_uri()]
    page.close()
