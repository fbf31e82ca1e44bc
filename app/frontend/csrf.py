"""Whether a request that changes something comes from this site's own pages.

Two checks, both needed: the browser says where a request comes from (Origin, Sec-Fetch-Site), which also covers logging
in, when there is no session yet; and the page proves that it could read the session's own token.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers

HEADER = "x-csrf-token"
_PORTS = {"http": 80, "https": 443}


def token(refresh: str) -> str:
    """Return the token of a session: no state, and of no use with any other session."""
    return hmac.new(refresh.encode(), b"todo csrf", hashlib.sha256).hexdigest()


def valid(refresh: str, given: str) -> bool:
    """Tell whether a page of this session gave the token."""
    return hmac.compare_digest(token(refresh).encode(), given.encode())


def own_site(headers: Headers) -> bool:
    """Tell whether the browser says that a request is from this origin; who says nothing is no browser.

    The scheme is not compared: before a proxy that ends TLS, it is not known for sure.
    """
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
        here = urlsplit(f"{parts.scheme}://{headers.get('host', '')}")
        port = _PORTS.get(parts.scheme)
        return bool(parts.hostname) and (parts.hostname, parts.port or port) == (here.hostname, here.port or port)
    except ValueError:
        return False
