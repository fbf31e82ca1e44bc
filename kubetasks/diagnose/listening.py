"""On which ports and addresses a program listens, by what it says itself and by what answered."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kubetasks.diagnose.graph import World
from kubetasks.diagnose.views import Container

SAYS: Final = re.compile(
    r"(?i)\b(?:listen\w*|running|serv\w+|start\w+|bound|bind\w*|ready|available|up|accept\w+)\b.{0,60}?"
    # A name before the colon is another host's: "started with db:5432".
    r"(?:(?<![\w.@-])(?P<host>\[[0-9a-f:.]*\]|\d{1,3}(?:\.\d{1,3}){3}|localhost|\*)?:|port[ :=]+)(?P<port>\d{2,5})\b"
)
HTTP_SERVER: Final = re.compile(r"Serving HTTP on (?P<host>\S+) port (?P<port>\d+)")
TROUBLE: Final = re.compile(r"(?i)\b(?:error|fail\w*|refused|cannot|could not|timed? ?out|retry\w*|waiting)\b")
LOOPBACKS: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Listens:
    """A port, and the address where the program names it (empty if it does not)."""

    port: int
    host: str = ""

    @property
    def on_loopback(self) -> bool:
        """Whether only the container itself can reach it."""
        return self.host in LOOPBACKS


def said(container: Container) -> list[Listens]:
    """What the container's log says, the last first."""
    found: list[Listens] = []
    own = str(container.pod.status.get("podIP") or "")
    for line in [*container.head, *container.current]:
        if TROUBLE.search(line.text):
            continue
        text = re.sub(rf"(?<![\w.-]){re.escape(container.pod.name)}(?=:\d)", "*", line.text)
        match = HTTP_SERVER.search(text) or SAYS.search(text)
        if match and 0 < int(match["port"]) < 65536:
            each = Listens(int(match["port"]), (match["host"] or "").lower())
            if re.match(r"\d", each.host) and not each.host.startswith(("0.", "127.")) and each.host != own:
                continue  # another host's address
            if each in found:
                found.remove(each)
            found.insert(0, each)
    return found


def answered(world: World, container: Container) -> Iterator[tuple[int, str, int]]:
    """Port, path and status of what answered when it was asked through the API server."""
    for each in world.snapshot.answers:
        if each.pod == container.pod.name and each.status > 0:
            yield each.port, each.path, each.status


def ports(world: World, container: Container, *, but: int = 0) -> list[int]:
    """The ports on which the program probably listens, the surest first.

    Args:
        world: the snapshot.
        container: the container.
        but: a port on which it does not.
    """
    heard = [port for port, _, _ in answered(world, container)]
    logged = [each.port for each in said(container) if not each.on_loopback]
    return [port for port in dict.fromkeys([*heard, *logged, *container.ports]) if port != but]
