"""One question: asked the chosen way, and what came of it judged."""

from collections.abc import Sequence
from dataclasses import dataclass

from kubetasks.aiops import direct, observer, prompts
from kubetasks.aiops.answer import Answer
from kubetasks.aiops.choose import Way
from kubetasks.aiops.outbound import Outbound
from kubetasks.aiops.reader import Reader
from kubetasks.aiops.verbs import Judged, judge
from kubetasks.console import Console
from kubetasks.diagnose.finding import Finding
from kubetasks.diagnose.snapshot import Snapshot
from kubetasks.runner import Runner
from kubetasks.settings import Settings
from kubetasks.targets.base import Cluster, Target
from kubetasks.tools.kubectl import Kubectl


@dataclass(frozen=True)
class Question:
    """A question with everything that its answer may be made from.

    Args:
        text: in words.
        way: ``kubectl-ai`` or ``direct``.
        settings: the settings.
        target: where the namespace is.
        runner: starts programs.
        console: shows what is done.
        outbound: the way to the model.
        state: the snapshot that the rules read.
        findings: what they found.
    """

    text: str
    way: Way
    settings: Settings
    target: Target
    runner: Runner
    console: Console
    outbound: Outbound
    state: Snapshot
    findings: Sequence[Finding]

    def would(self) -> list[str]:
        """What would be changed and sent, one line each."""
        to, namespace = self.outbound.endpoint, self.settings.in_namespace
        lines = [f"send the question and the diagnosis to {to.host} (model {to.model}, {self.way})"]
        if self.way == "kubectl-ai":
            what = f"ServiceAccount, Role and RoleBinding {observer.NAME} in {namespace}"
            lines.insert(0, f"create {what} where they are missing")
        return lines

    def prompt(self) -> str:
        """What the model would be asked first, without secrets."""
        return self.outbound.cleaner.text(prompts.for_tool(self.text, self.findings, self.settings.in_namespace))

    def ask(self, *, unsandboxed: bool = False) -> Answer:
        """Ask the model.

        Args:
            unsandboxed: run kubectl-ai with the user's own rights.

        Raises:
            ModelError: the model gave no answer.
            SandboxMissing: nothing here can run kubectl-ai.
        """
        cluster = self.target.cluster
        if self.way == "direct" or cluster is None:
            return self._directly()
        return self._with_tool(cluster, unsandboxed=unsandboxed)

    def _directly(self) -> Answer:
        reader = Reader(self.state, self.findings, self.target.store, self.runner.redactor)
        with self.console.step("ask") as shown:
            answer = direct.ask(self.text, self.findings, reader, self.outbound, shown.update)
            shown.done(f"{self.outbound.endpoint.model}; tool calls: {len(answer.ran)}")
        return answer

    def _with_tool(self, cluster: Cluster, *, unsandboxed: bool) -> Answer:
        from kubetasks.aiops import sandbox  # noqa: PLC0415  (what is in there needs Unix sockets)
        from kubetasks.aiops.kubectl_ai import Tool, scratch  # noqa: PLC0415

        with scratch() as folder:
            box: sandbox.Sandbox = sandbox.Unsandboxed(folder)
            if not unsandboxed:
                box = sandbox.choose(self.settings.aiops.sandbox, self.runner, self.settings.base_image)
            if observer.ensure(self.target.store, cluster.namespace):
                what = "it may read workloads, pods and their logs, and no Secret"
                self.console.line(f"wrote Role {observer.NAME} in {cluster.namespace}: {what}", mark="note")
            with self.console.step("ask") as shown:
                answer = Tool(cluster, self.runner, self.outbound, box, folder).ask(self.text, self.findings)
                shown.done(f"kubectl-ai ({box.name}); commands: {len(answer.ran)}")
        for each in answer.ran:
            self.console.line(f"it ran {each}", mark="note")
        return answer

    def judged(self, answer: Answer) -> list[Judged]:
        """What may come of the proposals; those that only read are left out."""
        cluster = self.target.cluster
        kubectl = Kubectl(cluster.context, cluster.namespace) if cluster else Kubectl("", self.settings.in_namespace)
        found = [judge(each.command, kubectl) for each in answer.proposals]
        return [each for each in dict.fromkeys(found) if not each.reads]
