"""Secrets that print as ``***``, and the filter that every shown or logged line passes."""

import contextlib
from collections.abc import Iterable
from typing import Final

HIDDEN: Final = "***"
# Shorter values ("1", "yes") would blank out ordinary words; such a value is no secret anyway.
SHORTEST: Final = 4
SHORTEST_LINE: Final = 6


class Sensitive:
    """A string that never shows itself: ``str``, ``repr`` and formatting all give ``***``.

    ``reveal()`` is the one way to the value, so that a search for it finds every use.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself. Only for stdin, a private file or a child's environment."""
        return self._value

    def __str__(self) -> str:
        return HIDDEN

    def __repr__(self) -> str:
        return f"Sensitive({HIDDEN})"

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)


class Redactor:
    """Replaces every secret it has been told of, and its base64 form, by ``***``."""

    def __init__(self) -> None:
        self._values: list[str] = []

    def add(self, values: Iterable[Sensitive]) -> None:
        """Hide these from now on (their plain, base64, JSON and URL-quoted forms)."""
        import base64  # noqa: PLC0415  (most runs have no secret to hide)
        import json  # noqa: PLC0415
        from urllib.parse import quote, urlsplit  # noqa: PLC0415

        known = set(self._values)
        for item in values:
            plain = item.reveal()
            forms = {plain, base64.b64encode(plain.encode()).decode(), quote(plain, safe="")}
            forms.add(json.dumps(plain)[1:-1])
            # Of a key in several lines a program may show one.
            forms |= {line for line in plain.splitlines() if len(line) >= SHORTEST_LINE} if "\n" in plain else set()
            if "://" in plain:
                with contextlib.suppress(ValueError):
                    forms.add(urlsplit(plain).password or "")
            known |= {form for form in forms if len(form) >= SHORTEST}
        # The longest first: a value that contains another is replaced whole.
        self._values = sorted(known, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text with every known secret replaced."""
        for value in self._values:
            if value in text:
                text = text.replace(value, HIDDEN)
        return text
