"""What an agent is asked, and how a person decides about its calls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kubetasks.aiops.a2a import WAITING, Agent, Call, Turn
from kubetasks.aiops.mcp.envelope import seal
from kubetasks.aiops.mcp.outcome import Outcome
from kubetasks.diagnose.finding import Finding
from kubetasks.diagnose.show import lines
from kubetasks.errors import AgentFailed, NeedsAnswer

MOST_ROUNDS: Final = 8
LONGEST_QUESTION: Final = 4_000


def question(text: str, findings: Sequence[Finding], hide: Callable[[str], str]) -> str:
    """The question with the diagnosis, which is marked as data, without secrets and within limits."""
    found = list(lines(list(findings)[:10], every=True))
    summary = f"{len(findings)} findings of the rules" if findings else "the rules found nothing wrong"
    sealed = seal("diagnosis", Outcome(summary, found), hide)
    return f"{hide(text)[:LONGEST_QUESTION]}\n\n{sealed.text}"


@dataclass
class Conversation:
    """One question and its calls.

    Args:
        agent: who is asked.
        show: shows a line.
        decide: asks a person whether a call may run; None if there is no terminal.
        approved: the calls that were approved.
    """

    agent: Agent
    show: Callable[[str], None]
    decide: Callable[[Call], bool] | None
    approved: list[Call]

    def run(self, text: str) -> Turn:
        """Ask, and decide about each call until the agent has ended.

        Raises:
            NeedsAnswer: a call needs approval, and there is no terminal; it was rejected.
            AgentFailed: the agent asks again and again, or for something else than approval.
        """
        turn = self.agent.ask(text)
        for _ in range(MOST_ROUNDS):
            if turn.state != WAITING:
                return turn
            if not turn.calls:
                raise AgentFailed("the agent asks a question", why=turn.text, fix="ask again, and include the answer")
            turn = self._decided(turn)
        self.agent.decide(turn, [False] * len(turn.calls))
        raise AgentFailed(f"the agent asked for approval more than {MOST_ROUNDS} times", fix="ask a narrower question")

    def _decided(self, turn: Turn) -> Turn:
        for call in turn.calls:
            self.show(f"the agent wants to call: {call.line}")
        if self.decide is None:
            self.agent.decide(turn, [False] * len(turn.calls))
            raise NeedsAnswer(
                f"the agent asks for approval of {turn.calls[0].tool}",
                why="there is no terminal to ask at, so it was rejected",
                fix="run the same command in a terminal",
            )
        answers = [self.decide(call) for call in turn.calls]
        self.approved += [call for call, yes in zip(turn.calls, answers, strict=True) if yes]
        return self.agent.decide(turn, answers)
