"""What the MCP server's tools do: the steps of the tasks of those names, with a document instead of a printout."""

import contextlib
from collections.abc import Callable

from kubetasks.aiops.mcp.outcome import Outcome
from kubetasks.errors import Forbidden, KubetasksError
from kubetasks.tasks._edge import Edge


def learn_secrets(found: Edge) -> None:
    """Let the redactor know the values of the project's secrets: those that are given, and those that are deployed.

    Where the Secret may not be read, what looks like a secret is still hidden by its form.
    """
    from kubetasks.secrets.store import read

    found.given(ask=False, commands=False)  # what they give is deployed, or not needed here
    with contextlib.suppress(Forbidden):
        found.redactor.add(read(found.target.store, found.settings).values())


class ProjectOperations:
    """The tools of one project. Each call creates its own edge, and so reads the cluster again.

    Args:
        make: makes the edge.
        offer_changes: whether ``deploy`` and ``rollback`` may be called.
    """

    def __init__(self, make: Callable[[], Edge], *, offer_changes: bool) -> None:
        self._make, self._offer_changes = make, offer_changes
        self._named = ""

    def _edge(self) -> Edge:
        """An edge whose redactor knows the values of the project's secrets, as far as they may be read."""
        found = self._make()
        learn_secrets(found)
        return found

    def where(self) -> str:
        """The target, the context and the namespace, in words."""
        if not self._named:
            found = self._make()
            cluster = found.target.cluster
            place = f"context {cluster.context}" if cluster is not None else "this machine"
            self._named = f"namespace {found.settings.in_namespace} of {place} (target {found.target.name})"
        return self._named

    def hide(self, text: str) -> str:
        """The text without secrets."""
        from kubetasks.diagnose.hide import masked

        return masked(text, self._make().redactor)

    def status(self) -> Outcome:
        """See ``inv status``."""
        from kubetasks.deployers.status import look
        from kubetasks.diagnose.ours import ours
        from kubetasks.diagnose.words import counted

        found = self._edge()
        of_ours = ours(found.settings, found.target.name)
        seen = look(found.target.store, found.settings.project, found.target.cluster, of_ours, found.redactor)
        bad = sum(not row.ok for row in seen.rows)
        lines = ["  ".join(filter(None, row.cells())) for row in seen.rows]
        lines += [finding.line for finding in seen.findings[:1]] + ([seen.line] if seen.last else [])
        summary = f"{counted(len(seen.rows), 'row')}, {bad} not well" if seen.rows else "nothing is deployed"
        if seen.terminating:
            summary = "the namespace is being deleted"
        data = {"target": found.target.name, "namespace": found.settings.in_namespace, **seen.document()}
        return Outcome(summary, lines, data, ok=not bad and not seen.terminating)

    def diagnose(self, workload: str) -> Outcome:
        """See ``inv diagnose``."""
        from kubetasks.diagnose import diagnose
        from kubetasks.diagnose.show import about, document, lines
        from kubetasks.diagnose.words import counted
        from kubetasks.tasks.diagnose import check_known, snapshot_of

        found = self._edge()
        state = snapshot_of(found, "")
        findings = diagnose(state)
        if workload:
            check_known(state, workload)
            findings = about(findings, workload)
        summary = f"{counted(len(findings), 'finding')}; the first one is the root cause to fix first"
        return Outcome(
            summary if findings else "nothing is wrong",
            list(lines(findings, every=True)),
            document(state, findings),
            ok=not findings,
        )

    def verify(self) -> Outcome:
        """See ``inv verify``."""
        from kubetasks.verify import verify

        found = self._edge()
        _, objects = found.rendered()
        report = verify(found.settings, found.root, found.target, objects, found.console)
        failed = [f"FAIL {check.layer}/{check.name}: {check.evidence}" for check in report.failures]
        rest = [f"{check.status} {check.layer}/{check.name}" for check in report.checks if check.status != "fail"]
        summary = (
            f"{len(report.failures)} of {len(report.checks)} checks failed" if not report.ok else "all checks passed"
        )
        return Outcome(summary, [*failed, *rest], report.document(), ok=report.ok)

    def logs(self, service: str, tail: int) -> Outcome:
        """See ``inv logs``."""
        from kubetasks.diagnose.words import counted
        from kubetasks.tasks.look import pods_of

        found = self._edge()
        pods = pods_of(found, service)
        logs = {pod: found.target.store.logs(pod, tail=tail).splitlines()[-tail:] for pod in pods}
        lines = [f"{pod}: {line}" for pod, each in logs.items() for line in each]
        data = {"pods": [{"pod": pod, "lines": each} for pod, each in logs.items()]}
        return Outcome(f"the last lines of {counted(len(pods), 'pod')}", lines, data, tail=True)

    def plan(self) -> Outcome:
        """See ``inv plan``."""
        from kubetasks.tasks.deploy import rows_of, work_of

        work = work_of(self._edge(), ask=False)
        _ = work.survey.autoscaled
        rows = rows_of(work)
        needed = sum(row["action"] == "run" for row in rows)
        summary = "nothing to do" if work.survey.unchanged else f"{needed} of {len(rows)} steps would run"
        return Outcome(summary, [f"{row['step']} [{row['action']}] {row['what']}" for row in rows], {"steps": rows})

    def diff(self) -> Outcome:
        """See ``inv diff``."""
        from kubetasks.deployers.diff import differences

        found = self._edge()
        survey, objects = found.rendered()
        lines = differences(found.target.store, found.settings, survey, objects)
        return Outcome(f"{len(lines)} lines differ" if lines else "no difference", lines, {"lines": lines})

    def deploy(self) -> Outcome:
        """See ``inv deploy``."""
        from kubetasks.tasks.deploy import prepare_build, result_of, work_of

        self._check_offered()
        found = self._edge()
        prepare_build(found)
        work = work_of(found, ask=False)
        work.run()
        data = result_of(work)
        return Outcome(f"deployed revision {data['revision']}" if data["changed"] else "nothing to do", (), data)

    def rollback(self, to: int) -> Outcome:
        """See ``inv rollback``."""
        from kubetasks.deployers.back import Rollback

        self._check_offered()
        found = self._edge()
        survey = found.survey(ask=False)
        again = lambda: found.survey(ask=False)  # noqa: E731
        revision = Rollback(found.settings, found.console, survey, found.deployer_named, to, 0.0, again).run()
        return Outcome(f"rolled back; this is revision {revision.number}", (), {"revision": revision.number})

    def _check_offered(self) -> None:
        if not self._offer_changes:
            raise KubetasksError("this server is read-only", fix="start it with --allow-changes")
