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
    shutdown_seconds: float = 10.0
    """How long the server waits for what is open after SIGTERM; streams are ended before that."""
    log_level: str = "INFO"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: When BACKEND_URL is no address, or SHUTDOWN_SECONDS no time.
    """
    url = environ.get("BACKEND_URL", "") or Settings.backend_url
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"BACKEND_URL is {url!r}; expected http://host:port")
    given = environ.get("SHUTDOWN_SECONDS", "").strip()
    try:
        seconds = float(given) if given else Settings.shutdown_seconds
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise SettingsError(f"SHUTDOWN_SECONDS is {given!r}; expected a positive number of seconds")
    level = environ.get("LOG_LEVEL", "").upper() or Settings.log_level
    return Settings(backend_url=url.rstrip("/"), shutdown_seconds=seconds, log_level=level)
