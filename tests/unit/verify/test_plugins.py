"""Checks of installed packages, and everything that can be wrong with them."""

import io
import sys
import textwrap
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from kubetasks.console import Console
from kubetasks.settings import Settings
from kubetasks.verify import Report, plugins
from kubetasks.verify.results import Layer
from kubetasks.verify.run import Run
from kubetasks.verify.selection import Selection
from tests.unit.verify.fakes import FakeStore, FakeTarget, application

MODULE = """
import sys, threading, time
from kubetasks.verify import Check, CheckFailed, check

good = Check("good", lambda context: f"in {context.namespace}")

@check("loud", limit=20)
def loud(context):
    print("to standard output")
    sys.stderr.write("to standard error")
    return "done"

@check("several")
def several(context):
    context.passed("one", "1")
    context.failed("two", "2")
    context.skipped("three", "3")

@check("asks")
def asks(context):
    input("your name? ")

@check("leaves")
def leaves(context):
    raise SystemExit(0)

@check("hides")
def hides(context):
    return "token " + context.secret("hunter2-of-the-shop")

@check("hangs", limit=0.05)
def hangs(context):
    threading.Event().wait(20)

@check("late", limit=0.05)
def late(context):
    released.wait(20)
    print("too late")
    printed.set()

released, printed = threading.Event(), threading.Event()

@check("lost", needs=["no such check"])
def lost(context):
    pass

both = [good, loud]
again = Check("good", lambda context: None)
number = 7
mixed = [Check("fine", lambda context: None), "text"]
nameless = Check("", lambda context: None)
timeless = Check("timeless", lambda context: None, limit=0)
endless = Check("endless", lambda context: None, limit=float("inf"))
needy = Check("needy", lambda context: None, needs="contract")
idle = Check("idle", None)
placed = Check("placed", lambda context: "moved", layer="objects", last=True)
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop_checks.py").write_text(textwrap.dedent(MODULE))
    (tmp_path / "shop_broken.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "shop_syntax.py").write_text("def (:\n")
    (tmp_path / "shop_exit.py").write_text("print('hello')\nraise SystemExit('bye')\n")
    (tmp_path / "shop_slow.py").write_text("import threading\nthreading.Event().wait(20)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("shop_")]:
        del sys.modules[name]


def points(*values: str) -> list[EntryPoint]:
    return [EntryPoint(value.rpartition(":")[2].partition(".")[0], value, plugins.GROUP) for value in values]


def run(monkeypatch: pytest.MonkeyPatch, *values: str, only: str = "") -> Report:
    monkeypatch.setattr(plugins, "installed", lambda: points(*values))
    rendered, live = application()
    target = FakeTarget({}, FakeStore(live))
    selection = Selection.parse(only, "" if only else "checks")
    return Run(Settings(project="notes"), Path(), target, rendered, Console(quiet=True), selection).run()


def told(report: Report) -> list[tuple[str, str, str]]:
    return [(each.name, each.status, each.evidence) for each in report.checks if each.layer == "checks"]


def test_none_are_installed_with_kubetasks_itself() -> None:
    assert plugins.checks(Layer("checks")) == []


def test_one_and_a_list_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(run(monkeypatch, "shop_checks:both")) == [("good", "pass", "in notes"), ("loud", "pass", "done")]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("shop_broken:checks", "cannot be loaded: ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("not_there:checks", "cannot be loaded: ModuleNotFoundError: No module named 'not_there'"),
        ("shop_checks:nothing", "cannot be loaded: AttributeError: "),
        ("shop_syntax:checks", "cannot be loaded: SyntaxError: "),
        ("shop_exit:checks", "cannot be loaded: SystemExit: bye"),
        ("shop_checks:number", ": it is an int, not a kubetasks.verify.Check or a list of them"),
        ("shop_checks:mixed", ": it is a str, not a kubetasks.verify.Check or a list of them"),
        ("shop_checks:nameless", ": its name must be a printable text of at most 120 characters"),
        ("shop_checks:timeless", ": the check timeless must have a time limit above 0 seconds"),
        ("shop_checks:endless", ": the check endless must have a time limit above 0 seconds"),
        ("shop_checks:needy", ": the check needy must name what it needs as a list of texts"),
        ("shop_checks:idle", ": the check idle has no function to run"),
    ],
)
def test_a_broken_one_is_one_line_and_the_others_run(monkeypatch: pytest.MonkeyPatch, value: str, why: str) -> None:
    report = run(monkeypatch, value, "shop_checks:good")
    found = {name: (status, evidence) for name, status, evidence in told(report)}
    assert found["good"] == ("pass", "in notes")
    [(status, evidence)] = [found[name] for name in found if name not in {"good", "fine"}]
    assert status == "fail"
    assert why in evidence
    assert "Traceback" not in evidence
    assert not report.ok


def test_a_broken_one_does_not_matter_where_others_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "shop_broken:checks", only="objects/Service/web").ok


def test_one_that_does_not_load_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "LOADING", 0.05)
    [(name, status, evidence)] = told(run(monkeypatch, "shop_slow:checks"))
    assert (name, status) == ("checks", "fail")
    assert evidence.endswith("it is not loaded after 0.05 s")


def test_a_name_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(run(monkeypatch, "shop_checks:good", "shop_checks:again"))
    assert found[0] == ("good", "pass", "in notes")
    assert found[1][:2] == ("good (again)", "fail")
    assert found[1][2].endswith("another check has the name good")


def test_what_they_print_goes_nowhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "shop_checks:loud", "shop_exit:checks")
    assert capsys.readouterr() == ("", "")


def test_what_one_prints_after_its_time_goes_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not run(monkeypatch, "shop_checks:late").ok
    module = sys.modules["shop_checks"]
    module.released.set()
    assert module.printed.wait(20)
    print("the report")  # noqa: T201
    assert capsys.readouterr() == ("the report\n", "")


def test_none_waits_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("somebody\n"))
    [(_, status, evidence)] = told(run(monkeypatch, "shop_checks:asks"))
    assert status == "fail"
    assert evidence.startswith("EOFError")
    assert sys.stdin.read() == "somebody\n"


@pytest.mark.parametrize(
    ("name", "status", "evidence"),
    [
        ("leaves", "fail", "SystemExit: 0 (shop_checks.py, line "),
        ("hangs", "fail", "not finished after 0.05 s, its time limit"),
        ("hides", "pass", "token ***"),
        ("lost", "fail", "it needs no such check, and there is no such check"),
        ("placed", "pass", "moved"),
    ],
)
def test_what_one_does(monkeypatch: pytest.MonkeyPatch, name: str, status: str, evidence: str) -> None:
    [found] = told(run(monkeypatch, f"shop_checks:{name}"))
    assert found[:2] == (name, status)
    assert found[2].startswith(evidence)


def test_one_may_give_several_results(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(run(monkeypatch, "shop_checks:several")) == [
        ("one", "pass", "1"),
        ("two", "fail", "2"),
        ("three", "skip", "3"),
    ]
