"""What the frontend's proxy adds to a request: the same requests straight to the backend and through it, in turn.

    python bench/proxy.py [--database-url postgresql://…] [--json FILE]

Both servers are processes of their own, as in their images; the requests through the proxy are a browser's: cookies,
the page's token, `/api/me/…`. The overhead is the difference of the same percentile. Without --database-url: SQLite.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.frontend import csrf, session

ROOT = Path(__file__).parents[1]
PORTS = (18600, 18601)
WANTED_MS = 5.0
WARM_UP = 20

Send = Callable[[], Awaitable[None]]


class Connection:
    """One connection, kept alive: as little as measures a server and not the client."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += ["Content-Type: application/json"] if content else []
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        if "content-length: " in head:
            answer = await self._reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        else:
            answer = b""
            while size := int(await self._reader.readline(), 16):
                answer += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readline()
        if status not in {200, 201}:
            raise RuntimeError(f"{method} {path}: {status} {answer[:200]!r}")
        return json.loads(answer)

    def close(self) -> None:
        if self._writer:
            self._writer.close()


class User:
    """A user, who asks straight or through the proxy."""

    def __init__(self, made: dict[str, Any]) -> None:
        cookies = f"{session.ACCESS}={made['token']}; {session.REFRESH}={made['refresh_token']}"
        self.ways = {
            "direct": (Connection(PORTS[0]), made["user_id"], {"Authorization": f"Bearer {made['token']}"}),
            "proxy": (
                Connection(PORTS[1]),
                "me",
                {"Cookie": cookies, "X-CSRF-Token": csrf.token(made["refresh_token"]), "Sec-Fetch-Site": "same-origin"},
            ),
        }
        self._said = 0

    async def light(self, way: str) -> None:
        connection, name, headers = self.ways[way]
        await connection.ask("GET", f"/api/{name}", headers)

    async def turn(self, way: str) -> None:
        connection, name, headers = self.ways[way]
        self._said += 1
        said = "add buy milk" if self._said % 2 else "undo"  # the list stays as short as it was
        await connection.ask("POST", f"/api/{name}/chat", headers, {"message": said})


@contextmanager
def servers(database_url: str) -> Iterator[int]:
    """Run backend and frontend; give the frontend's process id."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "JWT_SECRET": "0" * 32,
        "RATE_LIMIT": "off",
        "CHAT_RATE_LIMIT": "off",
        "LOGIN_RATE_LIMIT": "off",
        "BACKEND_URL": f"http://127.0.0.1:{PORTS[0]}",
    }
    python = [sys.executable, "-m"]
    subprocess.run([*python, "app.backend.migrate"], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    started = [
        subprocess.Popen(
            [*python, f"app.{service}"],
            cwd=ROOT,
            env={**environment, "PORT": str(port)},
            stdout=subprocess.DEVNULL,
        )
        for service, port in zip(("backend", "frontend"), PORTS, strict=True)
    ]
    try:
        yield started[1].pid
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


async def ready() -> None:
    """Wait until both answer."""
    for port in PORTS:
        while True:
            connection = Connection(port)
            try:
                await connection.ask("GET", "/health", {})
                break
            except OSError:
                await asyncio.sleep(0.05)
            finally:
                connection.close()


async def one_after_the_other(user: User, ask: str, count: int) -> dict[str, list[float]]:
    """Ask `count` times each way, in turn, one at a time; return milliseconds."""
    spent: dict[str, list[float]] = {"direct": [], "proxy": []}
    for number in range(count + WARM_UP):
        for way, times in spent.items():
            begun = time.perf_counter()
            await getattr(user, ask)(way)
            if number >= WARM_UP:
                times.append((time.perf_counter() - begun) * 1000)
    return spent


async def many_at_once(users: list[User], ask: str, seconds: float) -> dict[str, list[float]]:
    """Let every user ask once a second, at a moment of their own, for so long; return milliseconds.

    One second this way, the next that way, and at any moment half of the users each: what else the machine does meets
    both alike.
    """
    spent: dict[str, list[float]] = {"direct": [], "proxy": []}
    begun = time.perf_counter()

    async def one(user: User, place: int) -> None:
        for second in range(int(seconds) + 2):
            await asyncio.sleep(max(0.0, begun + second + place / len(users) - time.perf_counter()))
            way = "direct" if (second + place) % 2 else "proxy"
            asked = time.perf_counter()
            await getattr(user, ask)(way)
            if second > 1:  # the first are to warm up
                spent[way].append((time.perf_counter() - asked) * 1000)

    await asyncio.gather(*(one(user, place) for place, user in enumerate(users)))
    return spent


def summary(spent: dict[str, list[float]]) -> dict[str, Any]:
    """Return the percentiles of both ways and their differences, in milliseconds."""
    found: dict[str, Any] = {"requests": len(spent["proxy"])}
    for name, index in (("p50", 49), ("p95", 94), ("p99", 98)):
        values = {way: statistics.quantiles(times, n=100)[index] for way, times in spent.items()}
        found[name] = {**values, "overhead": values["proxy"] - values["direct"]}
    return found


def processor_ms(process: int) -> float:
    """Return how long a process has used a processor."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1000


async def measure(frontend: int, users: int, count: int, seconds: float) -> dict[str, Any]:
    """Measure everything."""
    await ready()
    gate = Connection(PORTS[0])
    people = [User(await gate.ask("POST", "/api/session", {})) for _ in range(users)]
    found = {}
    for ask in ("light", "turn"):
        before = processor_ms(frontend)
        found[f"{ask}, one at a time"] = summary(await one_after_the_other(people[0], ask, count))
        found[f"{ask}, one at a time"]["processor"] = (processor_ms(frontend) - before) / (count + WARM_UP)
        found[f"{ask}, {users} users, each once a second"] = summary(await many_at_once(people, ask, seconds))
    for user in people:
        for connection, *_ in user.ways.values():
            connection.close()
    gate.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database-url", default="")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        servers(options.database_url or f"sqlite:///{folder}/todo.db") as frontend,
    ):
        found = asyncio.run(measure(frontend, options.users, options.count, options.seconds))
    for name, values in found.items():
        print(f"{name} ({values['requests']} each way)")
        for percentile in ("p50", "p95", "p99"):
            each = values[percentile]
            ways = f"direct {each['direct']:.2f} ms, proxy {each['proxy']:.2f} ms"
            print(f"  {percentile}: {ways}, +{each['overhead']:.2f} ms")
        if "processor" in values:
            print(f"  the frontend's processor time: {values['processor']:.2f} ms a request")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if all(values["p95"]["overhead"] <= WANTED_MS for values in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
