"""Reads an OpenAPI 3.1 document, in YAML or JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from kubetasks import documents
from kubetasks.errors import SettingsError
from kubetasks.verify.openapi import Answer, Body, Document, Link, Operation, Parameter
from kubetasks.verify.pointer import MISSING, look

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
INTERNAL: Final = "x-internal"
UNIQUE: Final = "x-unique"
DEEPEST: Final = 20


def load(path: Path, shown: str) -> Document:
    """Read a contract.

    Args:
        path: the file, YAML or JSON.
        shown: how messages name it.

    Raises:
        SettingsError: it is missing, malformed, or not OpenAPI 3.1.
    """
    try:
        raw = documents.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"the contract {shown}", why=error.strerror or "", fix="see `kubetasks.verify.contract`"
        ) from None
    except ValueError as error:
        raise SettingsError(f"the contract {shown} is not valid YAML", why=str(error)) from None
    version = str(raw.get("openapi", "")) if isinstance(raw, dict) else ""
    if not version.startswith("3.1"):
        raise SettingsError(f"the contract {shown}", why=f"OpenAPI 3.1 is needed, found {version or 'none'}")
    try:
        return _Reader(raw).document()
    except (_Malformed, AttributeError, TypeError, KeyError) as error:
        raise SettingsError(f"the contract {shown} is malformed", why=f"{type(error).__name__}: {error}") from None


class _Malformed(Exception):
    """A reference that leads nowhere."""


class _Reader:
    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    def document(self) -> Document:
        found: list[Operation] = []
        internal: list[str] = []
        for path, value in (self.raw.get("paths") or {}).items():
            item = self.follow(value)
            for method in METHODS:
                if method not in item:
                    continue
                if item[method].get(INTERNAL) is True or item.get(INTERNAL) is True:
                    internal.append(f"{method.upper()} {path}")
                else:
                    found.append(self.operation(path, method, item))
        servers = self.raw.get("servers") or ()
        prefix = urlsplit(servers[0].get("url", "")).path.rstrip("/") if servers else ""
        return Document(tuple(found), tuple(internal), self.raw, prefix)

    def follow(self, value: Any) -> Any:
        """What a `$ref` of this document leads to."""
        for _ in range(DEEPEST):
            if not (isinstance(value, Mapping) and isinstance(value.get("$ref"), str)):
                return value
            target = value["$ref"]
            if not target.startswith("#"):
                raise _Malformed(f"{target} is outside the document")
            value = look(self.raw, target[1:])
            if value is MISSING:
                raise _Malformed(f"{target} does not resolve")
        raise _Malformed("a reference is circular")

    def operation(self, path: str, method: str, item: Mapping[str, Any]) -> Operation:
        spec = item[method]
        merged = {
            (each["in"], each["name"]): each
            for each in map(self.follow, [*(item.get("parameters") or ()), *(spec.get("parameters") or ())])
        }
        bodies, needs, unique = self.bodies(self.follow(spec.get("requestBody")) or {})
        security = spec.get("security", self.raw.get("security")) or ()
        return Operation(
            id=spec.get("operationId", f"{method} {path}"),
            method=method.upper(),
            path=path,
            parameters=tuple(map(self.parameter, merged.values())),
            bodies=bodies,
            needs=needs,
            unique=unique,
            answers={str(status): self.answer(each) for status, each in (spec.get("responses") or {}).items()},
            # An empty requirement among them makes the token optional.
            secured=bool(security) and all(security),
        )

    def parameter(self, spec: Mapping[str, Any]) -> Parameter:
        schema = self.follow(spec.get("schema") or {})
        example = self.given(spec)
        required = bool(spec.get("required"))
        if example is MISSING and required:
            example = self.sample(schema)
        return Parameter(spec["name"], spec["in"], required, example, schema)

    def given(self, spec: Mapping[str, Any]) -> Any:
        """The first example that a parameter or media type spells out."""
        if "example" in spec:
            return spec["example"]
        for each in map(self.follow, (spec.get("examples") or {}).values()):
            if "value" in each:
                return each["value"]
        return MISSING

    def bodies(self, spec: Mapping[str, Any]) -> tuple[tuple[Body, ...], tuple[str, ...], tuple[str, ...]]:
        """The bodies to try, the names of the fields that must be there, and of those that must be unique."""
        content = spec.get("content") or {}
        if not content:
            return (), (), ()
        # One media type is enough; JSON where there is a choice.
        media = "application/json" if "application/json" in content else next(iter(content))
        described = content[media]
        schema = self.follow(described.get("schema") or {})
        named = {label: self.follow(each) for label, each in (described.get("examples") or {}).items()}
        values = {label: each["value"] for label, each in named.items() if "value" in each}
        if len(values) > 1:
            bodies = tuple(Body(label, media, value) for label, value in values.items())
        else:
            value = self.given(described)
            bodies = (Body("", media, self.sample(schema) if value is MISSING else value),)
        needs = tuple(schema.get("required") or ()) if spec.get("required", True) else ()
        fields = (schema.get("properties") or {}).items()
        return bodies, needs, tuple(name for name, each in fields if self.follow(each).get(UNIQUE) is True)

    def answer(self, value: Any) -> Answer:
        spec = self.follow(value)
        headers = [name for name, each in (spec.get("headers") or {}).items() if self.follow(each).get("required")]
        links = [self.follow(each) for each in (spec.get("links") or {}).values()]
        return Answer(
            content={media.lower(): each.get("schema") for media, each in (spec.get("content") or {}).items()},
            headers=tuple(headers),
            links=tuple(
                Link(each["operationId"], each.get("parameters") or {}, each.get("requestBody", MISSING))
                for each in links
                if "operationId" in each
            ),
        )

    def sample(self, schema: Any, depth: int = 0) -> Any:
        """A value that the schema itself names: its examples, default, constant; objects and lists of such values."""
        schema = self.follow(schema)
        if not isinstance(schema, Mapping) or depth > DEEPEST:
            return MISSING
        for key in ("example", "default", "const"):
            if key in schema:
                return schema[key]
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        if schema.get("type") == "object" or "properties" in schema:
            return self._object(schema, depth)
        for key in ("anyOf", "oneOf", "allOf"):
            for each in schema.get(key) or ():
                value = self.sample(each, depth + 1)
                if value is not MISSING:
                    return value
        return MISSING

    def _object(self, schema: Mapping[str, Any], depth: int) -> Any:
        required = schema.get("required") or ()
        found = {name: self.sample(each, depth + 1) for name, each in (schema.get("properties") or {}).items()}
        if any(found.get(name, MISSING) is MISSING for name in required):
            return MISSING
        return {name: value for name, value in found.items() if value is not MISSING}
