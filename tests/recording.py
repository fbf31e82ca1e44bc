"""A runner that starts nothing: it answers from a table and keeps what it was asked."""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubetasks.environment import Environment, Exact
from kubetasks.errors import ToolFailed, ToolMissing
from kubetasks.redact import Redactor
from kubetasks.runner import Process, Result

Given = str | tuple[int, str] | tuple[int, str, str]
Answer = Given | Callable[["Call"], Given]


@dataclass(frozen=True)
class Call:
    """One call: the whole argv, what it was given to read, and what was added to its environment."""

    argv: list[str]
    input: str | None = None
    env: dict[str, str | None] = field(default_factory=dict)
    exact: bool = False  # whether that is the whole environment


class _Kept(io.BytesIO):
    """A child's standard input that remembers what was written to it."""

    def __init__(self, fed: list[bytes]) -> None:
        super().__init__()
        self.fed = fed

    def close(self) -> None:
        if not self.closed:
            self.fed.append(self.getvalue())
        super().close()


class _Finished:
    def __init__(self, out: bytes, code: int, fed: list[bytes]) -> None:
        self.code = code
        self.stdout: io.BytesIO | None = io.BytesIO(out)
        self.stdin: io.BytesIO | None = _Kept(fed)

    def poll(self) -> int | None:
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        return self.code


@dataclass
class RecordingRunner:
    """Answers the longest prefix of argv in ``answers``; a call nobody foresaw is an error, never a silent success."""

    answers: dict[tuple[str, ...], Answer] = field(default_factory=dict)
    programs: frozenset[str] | None = None
    calls: list[Call] = field(default_factory=list)
    redactor: Redactor = field(default_factory=Redactor)
    # What each spawned child was given to read, once its standard input was closed.
    fed: list[bytes] = field(default_factory=list)

    @property
    def argvs(self) -> list[list[str]]:
        return [call.argv for call in self.calls]

    def which(self, program: str) -> str | None:
        if self.programs is not None and program not in self.programs:
            return None
        return f"/usr/bin/{program}"

    def _answer(self, call: Call) -> Result:
        if self.which(call.argv[0]) is None:
            raise ToolMissing(f"{call.argv[0]} is not installed")
        self.calls.append(call)
        for length in range(len(call.argv), 0, -1):
            answer = self.answers.get(tuple(call.argv[:length]))
            if answer is not None:
                break
        else:
            raise AssertionError(f"nobody foresaw {call.argv}")
        given = answer(call) if callable(answer) else answer
        if isinstance(given, str):
            return Result(tuple(call.argv), 0, given)
        return Result(tuple(call.argv), given[0], given[1], given[2] if len(given) == 3 else "")

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | bytes | None = None,  # noqa: A002
        env: Environment | None = None,
        cwd: Path | None = None,
        timeout: float = 60.0,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        text = input.decode(errors="replace") if isinstance(input, bytes) else input
        result = self._answer(Call(list(argv), text, dict(env or {}), isinstance(env, Exact)))
        if on_line is not None:
            for line in result.lines:
                on_line(line)
        if check and not result.ok:
            raise ToolFailed(f"{argv[0]} exited with {result.code}", why=(result.lines or ["it printed nothing"])[-1])
        return result

    @contextlib.contextmanager
    def spawn(
        self,
        argv: Sequence[str],
        *,
        env: Environment | None = None,
        cwd: Path | None = None,
        stdin: bool = False,
        merge: bool = False,
    ) -> Iterator[Process]:
        result = self._answer(Call(list(argv), None, dict(env or {}), isinstance(env, Exact)))
        text = result.stdout + (result.stderr if merge else "")
        yield _Finished(text.encode(), result.code, self.fed)
