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
            "MIGRATION_DATABASE_URL": "postgresql://u@past-the-pooler/d",
            "DATABASE_POOL_SIZE": "3",
            "TOKEN_SECONDS": "60",
            "REFRESH_SECONDS": "3600",
            "RATE_LIMIT": "5/second",
            "CHAT_RATE_LIMIT": "OFF",
            "LOGIN_RATE_LIMIT": "100/hour",
            "LLM_BASE_URL": "http://localhost:8080/v1",
            "LLM_MODEL": "small",
            "LLM_API_KEY": "k",
            "LLM_TIMEOUT_SECONDS": "2.5",
            "LLM_MAX_TOOL_CALLS": "4",
            "MCP_ALLOWED_HOSTS": "backend:8000, todo.example.com,",
            "READY_CACHE_SECONDS": "600",
            "READY_TIMEOUT_SECONDS": "0.5",
            "SHUTDOWN_SECONDS": "20",
            "LOG_LEVEL": "debug",
        }
    )
    assert made == backend.Settings(
        database_url=GOOD["DATABASE_URL"],
        database_pooled=True,
        database_pool_size=3,
        jwt_secret=GOOD["JWT_SECRET"],
        token_seconds=60,
        refresh_seconds=3600,
        rate_limit="5/second",
        chat_rate_limit=None,
        login_rate_limit="100/hour",
        llm_base_url="http://localhost:8080/v1",
        llm_model="small",
        llm_api_key="k",
        llm_timeout_seconds=2.5,
        llm_max_tool_calls=4,
        mcp_allowed_hosts=("backend:8000", "todo.example.com"),
        ready_cache_seconds=600,
        ready_timeout_seconds=0.5,
        shutdown_seconds=20,
        log_level="DEBUG",
    )
    assert frontend.from_environment({"BACKEND_URL": "https://b:8443/x/", "LOG_LEVEL": "info"}) == frontend.Settings(
        backend_url="https://b:8443/x", log_level="INFO"
    )


def test_a_variable_that_is_empty_is_none() -> None:
    names = ("DATABASE_POOLED", "DATABASE_POOL_SIZE", "RATE_LIMIT", "LLM_BASE_URL", "LLM_MODEL", "MCP_ALLOWED_HOSTS")
    assert backend.from_environment({**GOOD, **dict.fromkeys(names, "")}) == backend.from_environment(GOOD)


def test_a_model_needs_a_url_and_a_name_and_no_key() -> None:
    assert not backend.from_environment({**GOOD, "LLM_API_KEY": "k"}).model_configured
    both = {"LLM_BASE_URL": "https://api.example.com/v1", "LLM_MODEL": "m"}
    assert backend.from_environment({**GOOD, **both}).model_configured


@pytest.mark.parametrize(
    ("url", "said", "pooled"),
    [
        ("postgresql://u@ep-x-pooler.neon.tech/d", "", True),
        ("postgresql://u@ep-x-pooler.neon.tech/d", "auto", True),
        ("postgresql://u@ep-x-pooler.neon.tech/d", "false", False),
        ("postgresql://u@h/d", "", False),
        ("postgresql://u@h/d", "True", True),
    ],
)
def test_whether_a_pooler_is_in_between_is_guessed_unless_it_is_said(url: str, said: str, pooled: bool) -> None:
    made = backend.from_environment({**GOOD, "DATABASE_URL": url, "DATABASE_POOLED": said})
    assert made.database_pooled is pooled


def test_secrets_are_not_in_what_is_printed() -> None:
    model = {"LLM_BASE_URL": "http://u:p4ssw0rd@h/v1", "LLM_MODEL": "m", "LLM_API_KEY": "sk-p4ssw0rd"}
    shown = repr(backend.from_environment({**GOOD, **model}))
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
        ({"DATABASE_POOLED": "perhaps"}, "DATABASE_POOLED is 'perhaps'; expected true, false or auto"),
        ({"DATABASE_POOL_SIZE": "0"}, "DATABASE_POOL_SIZE is '0'; expected a number from 1 to 100"),
        ({"LLM_MAX_TOOL_CALLS": "1.5"}, "LLM_MAX_TOOL_CALLS is '1.5'; expected a number from 1 to 100"),
        ({"RATE_LIMIT": "600"}, "RATE_LIMIT is '600'; expected e.g. \"600/minute\""),
        ({"CHAT_RATE_LIMIT": "0/minute"}, "CHAT_RATE_LIMIT is '0/minute'"),
        ({"LOGIN_RATE_LIMIT": "9/fortnight"}, "LOGIN_RATE_LIMIT is '9/fortnight'"),
        ({"LLM_MODEL": "m"}, "LLM_BASE_URL is not set, and LLM_MODEL is; a language model needs both"),
        ({"LLM_BASE_URL": "http://h/v1"}, "LLM_MODEL is not set, and LLM_BASE_URL is"),
        ({"LLM_BASE_URL": "h:8080/p4ss", "LLM_MODEL": "m"}, "LLM_BASE_URL cannot be used; expected a URL"),
        ({"LLM_BASE_URL": "http://h:x/p4ss", "LLM_MODEL": "m"}, "LLM_BASE_URL cannot be used; expected a URL"),
        ({"MCP_ALLOWED_HOSTS": "a, http://b"}, "MCP_ALLOWED_HOSTS has 'http://b'; expected hosts"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'LOUD'; expected one of debug, info"),
    ],
)
def test_what_the_backend_refuses(change: dict[str, str], why: str) -> None:
    with pytest.raises(backend.SettingsError, match=re.escape(why)) as raised:
        backend.from_environment({**GOOD, **change})
    assert len(str(raised.value).splitlines()) == 1
    assert "p4ss" not in str(raised.value)


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
        (
            "backend",
            {**GOOD, "DATABASE_URL": "postgresql://u:p4ss@h/d?nonsense=p4ss"},
            'backend: DATABASE_URL cannot be used: invalid URI query parameter: "nonsense"',
        ),
        (
            "backend",
            {**GOOD, "LOG_LEVEL": "loud"},
            "backend: LOG_LEVEL is 'LOUD'; expected one of debug, info, warning, error, critical",
        ),
        ("frontend", {"BACKEND_URL": "x"}, "frontend: BACKEND_URL is 'x'; expected http://host:port"),
    ],
)
def test_a_service_that_cannot_start_says_why_in_one_line(service: str, environment: dict[str, str], line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"app.{service}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (1, f"{line}\n", "")
