"""Runs a turn exactly once, however often it is begun, and wherever it is interrupted.

One transaction stores the message with its plan. Each tool call is a transaction with its effect and its record. The
answer is stored last. A request with the same key finds the answer, or resumes the turn where it stopped.

An assistant with a plan calls the same tools in every attempt, and each call has its unique place: two attempts
at once are harmless, and the first one to store a call, or the answer, is the one that counts. An assistant that
decides as it goes holds a lease on the message, and every transaction of its turn makes sure that it still does.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.backend.assistants.protocol import Assistant, Calling, Context, Event, Notice, Token
from app.backend.database.base import ConflictError, Database, Transaction, UnavailableError
from app.backend.metrics import Metrics
from app.backend.records import ToolCall
from app.backend.tasks import UserGoneError
from app.backend.turns import conversations, ledger
from app.backend.turns.ledger import Asked, Replied
from app.backend.turns.turn import LEASE, KeptTurn, gone, taken_over
from app.backend.turns.values import Answer, AssistantName, Question, TurnError

PATIENCE = 10.0
"""Seconds that a second attempt waits for the first one before it is asked to retry."""
PAUSE = 0.25
RELEASE_SECONDS = 3.0

log = logging.getLogger("backend.turns")


class _KeyTakenError(Exception):
    """Someone was quicker with this key: nothing of the own transaction is to stay."""


@dataclass(frozen=True)
class Begun:
    """A turn that is stored and waits to be run."""

    question: Question
    asked: Asked
    turn: KeptTurn

    @property
    def cancellable(self) -> bool:
        """Whether the turn ends when no one listens any more; one with a plan is run."""
        return self.asked.attempt > 0


class Engine:
    """Carries turns out."""

    def __init__(
        self,
        database: Database,
        assistant: Assistant,
        others: Mapping[AssistantName, Assistant],
        *,
        patience: float = PATIENCE,
        metrics: Metrics | None = None,
    ) -> None:
        """Answer with `assistant`.

        Args:
            database: where everything is kept.
            assistant: who answers new messages.
            others: who carries out plans that are not `assistant`'s.
            patience: seconds that a second attempt waits for the first one where they exclude each other.
            metrics: where turns and calls are counted.
        """
        self._database = database
        self._assistant = assistant
        self._assistants = {**others, assistant.name: assistant}
        self._patience = patience
        self._metrics = metrics or Metrics()

    async def begin(self, question: Question) -> Begun | Answer:
        """Store the message, or find the turn it began; its answer where there is one.

        Raises:
            TurnError: See there.
            UserGoneError: There is no such user any more.
            UnavailableError: The database cannot be reached.
        """
        try:
            begun = await self._new(question)
        except _KeyTakenError:
            begun = await self._again(question)
        if isinstance(begun, Answer):
            self._metrics.turn_ended(begun.assistant, "replayed")
        return begun

    async def carry_out(self, begun: Begun, emit: Callable[[Event], None]) -> Answer:
        """Let the assistant answer, tell of its events, and store the answer.

        Raises:
            TurnError: Another attempt has taken over, or the conversation was deleted.
            UserGoneError: There is no such user any more.
            UnavailableError: The database cannot be reached; the turn can be resumed.
        """
        outcome = "failed"
        try:
            answer = await self._carry_out(begun, emit)
            outcome = "replayed" if answer.replayed else "answered"
            return answer
        finally:
            self._metrics.turn_ended(begun.turn.assistant, outcome)

    async def _carry_out(self, begun: Begun, emit: Callable[[Event], None]) -> Answer:
        turn = begun.turn
        answering = self._assistants[begun.asked.assistant]
        text: list[str] = []
        notices: list[str] = []
        async with self._holding(begun.asked), aclosing(answering.answer(turn)) as events:
            async for event in events:
                match event:
                    case Token():
                        text.append(event.text)
                    case Notice():
                        notices.append(event.text)
                    case _:
                        pass
                emit(turn.placed(event) if isinstance(event, Calling) else event)
            said = Replied(0, "".join(text), "\n".join(notices) or None, turn.assistant)
            return await self._reply(begun, said)

    def _turn(self, question: Question, asked: Asked, context: Context, done: Mapping[int, ToolCall]) -> KeptTurn:
        return KeptTurn(self._database, question, asked, context, done, self._metrics)

    async def _new(self, question: Question) -> Begun | Answer:
        now = datetime.now(UTC)
        assistant = self._assistant
        try:
            async with self._database.begin() as transaction:
                entered = await ledger.enter(transaction, question, now)
                if entered is None:
                    raise _KeyTakenError  # or there is no such conversation
                context = await self._context(transaction, question, entered.conversation_id, now, entered.state)
                plan = assistant.plan(question.message, context)
                asked = await ledger.ask(
                    transaction,
                    question,
                    entered.conversation_id,
                    assistant=assistant.name,
                    plan=plan,
                    lease_until=None if plan else now + LEASE,
                    now=now,
                )
                if asked is None:
                    raise _KeyTakenError
        except ConflictError:
            raise UserGoneError from None
        return Begun(question, asked, self._turn(question, asked, context, {}))

    async def _again(self, question: Question) -> Begun | Answer:
        """Find the turn that the key began."""
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            async with self._database.begin() as transaction:
                asked = await ledger.find(transaction, question.user_id, question.key)
                if asked is None:
                    if question.conversation_id is None:
                        raise UserGoneError
                    raise TurnError(404, f"there is no conversation {question.conversation_id}")
                if asked.digest != question.digest:
                    raise TurnError(422, "the idempotency key was used for another message")
                if said := await ledger.replied(transaction, asked.id):
                    return await self._answer(transaction, asked, said, replayed=True)
                begun = await self._resumed(transaction, question, asked)
            if begun is not None:
                return begun
            if asyncio.get_running_loop().time() >= deadline:
                raise taken_over()
            await asyncio.sleep(PAUSE)

    async def _resumed(self, transaction: Transaction, question: Question, asked: Asked) -> Begun | None:
        """Take an unfinished turn up again; None while another attempt holds it."""
        now = datetime.now(UTC)
        if asked.attempt or not asked.plan:
            attempt = await ledger.acquire(transaction, asked.id, now, now + LEASE)
            if attempt is None:
                return None
            asked = replace(asked, attempt=attempt)
        done = await ledger.calls(transaction, asked.id)
        state = await ledger.last_state(transaction, asked.conversation_id, asked.id)
        # As of when it was said: "tomorrow" stays the same day.
        context = await self._context(
            transaction, question, asked.conversation_id, asked.created_at, state, before=asked.id
        )
        if not asked.plan and asked.assistant != self._assistant.name:  # what it began with is not configured any more
            asked = replace(asked, assistant=self._assistant.name)
            asked = replace(asked, plan=self._assistant.plan(question.message, context), offset=len(done))
            await ledger.keep_plan(transaction, asked.id, asked.assistant, asked.plan, asked.offset)
        return Begun(question, asked, self._turn(question, asked, context, done))

    async def _context(
        self,
        transaction: Transaction,
        question: Question,
        conversation_id: int,
        said_at: datetime,
        state: Mapping[str, object],
        before: int | None = None,
    ) -> Context:
        tasks = await ledger.tasks(transaction, question.user_id)
        # Rules keep as their state what they need of what was said before, where they were the ones who answered.
        known = question.conversation_id is not None and (self._assistant.name == "model" or not state)
        history = await conversations.history(transaction, conversation_id, before) if known else ()
        return Context(said_at.astimezone(question.zone), tasks, history, state)

    async def _reply(self, begun: Begun, said: Replied) -> Answer:
        """Store the answer; where another attempt has stored one, that is the answer."""
        turn, asked, user_id = begun.turn, begun.asked, begun.question.user_id
        try:
            async with self._database.begin() as transaction:
                await turn.hold(transaction)
                number = await ledger.reply(transaction, user_id, asked, said, turn.state, datetime.now(UTC))
                if number is None:
                    first = await ledger.replied(transaction, asked.id)
                    if first is None:
                        raise gone()
                    return await self._answer(transaction, asked, first, replayed=True)
        except ConflictError:
            raise gone() from None
        return Answer(
            conversation_id=asked.conversation_id,
            message_id=number,
            response=said.content,
            tool_calls=turn.calls,
            assistant=said.assistant,
            notice=said.notice,
            replayed=False,
        )

    @staticmethod
    async def _answer(transaction: Transaction, asked: Asked, said: Replied, *, replayed: bool) -> Answer:
        done = await ledger.calls(transaction, asked.id)
        return Answer(
            conversation_id=asked.conversation_id,
            message_id=said.id,
            response=said.content,
            tool_calls=[done[place] for place in sorted(done)],
            assistant=said.assistant,
            notice=said.notice,
            replayed=replayed,
        )

    @asynccontextmanager
    async def _holding(self, asked: Asked) -> AsyncIterator[None]:
        """Hold an attempt that excludes others while it lasts, and let go of it at the end, however it ends."""
        if not asked.attempt:
            yield
            return
        renewing = asyncio.create_task(self._renew(asked))
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(UnavailableError, TimeoutError):
                async with asyncio.timeout(RELEASE_SECONDS), self._database.begin() as transaction:
                    await ledger.hold(transaction, asked.id, asked.attempt, None)

    async def _renew(self, asked: Asked) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                async with self._database.begin() as transaction:
                    await ledger.hold(transaction, asked.id, asked.attempt, datetime.now(UTC) + LEASE)
            except UnavailableError as error:
                log.warning("a turn's hold on its message could not be renewed: %s", error)
