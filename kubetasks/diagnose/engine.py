"""The engine: a snapshot in, the root causes out, the one that breaks users first at the head. Pure."""

from kubetasks.diagnose.correlate import Cluster, clusters
from kubetasks.diagnose.finding import CONFIDENCES, LONGEST_CAUSE, SEVERITIES, Finding, Fix, Severity
from kubetasks.diagnose.graph import World
from kubetasks.diagnose.rule import CHECKS, Candidate
from kubetasks.diagnose.snapshot import Snapshot
from kubetasks.diagnose.words import one_line, plain, shorten

MOST_EVIDENCE = 8
MOST_SYMPTOMS = 12
LONGEST_EVIDENCE = 300
LONGEST_NAME = 300
PAGES = "docs/diagnoses"
EXPOSED = ("Service", "Ingress")


def diagnose(snapshot: Snapshot) -> list[Finding]:
    """The root causes of what is wrong in a snapshot, the worst first; none where all is well.

    Args:
        snapshot: from ``collect.take`` or ``snapshot.read``.
    """
    from kubetasks.diagnose import rules  # noqa: F401, PLC0415  (its import makes the checks known)

    world = World(snapshot)
    candidates = [candidate for check in CHECKS for candidate in check(world)]
    found = [_finding(world, each) for each in clusters(world, candidates)]
    return [finding for _, finding in sorted(found, key=lambda each: each[0])]


def _finding(world: World, cluster: Cluster) -> tuple[tuple[object, ...], Finding]:
    """The finding for a cluster of candidates, and its place in the order."""
    root = cluster.root
    affected = _affected(world, cluster)
    severity = _severity(world, root, affected)
    finding = Finding(
        id=root.rule.id,
        family=root.rule.family,
        severity=severity,
        subject=one_line(root.subject, LONGEST_NAME),
        cause=shorten(one_line(root.cause, 1000), LONGEST_CAUSE),
        fix=_printable(root.fix),
        confidence=root.confidence,
        because=list(dict.fromkeys(one_line(each, LONGEST_EVIDENCE) for each in root.because if each))[:MOST_EVIDENCE],
        symptoms=[one_line(each.cause, LONGEST_EVIDENCE) for each in cluster.symptoms][:MOST_SYMPTOMS],
        affects=[one_line(each, LONGEST_NAME) for each in affected],
        grace=root.rule.grace if root.grace is None else root.grace,
        link=f"{PAGES}/{root.rule.id}.md",
    )
    order = (
        SEVERITIES.index(severity),
        CONFIDENCES.index(root.confidence),
        -len(affected),
        -root.depth,
        root.subject,
        finding.cause,
    )
    return order, finding


def _printable(fix: Fix) -> Fix:
    """A fix whose text is one line and safe to print."""
    return Fix(
        kind=fix.kind,
        text=" ".join(plain(fix.text).split("\n")).strip() if fix.kind != "words" else one_line(fix.text, 600),
        what=one_line(fix.what, 300),
        patch=plain(fix.patch),
        note=one_line(fix.note, 300),
    )


def _affected(world: World, cluster: Cluster) -> list[str]:
    """The subject, the subjects of its symptoms, and the Services and Ingresses in front of them."""
    found = dict.fromkeys([key for each in (cluster.root, *cluster.symptoms) for key in (each.subject, *each.affects)])
    for key in list(found):
        workload = world.workloads.get(key)
        if workload is not None and workload.current and not workload.ready:
            found |= dict.fromkeys(f"Service/{each['metadata']['name']}" for each in world.services_of(workload.pods))
    return list(found)


def _severity(world: World, root: Candidate, affected: list[str]) -> Severity:
    """As bad as the rule says; critical where a workload that is to run on has no ready pod, or a Service none."""
    given = root.severity or root.rule.severity
    if given == "warning" and root.severity is not None:
        return given
    for key in affected:
        workload = world.workloads.get(key)
        if workload is not None and workload.runs_on and workload.wanted and not workload.ready:
            return "critical"
        if key.startswith("Ingress/") or (key.startswith("Service/") and _is_dead(world, key)):
            return "critical"
    return given


def _is_dead(world: World, key: str) -> bool:
    name = key.partition("/")[2]
    service = world.get("Service", name)
    if service is None or not (service.get("spec") or {}).get("selector"):
        return False
    return not any(ready for ready, _, _ in world.endpoints(name))
