"""What the leash costs: the gateway for each request, the sandbox for each question. Needs bubblewrap, no cluster.

``python bench/aiops.py`` asks a scripted endpoint on loopback, in turn straight and through the gateway, with requests
as large as those of kubectl-ai after some rounds; then it starts a program, in turn straight and in the sandbox.
"""

import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from kubetasks.aiops import gateway, kubectl_ai  # noqa: E402
from kubetasks.aiops.audit import Audit  # noqa: E402
from kubetasks.aiops.cleaning import Cleaner  # noqa: E402
from kubetasks.aiops.outbound import Outbound  # noqa: E402
from kubetasks.aiops.sandbox import RELAY, Bubblewrap, Work  # noqa: E402
from kubetasks.aiops.upstream import Clock, Endpoint  # noqa: E402
from kubetasks.environment import Exact  # noqa: E402
from kubetasks.redact import Redactor, Sensitive  # noqa: E402
from kubetasks.runner import SystemRunner  # noqa: E402
from tests.scripted_model import KEY, Model, Say, serving  # noqa: E402

REQUESTS = 200
STARTS = 20
LINE = "2026-11-28T09:00:00Z INFO request handled method=GET path=/api/items status=200 duration_ms=12 user=42\n"


def conversation(rounds: int) -> list[dict[str, str]]:
    """The messages after some rounds: a result of about 2 KB in each."""
    found = [{"role": "user", "content": "why is it restarting?"}]
    for number in range(rounds):
        found.append({"role": "assistant", "content": f"look {number}"})
        found.append({"role": "user", "content": json.dumps({"stdout": f"{number}\n{LINE * 20}"})})
    return found


def ask(connection: http.client.HTTPConnection, path: str, rounds: int) -> float:
    """Milliseconds for one request."""
    body = json.dumps({"model": "m", "messages": conversation(rounds), "stream": True})
    begun = time.perf_counter()
    connection.request("POST", f"{path}/chat/completions", body, {"Authorization": "Bearer placeholder"})
    connection.getresponse().read()
    return (time.perf_counter() - begun) * 1000


def measure_gateway() -> None:
    """The difference between a request through the gateway and a straight one."""
    redactor = Redactor()
    redactor.add([Sensitive(KEY), *(Sensitive(f"a-secret-of-the-namespace-{number}") for number in range(20))])
    with tempfile.TemporaryDirectory() as state, serving(Model([Say("It is the memory limit. " * 10)])) as model:
        os.environ["XDG_STATE_HOME"] = state
        endpoint = Endpoint(model.url, "m", Sensitive(KEY))
        outbound = Outbound(endpoint, Cleaner(redactor), Audit(ROOT), Clock(3600), 10**6, 10**9)
        with kubectl_ai.scratch() as folder, gateway.opened(outbound, folder, loopback=True) as doors:
            straight, through = urlsplit(model.url), urlsplit(doors.url)
            one, other = http.client.HTTPConnection(straight.netloc), http.client.HTTPConnection(through.netloc)
            pairs = [
                (ask(one, straight.path, number % 20), ask(other, through.path, number % 20))
                for number in range(REQUESTS)
            ]
            one.close()
            other.close()
    differences = sorted(after - before for before, after in pairs)
    show("straight", [before for before, _ in pairs], "ms")
    show("through the gateway", [after for _, after in pairs], "ms")
    show("difference", differences, "ms")


def measure_sandbox() -> None:
    """The difference between a program in the sandbox, relay and all, and the same program straight."""
    with tempfile.TemporaryDirectory() as folder:
        runner = SystemRunner(Path(folder))
        why = Bubblewrap().works(runner)
        if why:
            print(why)
            return
        straight, apart, probe = [], [], []
        for _ in range(STARTS):
            straight.append(timed(lambda: runner.run(["/bin/true"], env=Exact())))
            apart.append(timed(lambda: Bubblewrap().run(Work(["true"]), runner)))
            probe.append(timed(lambda: Bubblewrap().works(runner)))
    show("straight", straight, "s")
    show(f"in the sandbox, with {RELAY.name}", apart, "s")
    show("trying whether it works", probe, "s")
    show("together, less straight", [b + c - a for a, b, c in zip(straight, apart, probe, strict=True)], "s")


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def show(what: str, values: list[float], unit: str) -> None:
    """Median, and the value that one in twenty exceeds."""
    ordered = sorted(values)
    middle, high = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    print(f"{what:<34} median {middle:8.3f} {unit}   p95 {high:8.3f} {unit}")


if __name__ == "__main__":
    measure_gateway()
    measure_sandbox()
