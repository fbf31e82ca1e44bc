"""One run of the agents SDK, as a sequence of what the model says and which tools it asks for."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from agents import Agent, Model, RunConfig, Runner
from agents.run_config import ToolExecutionConfig
from openai.types.responses import ResponseRefusalDeltaEvent, ResponseTextDeltaEvent

from app.backend.assistants.model.failures import Failure, failure
from app.backend.assistants.model.functions import functions
from app.backend.assistants.model.prompt import Item


@dataclass
class Asked:
    """A tool the model asks for. It waits until `answer` is called."""

    tool: str
    written: str
    """The arguments, as the model wrote them."""
    _answer: "asyncio.Future[str]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def answer(self, text: str) -> None:
        """Tell the model what came of it."""
        if not self._answer.done():
            self._answer.set_result(text)

    async def answered(self) -> str:
        """Wait for what came of it."""
        return await self._answer


class Run:
    """A run: iterate over it to get pieces of text, and tools that are asked for one after the other.

    Iterating raises `Failure` when the model fails, or when the time is up while it is being waited for.
    """

    def __init__(self, model: Model, instructions: str, items: list[Item], calls: int, deadline: float) -> None:
        """Prepare a run.

        Args:
            model: who is asked; closed at the end.
            instructions: the system message.
            items: the conversation.
            calls: how many tool calls there may be; one more answer than that ends the run.
            deadline: when the time is up, by the event loop's clock.
        """
        self._model = model
        self._agent = Agent[Any](name="todo", instructions=instructions, model=model, tools=[*functions(self._use)])
        self._items = items
        self._turns = calls + 1
        self._deadline = deadline
        self._steps: asyncio.Queue[str | Asked | Failure | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._driver = asyncio.create_task(self._drive())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._driver.cancel()
        try:
            await asyncio.wait([self._driver])
        finally:
            await self._model.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | Asked:
        try:
            async with asyncio.timeout_at(self._deadline):
                step = await self._steps.get()
        except TimeoutError:
            raise Failure("it did not answer in time", down=True) from None
        if isinstance(step, Failure):
            raise step
        if step is None:
            raise StopAsyncIteration
        return step

    async def _use(self, tool: str, written: str) -> str:
        asked = Asked(tool, written)
        await self._steps.put(asked)
        return await asked.answered()

    async def _drive(self) -> None:
        try:
            result = Runner.run_streamed(
                self._agent,
                [*self._items],  # type: ignore[list-item]  # items are typed dicts there
                max_turns=self._turns,
                run_config=RunConfig(
                    tracing_disabled=True,
                    tool_execution=ToolExecutionConfig(max_function_tool_concurrency=1),
                ),
            )
            try:
                async for event in result.stream_events():
                    if event.type == "raw_response_event" and isinstance(
                        event.data, ResponseTextDeltaEvent | ResponseRefusalDeltaEvent
                    ):
                        await self._steps.put(event.data.delta)
            finally:
                result.cancel()
        except Exception as error:  # noqa: BLE001 - whatever an endpoint makes of the SDK, the turn continues without it
            await self._steps.put(failure(error))
        else:
            await self._steps.put(None)
