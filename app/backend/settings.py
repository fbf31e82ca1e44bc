"""What the backend reads from its environment, once, when it starts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.backend.urls import UrlError, sqlite_path

SHORTEST_KEY = 32  # bytes: RFC 7518, section 3.2, for HS256


class SettingsError(Exception):
    """A variable is missing or unusable; the message is one line and holds no secret."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The backend's settings."""

    database_url: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    token_seconds: int = 30 * 24 * 3600
    """How long a session lasts."""
    ready_cache_seconds: float = 5.0
    """How long an answer of /ready holds. Below a probe's period it keeps a database awake that sleeps when idle."""
    ready_timeout_seconds: float = 1.5
    """How long /ready waits for the database before it says so."""
    log_level: str = "INFO"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: Naming the variable and what is wrong with it.
    """
    url = environ.get("DATABASE_URL", "")
    if not url:
        raise SettingsError("DATABASE_URL is not set")
    try:
        sqlite_path(url)
    except UrlError as error:
        raise SettingsError(f"DATABASE_URL cannot be used: {error}") from None
    secret = environ.get("JWT_SECRET", "")
    if len(secret.encode()) < SHORTEST_KEY:
        state = f"has {len(secret.encode())} bytes" if secret else "is not set"
        raise SettingsError(f"JWT_SECRET {state}; it needs at least {SHORTEST_KEY} random bytes")
    return Settings(
        database_url=url,
        jwt_secret=secret,
        token_seconds=int(_number(environ, "TOKEN_SECONDS", Settings.token_seconds)),
        ready_cache_seconds=_number(environ, "READY_CACHE_SECONDS", Settings.ready_cache_seconds),
        ready_timeout_seconds=_number(environ, "READY_TIMEOUT_SECONDS", Settings.ready_timeout_seconds),
        log_level=environ.get("LOG_LEVEL", "").upper() or Settings.log_level,
    )


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    given = environ.get(name, "")
    if not given:
        return default
    try:
        number = float(given)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e9:  # also refuses nan and inf
        raise SettingsError(f"{name} is {given!r}; expected a positive number of seconds")
    return number
