"""What both services read from their environment."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.backend import settings as backend
from app.frontend import settings as frontend

ROOT = Path(__file__).parents[2]
GOOD = {"DATABASE_URL": "postgresql://u:p4ssw0rd@h/d", "JWT_SECRET": "s" * 32}


def test_defaults() -> None:
    made = backend.from_environment(GOOD)
    assert made == backend.Settings(database_url=GOOD["DATABASE_URL"], jwt_secret=GOOD["JWT_SECRET"])
    assert frontend.from_environment({}) == frontend.Settings()


def test_everything_set() -> None:
    made = backend.from_environment(
        {
            **GOOD,
            "TOKEN_SECONDS": "60",
            "READY_CACHE_SECONDS": "600",
            "READY_TIMEOUT_SECONDS": "0.5",
            "LOG_LEVEL": "debug",
        }
    )
    assert (made.token_seconds, made.ready_cache_seconds, made.ready_timeout_seconds) == (60, 600, 0.5)
    assert made.log_level == "DEBUG"
    assert frontend.from_environment({"BACKEND_URL": "https://b:8443/x/", "LOG_LEVEL": "info"}) == frontend.Settings(
        backend_url="https://b:8443/x", log_level="INFO"
    )


def test_secrets_are_not_in_what_is_printed() -> None:
    shown = repr(backend.from_environment(GOOD))
    assert "p4ssw0rd" not in shown
    assert GOOD["JWT_SECRET"] not in shown


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "mysql://u:p@h/d"}, "DATABASE_URL cannot be used: its scheme is 'mysql'"),
        ({"JWT_SECRET": ""}, "JWT_SECRET is not set; it needs at least 32 random bytes"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET has 5 bytes; it needs at least 32"),
        ({"TOKEN_SECONDS": "soon"}, "TOKEN_SECONDS is 'soon'; expected a positive number"),
        ({"READY_CACHE_SECONDS": "nan"}, "READY_CACHE_SECONDS is 'nan'"),
    ],
)
def test_what_the_backend_refuses(change: dict[str, str], why: str) -> None:
    with pytest.raises(backend.SettingsError, match=re.escape(why)):
        backend.from_environment({**GOOD, **change})


@pytest.mark.parametrize(
    "url", ["backend:8000", "ftp://backend", "http://", "http://b:99999", "http://b:x", "http://b:0"]
)
def test_what_the_frontend_refuses(url: str) -> None:
    with pytest.raises(frontend.SettingsError, match="BACKEND_URL is"):
        frontend.from_environment({"BACKEND_URL": url})


@pytest.mark.parametrize(
    ("service", "environment", "line"),
    [
        ("backend", {}, "backend: DATABASE_URL is not set"),
        ("backend", {**GOOD, "LOG_LEVEL": "loud"}, "backend: Unknown level: 'LOUD'"),
        ("frontend", {"BACKEND_URL": "x"}, "frontend: BACKEND_URL is 'x'; expected http://host:port"),
    ],
)
def test_a_service_that_cannot_start_says_why_in_one_line(service: str, environment: dict[str, str], line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", f"app.{service}.main:app"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (1, f"{line}\n", "")
