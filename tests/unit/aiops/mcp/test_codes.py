"""One-time codes."""

from kubetasks.aiops.mcp.codes import LENGTH, LIFE, TRIES, Codes
from tests.unit.aiops.mcp.fakes import Terminal


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def made() -> tuple[Codes, Terminal, Clock]:
    terminal, clock = Terminal(), Clock()
    return Codes(terminal, clock), terminal, clock


def test_a_code_is_accepted_once() -> None:
    codes, terminal, _ = made()
    assert codes.ask("deploy")
    assert len(terminal.code) == LENGTH
    assert codes.accept("deploy", f" {terminal.code} ")
    assert not codes.accept("deploy", terminal.code)


def test_a_code_gets_too_old() -> None:
    codes, terminal, clock = made()
    codes.ask("deploy")
    clock.now = LIFE + 1
    assert not codes.accept("deploy", terminal.code)


def test_guessing_uses_it_up() -> None:
    codes, terminal, _ = made()
    codes.ask("deploy")
    assert not any(codes.accept("deploy", f"WRONG{number}") for number in range(TRIES))
    assert not codes.accept("deploy", terminal.code)


def test_a_new_one_replaces_the_old_one() -> None:
    codes, terminal, _ = made()
    codes.ask("deploy")
    old = terminal.code
    codes.ask("deploy")
    assert terminal.code != old
    assert not codes.accept("deploy", old)


def test_what_is_not_a_code_is_refused() -> None:
    codes, _, _ = made()
    assert not codes.accept("deploy", "")
    codes.ask("deploy")
    assert not codes.accept("deploy", "\udcff\U0001f600")


def test_no_terminal_no_code() -> None:
    codes = Codes(Terminal(there=False))
    assert not codes.ask("deploy")
    assert not codes.accept("deploy", "")
