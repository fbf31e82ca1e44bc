"""Whether an answer is the one that the contract documents."""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from kubetasks.verify.client import Response
from kubetasks.verify.openapi import Answer, Document, Operation

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SHOWN: Final = 3


def problems(
    document: Document,
    operation: Operation,
    response: Response,
    wanted: list[str],
    *,
    quote: Callable[[str], str] | None,
) -> list[str]:
    """What is wrong with an answer: its status, headers, content type and body, against the contract.

    Bodies of successful answers are never quoted: they may hold tokens and what users wrote.

    Args:
        document: the contract.
        operation: the operation that answered.
        response: its answer.
        wanted: the documented statuses that are expected here.
        quote: what of the body of an unexpected refusal may be quoted; None for nothing.
    """
    if not any(_covers(status, response.status) for status in wanted):
        quoted = f": {quote(response.text)}" if quote is not None and response.status >= 400 and response.body else ""
        documented = "" if operation.answer(response.status) else " (not documented at all)"
        return [f"expected {' or '.join(wanted)}, found {response.status}{documented}{quoted}"]
    answer = operation.answer(response.status)
    if answer is None:
        return []
    return [
        *(f"header {name} is missing" for name in answer.headers if name.lower() not in response.headers),
        *_body(document, operation, response, answer),
    ]


def _covers(documented: str, status: int) -> bool:
    return documented == str(status) or documented.upper() == f"{status // 100}XX"


def _body(document: Document, operation: Operation, response: Response, answer: Answer) -> list[str]:
    if not answer.content or operation.method == "HEAD":
        return []
    media = next((media for media in answer.content if _matches(media, response.type)), None)
    if media is None:
        return [f"content type: expected {' or '.join(answer.content)}, found {response.type or 'none'}"]
    schema = answer.content[media]
    if schema is None or not (response.type.endswith(("/json", "+json"))):
        return []
    try:
        value = response.json()
    except ValueError:
        return [f"the body is not JSON ({len(response.body)} bytes)"]
    return invalid(document, schema, value)


def _matches(documented: str, found: str) -> bool:
    media = documented.partition(";")[0].strip()
    if media.endswith("/*"):
        return media == "*/*" or found.startswith(media[:-1])
    return media == found


@lru_cache(maxsize=1)
def _checker() -> Any:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  (a tenth of a second)

    return Draft202012Validator.FORMAT_CHECKER


def warm() -> None:
    """Import the validator in advance: this takes a quarter of a second, while kubectl works."""
    _checker()


def invalid(document: Document, schema: Mapping[str, Any], value: Any) -> list[str]:
    """What a value breaks of a schema (JSON Schema 2020-12), by path, without the value itself."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    validator = Draft202012Validator(document.whole(schema), format_checker=_checker())
    found: dict[str, None] = {}
    for error in validator.iter_errors(value):
        # Of an anyOf or oneOf, the branch that came nearest says more than "is not valid under any".
        found[_told(best_match([error]) or error)] = None
        if len(found) > SHOWN:
            return [*list(found)[:SHOWN], "and more"]
    return list(found)


def _told(error: "ValidationError") -> str:
    path = "body" + "".join(f"/{part}" for part in error.absolute_path)
    keyword: Any = error.validator
    limit: Any = error.validator_value
    found: Any = error.instance
    if keyword == "required":
        absent = [name for name in limit if name not in found]
        return f"{path}: {', '.join(absent)} missing"
    if keyword == "type":
        return f"{path}: expected {_words(limit)}, found {_type(found)}"
    if keyword == "additionalProperties" and isinstance(found, dict):
        return f"{path}: a field that is not documented"
    return f"{path}: breaks {keyword} {json.dumps(limit, default=str)[:80]}"


def _words(kinds: Any) -> str:
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def _type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")
