"""The images: their sizes, how soon the backend is ready, and how much memory it takes after a thousand chat turns.

    python bench/images.py [--base kubetasks.local/python:3.11] [--runs 5] [--turns 1000]

Builds both services and the backend with the model extra from the checkout, and runs the backend as a pod would:
read-only root, no privileges, with SQLite and with Postgres. A size is what `docker image ls` says: the uncompressed
layers together. "Ready" is from the start of the container's process (and with what the engine takes before it) until
/ready answers 200. Memory is the server's resident set.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Name: service, EXTRA, megabytes (10^6 bytes) at the most.
IMAGES = {
    "backend": ("backend", "", 150),
    "backend-model": ("backend", "model", 220),
    "frontend": ("frontend", "", 110),
}
READY_SECONDS = 2.5
RESIDENT_MIB = 90
ABREAST = 8
# As little as a pod may.
POD = ("--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
KEY = "only-for-the-benchmark-0123456789"
SAID = (
    "add buy milk {}",
    "add pay rent {} tomorrow",
    "list",
    "complete buy milk {}",
    "delete pay rent {}",
    "yes",
    "hello",
)


def docker(*words: str) -> str:
    """What a docker command printed; its failure ends it all."""
    # Debian's client has BuildKit built in, where a newer one may lack its plugin; see docker/offline.
    program = next(
        (each for each in ("/usr/bin/docker", shutil.which("docker")) if each and Path(each).exists()), "docker"
    )
    done = subprocess.run(
        [program, *words], env={**os.environ, "DOCKER_BUILDKIT": "1"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"docker {' '.join(words)}: {done.stderr}")
    return done.stdout.strip()


def build(base: str) -> list[dict[str, Any]]:
    """Build every image; their sizes, and how much of it is the base that they share."""
    rows: list[dict[str, Any]] = []
    for name, (service, extra, limit) in IMAGES.items():
        arguments = {"BASE_IMAGE": base, "SERVICE": service, "EXTRA": extra}
        given = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        docker(
            "build",
            "--quiet",
            "--file",
            str(ROOT / "docker/Dockerfile"),
            *given,
            "--tag",
            f"bench/{name}",
            str(ROOT / "app" / service),
        )
        size = int(docker("image", "inspect", "--format", "{{.Size}}", f"bench/{name}"))
        layers = docker(
            "history", "--human=false", "--no-trunc", "--format", "{{.Size}} {{.CreatedBy}}", f"bench/{name}"
        ).splitlines()
        shares = {
            part: sum(int(line.split()[0]) for line in layers if copied in line)
            for part, copied in (
                ("python", "COPY /runtime"),
                ("dependencies", "COPY /srv/site"),
                ("code", "COPY . /srv/app"),
            )
        }
        rows.append(
            {"image": name, "MB": round(size / 1e6, 1), "limit": limit, "holds": size <= limit * 1e6}
            | {part: round(share / 1e6, 1) for part, share in shares.items()}
        )
    return rows


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def call(connection: HTTPConnection, method: str, path: str, token: str = "", body: object = None) -> tuple[int, Any]:
    """One request with JSON both ways."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if "json" in answer.getheader("Content-Type", "") else None


@contextlib.contextmanager
def container(*words: str) -> Iterator[str]:
    """A running container."""
    made = docker("run", "--detach", *words)
    try:
        yield made
    finally:
        docker("rm", "--force", "--volumes", made)


