"""Questions in words: ``aiops.ask``."""

from invoke.context import Context

from kubetasks.tasks._edge import command, edge, flags
from kubetasks.tasks.diagnose import snapshot_of, well


@command(
    positional=["question"],
    help=flags("target", "context", "namespace", question="what you want to know, in words; in quotes"),
)
def ask(c: Context, question: str, target: str = "", context: str = "", namespace: str = "") -> None:
    """Answer a question about what runs, first by the rules of diagnose."""
    from kubetasks.diagnose import diagnose
    from kubetasks.diagnose.show import lines

    found = edge(c, target=target, cluster_context=context, namespace=namespace)
    state = snapshot_of(found, "")
    findings = diagnose(state)
    for line in lines(findings) if findings else [well(state, "")]:
        found.console.line(line)
