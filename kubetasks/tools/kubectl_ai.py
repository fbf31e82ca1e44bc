"""kubectl-ai: its argument vector, and what it printed. Written for 0.0.28.

It is only ever started with ``--quiet``, without ``--skip-permissions``, ``--mcp-client`` and ``--mcp-server``: its MCP
client sends an empty protocol version and refuses every tool of a server in this mode, and its MCP server runs whatever
it is asked to run. What it lets through as "read-only" is no protection (docs/aiops.md), so it runs in a sandbox.
"""

import re
import textwrap
from collections.abc import Sequence
from typing import Final

APPROVAL: Final = "The following commands require approval:"
END_OF_APPROVAL: Final = "Use --skip-permissions flag"
RUNNING: Final = re.compile(r"^\s*Running: ")
ANSI: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def ask(prompt: str, *, model: str, kubeconfig: str, trace: str, iterations: int) -> list[str]:
    """Ask once, without a terminal.

    Args:
        prompt: the question; it must not begin with a dash.
        model: the model's name.
        kubeconfig: the kubeconfig's path.
        trace: where it writes its trace; the default is one file for all users.
        iterations: how many rounds it may take.
    """
    return [
        "kubectl-ai", "--quiet", "--llm-provider", "openai", "--model", model, "--max-iterations", str(iterations),
        "--kubeconfig", kubeconfig, "--trace-path", trace, prompt,
    ]  # fmt: skip


def proposed(*outputs: str) -> list[str]:
    """The commands that it wanted an approval for, as it printed them, each once."""
    found: dict[str, None] = {}
    for output in outputs:
        _, _, rest = ANSI.sub("", output).partition(APPROVAL)
        listed = rest.partition(END_OF_APPROVAL)[0]
        for command in re.split(r"^\* ", listed, flags=re.MULTILINE)[1:]:
            found[command.strip()] = None
    return list(found)


def answer(stdout: str) -> str:
    """What it answered: its standard output without colours, the commands that it ran, and the list for approval."""
    text = ANSI.sub("", stdout)
    text = re.sub(
        rf"^.*{re.escape(APPROVAL)}.*?(?:{re.escape(END_OF_APPROVAL)}.*?$|\Z)", "", text, flags=re.MULTILINE | re.DOTALL
    )
    lines = [line.rstrip() for line in text.splitlines() if not RUNNING.match(line)]
    return textwrap.dedent(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n"))


def ran(stdout: str) -> list[str]:
    """The commands that it said it ran, in their order."""
    text = ANSI.sub("", stdout)
    return [RUNNING.sub("", line).strip() for line in text.splitlines() if RUNNING.match(line)]


def reason(outputs: Sequence[str]) -> str:
    """Why it failed: the line that begins with ``Error:``, without the usage that it prints after each error."""
    for output in outputs:
        for line in ANSI.sub("", output).splitlines():
            if line.startswith("Error: "):
                return line.removeprefix("Error: ").removeprefix("running UI: ")
    lines = [line for output in outputs for line in ANSI.sub("", output).splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
