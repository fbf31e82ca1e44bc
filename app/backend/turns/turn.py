"""The turn that an assistant is given: its only way to act."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.backend import tools
from app.backend.assistants.protocol import Assistant, Called, Calling, Context, Plan
from app.backend.database.base import ConflictError, Database, Transaction
from app.backend.metrics import Metrics
from app.backend.records import ToolCall
from app.backend.turns import ledger
from app.backend.turns.ledger import Asked
from app.backend.turns.values import AssistantName, Question, TurnError

LEASE = timedelta(seconds=10)
"""How long an attempt that excludes others may be silent before another one takes over."""


def taken_over() -> TurnError:
    """Return what ends an attempt when another one has taken over."""
    return TurnError(409, "another attempt at this message is under way", 2)


def gone() -> TurnError:
    """Return what ends a turn whose conversation was deleted meanwhile."""
    return TurnError(404, "the conversation was deleted")


class KeptTurn:
    """A turn whose calls are kept; see `protocol.Turn`."""

    def __init__(
        self,
        database: Database,
        question: Question,
        asked: Asked,
        context: Context,
        done: Mapping[int, ToolCall],
        metrics: Metrics,
    ) -> None:
        """Go on with a stored message after what was done for it, by place.

        An attempt (`asked.attempt` > 0) excludes others: each of its calls makes sure that it still does.
        """
        self.message = question.message
        self.context = context
        self.plan: Plan = asked.plan
        self.done: Sequence[ToolCall] = [done[place] for place in sorted(done)]
        self.state: dict[str, Any] = dict(context.state)
        self.assistant: AssistantName = asked.assistant
        """Who answers: the one whose plan it is."""
        self._database = database
        self._metrics = metrics
        self._user_id = question.user_id
        self._asked = asked
        self._unclaimed = sorted(done)  # places of earlier calls that this attempt has not asked for yet
        self._calls = dict(done)
        self._offset = asked.offset
        self._next = asked.offset
        self._lock = asyncio.Lock()

    @property
    def calls(self) -> list[ToolCall]:
        """Everything done for this message so far, in order."""
        return [self._calls[place] for place in sorted(self._calls)]

    def placed(self, calling: Calling) -> Calling:
        """Return the announcement of a call with its place in the turn: a plan counts its own calls only."""
        return replace(calling, position=calling.position + self._offset) if self.plan else calling

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> Called:
        """Call the next tool of this turn, or return what an earlier attempt did; see `protocol.Turn`."""
        async with self._lock:
            place = self._recognised(tool, arguments)
            if place is None:
                place = self._next if self.plan else max(self._calls, default=-1) + 1
                self._calls[place] = await self._run(place, tool, arguments)
            if self.plan and place == self._next:
                self._next += 1
            return Called(place, self._calls[place])

    async def replan(self, assistant: Assistant) -> None:
        """Let another assistant plan this turn; its calls follow those already made."""
        async with self._lock:
            async with self._database.begin() as transaction:
                await self.hold(transaction)
                tasks = await ledger.tasks(transaction, self._user_id)
                context = Context(self.context.now, tasks, self.context.history, self.context.state)
                plan, offset = assistant.plan(self.message, context), max(self._calls, default=-1) + 1
                await ledger.keep_plan(transaction, self._asked.id, assistant.name, plan, offset)
            self.context, self.plan, self.assistant = context, plan, assistant.name
            self._offset = self._next = offset
            # What was done before the plan is not done once more because the plan has it too.
            self._unclaimed = sorted(self._calls)

    async def hold(self, transaction: Transaction) -> None:
        """Keep other attempts off until the transaction ends, and for a while after it.

        Raises:
            TurnError: Another one has taken over, or the message no longer exists.
        """
        attempt = self._asked.attempt
        until = datetime.now(UTC) + LEASE
        if attempt and not await ledger.hold(transaction, self._asked.id, attempt, until):
            raise taken_over()

    def _recognised(self, tool: str, arguments: Mapping[str, Any]) -> int | None:
        """Return the place of the call, if it has been made.

        A plan's calls have their places after those that were made before the plan; those, like all calls of an
        assistant without a plan, are recognised by what they are.
        """
        wanted = _canonical(tool, arguments) if self._unclaimed else ""
        for place in self._unclaimed:
            if self.plan and place >= self._offset:
                break
            known = self._calls[place]
            if _canonical(known.tool, known.arguments) == wanted:
                self._unclaimed.remove(place)
                return place
        return self._next if self.plan and self._next in self._calls else None

    async def _run(self, place: int, tool: str, arguments: Mapping[str, Any]) -> ToolCall:
        """Commit effect and record together, or find what another attempt has committed meanwhile."""
        try:
            async with self._database.begin() as transaction:
                await self.hold(transaction)
                call = await tools.run(
                    transaction, self._user_id, tool, arguments, message_id=self._asked.id, position=place
                )
        except ConflictError:
            async with self._database.begin(write=False) as transaction:
                found = (await ledger.calls(transaction, self._asked.id)).get(place)
            if found is None:
                raise gone() from None
            return found
        self._metrics.tool_called(call, "chat")
        return call


def _canonical(tool: str, arguments: Mapping[str, Any]) -> str:
    """Return what two calls have in common that do the same: defaults and nulls do not count."""
    model = tools.TOOLS.get(tool)  # type: ignore[call-overload]
    try:
        values = model.model_validate(dict(arguments)).model_dump() if model else dict(arguments)
    except ValueError:
        values = dict(arguments)
    return json.dumps([tool, values], sort_keys=True, default=str)
