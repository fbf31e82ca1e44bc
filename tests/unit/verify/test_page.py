"""The HTML report: what is in it, what cannot get into it, and the timeline."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from kubetasks.verify.bars import bars
from kubetasks.verify.compare import Difference
from kubetasks.verify.page import duration
from kubetasks.verify.report import LAYERS, Report
from kubetasks.verify.results import Layer, Result
from kubetasks.verify.timeline import FIRST_READY, VERIFIED, Span, of_layers

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DRIFT = Difference("spec.replicas", "2", "7")
RESULTS = (
    Result("objects", "Deployment/web", "fail", "spec.replicas: expected 2, found 7", 0.1, 0.0, (DRIFT,)),
    Result("rollout", "Deployment/web", "pass", "2 of 2 ready", 0.2, 0.1),
    Result("contract", "contract", "skip", "not tried: objects/Deployment/web failed"),
    Result("checks", "stock", "pass", "", 2.0, 0.5),
)
DEPLOY = (
    Span("build", STARTED - timedelta(seconds=30), 12.0, what="todo:1"),
    Span("delivery", STARTED - timedelta(seconds=18), 3.0),
    Span("apply", STARTED - timedelta(seconds=15), 1.0),
    Span("rollout", STARTED - timedelta(seconds=14), 13.0),
    Span(FIRST_READY, STARTED - timedelta(seconds=5), kind="moment"),
)
VOID = {"meta", "rect", "line"}


def report(*results: Result, spans: Any = (), **more: Any) -> Report:
    return Report(results, STARTED, "kind", "kind-test", "notes", 2.5, "notes", tuple(spans), **more)


class Reader(HTMLParser):
    """Reads a page: its tags with their attributes, its texts, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1] != "style":
            self.texts.append(data)


def test_everything_is_on_the_page() -> None:
    page = Reader(report(*RESULTS, spans=(*DEPLOY, *of_layers(RESULTS, STARTED, 2.5))).to_html())
    for text in (
        "notes on kind",
        "✗ 1 of 3 checks failed: objects: Deployment/web",
        "kind-test",
        "2026-01-02 03:04:05",
    ):
        assert any(text in each for each in page.texts), text
    for result in RESULTS:
        assert result.name in page.texts
        assert result.evidence in page.texts or not result.evidence
    assert {"spec.replicas", "2", "7"} <= {*page.texts}


def test_a_layer_that_failed_is_open_and_the_others_are_not() -> None:
    page = Reader(report(*RESULTS).to_html())
    assert ["open" in attrs for tag, attrs in page.tags if tag == "details"] == [True, False, False, False]


def test_it_needs_no_script_and_no_other_file() -> None:
    text = report(*RESULTS, spans=DEPLOY).to_html()
    page = Reader(text)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "a"})
    for _, attrs in page.tags:
        assert {"src", "href", "srcset", "style"}.isdisjoint(attrs)
        assert not [name for name in attrs if name.startswith("on")]
    assert not re.search(r"url\(|@import|https?://", text)
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none'")


def test_it_can_be_read_in_any_light_and_without_seeing_colours() -> None:
    text = report(*RESULTS, spans=DEPLOY).to_html()
    page = Reader(text)
    assert "prefers-color-scheme: dark" in text
    assert page.tags[0] == ("html", {"lang": "en"})
    assert "✗ failed" in page.texts
    assert "✓ passed" in page.texts
    [drawing] = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert drawing["role"] == "img"
    assert str(drawing["aria-label"]).startswith("Timeline: build 12.0 s, delivery 3.0 s, ")
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")


HOSTILE = (
    "</td><script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' onmouseover='alert(1)",
    "&lt;b&gt; &amp;",
    "<!-- -->",
    "]]></style><style>*{display:none}",
    "\x00\x1b[31m red \x07",
    "a\u202eb",
    "\ud800 lone",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    layer = Layer("checks")
    layer.failed(text, text, [Difference(text, text, text)])
    spans = [Span(text, STARTED, 1.0, what=text), Span(text, STARTED, kind="moment")]
    written = Report(tuple(layer.checks), STARTED, text, text, text, 1.0, text, tuple(spans)).to_html()
    page = Reader(written)
    plain = Reader(report(Result("checks", "a", "fail", "b", drift=(DRIFT,)), spans=(DEPLOY[0], DEPLOY[-1])).to_html())
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    written.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", written)


@pytest.mark.parametrize(
    "token", ["Bearer canary-1234567", '{"token": "canary-1234567"}', "eyJcanary-1234567.eyJcanary.sig-canary"]
)
def test_no_token_gets_onto_it(token: str) -> None:
    layer = Layer("checks", lambda text: text.replace("hunter2", "***"))
    layer.failed(f"a {token}", f"b {token} hunter2", [Difference("data", token, "hunter2")])
    written = report(*layer.checks, spans=[Span("build", STARTED, 1.0, what=token)]).to_html()
    assert "canary" not in written
    assert "hunter2" not in written


@pytest.mark.parametrize(
    "spans",
    [
        DEPLOY,
        DEPLOY[:1],
        DEPLOY[-1:],
        [Span("apply", STARTED, 0.0)],
        [Span("apply", STARTED, 1e-9), Span(VERIFIED, STARTED, kind="moment")],
        [Span("long", STARTED, 1e6), Span("short", STARTED, 0.001)],
        [Span(f"moment {number}", STARTED, kind="moment") for number in range(4)],
    ],
)
def test_bars_are_within_the_picture(spans: list[Span]) -> None:
    root = ET.fromstring(bars(spans))  # noqa: S314  (our own)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for rect in root.iter("rect"):
        assert float(rect.attrib["x"]) >= 0
        assert float(rect.attrib["x"]) + float(rect.attrib["width"]) <= width
        assert 0 < float(rect.attrib["y"]) < height
    for line in root.iter("line"):
        assert 0 <= float(line.attrib["x1"]) <= width
    assert len([*root.iter("line")]) < 20


def test_a_span_for_each_layer_in_which_something_was_tried() -> None:
    spans = of_layers(RESULTS, STARTED, 2.5)
    assert [(each.name, round(each.seconds, 3), each.what) for each in spans] == [
        ("objects", 0.1, "1 of 1 failed"),
        ("rollout", 0.2, "1 passed"),
        ("checks", 2.0, "1 passed"),
    ]
    assert spans[1].started == STARTED + timedelta(seconds=0.1)
    passed = of_layers(RESULTS[1:], STARTED, 2.5)
    assert (passed[-1].name, passed[-1].kind, passed[-1].ended) == (
        VERIFIED, "moment", STARTED + timedelta(seconds=2.5),
    )  # fmt: skip


def test_every_layer_is_explained() -> None:
    from kubetasks.verify.page import ABOUT  # noqa: PLC0415  (only here)

    assert tuple(ABOUT) == LAYERS


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0 ms"), (0.0124, "12 ms"), (3.44, "3.4 s"), (125.0, "2 min 5 s"), (59.96, "60.0 s")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
