"""What the frontend reads from its environment, once, when it starts: one image serves wherever the backend is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A variable is unusable; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The frontend's settings."""

    backend_url: str = "http://127.0.0.1:8000"
    """Where the backend is; a path in it goes before every path asked for."""
    host: str = "127.0.0.1"
    """Where to listen."""
    port: int = 3000
    drain_seconds: float = 0.0
    """How long to continue as before after SIGTERM, but for closing each connection with its next answer: as long as a
    load balancer may still send connections here. `main` sets it to 0 if `host` is a loopback address."""
    shutdown_seconds: float = 10.0
    """How long the server waits after that for what is open; streams are ended before that."""
    log_level: str = "INFO"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: When BACKEND_URL is not an address, PORT not a port, or a variable in seconds not a number.
    """
    url = environ.get("BACKEND_URL", "") or Settings.backend_url
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"BACKEND_URL is {url!r}; expected http://host:port")
    host = environ.get("HOST", "").strip() or Settings.host
    port = environ.get("PORT", "").strip() or str(Settings.port)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise SettingsError(f"PORT is {port!r}; expected a number from 1 to 65535")
    level = environ.get("LOG_LEVEL", "").upper() or Settings.log_level
    return Settings(
        backend_url=url.rstrip("/"),
        host=host,
        port=int(port),
        drain_seconds=_seconds(environ, "DRAIN_SECONDS", Settings.drain_seconds, zero=True),
        shutdown_seconds=_seconds(environ, "SHUTDOWN_SECONDS", Settings.shutdown_seconds),
        log_level=level,
    )


def _seconds(environ: Mapping[str, str], name: str, default: float, *, zero: bool = False) -> float:
    given = environ.get(name, "").strip()
    try:
        seconds = float(given) if given else default
    except ValueError:
        seconds = -1.0
    if not (0 < seconds < 1e6 or (zero and seconds == 0)):
        raise SettingsError(f"{name} is {given!r}; expected a {'' if zero else 'positive '}number of seconds")
    return seconds
