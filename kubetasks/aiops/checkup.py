"""What `inv doctor` says of questions in plain language: whether kubectl-ai is installed, and what would run it."""

from collections.abc import Iterator

from kubetasks.aiops import sandbox
from kubetasks.diagnose.checkup import Finding
from kubetasks.errors import SandboxMissing
from kubetasks.runner import HINTS, Runner
from kubetasks.settings import Settings


def examine(settings: Settings, runner: Runner) -> Iterator[Finding]:
    """The findings; none where no model is configured or kubectl-ai is not wanted."""
    wanted = settings.aiops
    if not wanted.endpoint or wanted.tool not in {"auto", "kubectl-ai"}:
        return
    needed = "for inv aiops.ask; else it asks the model itself"
    path = runner.which("kubectl-ai")
    if path is None:
        only = wanted.tool == "kubectl-ai"
        yield Finding("kubectl-ai", "", needed, "warn" if only else "ok", HINTS["kubectl-ai"] if only else "")
        return
    yield Finding("kubectl-ai", path, needed, "ok")
    try:
        name = sandbox.choose(wanted.sandbox, runner, settings.base_image).name
    except SandboxMissing as error:
        yield Finding("sandbox", error.why, "bubblewrap or a container", "warn", error.fix)
    else:
        yield Finding("sandbox", name, "bubblewrap or a container", "ok")
