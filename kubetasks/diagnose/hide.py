"""What must not leave a cluster in a snapshot: secrets in logs, messages, arguments and environment variables."""

import re
from collections.abc import Callable
from typing import Final

from kubetasks.redact import HIDDEN

SECRET_NAME: Final = re.compile(
    r"pass(?:word|wd|phrase)?\b|passw|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|bearer"
    r"|(?:^|[_-])(?:auth|pwd|pass|salt|pin|dsn|jwt|signature)(?:$|[_-])|encryption[_-]?key|_key$|sas[_-]?url",
    re.IGNORECASE,
)
# Every repetition before what has to follow is limited: a hostile log could otherwise keep a pattern busy for minutes.
_PART: Final = r"[\w.-]{0,64}"
_WORD: Final = (
    rf"(?:(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential){_PART}"
    r"|\bpwd)"
    # The name of a Secret, of a file or of a key is no secret.
    r"(?<!name)(?<!ref)(?<!file)(?<!path)(?<!dir)(?<!class)"
)
# After a name that looks secret these are words of a message ("password: not set"), not a value.
_SAID: Final = (
    r"(?:not|is|was|must|missing|required|field|none|null|nil|undefined|empty|unset|invalid|expired|unknown|failed"
    r"|cannot|could|no|has|does|parameter|input|error|true|false|authentication|\*\*\*)\b"
)
PATTERNS: Final = (
    # A private key, whole or cut off by the end of the log.
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    # scheme://user:password@host
    (
        re.compile(r"(\b[a-z][a-z0-9+.-]{0,31}://[^\s/:@'\"]{0,128}:)[^\s@'\"]{1,512}(@)", re.IGNORECASE),
        rf"\1{HIDDEN}\2",
    ),
    (
        re.compile(
            r"(\bauthorization\b[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token|digest)?\s*)[^\s\"',;]+", re.IGNORECASE
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(\b(?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{12,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(\b(?:set-)?cookie\b[\"']?\s*[:=]\s*).+", re.IGNORECASE), rf"\1{HIDDEN}"),
    # JSON web tokens, keys of AWS, GitHub, Slack, Google, OpenAI and Stripe.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), HIDDEN),
    (
        re.compile(
            r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bxox[abprs]-[\w-]{10,}"
            r"|\bAIza[\w-]{30,}|\b[sr]k[-_](?:live_|test_|proj-|ant-)?[\w-]{16,}|\bglpat-[\w-]{16,}"
        ),
        HIDDEN,
    ),
    # name=value, "name": "value", --name value
    (
        re.compile(
            rf"({_WORD}[\"']?\s{{0,8}}[=:]\s*)(?!{_SAID})(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&\"'}}\])]{{3,}})",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"((?<![\w-])--?{_PART}{_WORD}\s+)(?![-\s])(?!{_SAID})\S{{3,}}", re.IGNORECASE), rf"\1{HIDDEN}"),
)


def is_secret_name(name: str) -> bool:
    """Whether an environment variable or a ConfigMap key of this name may hold a secret."""
    return SECRET_NAME.search(name) is not None


def masked(text: str, known: Callable[[str], str] = str) -> str:
    """The text without secrets: those of the redactor, and what looks like one.

    Args:
        text: any text.
        known: replaces the secrets that are known; a ``Redactor``.
    """
    text = known(text)
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def value(name: str, text: str, known: Callable[[str], str] = str) -> str:
    """The value of a variable or a key, hidden where its name looks secret. An empty value stays visible."""
    return HIDDEN if text and is_secret_name(name) else masked(text, known)
