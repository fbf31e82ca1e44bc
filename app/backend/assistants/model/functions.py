"""The tools as functions for a model: their schemas, and the way from its arguments to theirs.

The user is not among the arguments; a model that adds one, or any other that is unknown, gets an error.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agents import FunctionTool
from agents.strict_schema import ensure_strict_json_schema
from agents.tool_context import ToolContext
from pydantic import ValidationError

from app.backend.assistants.model.failures import Failure
from app.backend.tools import TOOLS, Arguments

Use = Callable[[str, str], Awaitable[str]]
"""Called with a tool's name and its arguments as the model wrote them; returns what to tell the model."""

# What every endpoint understands. The rest (lengths, patterns, defaults) is checked here, whatever an endpoint does.
_KEYWORDS = frozenset({"type", "properties", "required", "additionalProperties", "enum", "anyOf", "description"})


class InvalidArguments(Exception):
    """Arguments a tool does not take; the message is for the model, which may try again."""


def functions(use: Use) -> list[FunctionTool]:
    """Return the tools, each of which calls `use`."""
    return [_function(name, kind, use) for name, kind in TOOLS.items()]


def arguments(tool: str, written: str) -> dict[str, Any]:
    """Read a model's arguments; what is null or as by default is left out.

    Raises:
        Failure: They are no JSON object.
        InvalidArguments: They are not valid.
    """
    try:
        given = json.loads(written or "{}")
    except ValueError:
        raise Failure("it called a tool in a way that cannot be read") from None
    if not isinstance(given, dict):
        raise Failure("it called a tool in a way that cannot be read")
    kind = next(made for name, made in TOOLS.items() if name == tool)
    optional = {name for name, one in kind.model_fields.items() if not one.is_required()}
    given = {name: value for name, value in given.items() if value is not None or name not in optional}
    try:
        return kind.model_validate(given).model_dump(mode="json", exclude_defaults=True)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [f"{'.'.join(map(str, problem['loc'])) or tool}: {problem['msg']}" for problem in problems]
        raise InvalidArguments("; ".join(lines)[:1000]) from None


def _function(name: str, kind: type[Arguments], use: Use) -> FunctionTool:
    async def invoke(_context: ToolContext[Any], written: str) -> str:
        return await use(name, written)

    schema = ensure_strict_json_schema(_plain(kind.model_json_schema()))
    return FunctionTool(name, kind.__doc__ or name, schema, invoke)


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key in _KEYWORDS}
    if "properties" in kept:
        kept["properties"] = {name: _plain(one) for name, one in kept["properties"].items()}
    if "anyOf" in kept:
        kept["anyOf"] = [_plain(one) for one in kept["anyOf"]]
    return kept
