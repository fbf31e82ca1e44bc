"""Secrets that print as ``***``, and the filter for everything that is shown or logged.

The filter hides values and keeps structure. In a document, it only processes strings, never keys, numbers or
booleans, before the document is serialized, so that no quote or brace can be mistaken for a secret.

How much can be hidden depends on the value (ADR 21). One that is a common word, a name from the settings or a number
cannot be distinguished from ordinary text: it is hidden where it is alone on a line, and its owner is warned.
"""

import contextlib
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

HIDDEN: Final = "***"
MARK: Final = "hmac-sha256:"  # begins a keyed digest that stands for a value (``deployers.concealed``)
DIGEST: Final = re.compile(rf"{MARK}[0-9a-f]{{32}}")
# Shorter values are not hidden at all: "1" and "yes" would blank out ordinary text.
SHORTEST: Final = 4
# Shorter ones are not hidden within a longer word.
LONG: Final = 8
SHORTEST_LINE: Final = 6
# Programs break Base64 after so many characters: PEM (RFC 7468), MIME (RFC 2045).
BASE64_LINES: Final = (64, 76)

# Common words in documents, Kubernetes objects and messages.
_WORDS: Final = """
true false null none nil nan inf infinity undefined yes no on off default example test changeme
name namespace kind spec status metadata data type labels annotations value values image images key keys
apiversion items list string text secret secrets password passwd token user username admin root guest
http https tcp udp localhost host hosts port ports path config always never ifnotpresent restricted clusterip
loadbalancer nodeport pod pods deployment deployments service services configmap configmaps statefulset job jobs
networkpolicy ingress egress node nodes cluster container containers postgres postgresql sqlite mysql redis
ready running pending failed succeeded error errors warning info debug deploy deployed verify plan build
"""
COMMON: Final = frozenset(_WORDS.split())
NUMBER: Final = re.compile(r"[-+]?[0-9][0-9._:]*")


class Sensitive:
    """A string that never shows itself: ``str``, ``repr`` and formatting all give ``***``.

    ``reveal()`` is the only access to the value, so that a search for it finds every use.
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


def is_common(value: str, public: Iterable[str] = ()) -> bool:
    """Whether a value is an ordinary word, a name that is public anyway, a number, or a line of one or two signs."""
    plain = value.strip().lower()
    if plain in COMMON or plain in {each.lower() for each in public}:
        return True
    few = len(set(plain)) < 4 and not any(each.isalnum() for each in plain)
    return few or (len(plain) < LONG and NUMBER.fullmatch(plain) is not None)


def weakness(value: str, public: Iterable[str] = ()) -> str:
    """Why a value cannot be hidden everywhere, for its owner; empty for one that can be.

    Args:
        value: the secret.
        public: words that are shown anyway: names and values of the settings.
    """
    plain = value.strip()
    if is_common(plain, public):
        return "it is a common word or number, or a name from invoke.yaml"
    if len(plain) < LONG:
        return f"it has only {len(plain)} characters"
    return ""


class Redactor:
    """Replaces every secret it was given, in each of its usual forms, by ``***``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._public: set[str] = set()
        self._anywhere: list[str] = []
        self._words: re.Pattern[str] | None = None
        self._alone: re.Pattern[str] | None = None

    def add(self, values: Iterable[Sensitive]) -> None:
        """Hide these from now on."""
        found = {item.reveal() for item in values if len(item.reveal().strip()) >= SHORTEST}
        with self._lock:
            if not found <= self._values:
                self._values |= found
                self._prepare()

    def expect(self, public: Iterable[str]) -> None:
        """Words that are shown anyway, such as the project's name; a secret with that value is indistinguishable."""
        with self._lock:
            self._public |= {word for word in public if len(word) >= SHORTEST}
            self._prepare()

    def weakness(self, value: Sensitive) -> str:
        """See ``weakness``, with the words that are shown anyway."""
        return weakness(value.reveal(), self._public)

    def _prepare(self) -> None:
        anywhere: set[str] = set()
        words: set[str] = set()
        alone: set[str] = set()
        for value in self._values:
            if is_common(value, self._public):
                alone.add(value.strip())
            elif len(value.strip()) < LONG:
                words |= set(_written(value))
                anywhere |= {form for form in _encoded(value) if len(form) >= LONG}
            else:
                anywhere |= {form for form in (*_written(value), *_encoded(value)) if len(form) >= SHORTEST_LINE}
        # The longest first: a value that contains another is replaced whole.
        self._anywhere = sorted(anywhere, key=len, reverse=True)
        self._words = _either(words, r"[^\W_]")
        self._alone = _either(alone, r"[\w./:@%-]")

    def _within(self, text: str) -> str:
        for value in self._anywhere:
            if value in text:
                text = text.replace(value, HIDDEN)
        return self._words.sub(HIDDEN, text) if self._words is not None else text

    def __call__(self, text: str) -> str:
        """A line of text, or several, with every known secret replaced."""
        text = self._within(text)
        return self._alone.sub(HIDDEN, text) if self._alone is not None else text

    def document(self, value: Any) -> Any:
        """A copy of a document (mappings, lists and scalars) with every known secret replaced in its texts.

        Keys, numbers and booleans stay, and so do texts that are a common word. What a Kubernetes Secret holds is
        hidden whatever it is; keyed digests in the place of its values (``deployers.concealed``) stay.
        """
        if isinstance(value, str):
            return self._within(value)
        if isinstance(value, Mapping):
            secret = value.get("kind") == "Secret" and "metadata" in value
            return {
                key: self._held(each, str(key)) if secret and key in {"data", "stringData"} else self.document(each)
                for key, each in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.document(each) for each in value]
        return value

    @staticmethod
    def _held(data: Any, where: str) -> Any:
        if not isinstance(data, Mapping):
            return data
        digests = where == "data"  # a value there is Base64, which has no colon; in ``stringData`` it may be any text
        return {
            key: each if digests and isinstance(each, str) and DIGEST.fullmatch(each) else HIDDEN
            for key, each in data.items()
        }


