"""Database URLs: what is accepted, and that passwords do not show."""

import re

import pytest

from app.backend import urls


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgres://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql+psycopg://u:p@h/d?sslmode=require"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("sqlite:///data/todo.db", "sqlite:////data/todo.db"),
        ("sqlite:////data/todo.db", "sqlite:////data/todo.db"),
        ("sqlite:///./todo.db", "sqlite:///./todo.db"),
    ],
)
def test_accepted(url: str, wanted: str) -> None:
    assert urls.sqlalchemy_url(url) == wanted


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("todo", "it is not a URL"),
        ("mysql://u:p4ss@h/d", "its scheme is 'mysql'"),
        ("postgresql+asyncpg://u:p4ss@h/d", "its scheme is 'postgresql+asyncpg'"),
        ("sqlite://", "it names no file"),
        ("sqlite:///", "it names no file"),
        ("sqlite://todo.db", "it names no file"),
    ],
)
def test_refused(url: str, why: str) -> None:
    with pytest.raises(urls.UrlError, match=re.escape(why)) as raised:
        urls.sqlite_path(url)
    assert "p4ss" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("postgres://u:p4ss@h:5432/d", "postgresql://u@h:5432/d"),
        ("postgresql://u:p4ss@h/d?password=p4ss", "postgresql://u@h/d"),
        ("postgresql://u:p4ss@x@h/d", "postgresql://u@h/d"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("sqlite:///data/todo.db", "sqlite:////data/todo.db"),
        ("mysql://u:p4ss@h/d", "***"),
    ],
)
def test_shown(url: str, wanted: str) -> None:
    assert urls.shown(url) == wanted


@pytest.mark.parametrize("text", ["no p%40ss", "no p@ss", "no postgresql://u:p%40ss@h/d", "\nno p@ss\nmore"])
def test_messages_are_one_line_without_the_password(text: str) -> None:
    assert urls.without_password(text, "postgresql://u:p%40ss@h/d") == "no ***"


def test_libpq_is_given_a_scheme_it_knows() -> None:
    assert urls.libpq_url("postgresql+psycopg://u:p@h/d?a=b") == "postgresql://u:p@h/d?a=b"


@pytest.mark.parametrize(
    ("url", "direct", "pooled"),
    [
        ("postgresql://u:p@ep-cool-1-pooler.eu-central-1.aws.neon.tech/d?sslmode=require", "", True),
        ("postgresql://u:p@ep-cool-1.eu-central-1.aws.neon.tech/d", "", False),
        ("postgresql://u:-pooler@h:5432/d-pooler?x=-pooler", "", False),
        ("postgresql://u:p@h/d", "postgresql://u:p@other/d", True),
        ("postgresql://u:p@h:6432/d", "postgresql://u:p@h:5432/d", True),
        ("postgresql://u:p@h/d", "postgres://owner:q@H/d?sslmode=require", False),
        ("postgresql://u:p@x-pooler:5432/d", "", True),
        ("sqlite:////data/x-pooler.db", "postgresql://h/d", False),
    ],
)
def test_a_pooler_is_known_by_its_name_or_by_the_way_past_it(url: str, direct: str, pooled: bool) -> None:
    assert urls.through_pooler(url, direct=direct) is pooled
