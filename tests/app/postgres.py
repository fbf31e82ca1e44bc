"""A throwaway Postgres server, from the programs that are installed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

PROGRAMS = ("initdb", "pg_ctl", "postgres")
UNPRIVILEGED = ("postgres", "nobody")
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "log_min_messages": "fatal",
}


def find_programs() -> Path:
    """Return the folder with the server's programs; skip the test, saying what is missing, when there is none."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in PROGRAMS):
            return folder
    pytest.skip(
        "PostgreSQL's initdb, pg_ctl and postgres are neither on PATH nor in /usr/lib/postgresql; "
        "install them, e.g. `apt-get install postgresql` or `brew install postgresql`"
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
    pytest.skip(f"Postgres does not run as root, and there is none of the users {', '.join(UNPRIVILEGED)}")


@contextmanager
def server() -> Iterator[str]:
    """Run a server; give the URL of it, without a database's name."""
    programs = find_programs()
    as_user = identity()
    folder = Path(tempfile.mkdtemp(prefix="todo-pg-", dir="/tmp"))
    if as_user:
        os.chown(folder, as_user["user"], as_user["group"])
    data = folder / "data"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(*argv: str) -> None:
        # To a file, not a pipe: the server inherits it, and a pipe would stay open for as long as the server runs.
        with (folder / "output").open("w") as output:
            done = subprocess.run(
                argv,
                **as_user,
                cwd=folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=60,
            )
        if done.returncode != 0:
            log = (folder / "log").read_text() if (folder / "log").exists() else ""
            pytest.fail(f"{argv[0]} failed: {(folder / 'output').read_text()}{log}")

    control = (str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "30")
    try:
        call(str(programs / "initdb"), "-D", str(data), "-U", "todo", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = {
            **SETTINGS,
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(folder),
        }
        flags = " ".join(f"-c {name}={value}" for name, value in options.items())
        call(*control, "-l", str(folder / "log"), "-o", flags, "start")
        try:
            yield f"postgresql://todo:s3cret@127.0.0.1:{port}"
        finally:
            call(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def create_database(server_url: str, name: str) -> str:
    """Create an empty database; return its URL."""
    with psycopg.connect(f"{server_url}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server_url}/{name}"
