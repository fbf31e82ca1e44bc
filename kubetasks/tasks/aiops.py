"""Questions in words: ``aiops.ask``."""

import os
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit

from kubetasks.redact import Sensitive
from kubetasks.tasks._edge import Edge, command, edge, flags
from kubetasks.tasks._terminal import attended, confirmed
from kubetasks.tasks.diagnose import look, snapshot_of

if TYPE_CHECKING:
    from kubetasks.aiops.ask import Question
    from kubetasks.aiops.outbound import Outbound
    from kubetasks.diagnose import Finding, Snapshot
    from kubetasks.errors import KubetasksError


@command(
    positional=["question"],
    help=flags(
        "target",
        "context",
        "namespace",
        "env-file",
        "json",
        question="your question, in quotes",
        tool="the tool that asks the model: auto, kubectl-ai, direct or rules (setting `aiops.tool`)",
        unsandboxed="run kubectl-ai with your own permissions if there is no sandbox",
        show_sent="print everything that was sent to the model",
    ),
)
def ask(
    c: Context,
    question: str,
    target: str = "",
    context: str = "",
    namespace: str = "",
    env_file: str = "",
    tool: str = "",
    unsandboxed: bool = False,
    show_sent: bool = False,
    json: bool = False,
) -> None:
    """Answer a question about the deployment: first by the rules of diagnose, then by a model if one is configured."""
    from kubetasks.aiops.choose import check
    from kubetasks.errors import KubetasksError

    found = edge(c, target=target, cluster_context=context, namespace=namespace, env_file=env_file, as_json=json)
    check(question, tool)
    notes: list[str] = []
    secrets, unread = _secrets(found, notes)
    state, findings = look(found)
    for note in notes:
        found.note(note)
    document = _document(state, findings)
    try:
        if unread is not None:  # what is not known cannot be hidden
            raise unread
        asked = _question(found, question, tool, secrets, state, findings)
        if asked is None or found.dry:
            _without(found, asked, show_sent)
        else:
            _answered(found, asked, document, unsandboxed=unsandboxed, show_sent=show_sent)
    except KubetasksError as error:
        document["error"] = {"exit_code": error.exit_code, "line": error.line}
        raise
    finally:
        if json and not found.dry:
            found.print_json(document)
    if asked is not None and not found.dry:
        _act(found, asked, document)


def _question(
    found: Edge,
    text: str,
    tool: str,
    secrets: dict[str, Sensitive],
    state: "Snapshot",
    findings: "list[Finding]",
) -> "Question | None":
    """The question to a model; None if the rules alone answer."""
    from kubetasks.aiops.ask import Question
    from kubetasks.aiops.choose import outbound, way

    chosen = way(found.settings, found.target.cluster, found.runner, tool)
    if chosen == "rules":
        return None
    out = outbound(found.settings, found.root, found.redactor, secrets, _proxy)
    return Question(text, chosen, found.settings, found.target, found.runner, found.console, out, state, findings)


def _without(found: Edge, asked: "Question | None", show_sent: bool) -> None:
    """Say why no model is asked, or with ``--dry`` what would be sent where."""
    from kubetasks.aiops.choose import CONFIGURE

    if asked is None:
        if not found.settings.aiops.endpoint:
            found.note(f"no model is configured, so only the rules answer; {CONFIGURE}")
        return
    found.would(*asked.would())
    for line in asked.prompt().splitlines() if show_sent else ():
        found.console.line(f"    {line}")


def _answered(found: Edge, asked: "Question", document: dict[str, Any], *, unsandboxed: bool, show_sent: bool) -> None:
    """Ask the model and show its words."""
    document["tool"] = asked.way
    try:
        answer = asked.ask(unsandboxed=unsandboxed)
    finally:
        _sent(found, asked.outbound, document, show_sent)
    document |= {"answer": answer.text, "ran": list(answer.ran)}
    document["proposals"] = [
        {"command": each.text, "argv": list(each.argv), "refused": each.why} for each in asked.judged(answer)
    ]
    if answer.text:
        found.console.line(f"{answer.tool} ({found.settings.aiops.model}) says:")
        for line in answer.text.splitlines():
            found.console.line(f"    {line}")


def _act(found: Edge, asked: "Question", document: dict[str, Any]) -> None:
    """Show the proposals, run those that the user says yes to, and look what came of it."""
    changed, failure = _decide(found, document["proposals"])
    if changed:
        _prove(found)
    if failure is not None:
        raise failure


def _document(state: "Snapshot", findings: "list[Finding]") -> dict[str, Any]:
    """The document for ``--json``, as far as the rules fill it."""
    from kubetasks.diagnose.show import document

    empty: dict[str, Any] = {"answer": "", "ran": [], "proposals": [], "sent": None, "error": None}
    return {"diagnosis": document(state, findings), "tool": "rules", **empty}


