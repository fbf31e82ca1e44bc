"""The client to the endpoint: no retries, no redirects, no more bytes than an answer can have, no answer cut short."""

import ssl
import uuid
from collections.abc import AsyncIterator
from functools import cache, cached_property
from typing import Any

import httpx2
from agents import OpenAIChatCompletionsModel
from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpx2Client
from openai.resources.chat import AsyncChat, AsyncCompletions
from openai.types.chat import ChatCompletionChunk

from app.backend.assistants.model.failures import Failure

LARGEST_ANSWER = 2 * 1024 * 1024  # bytes of one response: every token comes with some 200 of them
CONNECT_SECONDS = 5.0


def language_model(base_url: str, name: str, key: str, seconds: float) -> OpenAIChatCompletionsModel:
    """Return a model at an endpoint, for one turn: `close` it then.

    A connection kept for the next one might be closed by the endpoint just when it is used, and nothing is tried twice.

    Args:
        base_url: of the endpoint, e.g. http://ollama:11434/v1.
        name: of the model.
        key: to be sent as the bearer token; some endpoints need none.
        seconds: how long to wait for anything at all to come.
    """
    http = DefaultAsyncHttpx2Client(
        timeout=httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
        follow_redirects=False,
        verify=_tls(),
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_limit]},
    )
    client = _Client(base_url=base_url, api_key=key or "none", max_retries=0, http_client=http)
    return _Model(name, client, buffer_streamed_tool_calls=True)


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()  # takes 20 ms


async def _limit(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Failure("it sent an encoding that it was not asked for")
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Limited(response.stream)


class _Limited(httpx2.AsyncByteStream):
    """A response's bytes, up to a limit."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = LARGEST_ANSWER
        async for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise Failure("its answer was too long")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Whole:
    """A stream that fails where it ends without a finish reason: the connection was cut, however politely.

    The agents SDK checks that for OpenAI's own endpoint alone, and takes half an answer from any other for a whole. It
    also wants tool calls with numbers of their own; some endpoints give none, or begin again with every answer.
    """

    def __init__(self, stream: AsyncStream[ChatCompletionChunk]) -> None:
        self._stream = stream
        self.response = stream.response

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        finished = began = False
        answer = uuid.uuid4().hex
        async for chunk in self._stream:
            began = True
            for choice in chunk.choices:
                for call in choice.delta.tool_calls or ():
                    call.id = f"{answer}-{call.index}"
            finished = finished or any(choice.finish_reason for choice in chunk.choices)
            yield chunk
        if not finished:
            raise Failure("its answer broke off", down=began)

    async def close(self) -> None:
        await self._stream.close()


class _Completions(AsyncCompletions):
    async def create(self, **values: Any) -> Any:  # the SDK calls it by keywords alone
        made = await super().create(**values)
        return _Whole(made) if isinstance(made, AsyncStream) else made


class _Chat(AsyncChat):
    @cached_property
    def completions(self) -> AsyncCompletions:
        return _Completions(self._client)


class _Model(OpenAIChatCompletionsModel):
    async def close(self) -> None:
        await self._client.close()


class _Client(AsyncOpenAI):
    @cached_property
    def chat(self) -> AsyncChat:
        return _Chat(self)
