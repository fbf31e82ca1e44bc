"""Migrations: up, down, at the same time, and waiting for them."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from app.backend import migrate
from app.backend.migrations import MIGRATIONS, MigrateError, revisions
from tests.app.databases import connected
from tests.app.servers import nobody_at

ROOT = Path(__file__).parents[2]
TABLES = {"alembic_version", "users", "tasks", "conversations", "messages", "tool_calls"}


def tables(url: str) -> set[str]:
    """Return the names of the tables there are."""
    with connected(url) as connection:
        return set(inspect(connection).get_table_names())


def execute(url: str, statement: str) -> None:
    """Execute one statement."""
    with connected(url) as connection:
        connection.execute(text(statement))


def no_sleep(_seconds: float) -> None:
    """Fail: there is nothing to wait for."""
    pytest.fail("it waited")


class Clock:
    """A clock that goes on by one second whenever it is looked at."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        self.time += 1
        return self.time


def test_the_revisions_are_what_alembic_finds() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    known, head = revisions()
    assert known == {script.revision for script in scripts.walk_revisions()}
    assert [head] == scripts.get_heads()


def test_up_twice_down_and_up_again(empty_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, head = revisions()
    migrate.upgrade(empty_url, 10, sleep=no_sleep)
    assert tables(empty_url) == TABLES
    assert migrate.current(empty_url) == head
    migrate.upgrade(empty_url, 10, sleep=no_sleep)
    migrate.downgrade(empty_url, "base")
    assert tables(empty_url) == {"alembic_version"}
    assert migrate.current(empty_url) is None
    migrate.upgrade(empty_url, 10, sleep=no_sleep)
    assert tables(empty_url) == TABLES
    went = f"migrate: the database went from revision none to {head}"
    assert capsys.readouterr().out.splitlines() == [
        went,
        f"migrate: the database is at revision {head}: nothing to do",
        went,
    ]


def test_several_at_once_do_it_once(empty_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    threads = [threading.Thread(target=migrate.upgrade, args=(empty_url, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "went from revision none" in line]) == 1
    assert len([line for line in lines if "nothing to do" in line]) == 3
    assert tables(empty_url) == TABLES


def test_a_failed_step_leaves_nothing_behind(empty_url: str) -> None:
    execute(empty_url, "CREATE TABLE conversations (id INTEGER)")
    with pytest.raises(MigrateError, match="conversations") as raised:
        migrate.upgrade(empty_url, 10, sleep=no_sleep)
    assert "\n" not in str(raised.value)
    assert tables(empty_url) == {"conversations"}


def test_wait_returns_at_once_when_there_is_nothing_to_wait_for(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, head = revisions()
    migrate.wait(url, 10, sleep=no_sleep)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"migrate: the database is at revision {head}"


def test_wait_until_somebody_migrates(empty_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, head = revisions()
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            migrate.upgrade(empty_url, 10)

    migrate.wait(empty_url, 1000, sleep=sleep, clock=Clock())
    assert pauses == [migrate.PAUSE_SECONDS] * 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"migrate: waiting for revision {head} in ")
    assert lines[1] == f"migrate: the database is at revision none, not at {head}"  # said once, not three times
    assert lines[-1] == f"migrate: the database is at revision {head}"
    assert "s3cret" not in "".join(lines)


def test_wait_gives_up(empty_url: str) -> None:
    with pytest.raises(MigrateError, match=r"gave up after 5 s: the database is at revision none, not at"):
        migrate.wait(empty_url, 5, sleep=lambda _seconds: None, clock=Clock())


def test_a_database_that_is_ahead_is_left_alone(empty_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    migrate.upgrade(empty_url, 10)
    execute(empty_url, "UPDATE alembic_version SET version_num = '9999'")
    migrate.wait(empty_url, 10, sleep=no_sleep)
    migrate.upgrade(empty_url, 10, sleep=no_sleep)
    assert migrate.current(empty_url) == "9999"
    assert capsys.readouterr().out.count("ahead of this code") == 2


def test_a_server_that_starts_late_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with nobody_at() as address:
        url = f"postgresql://todo:s3cret@{address.removeprefix('http://')}/todo"
        with pytest.raises(MigrateError, match=r"gave up after 5 s: .*refused"):
            migrate.upgrade(url, 5, sleep=lambda _seconds: None, clock=Clock())
        assert migrate.main(["--wait", "--timeout", "0"], {"DATABASE_URL": url}) == 1
    said = capsys.readouterr()
    assert "refused" in said.err
    assert len(said.err.splitlines()) == 1
    assert "s3cret" not in said.out + said.err


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "mysql://u:p4ss@h/d"}, "DATABASE_URL cannot be used: its scheme is 'mysql'"),
        ({"DATABASE_URL": "sqlite:////d", "MIGRATION_DATABASE_URL": "x"}, "MIGRATION_DATABASE_URL cannot be used"),
        ({"DATABASE_URL": "postgresql://u:p4ss@h/d?nonsense=p4ss"}, "postgresql://u@h/d: invalid URI query parameter"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--wait"]])
def test_a_wrong_url_is_said_so_at_once(
    flags: list[str], environment: dict[str, str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if flags:
        environment = {"DATABASE_URL": next(reversed(environment.values()), "")}
        line = line.replace("MIGRATION_DATABASE_URL", "DATABASE_URL")
    assert migrate.main(flags, environment) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"migrate: {line}")
    assert len(said.splitlines()) == 1
    assert "p4ss" not in said


def test_migrations_go_past_the_pooler_and_waiting_through_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    direct, pooled = (f"sqlite:///{tmp_path}/{name}.db" for name in ("direct", "pooled"))
    environment = {"DATABASE_URL": pooled, "MIGRATION_DATABASE_URL": direct}
    assert migrate.main([], environment) == 0
    assert tables(direct) == TABLES
    assert not (tmp_path / "pooled.db").exists()
    assert migrate.main(["--wait", "--timeout", "0"], environment) == 1
    assert "is at revision none" in capsys.readouterr().err
    assert not (tmp_path / "pooled.db").exists()


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "todo.db"
    file.write_text("no database at all, but some text, which is long enough to be looked at" * 20)
    assert migrate.main(["--timeout", "0"], {"DATABASE_URL": f"sqlite:///{file}"}) == 1
    assert "file is not a database" in capsys.readouterr().err


def test_the_folder_of_a_file_is_made(tmp_path: Path) -> None:
    assert migrate.main([], {"DATABASE_URL": f"sqlite:///{tmp_path}/a/b/todo.db"}) == 0
    with sqlite3.connect(tmp_path / "a" / "b" / "todo.db") as connection:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
    connection.close()


def test_waiting_is_light(url: str) -> None:
    code = (
        "import sys; from app.backend import migrate; code = migrate.main(['--wait', '--timeout', '0']);"
        "print(code, sorted({'sqlalchemy', 'alembic', 'fastapi', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"DATABASE_URL": url}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0 []"
    assert done.stderr == ""
