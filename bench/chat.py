"""Chat turns with the rules on Postgres: how long people wait while fifty of them use it at once.

    python -m bench.chat [--users 50] [--seconds 30] [--think 1.0] [--database-url postgresql://…] [--json FILE]

The server is one process, started as the manifests start it (command and arguments are read from them). Every user has
a list and a conversation, says something, waits for the answer, and then thinks for an exponentially distributed time
(`--think` is its mean, in seconds). Measured is the time from sending to the last byte of the answer, in a client that
shares the machine with server and database. A second run thinks not at all: how many turns the server does when it has
no rest. Without --database-url: a Postgres server of its own, which syncs every commit to disk, as by default.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import yaml

from app.backend import migrate
from bench.proxy import Connection
from tests.app import postgres

ROOT = Path(__file__).resolve().parents[1]
PORT = 18610
P95_MS = 50.0
WARM_SECONDS = 3.0
DURABLE = {"fsync": "on", "full_page_writes": "on"}
SAID = (
    "add buy milk {} tomorrow",
    "what's due this week?",
    "complete {last}",
    "add eggs {}, bread {} and apples {}",
    "make {last} high priority",
    "delete {last}",
    "list my tasks",
    "undo",
    "mark the first one as done",
    "delete {last}",
)


class User:
    """Somebody with a list, who talks about it again and again."""

    def __init__(self, number: int, made: dict[str, Any]) -> None:
        self.connection = Connection(PORT)
        self.path = f"/api/{made['user_id']}/chat"
        self.headers = {"Authorization": f"Bearer {made['token']}"}
        self.lines = itertools.islice(itertools.cycle(SAID), number % len(SAID), None)
        self.count = itertools.count(1)
        self.last = 1
        self.conversation: int | None = None
        self.calls = 0

    async def say(self) -> float:
        """Say something; return how many seconds the answer took."""
        n = next(self.count)
        line = next(self.lines).format(n, n, n, last=self.last)
        body: dict[str, Any] = {"message": line, "timezone": "Europe/Berlin"}
        if self.conversation is not None:
            body |= {"conversation_id": self.conversation}
        began = time.perf_counter()
        answer = await self.connection.ask("POST", self.path, self.headers | {"Idempotency-Key": f"k{n}"}, body)
        took = time.perf_counter() - began
        self.conversation = answer["conversation_id"]
        self.calls += len(answer["tool_calls"])
        for call in answer["tool_calls"]:
            if call["tool"] == "add_task" and call["result"]["ok"]:
                self.last = call["result"]["tasks"][0]["id"]
        return took


async def talk(users: list[User], seconds: float, think: float) -> tuple[list[float], list[str]]:
    """Let all of them talk for so many seconds; return how long their turns took, and what went wrong."""
    dice = random.Random(1)  # noqa: S311 - no secret
    took: list[float] = []
    errors: list[str] = []
    end = time.perf_counter() + seconds

    async def one(user: User) -> None:
        await asyncio.sleep(dice.uniform(0, think))  # not all at the same moment
        while time.perf_counter() < end:
            try:
                took.append(await user.say())
            except (RuntimeError, OSError, asyncio.IncompleteReadError) as error:
                errors.append(str(error))
            await asyncio.sleep(dice.expovariate(1 / think) if think else 0)

    await asyncio.gather(*(one(user) for user in users))
    return took, errors


def figures(took: list[float], errors: list[str], seconds: float) -> dict[str, Any]:
    """Return what is told of a run: milliseconds, and turns a second."""
    cuts = statistics.quantiles(took, n=100)
    shown = {f"p{part}_ms": round(cuts[part - 1] * 1000, 1) for part in (50, 95, 99)}
    return {
        "turns": len(took),
        "turns_per_second": round(len(took) / seconds, 1),
        **shown,
        "max_ms": round(max(took) * 1000, 1),
        "errors": len(errors),
    }


def command() -> list[str]:
    """Return what the manifests start the backend with."""
    documents = yaml.safe_load_all((ROOT / "manifests/base/backend.yaml").read_text())
    [deployment] = [each for each in documents if each["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    words = [*container["command"], *container["args"]]
    words = [word.replace("$(HOST)", "127.0.0.1").replace("$(PORT)", str(PORT)) for word in words]
    return [sys.executable if word == "python" else word for word in words]


@contextmanager
def server(database_url: str) -> Iterator[tuple[int, float]]:
    """Run the backend; give its process id and how many seconds it took to be ready."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DATABASE_URL": database_url,
        "JWT_SECRET": "only-for-the-benchmark-0123456789",
        "LOG_LEVEL": "info",
        "RATE_LIMIT": "off",
        "CHAT_RATE_LIMIT": "off",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    began = time.perf_counter()
    with subprocess.Popen(
        command(), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as it:
        try:
            while not answers("/ready"):
                if it.poll() is not None or time.perf_counter() - began > 30:
                    sys.exit("the backend did not start")
                time.sleep(0.01)
            yield it.pid, time.perf_counter() - began
        finally:
            it.terminate()


def answers(path: str) -> bool:
    """Tell whether a path of the server answers 200."""
    try:
        connection = HTTPConnection("127.0.0.1", PORT, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def resident_mib(process: int) -> float:
    """Return a process's resident set."""
    [line] = [each for each in Path(f"/proc/{process}/status").read_text().splitlines() if each.startswith("VmRSS:")]
    return round(int(line.split()[1]) / 1024, 1)


async def measure(flags: argparse.Namespace, process: int) -> dict[str, Any]:
    """Measure with thinking and without."""
    door = Connection(PORT)
    users = [User(number, await door.ask("POST", "/api/session", {})) for number in range(flags.users)]
    door.close()
    await talk(users, WARM_SECONDS, flags.think)
    thinking = figures(*await talk(users, flags.seconds, flags.think), flags.seconds)
    after = resident_mib(process)
    restless = figures(*await talk(users, flags.seconds / 2, 0), flags.seconds / 2)
    for user in users:
        user.connection.close()
    calls = sum(user.calls for user in users)
    return {"thinking": thinking, "restless": restless, "resident_mib": after, "tool_calls": calls}


def main() -> int:
    """Measure, print, and tell whether it is what is wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--think", type=float, default=1.0)
    parser.add_argument("--database-url")
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    with ExitStack() as stack:
        url = flags.database_url
        if not url:
            postgres.SETTINGS.update(DURABLE)
            url = postgres.create_database(stack.enter_context(postgres.server()), "bench")
        migrate.upgrade(url, 10)
        process, ready = stack.enter_context(server(url))
        found = asyncio.run(measure(flags, process))
    load = os.getloadavg()[0]
    report = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "users": flags.users,
        "think_seconds": flags.think,
        "cores": os.cpu_count(),
        "load_average": round(load, 2),
        "ready_seconds": round(ready, 2),
        **found,
    }
    print(json.dumps(report, indent=2))
    if flags.json:
        flags.json.write_text(json.dumps(report, indent=2) + "\n")
    errors = found["thinking"]["errors"] + found["restless"]["errors"]
    return 0 if found["thinking"]["p95_ms"] <= P95_MS and not errors else 1


if __name__ == "__main__":
    sys.exit(main())
