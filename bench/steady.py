"""Clients that keep their connections, and count every request that fails; a Job runs this file.

It needs only the standard library.
Each client is a user of their own with one connection. It sends one request after the other: a page, a list, a new
task, a change, a turn of the chat, a streamed turn. Nothing is tried again. A failure is an exception (a reset, a
connection that was closed, a time-out) or a status of 500 and above; what failed, when and why goes to standard error.

    python steady.py URL CLIENTS REQUESTS [SECONDS]

It ends after so many requests, or after so many seconds, or at SIGTERM, and writes one line of JSON to standard output.
"""

import http.client
import json
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 30.0  # seconds for one request
PATIENCE = 60.0  # seconds for the first session
PAUSE = 0.002  # seconds between two requests of a client
SESSION = 600.0  # seconds after which a client becomes another user: a token lasts for 900


class Client:
    """One user with one connection."""

    def __init__(self, host: str, port: int, stop: threading.Event) -> None:
        """Connect when the first request is sent."""
        self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        self._stop = stop
        self._user, self._token = "", ""
        self._began = 0.0
        self.requests = self.closed = 0
        self.failures: list[dict[str, Any]] = []
        self.slowest = 0.0
        self.statuses: Counter[int] = Counter()

    def begin(self) -> None:
        """Become a user; until the application is there, try again."""
        self._began = time.monotonic()
        deadline = self._began + PATIENCE
        self._token = ""
        while True:
            try:
                status, body = self._send("POST", "/api/session")
                if status == 201:
                    session = json.loads(body)
                    self._user, self._token = session["user_id"], session["token"]
                    return
            except (OSError, http.client.HTTPException):
                self._connection.close()
            if time.monotonic() > deadline:
                raise SystemExit("steady: the application does not answer")
            time.sleep(0.5)

    def run(self, number: int) -> None:
        """Send so many requests."""
        task = 1
        own = f"/api/{self._user}"
        while self.requests < number and not self._stop.is_set():
            if time.monotonic() - self._began > SESSION:
                self.begin()
                own = f"/api/{self._user}"
            turn = self.requests % 6
            match turn:
                case 0:
                    self._try("GET", "/")
                case 1:
                    self._try("GET", f"{own}/tasks?limit=10")
                case 2:
                    made = self._try("POST", f"{own}/tasks", {"title": f"task {self.requests}"})
                    task = json.loads(made)["id"] if made else task
                case 3:
                    self._try("PATCH", f"{own}/tasks/{task}", {"completed": True})
                case 4:
                    self._try("POST", f"{own}/chat", {"message": "what is due today?"})
                case _:
                    self._try("POST", f"{own}/chat/stream", {"message": f"delete #{task}"})
            time.sleep(PAUSE)
        self._connection.close()

    def _try(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes | None:
        began = time.monotonic()
        self.requests += 1
        why = ""
        answer = b""
        kept = self._connection.sock is not None
        try:
            status, answer = self._send(method, path, body)
            self.statuses[status] += 1
            if status >= 500:
                why = f"status {status}: {answer[:200]!r}"
            elif path.endswith("/stream") and status == 200 and b"event: done" not in answer:
                why = f"a stream without its end: {answer[-200:]!r}"
        except (OSError, http.client.HTTPException) as error:
            why = repr(error)
            self._connection.close()
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        if not why:
            return answer if status < 300 else None
        failed = {"at": round(time.time(), 3), "took": round(took, 3), "kept": kept, "method": method, "why": why}
        self.failures.append({**failed, "path": path.replace(self._user, "…")})
        sys.stderr.write(json.dumps(self.failures[-1]) + "\n")
        sys.stderr.flush()
        return None

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if "/chat" in path:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.getheader("Connection", "").lower() == "close":
            self.closed += 1
        return response.status, answer


def run(url: str, clients: int, requests: int, seconds: float, stop: threading.Event | None = None) -> dict[str, Any]:
    """Let clients send requests, and return what came of them.

    Args:
        url: of the application.
        clients: how many there are.
        requests: how many they send together.
        seconds: when to stop in any case.
        stop: set to stop earlier.
    """
    stop = stop or threading.Event()
    parts = urlsplit(url)
    made = [Client(parts.hostname or "", parts.port or 80, stop) for _ in range(clients)]
    for client in made:
        client.begin()
    began = time.monotonic()
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()
    threads = [threading.Thread(target=client.run, args=(requests // clients,)) for client in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    timer.cancel()
    statuses: Counter[int] = sum((client.statuses for client in made), Counter())
    return {
        "requests": sum(client.requests for client in made),
        "failures": [failure for client in made for failure in client.failures],
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "closed": sum(client.closed for client in made),
        "seconds": round(time.monotonic() - began, 1),
        "slowest": round(max(client.slowest for client in made), 3),
    }


def main() -> None:
    """Read the command line, run, and write the result."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    url, clients, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 3600.0
    sys.stdout.write(json.dumps(run(url, clients, requests, seconds)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
