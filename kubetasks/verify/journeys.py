"""Journeys: the HTTP requests of a user, written down in YAML. docs/verify.md describes the format."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from kubetasks import documents
from kubetasks.errors import SettingsError
from kubetasks.verify import declared, expect

NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
VARIABLE: Final = re.compile(rf"\$\{{({NAME}|secret\.[-._A-Za-z0-9]+)\}}")
UNIQUE: Final = "unique"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
Name = Annotated[str, Meta(min_length=1, max_length=80)]


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a journey; unknown keys are rejected."""


class Request(_Part, frozen=True, kw_only=True):
    """What a step sends."""

    path: Annotated[str, Meta(pattern="^/")]
    method: Method = "GET"
    bearer: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str | int | bool] = field(default_factory=dict)
    json: Any = msgspec.UNSET
    form: dict[str, str] | None = None


class Expect(_Part, frozen=True, kw_only=True):
    """What a step expects."""

    status: int | str | list[int] = 200
    type: str = ""
    headers: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    text: Any = msgspec.UNSET

    @property
    def statuses(self) -> list[int]:
        """The statuses that will do."""
        if isinstance(self.status, int):
            return [self.status]
        return [int(each) for each in (self.status.split("|") if isinstance(self.status, str) else self.status)]


class Step(_Part, frozen=True, kw_only=True):
    """One request and what it must bring."""

    name: Name
    request: Request
    expect: Expect = field(default_factory=Expect)
    save: dict[str, str] = field(default_factory=dict)


class Journey(_Part, frozen=True, kw_only=True):
    """Steps in order, and what is always done at the end."""

    name: Name
    description: str = ""
    steps: Annotated[list[Step], Meta(min_length=1)]
    cleanup: list[Step] = field(default_factory=list)


def load(path: Path, shown: str) -> Journey:
    """Read a journey.

    Args:
        path: the YAML file.
        shown: how messages name it.

    Raises:
        SettingsError: it is missing or malformed, with the path of the key at fault.
    """
    try:
        raw = documents.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"the journey {shown}", why=error.strerror or "", fix="see `kubetasks.verify.journeys`"
        ) from None
    except ValueError as error:
        raise SettingsError(f"the journey {shown} is not valid YAML", why=str(error)) from None
    try:
        journey = msgspec.convert(raw, Journey, strict=True)
    except msgspec.ValidationError as error:
        why, _, where = str(error).partition(" - at ")
        at = where.strip("`").removeprefix("$").removeprefix(".") or "the top"
        raise SettingsError(f"the journey {shown}", why=f"{at}: {why}", fix="see docs/verify.md") from None
    for wrong in _malformed(journey):
        raise SettingsError(f"the journey {shown}", why=wrong, fix="see docs/verify.md")
    return journey


def _malformed(journey: Journey) -> Iterator[str]:
    """What types cannot say: statuses, pointers, matchers, and variables that nothing saves."""
    saved = {UNIQUE}
    for where, steps in (("steps", journey.steps), ("cleanup", journey.cleanup)):
        for index, step in enumerate(steps):
            at = f"{where}[{index}]"
            status = step.expect.status
            if isinstance(status, str) and not re.fullmatch(r"[1-5]\d\d(\|[1-5]\d\d)*", status):
                yield f"{at}.expect.status: expected statuses like 200 or 200|201, found {status}"
            if step.request.form is not None and step.request.json is not msgspec.UNSET:
                yield f"{at}.request: json or form, not both"
            yield from expect.pointers(step.expect.body, f"{at}.expect.body")
            for name, wanted in (*step.expect.headers.items(), ("text", step.expect.text)):
                yield from expect.malformed(wanted, f"{at}.expect.{name}")
            unknown = {each for each in variables(step) - saved if not each.startswith(declared.PREFIX)}
            if unknown:
                yield f"{at}: nothing before it saves ${{{'}, ${'.join(sorted(unknown))}}}"
            for name, pointer in step.save.items():
                if not re.fullmatch(NAME, name) or (pointer and not pointer.startswith("/")):
                    yield f"{at}.save: `{name}: {pointer}` is not a name with a JSON pointer"
            saved |= set(step.save)


def variables(step: Step) -> set[str]:
    """The variables that a step needs."""
    return set(VARIABLE.findall(msgspec.json.encode(msgspec.to_builtins(step)).decode()))


def fill(value: Any, known: Mapping[str, Any]) -> Any:
    """A value with its variables replaced; one that is nothing but a variable keeps the variable's type."""
    if isinstance(value, str):
        whole = VARIABLE.fullmatch(value)
        if whole:
            return known[whole[1]]
        return VARIABLE.sub(lambda found: str(known[found[1]]), value)
    if isinstance(value, Mapping):
        return {fill(key, known) if isinstance(key, str) else key: fill(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(each, known) for each in value]
    return value
