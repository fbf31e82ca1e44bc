"""Diagnosing: ``diagnose``."""

from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from kubetasks.tasks._edge import Edge, command, edge, flags

if TYPE_CHECKING:
    from kubetasks.diagnose import Finding, Snapshot


@command(
    help=flags(
        "target",
        "context",
        "namespace",
        "json",
        workload="only this workload: NAME or KIND/NAME; also the argument after `diagnose`",
        all="show the evidence of every finding, not only of the first one",
        snapshot="read a recorded snapshot from this file instead of a cluster",
        record="also write the snapshot to this file: for a bug report; it contains no secret",
    )
)
def diagnose(
    c: Context,
    workload: str = "",
    target: str = "",
    context: str = "",
    namespace: str = "",
    json: bool = False,
    all: bool = False,
    snapshot: str = "",
    record: str = "",
) -> None:
    """Find the root cause of a problem in a namespace, and the command that fixes it."""
    from kubetasks.diagnose import diagnose as find
    from kubetasks.diagnose.show import about, document, shown
    from kubetasks.errors import TroubleFound, TroubleUnknown

    found = edge(c, target=target, cluster_context=context, namespace=namespace, as_json=json)
    state = snapshot_of(found, snapshot)
    if record and not found.dry:
        _write(found, record, state)
    findings = find(state)
    if workload:
        check_known(state, workload)
        findings = about(findings, workload)
    if json:
        found.print_json(document(state, findings))
    else:
        for line in shown(state, findings, workload, every=all):
            found.console.line(line)
        if record and found.dry:
            found.would(f"write the snapshot to {record}")
    if findings:
        known = any(each.confidence != "unknown" for each in findings)
        raise Exit(code=TroubleFound.exit_code if known else TroubleUnknown.exit_code)


def snapshot_of(found: Edge, path: str) -> "Snapshot":
    """From the file, or from the cluster.

    Raises:
        UsageError: the file is not a snapshot, or the cluster has no such namespace.
    """
    from pathlib import Path

    from kubetasks.diagnose.ours import snapshot
    from kubetasks.diagnose.snapshot import read
    from kubetasks.errors import UsageError

    if path:
        return read(Path(path))
    state = snapshot(found.settings, found.target, found.redactor)
    seen = any(item["kind"] == "Namespace" for item in state.objects)
    if found.target.cluster is not None and not seen and "namespaces" not in state.unread:
        raise UsageError(
            f"there is no namespace {state.namespace} in {state.context}",
            fix="use an existing one: --namespace NAME; or deploy: inv deploy",
        )
    return state


def _write(found: Edge, path: str, state: "Snapshot") -> None:
    """Write the snapshot, for its owner alone to read."""
    import os
    from pathlib import Path

    file = Path(path)
    text = found.redactor(state.to_json())
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


def check_known(state: "Snapshot", workload: str) -> None:
    """Reject a name that nothing in the snapshot has.

    Raises:
        UsageError: with the nearest name.
    """
    from kubetasks.diagnose.show import matches
    from kubetasks.diagnose.words import nearest
    from kubetasks.errors import UsageError

    known = [
        f"{item['kind']}/{item['metadata']['name']}" for item in state.objects if item["kind"] not in {"Event", "Node"}
    ]
    if any(matches(key, workload) for key in known):
        return
    name = workload.rpartition("/")[2]
    near = nearest(name, [key.partition("/")[2] for key in known])
    raise UsageError(
        f"there is no {workload} in namespace {state.namespace}",
        fix=f"nearest is {near.name}" if near else "inv diagnose without a name checks everything",
    )


def look(found: Edge) -> "tuple[Snapshot, list[Finding]]":
    """Diagnose the namespace and print the findings; the snapshot, and what was found in it."""
    from kubetasks.diagnose import diagnose as find
    from kubetasks.diagnose.show import shown

    state = snapshot_of(found, "")
    findings = find(state)
    for line in shown(state, findings):
        found.console.line(line)
    return state, findings
