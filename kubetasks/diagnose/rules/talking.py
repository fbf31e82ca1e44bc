"""Containers that keep running and log that something does not work: refused calls, dead upstreams."""

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from kubetasks.diagnose import reach
from kubetasks.diagnose.fixes import words
from kubetasks.diagnose.graph import Workload, World
from kubetasks.diagnose.logs import LogClass, Match, candidate, search, who
from kubetasks.diagnose.rule import LOG, Candidate, check, define
from kubetasks.diagnose.rules.exits import troubled
from kubetasks.diagnose.talk import configured_hosts
from kubetasks.diagnose.upstream import Upstream, find, resolve
from kubetasks.diagnose.views import Container, Line

# What a program that continues says counts when it says it again, and has said it just now.
LAST: Final = 30
TIMES: Final = 2
RECENT: Final = 180.0
PERSISTS: Final = 20.0


@check
def running(world: World) -> Iterator[Candidate]:
    """Trouble that a running container keeps writing about."""
    for workload, container in world.containers():
        if not container.is_running or not container.current:
            continue
        if troubled(world, container) is not None and container.previous and not container.current:
            continue
        for each, found, index in search(container.current, running=True, last=LAST):
            if not _keeps(world, container, each, index):
                continue
            made = candidate(Match(world, workload, container, found, container.current, index), each)
            if made is None:
                continue
            if container.ready:
                made.severity = made.severity or "error"
                made.grace = made.grace if made.grace is not None else max(made.rule.grace, 15.0)
            yield made
            break


def _keeps(world: World, container: Container, each: LogClass, index: int) -> bool:
    """Whether a class of lines is written again and again, up to now, and nothing after it went well."""
    lines = container.current
    hits = [i for i in range(max(len(lines) - LAST * 2, 0), len(lines)) if _is(each, lines[i])]
    if container.kind == "init" or not container.ready:
        # It is stuck at its start: saying so once, at the end, is enough.
        return bool(hits) and len(lines) - 1 - hits[-1] <= 10
    if len(hits) < TIMES:
        return False
    first, last = lines[hits[0]], lines[hits[-1]]
    apart = max(b - a for a, b in pairwise(hits))
    if last.at is None and len(lines) - 1 - hits[-1] > max(apart, 6):
        return False
    times = [lines[i].at for i in hits]
    if last.at is not None and world.since(last.at) > _patience([each for each in times if each is not None]):
        return False
    return not (
        first.at is not None and last.at is not None and (last.at - first.at).total_seconds() < 3.0 and len(hits) < 5
    )


def _patience(times: list[dt.datetime]) -> float:
    """For how many seconds a line that came again and again may stay away before it is over."""
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    return min(max(2.5 * max(gaps, default=RECENT), 8.0), RECENT)


def _is(each: LogClass, line: Line) -> bool:
    return any(pattern.search(line.text[:2000]) for pattern in each.patterns)


@check
def waits(world: World) -> Iterator[Candidate]:
    """Init containers and unready containers that wait, without a word that says for what: their settings say it."""
    for workload, container in world.containers():
        since = container.running_since
        if since is None or container.ready or world.since(since) < PERSISTS:
            continue
        if container.kind != "init":
            continue
        yield from _dead(world, workload, container)


def _dead(world: World, workload: Workload, container: Container) -> Iterator[Candidate]:
    """What the command of a waiting container names and does not exist."""
    from kubetasks.diagnose.hosts import hosts_in  # noqa: PLC0415

    reported = [host for word in container.command for host in hosts_in(word)] or list(
        configured_hosts(world, workload)
    )
    for host in reported:
        upstream = resolve(world, host)
        name = who(workload, container)
        if upstream.place == "missing":
            made = reach.missing(world, workload, f"{name}, which waits for it,", upstream)
        elif upstream.place == "service" and host.port and upstream.ports and host.port not in upstream.ports:
            made = reach.wrong_port(world, workload, name, upstream)
        elif upstream.place == "service":
            fix = words(f"see why {upstream.key} does not answer")
            cause = f"{name} waits for {host.shown}"
            made = Candidate(WAITING, workload.key, cause, fix, blames=(upstream.key,), confidence="likely")
        else:
            continue
        made.at = container.name
        made.because.append(
            f"{container.label} has run for {world.since(container.running_since):.0f} s: {' '.join(container.command)}"
        )
        yield made


WAITING: Final = define(
    "INIT_WAITS",
    "start",
    "an init container waits for something that does not come",
    signal="an init container that runs on and on",
    why="It waits for a Service or a file that never becomes ready.",
    fix="see what it waits for: its command and its log say so",
    depth=LOG - 5,
    grace=60.0,
)


@check
def reported(world: World) -> Iterator[Candidate]:
    """Configured hosts that do not exist, where a typo, or a workload without a Service, shows what was meant."""
    for workload in world.workloads.values():
        if workload.kind == "CronJob" or not workload.wanted:
            continue
        for host in configured_hosts(world, workload):
            upstream = resolve(world, host)
            if upstream.service and workload.key in {pod.workload for pod in world.selected(upstream.service)}:
                continue  # a shared ConfigMap names it for others
            if upstream.place == "missing" and "." not in host.text and (upstream.near.typo or not workload.ready):
                made = reach.missing(world, workload, workload.key, upstream)
                if made.fix.kind == "command":
                    made.depth, made.confidence = LOG - 3, "likely"
                    yield made
            headless = ((upstream.service or {}).get("spec") or {}).get("clusterIP") == "None"
            known = upstream.ports if upstream.place == "service" and not headless else ()
            if host.port and known and host.port not in known:
                made = reach.wrong_port(world, workload, workload.key, upstream)
                made.depth, made.confidence = LOG - 3, "likely"
                yield made


@check
def stuck_init(world: World) -> Iterator[Candidate]:
    """An init container that runs on and on."""
    for workload, container in world.containers():
        since = container.running_since
        if container.kind != "init" or since is None or world.since(since) < 45.0:
            continue
        command = " ".join(container.command)
        last = next((line.text for line in reversed(container.current) if line.text.strip()), "")
        cause = f"{who(workload, container)} has not ended for {world.since(since):.0f} s: {last or command}"
        yield Candidate(
            WAITING,
            workload.key,
            cause,
            words(f"see what it waits for: {command}"),
            [f"command: {command}"],
            at=container.name,
            confidence="unknown",
        )


@check
def closed(world: World) -> Iterator[Candidate]:
    """Policies that close what a workload's settings name, whether or not the cluster enforces them."""
    if not world.all("NetworkPolicy"):
        return
    for workload in world.workloads.values():
        for host in configured_hosts(world, workload):
            upstream = resolve(world, host)
            if upstream.place == "service" and _meant(world, workload, upstream):
                made = reach.blocked(world, workload, workload.key, upstream, sure=False)
                if made is not None:
                    yield made


def _meant(world: World, workload: Workload, upstream: Upstream) -> bool:
    """Whether a workload is likely to use a Service that its settings name.

    It does not use its own Service. A ConfigMap that several workloads share names what one of them uses: where a
    policy lets one of them in, the others may not need it.
    """
    served = {pod.workload for pod in world.selected(upstream.service or {})}
    if workload.key in served:
        return False
    places = find(world, workload, upstream.host.text)
    if not places or not all(each.config_map for each in places):
        return True
    shared = {(each.config_map, each.key) for each in places}
    others = [each for key, each in world.workloads.items() if key != workload.key and key not in served]
    return not any(
        shared & {(each.config_map, each.key) for each in find(world, other, upstream.host.text)}
        and reach.blocked(world, other, other.key, upstream, sure=False) is None
        for other in others
    )
