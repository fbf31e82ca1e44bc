"""The report as one HTML page: no script, no other file, readable in light and dark and with a screen reader."""

from collections.abc import Iterator
from datetime import UTC
from html import escape
from typing import TYPE_CHECKING, Final

from kubetasks.verify.bars import bars
from kubetasks.verify.page_style import STYLE
from kubetasks.verify.results import Result, scrub, summary
from kubetasks.verify.timeline import Span

if TYPE_CHECKING:
    from kubetasks.verify.report import Report

# Nothing is loaded and nothing runs, whatever is in the evidence.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
SIGNS: Final = {"pass": "✓", "fail": "✗", "skip": "–"}  # noqa: RUF001  (a dash: neither of both)
WORDS: Final = {"pass": "passed", "fail": "failed", "skip": "skipped"}
ABOUT: Final = {
    "objects": "Every rendered object is live, and each of its fields is as rendered.",
    "rollout": "Every workload runs its newest revision, with all replicas ready.",
    "images": "The pods run the images that were built, compared by digest.",
    "endpoints": "Every Service has a ready pod.",
    "probes": "The paths of the probes respond through the Services.",
    "contract": "The HTTP interface does what its OpenAPI document says.",
    "journeys": "What a user does works, step by step.",
    "checks": "The project's own checks.",
    "restarts": "No container restarted while the checks ran.",
}


def text(value: str) -> str:
    """A text as HTML, whatever is in it."""
    return escape(scrub(value), quote=True)


def page(report: "Report") -> str:
    """The page."""
    title = f"{report.project or report.namespace} on {report.target}"
    verdict = "pass" if report.ok else "fail"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">',
        f"<title>{text(title)}: {WORDS[verdict]}</title><style>{STYLE}</style></head><body>",
        f"<header><h1>{text(title)}</h1>",
        f'<p class="verdict {verdict}">{SIGNS[verdict]} {text(report.summary)}</p>',
        _facts(report),
        "</header><main>",
        *_failures(report.failures),
        *_timeline(report.timeline),
        "<h2>All checks</h2>",
        *(_layer(layer, report) for layer in dict.fromkeys(each.layer for each in report.checks)),
        "</main><footer>Created by <code>inv verify --html</code>. Known secrets are hidden.</footer></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _facts(report: "Report") -> str:
    facts = {
        "Target": report.target,
        "Context": report.context,
        "Namespace": report.namespace,
        "Started": report.started.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "Duration": duration(report.seconds),
        "Checks": summary(report.checks),
    }
    items = (f"<div><dt>{name}</dt><dd>{text(value)}</dd></div>" for name, value in facts.items() if value)
    return f'<dl class="facts">{"".join(items)}</dl>'


def _failures(failures: list[Result]) -> Iterator[str]:
    if not failures:
        return
    yield "<h2>What failed</h2>"
    for each in failures:
        yield f'<section class="trouble"><h3>{text(each.layer)}: {text(each.name)}</h3>'
        yield f"<p>{text(each.evidence)}</p>{_drift(each)}</section>"


def _drift(result: Result) -> str:
    if not result.drift:
        return ""
    rows = "".join(
        f"<tr><th scope='row'><code>{text(each.path)}</code></th><td><code>{text(each.wanted)}</code></td>"
        f"<td><code>{text(each.live)}</code></td></tr>"
        for each in result.drift
    )
    return (
        f"{_scroll(f'Fields of {result.layer}/{result.name}')}<table>"
        f"<caption>Fields of {text(result.name)} that differ from the rendered object</caption><thead><tr>"
        f"<th scope='col'>Field</th><th scope='col'>Wanted</th><th scope='col'>Live</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _scroll(label: str) -> str:
    """The beginning of a part that scrolls by itself where it is too wide, with a keyboard too."""
    return f"<div class='rows' tabindex='0' role='region' aria-label='{text(label)}'>"


def _timeline(spans: tuple[Span, ...]) -> Iterator[str]:
    if not spans:
        return
    yield "<h2>Timeline</h2><figure>"
    yield "<figcaption>When each step ran, in seconds since the first one. The numbers are below.</figcaption>"
    yield f"{_scroll('Timeline')}{bars(spans)}</div>"
    yield "</figure><details><summary>The timeline as a table</summary>"
    yield f"{_scroll('The timeline as a table')}<table>"
    yield "<caption>Steps in their order</caption><thead><tr><th scope='col'>Step</th><th scope='col'>Part of</th>"
    yield "<th scope='col'>Result</th><th scope='col'>Started (UTC)</th><th scope='col'>Duration</th></tr></thead>"
    yield "<tbody>"
    for each in sorted(spans, key=lambda span: span.started):
        yield (
            f"<tr><th scope='row'>{text(each.name)}</th><td>{'' if each.kind == 'moment' else each.kind}</td>"
            f"<td>{text(each.what)}</td><td>{each.started.astimezone(UTC).strftime('%H:%M:%S.%f')[:-3]}</td>"
            f"<td class='number'>{'' if each.kind == 'moment' else duration(each.seconds)}</td></tr>"
        )
    yield "</tbody></table></div></details>"


def _layer(layer: str, report: "Report") -> str:
    results = [each for each in report.checks if each.layer == layer]
    statuses = {each.status for each in results}
    status = "fail" if "fail" in statuses else "pass" if "pass" in statuses else "skip"
    rows = "".join(
        f"<tr><th scope='row'>{text(each.name)}</th>"
        f"<td class='status'><span class='tag {each.status}'>{SIGNS[each.status]} {WORDS[each.status]}</span></td>"
        f"<td>{text(each.evidence)}</td><td class='number'>{duration(each.seconds)}</td></tr>"
        for each in results
    )
    return (
        f"<details{' open' if status == 'fail' else ''}><summary><span class='tag {status}'>{SIGNS[status]} "
        f"{WORDS[status]}</span> <h3>{text(layer)}</h3><span class='counts'>{text(summary(results))}</span></summary>"
        f"{_scroll(f'The checks of {layer}')}<table><caption>{text(ABOUT.get(layer, layer))}</caption><thead><tr>"
        "<th scope='col'>Check</th><th scope='col'>Result</th><th scope='col'>Evidence</th>"
        f"<th scope='col'>Time</th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def duration(seconds: float) -> str:
    """Seconds for people: ``12 ms``, ``3.4 s``, ``2 min 5 s``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {seconds % 60:.0f} s"
