"""What a server writes of the requests that it answered says nothing about its own health."""

import pytest

from kubetasks.diagnose.logs import search
from kubetasks.diagnose.views import Line

ACCESS = [
    '2026-05-04T12:00:00Z INFO uvicorn.access: 10.1.2.3:5000 - "GET /api/tasks HTTP/1.1" 401',
    '10.1.2.3 - - [04/May/2026:12:00:00 +0000] "POST /login HTTP/1.1" 403 31 "-" "curl/8"',
    '{"level":"info","method":"GET","path":"/api/tasks","status":401}',
    "level=info method=DELETE path=/api/tasks/1 status=403",
    "GET /admin 401 2ms",
]
POSTGRES = [
    '2026-05-04 12:00:00.123 UTC [42] ERROR:  relation "alembic_version" does not exist at character 29',
    "2026-05-04 12:00:00.123 UTC [42] STATEMENT:  SELECT alembic_version.version_num FROM alembic_version",
    '2026-05-04 12:00:00 UTC [42] app@shop ERROR:  column "due" does not exist at character 8',
    '2026-05-04 12:00:00.123 UTC [42] FATAL:  password authentication failed for user "app"',
    '2026-05-04 12:00:00.123 UTC [42] FATAL:  database "shpo" does not exist',
    "2026-05-04 12:00:00.123 UTC [42] FATAL:  sorry, too many clients already",
]
# The same words of a program that asked, and of a Postgres that cannot start itself.
OWN = [
    ("HTTP_REFUSED", "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: http://api/v1/items"),
    ("HTTP_REFUSED", "GET http://api.example/v1/items failed: status code 401"),
    ("DB_SCHEMA", 'psycopg.errors.UndefinedTable: relation "tasks" does not exist'),
    ("DB_PASSWORD", 'connection to server at "db" failed: FATAL:  password authentication failed for user "app"'),
    ("DB_UNKNOWN_DATABASE", 'FATAL:  database "shpo" does not exist'),
]


def classes(text: str) -> list[str]:
    return [each.rule.id for each, _, _ in search([Line(text, None)])]


@pytest.mark.parametrize("text", [*ACCESS, *POSTGRES])
def test_a_request_of_somebody_else_is_no_cause(text: str) -> None:
    assert classes(text) == []


@pytest.mark.parametrize(("rule", "text"), OWN)
def test_what_the_program_asked_itself_is_one(rule: str, text: str) -> None:
    assert rule in classes(text)
