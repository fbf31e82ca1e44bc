"""Values from an env file.

It is read as python-dotenv reads it (quotes, ``export``, comments), without expanding ``$``: a password may hold one.
An empty value counts as none, so that a copy of ``.env.example`` can be filled in bit by bit.
"""

from pathlib import Path

from kubetasks.errors import EnvFileError
from kubetasks.redact import Sensitive
from kubetasks.secrets.readers.base import Found, Sources
from kubetasks.settings.sections import Secret


def read(name: str, _secret: Secret, sources: Sources) -> Found | None:
    """The line of the secret's name; an empty value counts as none."""
    text = sources.file.get(name)
    return Found(Sensitive(text), sources.file_name) if text else None


def read_env_file(path: Path) -> dict[str, str]:
    """The names and values of an env file; a name given twice has its last value.

    Raises:
        EnvFileError: the file cannot be read, or a line of it is not ``NAME=VALUE``; says which.
    """
    import io  # noqa: PLC0415

    from dotenv.parser import parse_stream  # noqa: PLC0415

    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise EnvFileError(f"{path} does not exist", fix="cp .env.example .env, then fill it in") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise EnvFileError(f"{path} cannot be read", why=str(reason)) from None
    found: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if not binding.error and binding.key is None:
            continue  # a comment or an empty line
        if binding.error or binding.key is None or binding.value is None:
            # The line itself may hold a secret; its number is enough.
            raise EnvFileError(
                f"{path}, line {_line(text, binding.original.line)} is malformed",
                why="it is not NAME=VALUE",
                fix="see .env.example; a value with spaces, quotes or # goes between single quotes",
            )
        found[binding.key] = binding.value
    return found


def _line(text: str, start: int) -> int:
    """The parser counts the blank lines before a binding to it; skip them."""
    lines = text.splitlines()
    while start <= len(lines) and not lines[start - 1].strip():
        start += 1
    return start