def _secrets(found: Edge, notes: list[str]) -> "tuple[dict[str, Sensitive], KubetasksError | None]":
    """What the user gave and what the cluster holds, hidden from now on in everything shown and sent.

    Args:
        found: the edge.
        notes: gets what the user should know of it; the diagnosis is shown before that.

    Returns:
        The values by name, and why those that the user gave cannot be read.
    """
    from pathlib import Path

    from kubetasks.aiops import known
    from kubetasks.errors import EnvFileError, SecretCommandFailed, SecretUnusable
    from kubetasks.secrets import places
    from kubetasks.secrets.readers.env_file import read_env_file

    name, settings = found.settings.aiops.key_secret, found.settings
    values: dict[str, Sensitive] = {}
    unread: KubetasksError | None = None
    try:
        given = found.given(ask=False, tell=False)
        values |= given
        notes += given.warnings
        if name not in settings.secrets:
            # Not part of the application's Secret: it stays on this machine.
            wanted = found.env_file or settings.env_file
            path = (Path.cwd() if found.env_file else found.root) / wanted
            text = os.environ.get(name) or (read_env_file(path).get(name) if wanted and path.is_file() else "")
            if text:
                values[name] = Sensitive(text)
    except (EnvFileError, SecretCommandFailed, SecretUnusable) as error:
        unread = error
    objects = known.objects(found.target.store)
    if objects is None:
        notes.append("you are not allowed to read Secrets here: their values are hidden only if they look like secrets")
        objects = []
    values = {**places.values(settings, objects), **values}
    found.redactor.add([*values.values(), *known.values(objects)])
    for each, value in values.items():
        weak = found.redactor.weakness(value) if each in {*settings.secrets, name} else ""
        if weak:
            notes.append(f"{each} cannot be hidden everywhere: {weak}; a longer value can")
    return values, unread


def _proxy(url: str) -> str:
    """The proxy of the environment for a URL, as curl and Python read it; empty for none."""
    import urllib.request
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc):
        return ""
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all", "")


def _sent(found: Edge, outbound: "Outbound", document: dict[str, Any], show_sent: bool) -> None:
    """Say what was sent where."""
    from kubetasks.diagnose.words import counted

    if not outbound.requests:
        return
    to, size, record = outbound.endpoint.url, outbound.sent_bytes, outbound.audit.path
    document["sent"] = {"to": to, "requests": outbound.requests, "bytes": size, "record": str(record or "")}
    summary = f"sent {counted(outbound.requests, 'request')} ({size} bytes) to {to}; all of it is in {record}"
    found.console.line(summary, mark="note")
    if show_sent:
        if found.as_json:
            document["sent"]["entries"] = outbound.audit.entries()
        for line in outbound.audit.shown():
            found.console.line(f"    {line}")


def _decide(found: Edge, proposals: list[dict[str, Any]]) -> "tuple[bool, KubetasksError | None]":
    """Show each proposal and run those that the user says yes to, until one fails.

    Returns:
        Whether anything was changed, and the failure.
    """
    import shlex

    from kubetasks.aiops.changes import carry_out
    from kubetasks.errors import KubetasksError

    changed = False
    cluster = found.target.cluster
    for each in proposals:
        if each["refused"] or cluster is None:
            text, why = " ".join(each["command"].split())[:400], each["refused"] or "there is no cluster to run it on"
            found.console.line(f"proposed and rejected: {text} ({why})", mark="note")
            continue
        found.console.line(f"proposed: {shlex.join(each['argv'])}", mark="note")
        if found.as_json or not attended():
            found.console.line("not run: a proposal needs a terminal and your approval", mark="note")
        elif confirmed("run it with your permissions? [y/N] "):
            try:
                with found.console.step("run") as shown, found.locked("aiops.ask"):
                    shown.done(carry_out(cluster, found.runner, each["argv"]))
            except KubetasksError as error:
                return changed, error
            changed = True
    return changed, None


def _prove(found: Edge) -> None:
    """After a change: wait until it has settled, verify where the project is deployed here, and diagnose again."""
    from kubetasks.aiops.changes import LONGEST, settle
    from kubetasks.diagnose import diagnose
    from kubetasks.diagnose.show import shown
    from kubetasks.errors import TroubleFound, VerifyFailed
    from kubetasks.objects import PART_OF
    from kubetasks.verify import verify

    with found.console.step("settle") as step:
        done = settle(found.target.store.get, min(float(found.settings.deadline), LONGEST))
        step.done("every workload is ready" if done else "not every workload is ready")
    state = snapshot_of(found, "")
    project = found.settings.project
    code = 0
    if any((item["metadata"].get("labels") or {}).get(PART_OF) == project for item in state.objects):
        _, objects = found.rendered()
        report = verify(found.settings, found.root, found.target, objects, found.console)
        found.console.table(["LAYER", "CHECK", "RESULT", "EVIDENCE"], report.rows())
        code = 0 if report.ok else VerifyFailed.exit_code
    findings = diagnose(state)
    for line in shown(state, findings):
        found.console.line(line)
    if code or findings:
        raise Exit(code=code or TroubleFound.exit_code)
