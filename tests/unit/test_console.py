import errno
import io
import re

import pytest

from kubetasks.console import Console, all_as_typed, as_typed, program, report
from kubetasks.errors import BuildFailed, UsageError
from kubetasks.redact import Redactor, Sensitive


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def hider() -> Redactor:
    hide = Redactor()
    hide.add([Sensitive("s3cret")])
    return hide


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr("kubetasks.console.time.monotonic", lambda: 100.0)
    return Console(hide=hider(), stream=out)


def test_a_pipe_sees_plain_lines(console: Console, out: io.StringIO) -> None:
    console.line("hello [bold]you[/bold]")
    console.line("all right", mark="done")
    console.line("take note", mark="note")
    assert out.getvalue() == "hello [bold]you[/bold]\n✓ all right\n· take note\n"


def test_steps_end_with_one_line_each(console: Console, out: io.StringIO) -> None:
    with console.step("build") as step:
        step.update("layer 3")
        step.done("2 images")
    with console.step("load") as step:
        step.skip("they are there")
    with console.step("apply"):
        pass
    assert out.getvalue() == "✓ build: 2 images (0.0s)\n- load: they are there (0.0s)\n✓ apply (0.0s)\n"


@pytest.mark.parametrize("error", [BuildFailed("x"), KeyboardInterrupt(), ValueError("a bug")])
def test_a_step_that_fails_says_so_and_passes_the_error_on(
    console: Console, out: io.StringIO, error: BaseException
) -> None:
    with pytest.raises(type(error)), console.step("build") as step:  # noqa: PT012
        step.done("too early")
        raise error
    assert out.getvalue() == "✗ build (0.0s)\n"


def test_everything_is_redacted(console: Console, out: io.StringIO) -> None:
    console.line("it is s3cret")
    with console.step("send s3cret") as step:
        step.done("s3cret sent")
    console.table(["A"], [["s3cret"]])
    assert "s3cret" not in out.getvalue()
    assert out.getvalue().count("***") == 4


def test_a_table_in_a_pipe_is_aligned(console: Console, out: io.StringIO) -> None:
    console.table(["NAME", "STATE"], [["a", "ok"], ["longer", "missing"]])
    assert out.getvalue() == "NAME    STATE\na       ok\nlonger  missing\n"


def test_quiet_shows_nothing(out: io.StringIO) -> None:
    console = Console(quiet=True, stream=out)
    console.line("a")
    console.table(["A"], [["b"]])
    with console.step("c") as step:
        step.update("d")
    console.finished("all")
    assert out.getvalue() == ""


def test_the_closing_line(console: Console, out: io.StringIO) -> None:
    console.started = 87.7
    console.finished("Finished all")
    assert out.getvalue() == "Finished all in 12.3 seconds\n"


def test_a_person_sees_marks_and_brackets_as_they_are() -> None:
    terminal = Terminal()
    console = Console(hide=hider(), stream=terminal)
    assert console.live
    console.line("list[int] of s3cret", mark="done")
    console.table(["NAME"], [["[x]"]])
    with console.step("wait [a] s3cret") as step:
        step.update("s3cret [2/2]")
    shown = terminal.getvalue()
    assert "list[int] of ***" in shown
    assert "[x]" in shown
    assert "wait [a] ***" in shown
    assert "s3cret" not in shown


def test_an_error_is_one_line_and_its_evidence_below(out: io.StringIO) -> None:
    report(BuildFailed("build of x failed", why="s3cret", detail="one\ntwo s3cret"), hider(), out)
    assert out.getvalue() == "error: build of x failed: ***\n    one\n    two ***\n"


class NobodyReads(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_work_goes_on_when_nobody_reads_of_it() -> None:
    console = Console(stream=NobodyReads())
    done = []
    with console.step("build"):
        done.append("build")
    with console.step("load"):
        done.append("load")
    console.finished("Deployed")
    assert done == ["build", "load"]


def test_what_was_asked_for_ends_with_its_reader() -> None:
    with pytest.raises(BrokenPipeError):
        Console(stream=NobodyReads()).line("a log line")


class Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_work_goes_on_when_the_disk_is_full_and_the_error_is_lost() -> None:
    console = Console(stream=Full())
    with console.step("build"):
        pass
    with pytest.raises(OSError, match="No space"):
        Console(stream=Full()).line("asked for")
    report(BuildFailed("x"), stream=Full())


WHY = "[CRASH_LOOP] container wait-for-migrations is in CrashLoopBackOff and says: password-authentication-failed"
ROW = ["FAIL", "Deployment/backend", "registry.example:5000/team/backend:1", WHY]


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40, 20, 1])
@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_reason_is_never_cut(width: int, term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    Console(stream=terminal).table(["STATE", "WORKLOAD", "IMAGE", "PROBLEM"], [ROW, ["ok", "Job/x", "y", ""]])
    shown = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    words = shown.split()
    for cell in ROW:
        for word in cell.split():
            assert word in words, shown
    assert "…" not in shown
    assert " ".join(ROW[-1].split()) in " ".join(words)


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["/usr/bin/inv", "deploy"], "inv"),
        (["/usr/local/bin/kubetasks", "deploy"], "kubetasks"),
        (["C:/venv/Scripts/kubetasks.exe"], "kubetasks"),
        (["/x/kubetasks/__main__.py", "--search-root", "/x", "deploy"], "./inv"),
        (["/x/kubetasks/__main__.py", "deploy"], "python -m kubetasks"),
        (["/x/pytest/__main__.py"], "inv"),
        (["invoke"], "invoke"),
        ([""], "inv"),
        ([], "inv"),
    ],
)
def test_commands_begin_with_the_program_that_was_typed(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], name: str
) -> None:
    monkeypatch.setattr("sys.argv", argv)
    program.cache_clear()
    try:
        assert as_typed("see inv --help TASK; run `inv deploy`, and inv verify") == (
            f"see {name} --help TASK; run `{name} deploy`, and {name} verify"
        )
        assert as_typed("inventory, ./inv deploy, the inv program, INV x") == (
            f"inventory, ./inv deploy, the {name} program, INV x"
        )
        assert all_as_typed({"inv x": ["inv x", 1, None]}) == {"inv x": [f"{name} x", 1, None]}
        out = io.StringIO()
        report(UsageError("a", fix="inv plan", detail="inv diagnose"), stream=out)
        Console(stream=out).line("inv open")
        assert out.getvalue() == f"error: a -- {name} plan\n    {name} diagnose\n{name} open\n"
    finally:
        program.cache_clear()