@contextlib.contextmanager
def sqlite() -> Iterator[list[str]]:
    """What gives a backend a SQLite database."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield ["--volume", f"{folder}:/data", "--env", "DATABASE_URL=sqlite:////data/app.db"]


@contextlib.contextmanager
def postgres(image: str) -> Iterator[list[str]]:
    """What gives a backend a Postgres of its own."""
    given = ["POSTGRES_USER=todo", "POSTGRES_DB=todo", f"POSTGRES_PASSWORD={KEY}"]
    with container(*(word for each in given for word in ("--env", each)), image) as server:
        address = docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", server)
        yield ["--env", f"DATABASE_URL=postgresql://todo:{KEY}@{address}:5432/todo"]


def migrate(database: list[str]) -> None:
    docker("run", "--rm", *POD, *database, "bench/backend", "python", "-m", "app.backend.migrate")


@contextlib.contextmanager
def backend(database: list[str]) -> Iterator[tuple[str, int, float]]:
    """A running backend: container, port, and when it was asked for."""
    port = free_port()
    given = [
        f"JWT_SECRET={KEY}",
        "RATE_LIMIT=off",
        "CHAT_RATE_LIMIT=off",
        "LOGIN_RATE_LIMIT=off",
        f"PORT={port}",
    ]
    began = time.time()
    with container(*POD, *database, *(word for each in given for word in ("--env", each)), "bench/backend") as made:
        yield made, port, began


def wait_ready(server: str, port: int) -> float:
    """When /ready first answered 200."""
    deadline = time.time() + 60
    while time.time() < deadline:
        with (
            contextlib.suppress(OSError, HTTPException),
            contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=2)) as connection,
        ):
            if call(connection, "GET", "/ready")[0] == 200:
                return time.time()
        time.sleep(0.005)
    sys.exit(f"not ready after a minute:\n{docker('logs', server)}")


def started(server: str) -> float:
    """When the container's process began."""
    text = docker("inspect", "--format", "{{.State.StartedAt}}", server)
    return datetime.fromisoformat(text).timestamp()


def resident(server: str) -> tuple[float, float]:
    """The server's resident set, now and at its highest, in MiB."""
    pid = docker("inspect", "--format", "{{.State.Pid}}", server)
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(status["VmRSS"].split()[0]) / 1024, int(status["VmHWM"].split()[0]) / 1024


def converse(port: int, turns: int) -> int:
    """So many chat turns of one user after the other, ten each; how many were not answered with 200."""
    failed = 0
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for turn in range(turns):
            if turn % 10 == 0:
                _, session = call(connection, "POST", "/api/session")
            said = {"message": SAID[turn % len(SAID)].format(turn // 7)}
            status, _ = call(connection, "POST", f"/api/{session['user_id']}/chat", session["token"], said)
            failed += status != 200
    return failed


def memory(name: str, database: list[str], turns: int) -> dict[str, Any]:
    """The server's memory before and after so many turns, eight at a time, and an account that is made and entered."""
    migrate(database)
    with backend(database) as (server, port, _):
        wait_ready(server, port)
        before, _ = resident(server)
        with ThreadPoolExecutor(ABREAST) as pool:
            failed = sum(pool.map(lambda each: converse(port, each), [turns // ABREAST] * ABREAST))
        after, _ = resident(server)
        with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            somebody = {"name": "ann", "password": KEY}
            statuses = [call(connection, "POST", path, "", somebody)[0] for path in ("/api/accounts", "/api/login")]
        _, highest = resident(server)
    figures = {"MiB with": name, "before": before, "after": after, "highest, hashing a password": highest}
    rounded = {key: round(value, 1) if isinstance(value, float) else value for key, value in figures.items()}
    holds = after <= RESIDENT_MIB and not failed and statuses == [201, 200]
    return rounded | {"turns": turns, "failed": failed, "limit": RESIDENT_MIB, "holds": holds}


def readiness(runs: int) -> dict[str, Any]:
    """How soon a backend with SQLite is ready."""
    own: list[float] = []
    whole: list[float] = []
    with sqlite() as database:
        migrate(database)
        for _ in range(runs):
            with backend(database) as (server, port, began):
                ready = wait_ready(server, port)
                own.append(ready - started(server))
                whole.append(ready - began)
    figures = {"ready after seconds": statistics.median(own), "with the engine's part": statistics.median(whole)}
    rounded = {key: round(value, 2) for key, value in figures.items()}
    return rounded | {"limit": READY_SECONDS, "holds": max(own) <= READY_SECONDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="kubetasks.local/python:3.11", help="the base image")
    parser.add_argument("--postgres", default="kubetasks.local/postgres:15", help="a Postgres image")
    parser.add_argument("--runs", type=int, default=5, help="how often the start is measured")
    parser.add_argument("--turns", type=int, default=1000, help="chat turns before memory is measured")
    parser.add_argument("--out", default="bench/results/images.json", help="where the figures go")
    args = parser.parse_args()
    rows = [*build(args.base), readiness(args.runs)]
    with sqlite() as database:
        rows.append(memory("SQLite", database, args.turns))
    with postgres(args.postgres) as database:
        rows.append(memory("Postgres", database, args.turns))
    for row in rows:
        print(json.dumps(row))
    out = ROOT / args.out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows, indent=2) + "\n")
    if not all(row["holds"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
