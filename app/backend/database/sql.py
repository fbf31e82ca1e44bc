"""Statements: from `:name` to what psycopg takes."""

import re
from functools import lru_cache

# What must not be taken for a name: quoted text and identifiers, comments, casts.
_PIECES = re.compile(
    r"""
    (?P<kept> '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | :: )
    | (?<![:\w]) : (?P<name>[a-zA-Z_]\w*)
    | (?P<percent>%)
    """,
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=512)
def for_psycopg(sql: str) -> bytes:
    """Return a statement with `%(name)s` for `:name` and `%%` for `%`; kept, as there are few and they recur."""

    def piece(match: re.Match[str]) -> str:
        if match["name"]:
            return f"%({match['name']})s"
        return "%%" if match["percent"] else match["kept"].replace("%", "%%")

    return _PIECES.sub(piece, sql).encode()
