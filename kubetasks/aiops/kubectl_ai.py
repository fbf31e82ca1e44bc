"""The way with kubectl-ai: in a sandbox, as the observer, through the gateway."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubetasks import private
from kubetasks.aiops import gateway, observer, prompts, sandbox, sockets
from kubetasks.aiops.answer import Answer, Proposal, printable
from kubetasks.aiops.outbound import Outbound
from kubetasks.diagnose.finding import Finding
from kubetasks.errors import ModelTimeout, ToolFailed, ToolTimeout
from kubetasks.runner import Result, Runner
from kubetasks.targets.base import Cluster
from kubetasks.tools import kubectl_ai as tool

API_PORT: Final = 6443
MODEL_PORT: Final = 8080
# Longer than the model's own time: its error says more than that the tool was ended.
GRACE: Final = 3.0
ROUNDS: Final = 20
SOCKET_PATH: Final = 80  # characters; a Unix socket's path may have about 100


@dataclass(frozen=True)
class Tool:
    """kubectl-ai with everything that it may reach.

    Args:
        cluster: the cluster and the namespace.
        runner: starts the sandbox.
        outbound: the way to the model.
        box: the sandbox.
        folder: a private folder, from ``scratch``.
    """

    cluster: Cluster
    runner: Runner
    outbound: Outbound
    box: sandbox.Sandbox
    folder: Path

    def ask(self, question: str, findings: Sequence[Finding]) -> Answer:
        """Ask it, and read what it printed.

        Raises:
            ModelError: the model gave no answer.
            ToolFailed: kubectl-ai failed for another reason.
        """
        prompt = prompts.for_tool(question, findings, self.cluster.namespace)
        # What is on a command line is in the list of processes, and kubectl-ai sends it on.
        result = self._run(self.outbound.cleaner.text(prompt))
        return self._read(result)

    def _run(self, prompt: str) -> Result:
        key = observer.token(self.cluster, self.runner)
        apart = not isinstance(self.box, sandbox.Unsandboxed)
        with contextlib.ExitStack() as stack:
            folder = self.folder
            doors = stack.enter_context(gateway.opened(self.outbound, folder, loopback=not apart))
            config = folder / "kubeconfig"
            ports = {}
            if apart:
                ports = {API_PORT: stack.enter_context(sockets.to_api_server(self.cluster, folder))}
                ports[MODEL_PORT] = doors.socket
            config.touch(mode=0o600)
            config.write_text(observer.kubeconfig(self.cluster, key, API_PORT if apart else 0), encoding="utf-8")
            home = sandbox.HOME if apart else str(folder)
            path = f"{sandbox.INSIDE}/kubeconfig" if apart else str(config)
            work = sandbox.Work(
                argv=tool.ask(
                    prompt, model=self.outbound.endpoint.model, kubeconfig=path, trace=f"{home}/trace.txt",
                    iterations=ROUNDS,
                ),
                programs={name: self._program(name) for name in ("kubectl-ai", "kubectl")},
                sockets=ports,
                files={"kubeconfig": config},
                env={
                    "KUBECONFIG": path,
                    "OPENAI_API_KEY": gateway.PLACEHOLDER,
                    "OPENAI_ENDPOINT": doors.url or f"http://127.0.0.1:{MODEL_PORT}/v1",
                },
                timeout=self.outbound.clock.left + GRACE,
            )  # fmt: skip
            try:
                return self.box.run(work, self.runner)
            except ToolTimeout:
                raise self._late() from None

    def _program(self, name: str) -> str:
        found = self.runner.which(name)
        if found is None:  # said by the caller, which chose kubectl-ai because it exists
            raise ToolFailed(f"{name} no longer exists", fix="run the same command again")
        return found

    def _late(self) -> ModelTimeout:
        limit = self.outbound.clock.limit
        return ModelTimeout(f"kubectl-ai did not finish within {limit:g} s", fix="ask again, or raise aiops.timeout")

    def _read(self, result: Result) -> Answer:
        """What it printed, as an answer; its exit code says little: an empty answer exits with 0."""
        listed = tool.proposed(result.stdout, result.stderr)
        text = printable(tool.answer(result.stdout))
        proposals = [Proposal(printable(each)) for each in dict.fromkeys([*listed, *prompts.in_blocks(text)])]
        if not proposals and (not text or not result.ok or self.outbound.fault is not None):
            if self.outbound.fault is not None:
                raise self.outbound.fault
            if not self.outbound.clock.left:
                raise self._late()
            if result.ok:
                raise self.outbound.empty()
            why = printable(tool.reason([result.stderr, result.stdout]))
            raise ToolFailed(f"kubectl-ai exited with {result.code}", why=why[:300], fix="ask with --tool direct")
        return Answer("kubectl-ai", text, proposals, [printable(each)[:160] for each in tool.ran(result.stdout)])


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A private folder, removed at the end, in which a Unix socket's path is not too long."""
    parent = private.folder()
    short = parent if len(str(parent)) < SOCKET_PATH else None
    folder = Path(tempfile.mkdtemp(prefix="ask-", dir=short))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
