"""What a secret's value may look like, by the ``form`` that its setting gives it. Reasons never repeat the value."""

import re
from typing import Final

HEX: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
QUOTE: Final = "write it percent-encoded: python3 -c 'import urllib.parse as u; print(u.quote(input(), safe=\"\"))'"


def fault(value: str, form: str) -> tuple[str, str]:
    """Why a value cannot be used and what to do; two empty texts for one that can.

    Args:
        value: the secret.
        form: ``text``, ``line`` or ``url``.
    """
    if "\0" in value:
        return "it contains a NUL character, which an environment variable cannot", "remove it"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8 text", "encode it, for instance in Base64, and let the application decode it"
    if form in {"line", "url"} and re.search(r"[\r\n]", value):
        return "it has a line break, and its reader expects one line", "use one line, without a line break at its end"
    return _url_fault(value) if form == "url" else ("", "")


def _url_fault(value: str) -> tuple[str, str]:
    """What is wrong with a URL, most of all a password in it that is not percent-encoded (RFC 3986, section 3.2.1)."""
    found = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", value)
    if found is None:
        return "it is not a URL", "write SCHEME://USER:PASSWORD@HOST:PORT/NAME"
    authority, rest = found[2], found[3]
    login, at, place = authority.rpartition("@")
    if "@" in login or "@" in rest.partition("?")[0] or "#" in rest:
        return "its user or password contains a character that ends it (@ / ? #)", QUOTE
    if re.search(r"[\s\x00-\x1f]", value):
        return "it contains a space", QUOTE
    if HEX.search(value):
        return "it contains a % that is not an escape", QUOTE
    for host in place.split(","):
        port = re.sub(r"^(\[[^\]]*\]|[^:]*)", "", host)
        if port and not (re.fullmatch(r":[0-9]*", port) and int(port[1:] or 1) in range(1, 65536)):
            return (
                f"its port is not a number{'' if at else ', or its password contains a character that ends it'}",
                QUOTE,
            )
    return "", ""
