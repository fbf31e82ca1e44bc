"""The timeline as SVG: a bar for each stretch of time, a dashed line for each moment."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from kubetasks.verify.results import scrub
from kubetasks.verify.timeline import Span

WIDTH: Final = 960
LABELS: Final = 150  # for the names on the left
ENDS: Final = 110  # for the durations on the right
ROW: Final = 26
TOP: Final = 30
SMALLEST: Final = 2.0  # so that every bar can be seen
LETTER: Final = 7.5  # the width of a letter, roughly
STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


def bars(spans: Sequence[Span]) -> str:
    """The drawing. It needs no style of its own to be understood, and says in words what it shows."""
    stretches = sorted((each for each in spans if each.kind != "moment"), key=lambda each: each.started)
    moments = sorted((each for each in spans if each.kind == "moment"), key=lambda each: each.started)
    first = min(each.started for each in spans)
    whole = max(*((each.ended - first).total_seconds() for each in spans), 0.001)
    height = TOP + ROW * len(stretches) + (ROW if moments else 0) + 6
    scale = (WIDTH - LABELS - ENDS) / whole
    said = ", ".join(f"{_label(each)} {_seconds(each.seconds)}" for each in stretches)
    moments_text = "".join(
        f", {each.name} after {_seconds((each.started - first).total_seconds())}" for each in moments
    )
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Timeline: {_text(said + moments_text)}">',
        *_grid(whole, scale, height - (ROW if moments else 0)),
    ]
    parts += _moments(moments, [LABELS + (each.started - first).total_seconds() * scale for each in moments], height)
    for index, each in enumerate(stretches):
        start, y = LABELS + (each.started - first).total_seconds() * scale, TOP + index * ROW
        width = max(each.seconds * scale, SMALLEST)
        kind = "bad" if "failed" in each.what else each.kind
        parts.append(
            f'<text x="{LABELS - 10}" y="{y + 15}" text-anchor="end">{_text(_label(each))}</text>'
            f'<rect class="{kind}" x="{start:.1f}" y="{y + 3}" width="{width:.1f}" height="16" rx="3"/>'
            f'<text class="soft" x="{start + width + 6:.1f}" y="{y + 15}">{_seconds(each.seconds)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _label(span: Span) -> str:
    return f"check: {span.name}" if span.kind == "verify" else span.name


def _grid(whole: float, scale: float, bottom: int) -> Iterator[str]:
    step = next((each for each in STEPS if whole / each <= 8), whole / 8)
    for number in range(int(whole / step) + 1):
        x = LABELS + number * step * scale
        yield f'<line class="grid" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}"/>'
        yield f'<text class="soft" x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{number * step:g} s</text>'


def _moments(moments: Sequence[Span], places: Sequence[float], height: int) -> Iterator[str]:
    """The lines, with the names below; a name that would cover the one before it goes to the other side."""
    taken = 0.0
    for each, x in zip(moments, places, strict=True):
        room = len(each.name) * LETTER
        start = min(max(x - room / 2, taken), WIDTH - room)
        taken = start + room + 10
        yield f'<line class="moment" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - ROW + 4}"/>'
        yield f'<text x="{start + room / 2:.1f}" y="{height - 8}" text-anchor="middle">{_text(each.name)}</text>'


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _text(value: str) -> str:
    return escape(scrub(value), quote=True)
