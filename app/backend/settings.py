"""What the backend reads from its environment, once, when it starts."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.backend.urls import UrlError, sqlite_path, through_pooler

SHORTEST_KEY = 32  # bytes: RFC 7518, section 3.2, for HS256

_RATE = re.compile(r"[1-9]\d{0,8}/(second|minute|hour|day)")
_HOST = re.compile(r"[A-Za-z0-9.\-_\[\]:*]+")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class SettingsError(Exception):
    """A variable is missing or unusable; the message is one line and holds no secret."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The backend's settings; each is the variable of its name in capital letters."""

    database_url: str = field(repr=False)
    database_pooled: bool = False
    """Whether a pooler that gives each transaction another connection is in front of the database.

    DATABASE_POOLED: true, false or auto (the default): yes where the host is named like Neon's pooler, or
    MIGRATION_DATABASE_URL, the way past a pooler, is set and another one.
    """
    database_pool_size: int = 10
    """Connections to the database at most, of one process."""
    jwt_secret: str = field(repr=False)
    token_seconds: int = 900
    """How long an access token holds."""
    refresh_seconds: int = 30 * 24 * 3600
    """How long a session lasts that is not used."""
    rate_limit: str | None = "600/minute"
    """Requests per user; "off" in the environment is None."""
    chat_rate_limit: str | None = "120/minute"
    """Chat turns per user."""
    login_rate_limit: str | None = "10/minute"
    """Attempts to log in, per name."""
    llm_base_url: str = field(default="", repr=False)  # may hold a password
    """An OpenAI-compatible endpoint, e.g. https://api.example.com/v1; it and `llm_model` switch the model on."""
    llm_model: str = ""
    llm_api_key: str = field(default="", repr=False)
    """May stay empty: a server on one's own machine wants none."""
    llm_timeout_seconds: float = 30.0
    """How long a turn of the model's may take."""
    llm_max_tool_calls: int = 10
    """Tool calls of the model's per turn."""
    mcp_allowed_hosts: tuple[str, ...] = ()
    """Hosts that requests to /mcp may name; none given: any, as they are authenticated."""
    ready_cache_seconds: float = 600.0
    """How long "ready" holds. Below a probe's period it keeps a database awake that sleeps when idle."""
    ready_timeout_seconds: float = 1.5
    """How long /ready waits for the database before it says so."""
    host: str = "127.0.0.1"
    """Where to listen."""
    port: int = 8000
    drain_seconds: float = 0.0
    """How long to continue as before after SIGTERM, but for closing each connection with its next answer: as long as a
    load balancer may still send connections here. `main` sets it to 0 if `host` is a loopback address."""
    shutdown_seconds: float = 10.0
    """How long work in flight may take to finish after that."""
    log_level: str = "INFO"

    @property
    def model_configured(self) -> bool:
        """Whether there is a language model to ask."""
        return bool(self.llm_base_url and self.llm_model)


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: Naming the variable and what is wrong with it.
    """
    read = _Reader(environ)
    url = read.database_url()
    return Settings(
        database_url=url,
        database_pooled=read.pooled(url),
        database_pool_size=read.count("DATABASE_POOL_SIZE", Settings.database_pool_size, 100),
        jwt_secret=read.secret(),
        token_seconds=int(read.seconds("TOKEN_SECONDS", Settings.token_seconds)),
        refresh_seconds=int(read.seconds("REFRESH_SECONDS", Settings.refresh_seconds)),
        rate_limit=read.rate("RATE_LIMIT", Settings.rate_limit),
        chat_rate_limit=read.rate("CHAT_RATE_LIMIT", Settings.chat_rate_limit),
        login_rate_limit=read.rate("LOGIN_RATE_LIMIT", Settings.login_rate_limit),
        **read.model(),
        llm_timeout_seconds=read.seconds("LLM_TIMEOUT_SECONDS", Settings.llm_timeout_seconds),
        llm_max_tool_calls=read.count("LLM_MAX_TOOL_CALLS", Settings.llm_max_tool_calls, 100),
        mcp_allowed_hosts=read.hosts("MCP_ALLOWED_HOSTS"),
        ready_cache_seconds=read.seconds("READY_CACHE_SECONDS", Settings.ready_cache_seconds),
        ready_timeout_seconds=read.seconds("READY_TIMEOUT_SECONDS", Settings.ready_timeout_seconds),
        host=read.text("HOST") or Settings.host,
        port=read.count("PORT", Settings.port, 65535),
        drain_seconds=read.seconds("DRAIN_SECONDS", Settings.drain_seconds, zero=True),
        shutdown_seconds=read.seconds("SHUTDOWN_SECONDS", Settings.shutdown_seconds),
        log_level=read.choice("LOG_LEVEL", Settings.log_level, _LEVELS),
    )


class _Reader:
    """Reads one variable after the other; empty is the same as absent."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def database_url(self) -> str:
        url = self.text("DATABASE_URL")
        if not url:
            raise SettingsError("DATABASE_URL is not set")
        try:
            sqlite_path(url)
        except UrlError as error:
            raise SettingsError(f"DATABASE_URL cannot be used: {error}") from None
        return url

    def pooled(self, url: str) -> bool:
        match self.text("DATABASE_POOLED").lower() or "auto":
            case "auto":
                return through_pooler(url, direct=self.text("MIGRATION_DATABASE_URL"))
            case "true":
                return True
            case "false":
                return False
            case other:
                raise SettingsError(f"DATABASE_POOLED is {other!r}; expected true, false or auto")

    def secret(self) -> str:
        secret = self._environ.get("JWT_SECRET", "")
        if len(secret.encode()) < SHORTEST_KEY:
            state = f"has {len(secret.encode())} bytes" if secret else "is not set"
            raise SettingsError(f"JWT_SECRET {state}; it needs at least {SHORTEST_KEY} random bytes")
        return secret

    def model(self) -> dict[str, str]:
        url, model = self.text("LLM_BASE_URL"), self.text("LLM_MODEL")
        if bool(url) != bool(model):
            there, missing = ("LLM_BASE_URL", "LLM_MODEL") if url else ("LLM_MODEL", "LLM_BASE_URL")
            raise SettingsError(f"{missing} is not set, and {there} is; a language model needs both")
        if url:
            self._check_endpoint(url)
        return {"llm_base_url": url, "llm_model": model, "llm_api_key": self.text("LLM_API_KEY")}

    @staticmethod
    def _check_endpoint(url: str) -> None:
        """Refuse what is no endpoint, without repeating it: it may hold a password."""
        try:
            parts = urlsplit(url)
            well = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            well = False
        if not well:
            raise SettingsError("LLM_BASE_URL cannot be used; expected a URL like https://api.example.com/v1")

    def seconds(self, name: str, default: float, *, zero: bool = False) -> float:
        given = self.text(name)
        if not given:
            return default
        try:
            number = float(given)
        except ValueError:
            number = -1.0
        if not (0 < number < 1e9 or (zero and number == 0)):  # also refuses nan and inf
            kind = "number" if zero else "positive number"
            raise SettingsError(f"{name} is {given!r}; expected a {kind} of seconds")
        return number

    def count(self, name: str, default: int, largest: int) -> int:
        given = self.text(name)
        if not given:
            return default
        if not re.fullmatch(r"\d{1,9}", given, re.ASCII) or not 1 <= int(given) <= largest:
            raise SettingsError(f"{name} is {given!r}; expected a number from 1 to {largest}")
        return int(given)

    def rate(self, name: str, default: str | None) -> str | None:
        given = self.text(name).lower()
        if not given or given == "off":
            return None if given else default
        if not _RATE.fullmatch(given):
            raise SettingsError(f'{name} is {given!r}; expected e.g. "600/minute" (second, minute, hour, day) or "off"')
        return given

    def hosts(self, name: str) -> tuple[str, ...]:
        given = tuple(host for part in self.text(name).split(",") if (host := part.strip()))
        for host in given:
            if not _HOST.fullmatch(host):
                raise SettingsError(f"{name} has {host!r}; expected hosts, with commas between them")
        return given

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        given = self.text(name).upper() or default
        if given not in choices:
            raise SettingsError(f"{name} is {given!r}; expected one of {', '.join(choices).lower()}")
        return given