def _either(words: Iterable[str], beside: str) -> re.Pattern[str] | None:
    """A pattern for any of the words where no character of the class ``beside`` stands next to it."""
    longest = sorted(filter(None, words), key=len, reverse=True)
    return re.compile(f"(?<!{beside})(?:{'|'.join(map(re.escape, longest))})(?!{beside})") if longest else None


def _written(value: str) -> Iterator[str]:
    """A value as programs write it in text: as it is, and with what they put before its special characters."""
    import json  # noqa: PLC0415  (most runs have no secret to hide)
    import shlex  # noqa: PLC0415
    from html import escape  # noqa: PLC0415

    for plain in {value, value.strip()}:
        yield plain
        yield from (json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1])
        yield from (repr(plain)[1:-1], repr(plain.encode(errors="surrogateescape"))[2:-1])
        yield plain.replace("'", "''")  # SQL, and YAML in single quotes
        yield shlex.quote(plain)[1:-1] if shlex.quote(plain) != plain else plain
        yield from (escape(plain, quote=False), escape(plain))
    # Of a key in several lines a program may show one.
    yield from (line for line in map(str.strip, value.splitlines()) if len(line) >= SHORTEST_LINE)


def _encoded(value: str) -> Iterator[str]:
    """A value as programs encode it: for URLs, and in Base64, alone or within a longer text."""
    import base64  # noqa: PLC0415
    from urllib.parse import quote, quote_plus, unquote, urlsplit  # noqa: PLC0415

    for plain in {value, value.strip()}:
        data = plain.encode(errors="surrogateescape")
        for form in (quote(data, safe=""), quote(data), quote_plus(data)):
            yield from (form, re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form))
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            whole = encode(data).decode()
            yield from (whole, whole.rstrip("="))
            for length in BASE64_LINES:
                yield from (
                    whole[start : start + length] for start in range(0, len(whole), length) if len(whole) > length
                )
            for before in (0, 1, 2):
                # Of the characters at both ends, some bits belong to the adjacent text.
                inner = encode(b"\0" * before + data).decode().rstrip("=")[(0, 2, 3)[before] :]
                yield inner[:-1] if (before + len(data)) % 3 else inner
    if "://" in value:
        with contextlib.suppress(ValueError):
            password = urlsplit(value).password or ""
            yield from (password, unquote(password))
