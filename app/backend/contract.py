"""The contract, an OpenAPI document made from the code: ``python -m app.backend.contract`` writes docs/openapi.yaml."""

import sys
from pathlib import Path
from typing import Any

import yaml

from app.backend.application import create_app
from app.backend.settings import Settings

FILE = Path(__file__).parents[2] / "docs" / "openapi.yaml"
HEAD = """\
# Made from the code: python -m app.backend.contract
# `inv verify` walks it through the frontend. Operations with `x-internal: true` are for whatever runs the backend; the
# frontend does not pass them on.
"""
DESCRIPTION = """\
Everything below /api is reached through the frontend, on the page's own origin. When the frontend cannot reach the
backend, it answers any of it with 502 or 504 and a Problem. The backend serves the same tools at /mcp (Model Context
Protocol, streamable HTTP, with the same bearer token)."""
TAGS = {
    "session": "Who is asking.",
    "tasks": "What there is to do.",
    "chat": "The assistant.",
    "conversations": "What was said.",
    "probes": "For whatever runs the backend.",
}
REFUSALS = {
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "413": "TooLarge",
    "422": "Invalid",
    "429": "TooMany",
    "503": "Unavailable",
}


def document() -> dict[str, Any]:
    """Return the contract."""
    app = create_app(Settings(database_url="sqlite:////nowhere/none.db", jwt_secret="-" * 32))
    made: dict[str, Any] = _plain(app.openapi())
    made["info"]["description"] = " ".join(DESCRIPTION.split())
    made["servers"] = [{"url": "/", "description": "The frontend."}]
    made["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    refusals: dict[str, Any] = {}
    for path in made["paths"].values():
        for operation in path.values():
            _operation(operation)
            _share(operation["responses"], refusals)
    made["components"]["responses"] = refusals
    head = {name: made.pop(name) for name in ("openapi", "info", "servers", "tags")}
    return {**head, **made}


def text() -> str:
    """Return the contract as it is written."""
    return HEAD + yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)


def _operation(operation: dict[str, Any]) -> None:
    """Say it as a person would: the summary is the first line of what the code says."""
    summary, _, rest = operation.pop("description", "").partition("\n\n")
    operation["summary"] = " ".join(summary.split())
    if rest:
        operation["description"] = rest
    operation.update(operation.pop("x-replace", {}))
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        schema.pop("description", None)
        # A URL or a header knows no null: there, leaving it out is what null is in the code.
        others = [each for each in schema.pop("anyOf", ()) if each != {"type": "null"}]
        if len(others) == 1:
            parameter["schema"] = {**others[0], **schema}
        elif others:
            schema["anyOf"] = others


def _share(answers: dict[str, Any], refusals: dict[str, Any]) -> None:
    """Write a refusal once that is the same everywhere."""
    for status, answer in answers.items():
        name = REFUSALS.get(status)
        if name and refusals.setdefault(name, answer) == answer:
            answers[status] = {"$ref": f"#/components/responses/{name}"}


def _plain(value: Any) -> Any:
    """Return a value without the titles that pydantic makes up, and with whole numbers as integers."""
    match value:
        case dict():
            schema = "type" in value or "anyOf" in value or "$ref" in value or "allOf" in value
            return {
                name: _plain(each)
                for name, each in value.items()
                if not (schema and name == "title" and isinstance(each, str))
            }
        case list() | tuple():
            return [_plain(each) for each in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"wrote {FILE}\n")
