"""What leaves for a model, without secrets: values that are known, and what looks like one. Pure."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from kubetasks.diagnose import hide
from kubetasks.redact import HIDDEN

# Parts of the protocol. A known secret is replaced here, too; a pattern that replaced one would break the request.
PROTOCOL: Final = frozenset({"role", "type", "id", "tool_call_id", "model", "finish_reason", "format"})
DEEPEST: Final = 40
# A text of this length or more is cut: patterns take long on it, and no model reads it.
LONGEST: Final = 200_000
CUT: Final = "\n[cut by kubetasks]"
# Below a JSON text in a JSON text in a JSON text there is no other.
NESTED: Final = 4
# How many texts are remembered: tools send the whole conversation again with each request.
REMEMBERED: Final = 4096


class TooDeep(ValueError):
    """A document is nested too deeply."""


@dataclass
class Cleaner:
    """Takes secrets out of documents.

    Args:
        known: replaces the secrets whose values are known, in plain, Base64 and URL form: a ``Redactor``.
    """

    known: Callable[[str], str]
    _seen: dict[str, str] = field(default_factory=dict)

    def text(self, text: str, nested: int = NESTED) -> str:
        """A text without secrets. A JSON document in it is cleaned value by value."""
        if text not in self._seen:
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[text] = self._text(text, nested)
        return self._seen[text]

    def _text(self, text: str, nested: int) -> str:
        text = self.known(text)
        if len(text) > LONGEST:
            text = text[:LONGEST] + CUT
        if nested and text.lstrip()[:1] in {"{", "["}:
            try:
                held = json.loads(text)
            except (ValueError, RecursionError):
                pass
            else:
                return json.dumps(self._held(held, nested - 1), ensure_ascii=False)
        masked = self._masked(text)
        if '\\"' in text or "\\n" in text:  # JSON in a text: its quotes would hide a name from the patterns
            flat = text.replace('\\"', '"').replace("\\n", "\n")
            found = self._masked(flat)
            if found != flat:
                return found
        return masked

    def _masked(self, text: str) -> str:
        return hide.masked(text, self.known)

    def _held(self, value: Any, nested: int, name: str = "", depth: int = 0) -> Any:
        """A document that stood in a text: what has a secret's name is hidden, whatever it looks like."""
        if depth > DEEPEST:
            raise TooDeep
        if isinstance(value, dict):
            if value.get("kind") == "Secret":
                hidden = {key: HIDDEN for key in ("data", "stringData") if key in value}
                value = {**value, **hidden}
            return {self.known(key): self._held(each, nested, key, depth + 1) for key, each in value.items()}
        if isinstance(value, list):
            return [self._held(each, nested, name, depth + 1) for each in value]
        if isinstance(value, str):
            secret = value and len(value) >= 3 and name and hide.is_secret_name(name) and not _is_reference(name)
            return HIDDEN if secret else self.text(value, nested)
        return self._number(value)

    def document(self, value: Any, name: str = "", depth: int = 0) -> Any:
        """A request of the OpenAI protocol without secrets, in keys, texts and numbers.

        Raises:
            TooDeep: it is nested too deeply.
        """
        if depth > DEEPEST:
            raise TooDeep
        if isinstance(value, dict):
            return {self.known(key): self.document(each, key, depth + 1) for key, each in value.items()}
        if isinstance(value, list):
            return [self.document(each, name, depth + 1) for each in value]
        if isinstance(value, str):
            return self.known(value) if name in PROTOCOL else self.text(value)
        return self._number(value)

    def _number(self, value: Any) -> Any:
        """A number, a boolean or null; a number that is a known secret is hidden."""
        if isinstance(value, (int, float)) and not isinstance(value, bool) and self.known(str(value)) != str(value):
            return HIDDEN
        return value


def _is_reference(name: str) -> bool:
    """Whether a field of Kubernetes' API names a Secret or a token but does not contain one."""
    low = name.lower()
    return low.endswith(("name", "ref", "file", "path", "secrets", "token_call_id", "tokens")) or low in {
        "secret",
        "projected",
        "serviceaccounttoken",
        "automountserviceaccounttoken",
    }
