"""The check of an application without a contract and journeys: what its users open first answers."""

import time
from typing import Final

from kubetasks.entry import Entry
from kubetasks.verify.check import CheckFailed, NotTried
from kubetasks.verify.client import NoAnswer, Request, Response
from kubetasks.verify.context import Context

# Seconds: a workload without a readiness probe is ready before its server listens.
PATIENCE: Final = 30.0
PAUSE: Final = 0.5


def check_front(entry: Entry, context: Context, *, patience: float | None = None) -> str:
    """GET its path; the evidence. Any status below 500 will do: many applications want a login first.

    Args:
        entry: what is asked.
        context: gives the way there.
        patience: for how many seconds an error is tried again.

    Raises:
        CheckFailed: the answer is an error of the server, or none came.
        NotTried: there is no HTTP answer, and nothing says that the port speaks HTTP.
    """
    until = time.monotonic() + (PATIENCE if patience is None else patience)
    while True:
        answer = _ask(entry, context)
        if isinstance(answer, Response) and answer.status < 500:
            return f"{answer.status} {answer.type}".strip()
        if time.monotonic() >= until or context.stop.wait(PAUSE):
            break
    if isinstance(answer, Response):
        raise CheckFailed(f"expected a status below 500, found {answer.status}: {context.results.excerpt(answer.text)}")
    if not entry.speaks_http:
        raise NotTried(f"{answer}; nothing says that it speaks HTTP (`verify.entry` does)")
    raise CheckFailed(answer)


def _ask(entry: Entry, context: Context) -> Response | str:
    headers = {"Accept": "text/html, */*;q=0.8", **({"Host": entry.host} if entry.host else {})}
    try:
        with context.client(f"{entry.service}:{entry.port}") as client:
            return client.send(Request("GET", entry.path, headers=headers))
    except NoAnswer as error:
        return str(error)
