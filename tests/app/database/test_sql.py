"""Statements, as psycopg takes them."""

import pytest

from app.backend.database.sql import for_psycopg


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("SELECT :a, :b_2 WHERE x=:a", "SELECT %(a)s, %(b_2)s WHERE x=%(a)s"),
        ("VALUES (:a,:b)", "VALUES (%(a)s,%(b)s)"),
        ("SELECT CAST(:a AS text), x::text, :a::int", "SELECT CAST(%(a)s AS text), x::text, %(a)s::int"),
        ("SELECT ':a', 'it''s :a', \":a\"", "SELECT ':a', 'it''s :a', \":a\""),
        ("SELECT x % 2, 'half %' WHERE y LIKE '%' || :a", "SELECT x %% 2, 'half %%' WHERE y LIKE '%%' || %(a)s"),
        ("SELECT 1 -- :a, it's\nWHERE x = :b", "SELECT 1 -- :a, it's\nWHERE x = %(b)s"),
        ("SELECT /* :a ' */ :b", "SELECT /* :a ' */ %(b)s"),
        ("SELECT a[1:2], '10:30'", "SELECT a[1:2], '10:30'"),
        ("SELECT 1", "SELECT 1"),
    ],
)
def test_names_become_what_psycopg_takes(sql: str, wanted: str) -> None:
    assert for_psycopg(sql) == wanted.encode()


def test_a_statement_is_looked_at_once() -> None:
    statement = "SELECT :only_here"
    assert for_psycopg(statement) is for_psycopg(statement)
