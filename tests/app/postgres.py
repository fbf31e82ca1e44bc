"""A throwaway Postgres server, from the programs that are installed, or are installed now; and PgBouncer before it."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.app.packages import provided

PROGRAMS = ("initdb", "pg_ctl", "postgres")
UNPRIVILEGED = ("postgres", "nobody")
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "log_min_messages": "fatal",
}
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}


def installed_programs() -> Path | None:
    """Return the folder with the server's programs, None when there is none."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if all((folder / name).exists() for name in PROGRAMS)), None)


def find_programs() -> Path:
    """Return the folder with the server's programs; install them, or fail saying what is missing."""
    return provided(
        "postgresql",
        installed_programs,
        "PostgreSQL's initdb, pg_ctl and postgres are neither on PATH nor in /usr/lib/postgresql",
    )


def identity() -> dict[str, Any]:
    """Return what makes a child process run as somebody else where we are root: Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in UNPRIVILEGED:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.fail(f"Postgres does not run as root, and there is none of the users {', '.join(UNPRIVILEGED)}")


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def own_folder(prefix: str) -> Iterator[Path]:
    """A folder of whoever `identity` says, with a path short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    if as_user := identity():
        os.chown(folder, as_user["user"], as_user["group"])
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A server that can be stopped, started and frozen."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        """Make its files; it is not started yet."""
        self._folder = folder
        self._data = folder / "data"
        self._programs = find_programs()
        self._frozen = False
        self.port = free_port()
        self.url = f"postgresql://todo:s3cret@127.0.0.1:{self.port}"
        self._settings = {
            **SETTINGS,
            **settings,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(folder),
        }
        self._call("initdb", "-U", "todo", "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        flags = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        self._call("pg_ctl", "-w", "-t", "30", "-l", str(self._folder / "log"), "-o", flags, "start")

    def stop(self) -> None:
        """Stop it at once; connections are cut."""
        if self.running():
            if self._frozen:
                self.thaw()
            self._call("pg_ctl", "-w", "-t", "30", "-m", "immediate", "stop")

    def running(self) -> bool:
        """Tell whether it runs."""
        return (self._data / "postmaster.pid").exists()

    def freeze(self) -> None:
        """Let it neither work nor end: connections stay, and nothing answers."""
        self._frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._frozen = False
        self._signal(signal.SIGCONT)

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """Execute one statement as the superuser; return the rows."""
        with psycopg.connect(f"{self.url}/{database}", autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def ask_for_password(self, user: str) -> None:
        """Let this user in with a password only, from now on; everybody else as before."""
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        self.execute("SELECT pg_reload_conf()")

    def _signal(self, number: signal.Signals) -> None:
        main = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text()
        for process in [main, *map(int, children.split())]:
            with suppress(ProcessLookupError):  # a connection's own, which has ended
                os.kill(process, number)

    def _call(self, program: str, *argv: str) -> None:
        # To a file, not a pipe: the server inherits it, and a pipe would stay open for as long as the server runs.
        with (self._folder / "output").open("w") as output:
            done = subprocess.run(
                [str(self._programs / program), "-D", str(self._data), *argv],
                **identity(),
                cwd=self._folder,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=60,
            )
        if done.returncode != 0:
            log = (self._folder / "log").read_text() if (self._folder / "log").exists() else ""
            pytest.fail(f"{program} failed: {(self._folder / 'output').read_text()}{log}")


@contextmanager
def own_server(**settings: str) -> Iterator[Server]:
    """A server of one test's own, not started yet."""
    find_programs()  # before it is decided who runs it: the package brings the user
    with own_folder("todo-pg-") as folder:
        made = Server(folder, settings)
        try:
            yield made
        finally:
            made.stop()


@contextmanager
def server() -> Iterator[str]:
    """Run a server; give the URL of it, without a database's name."""
    with own_server() as made:
        made.start()
        yield made.url


def create_database(server_url: str, name: str) -> str:
    """Create an empty database; return its URL."""
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server_url}/{name}"


@contextmanager
def pgbouncer(url: str, *, size: int = 2) -> Iterator[str]:
    """Run PgBouncer, which gives each transaction one of `size` connections; give the URL through it."""
    program = provided(
        "pgbouncer",
        lambda: shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin"),
        "PgBouncer is neither on PATH nor in /usr/sbin",
    )
    place = url.rpartition("@")[2]
    host, _, rest = place.partition(":")
    port, _, name = rest.partition("/")
    own_port = free_port()
    with own_folder("todo-bouncer-") as folder:
        file = folder / "pgbouncer.ini"
        file.write_text(
            f"""
            [databases]
            {name} = host={host} port={port} dbname={name} user=todo
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {own_port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = {size}
            server_login_retry = 1
            """
        )
        file.chmod(0o644)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [program, str(file)], **identity(), cwd=folder, env=ENVIRONMENT, stdout=log, stderr=log
            )
        through = f"postgresql://todo:s3cret@127.0.0.1:{own_port}/{name}"
        try:
            _wait_for(through, process, folder / "log")
            yield through
        finally:
            process.kill()
            process.wait(20)


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(200):
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"PgBouncer does not answer: {log.read_text()}")
