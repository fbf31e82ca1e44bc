"""The schema: what the migrations make, and what becomes of what is in the tables, forward and back."""

import json
from typing import Any

import pytest
from alembic import command
from sqlalchemy import inspect, text

from app.backend import migrate
from app.backend.migrations import MigrateError, applying
from tests.app.databases import connected

SCHEMA = """
    users: pk id; unique name
        id varchar(64) not null
        name varchar(64)
        password_hash text
        generation int not null default 1
        last_task int not null default 0
        created_at time not null
    tasks: pk user_id,id; user_id -> users.id cascade
        user_id varchar(64) not null
        id int not null
        title varchar(200) not null
        description text not null default ''
        completed bool not null default false
        priority varchar(8) not null default 'normal'
        due varchar(16)
        created_at time not null
        updated_at time not null
        deleted_at time
    conversations: pk id; user_id -> users.id cascade; index user_id,updated_at
        id int not null identity
        user_id varchar(64) not null
        title varchar(80)
        created_at time not null
        updated_at time not null
    messages: pk id; unique reply_to; unique user_id,idempotency_key; conversation_id -> conversations.id cascade; \
reply_to -> messages.id cascade; user_id -> users.id cascade; index conversation_id,id
        id int not null identity
        conversation_id int not null
        user_id varchar(64) not null
        role varchar(16) not null
        content text not null
        idempotency_key varchar(128)
        body_digest varchar(64)
        plan text
        state text
        notice text
        assistant varchar(8)
        reply_to int
        attempt int not null default 0
        lease_until time
        created_at time not null
    tool_calls: pk id; unique message_id,position; message_id -> messages.id cascade; user_id -> users.id cascade; \
index user_id,id
        id int not null identity
        user_id varchar(64) not null
        message_id int
        position int not null default 0
        tool varchar(32) not null
        arguments text not null
        result text not null
        before text
        undone bool not null default false
        created_at time not null
"""
NAMES = ("users", "tasks", "conversations", "messages", "tool_calls")
TYPES = {"INTEGER": "int", "BOOLEAN": "bool", "DATETIME": "time", "TIMESTAMP": "time"}
DEFAULTS = {"''::text": "''", "'normal'::character varying": "'normal'", "'1'": "1", "'0'": "0", "'normal'": "'normal'"}


def upgrade_to(url: str, revision: str) -> None:
    """Apply migrations up to one of them."""
    applying.in_transaction(url, lambda config, _connection: command.upgrade(config, revision))


def described(url: str) -> str:
    """Describe the tables there are, in the form of SCHEMA."""
    lines = []
    with connected(url) as connection:
        look = inspect(connection)
        sqlite = connection.dialect.name == "sqlite"
        for table in NAMES:
            heads = ["pk " + ",".join(look.get_pk_constraint(table)["constrained_columns"])]
            heads += sorted("unique " + ",".join(found["column_names"]) for found in look.get_unique_constraints(table))
            for key in sorted(look.get_foreign_keys(table), key=lambda key: key["constrained_columns"]):
                here, there = key["constrained_columns"][0], key["referred_columns"][0]
                heads.append(f"{here} -> {key['referred_table']}.{there} {key['options']['ondelete'].lower()}")
            for index in look.get_indexes(table):
                if not index.get("duplicates_constraint"):
                    heads.append("index " + ",".join(str(name) for name in index["column_names"]))
            lines.append(f"    {table}: " + "; ".join(heads))
            made = (
                connection.execute(text("SELECT sql FROM sqlite_master WHERE name = :t"), {"t": table}).scalar_one()
                if sqlite
                else ""
            )
            for column in look.get_columns(table):
                kind = str(column["type"])
                line = f"        {column['name']} {TYPES.get(kind, kind.lower())}" + " not null" * (
                    not column["nullable"]
                )
                default = column["default"]
                if ("AUTOINCREMENT" in made and column["name"] == "id") or column.get("identity"):
                    line += " identity"
                elif default is not None:
                    default = DEFAULTS.get(default, default)
                    line += f" default {'false' if kind == 'BOOLEAN' and default == '0' else default}"
                lines.append(line)
    return "\n" + "\n".join(lines) + "\n"


def rows(url: str, table: str) -> list[dict[str, Any]]:
    """Return a table's rows, by their ids, with times and JSON as both databases write them."""
    with connected(url) as connection:
        statement = text(f"SELECT * FROM {table} ORDER BY id, created_at")  # noqa: S608 - names of ours
        found = connection.execute(statement).mappings().all()
    made = []
    for row in found:
        values = {}
        for name, value in row.items():
            if hasattr(value, "isoformat"):
                values[name] = value.isoformat(timespec="microseconds")
            elif name in {"actions", "result", "arguments"} and isinstance(value, str):
                values[name] = json.loads(value)
            else:
                values[name] = bool(value) if name in {"completed", "undone"} else value
        made.append(values)
    return made


def insert(url: str, table: str, **values: Any) -> None:
    """Insert a row."""
    names = ", ".join(values)
    statement = f"INSERT INTO {table} ({names}) VALUES ({', '.join(':' + name for name in values)})"  # noqa: S608
    with connected(url) as connection:
        connection.execute(text(statement), values)


def before(number: int) -> str:
    """Return a time as it was stored before."""
    return f"2026-11-21 05:00:{number:02}.000000"


def now(number: int) -> str:
    """Return it as it is stored now, and shown by Postgres."""
    return f"2026-11-21T05:00:{number:02}.000000+00:00"


def task_of(number: int) -> dict[str, Any]:
    """Return a task as an old answer shows it."""
    shown = {"title": f"task {number}", "description": "", "completed": False}
    return {"id": number, **shown, "created_at": "2026-11-21T05:00:00Z", "updated_at": "2026-11-21T05:00:00Z"}


@pytest.fixture
def old(empty_url: str) -> str:
    """A database of revision 0001 with rows in every table."""
    upgrade_to(empty_url, "0001")
    for number, user in ((1, "ann"), (2, "bob"), (4, "ann")):
        values = {"title": f"task {number}", "description": "%s", "completed": number == 2}
        insert(empty_url, "tasks", user_id=user, **values, created_at=before(number), updated_at=before(9))
    for number, user in ((1, "ann"), (2, "cy"), (3, "ann")):
        insert(empty_url, "conversations", user_id=user, created_at=before(number))
    said = [
        (1, "user", "  add task 1", []),
        (1, "assistant", "Added.", [{"tool": "add_task", "tasks": [task_of(1)]}]),
        (2, "assistant", "Welcome.", []),
        (1, "user", "rename it, reopen it", []),
        (2, "user", "x" * 200, []),
        (1, "assistant", "Done.", [{"tool": name, "tasks": [task_of(1)]} for name in ("rename_task", "reopen_task")]),
    ]
    for number, (conversation, role, content, actions) in enumerate(said, 10):
        values = {"role": role, "content": content, "actions": json.dumps(actions), "created_at": before(number)}
        insert(empty_url, "messages", conversation_id=conversation, **values)
    return empty_url


@pytest.fixture
def new(empty_url: str) -> str:
    """An up-to-date database with rows in every table; users have tasks of the same numbers."""
    migrate.upgrade(empty_url, 10)
    for number, user in enumerate(("ann", "bob", "cy")):
        account = {"name": user, "password_hash": "$argon2id$"} if user == "ann" else {}
        insert(empty_url, "users", id=user, last_task=3, created_at=now(number), **account)
    for number, (user, task, deleted) in enumerate(
        [("bob", 1, None), ("ann", 1, None), ("ann", 2, None), ("bob", 2, now(50)), ("cy", 2, None), ("cy", 3, None)], 1
    ):
        values = {"title": f"{user} {task}", "priority": "high", "due": "2026-12-24T18:00", "deleted_at": deleted}
        insert(empty_url, "tasks", user_id=user, id=task, **values, created_at=now(number), updated_at=now(number))
    insert(empty_url, "conversations", user_id="ann", title="Shopping", created_at=now(1), updated_at=now(2))
    message = {"conversation_id": 1, "user_id": "ann"}
    asked = {"idempotency_key": "k", "body_digest": "d", "plan": "{}", "attempt": 1, "lease_until": now(3)}
    insert(empty_url, "messages", **message, role="user", content="delete 2 and 1", **asked, created_at=now(3))
    answer = {"state": "{}", "notice": "rules", "assistant": "rules", "reply_to": 1}
    insert(empty_url, "messages", **message, role="assistant", content="Done.", **answer, created_at=now(4))
    insert(empty_url, "messages", **message, role="user", content="not answered yet", created_at=now(5))
    for message_id, position in ((1, 1), (1, 0), (None, 0)):
        result = {"ok": True, "summary": "", "tasks": [{**task_of(position + 1), "priority": "high", "due": None}]}
        call = {"tool": "delete_task", "arguments": "{}", "result": json.dumps(result), "before": "{}"}
        place = {"message_id": message_id, "position": position}
        insert(empty_url, "tool_calls", user_id="ann", **place, **call, created_at=now(6))
    return empty_url


def test_the_schema_is_what_it_is_said_to_be(empty_url: str) -> None:
    migrate.upgrade(empty_url, 10)
    assert described(empty_url) == SCHEMA


def test_forward_every_row_is_kept(old: str) -> None:
    sqlite = old.startswith("sqlite")
    tables = {table: rows(old, table) for table in ("tasks", "conversations", "messages")}
    migrate.upgrade(old, 10)
    assert described(old) == SCHEMA
    assert [(user["id"], user["last_task"], user["created_at"]) for user in rows(old, "users")] == [
        ("ann", 3, now(1)),
        ("bob", 2, now(2)),
        ("cy", 0, now(2)),
    ]
    assert {(user["name"], user["password_hash"], user["generation"]) for user in rows(old, "users")} == {
        (None, None, 1)
    }
    added = {"priority": "normal", "due": None, "deleted_at": None}
    times = ("created_at", "updated_at")
    for was, is_ in zip(tables["tasks"], rows(old, "tasks"), strict=True):
        if sqlite:
            was.update({name: was[name].replace(" ", "T") + "+00:00" for name in times})
        assert is_ == {**was, **added}
    assert [(c["id"], c["user_id"], c["title"], c["updated_at"]) for c in rows(old, "conversations")] == [
        (1, "ann", "add task 1", now(15)),
        (2, "cy", "x" * 80, now(14)),
        (3, "ann", None, now(3)),
    ]
    messages = rows(old, "messages")
    for was, is_ in zip(tables["messages"], messages, strict=True):
        assert {name: is_[name] for name in ("id", "role", "content")} == {
            name: was[name] for name in ("id", "role", "content")
        }
    assert [(m["user_id"], m["assistant"], m["reply_to"]) for m in messages] == [
        ("ann", None, None),
        ("ann", "rules", 1),
        ("cy", "rules", None),
        ("ann", None, None),
        ("cy", None, None),
        ("ann", "rules", 4),
    ]
    calls = rows(old, "tool_calls")
    assert [(c["message_id"], c["position"], c["tool"], c["undone"]) for c in calls] == [
        (1, 0, "add_task", True),
        (4, 0, "update_task", True),
        (4, 1, "complete_task", True),
    ]
    assert calls[0]["result"]["tasks"] == [{"priority": "normal", "due": None, **task_of(1)}]


def test_forward_numbers_go_on_after_the_largest(old: str) -> None:
    migrate.upgrade(old, 10)
    insert(old, "conversations", user_id="ann", created_at=now(20), updated_at=now(20))
    insert(old, "messages", conversation_id=4, user_id="ann", role="user", content="", created_at=now(20))
    call = {"tool": "add_task", "arguments": "{}", "result": "{}", "created_at": now(20)}
    insert(old, "tool_calls", user_id="ann", **call)
    assert [rows(old, table)[-1]["id"] for table in ("conversations", "messages", "tool_calls")] == [4, 7, 4]


def test_forward_and_back_is_where_it_was(old: str) -> None:
    tables = {table: rows(old, table) for table in ("tasks", "conversations", "messages")}
    migrate.upgrade(old, 10)
    migrate.downgrade(old, "0001")
    for message in tables["messages"]:
        for action in message["actions"]:
            action["tool"] = {"rename_task": "update_task", "reopen_task": "complete_task"}.get(
                action["tool"], action["tool"]
            )
    assert {table: rows(old, table) for table in tables} == tables
    migrate.upgrade(old, 10)
    migrate.downgrade(old, "base")


def test_back_numbers_that_collide_become_different(new: str) -> None:
    migrate.downgrade(new, "0001")
    # The oldest keeps its number; a deleted one is gone.
    assert [(task["id"], task["user_id"], task["title"]) for task in rows(new, "tasks")] == [
        (1, "bob", "bob 1"),
        (2, "ann", "ann 2"),
        (3, "cy", "cy 3"),
        (4, "ann", "ann 1"),
        (5, "cy", "cy 2"),
    ]
    insert(
        new,
        "tasks",
        user_id="ann",
        title="",
        description="",
        completed=False,
        created_at=before(1),
        updated_at=before(1),
    )
    assert rows(new, "tasks")[-1]["id"] == 6


def test_back_answers_say_again_what_they_did(new: str) -> None:
    migrate.downgrade(new, "0001")
    messages = rows(new, "messages")
    assert [(m["id"], m["role"], m["content"]) for m in messages] == [
        (1, "user", "delete 2 and 1"),
        (2, "assistant", "Done."),
        (3, "user", "not answered yet"),
    ]
    assert [message["actions"] for message in messages] == [
        [],
        [{"tool": "delete_task", "tasks": [task_of(1)]}, {"tool": "delete_task", "tasks": [task_of(2)]}],
        [],
    ]


def test_back_and_forward_again(new: str) -> None:
    migrate.downgrade(new, "0001")
    migrate.upgrade(new, 10)
    assert described(new) == SCHEMA
    assert [(user["id"], user["last_task"]) for user in rows(new, "users")] == [("ann", 4), ("bob", 1), ("cy", 5)]
    assert len(rows(new, "tasks")) == 5
    assert [call["position"] for call in rows(new, "tool_calls")] == [0, 1]


def test_deleting_a_user_deletes_everything_of_theirs(new: str) -> None:
    with connected(new) as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA foreign_keys=ON"))
        connection.execute(text("DELETE FROM users WHERE id = 'ann'"))
    assert {table: len(rows(new, table)) for table in NAMES} == {
        "users": 2,
        "tasks": 4,
        "conversations": 0,
        "messages": 0,
        "tool_calls": 0,
    }


def test_a_row_that_refers_to_nothing_stops_a_migration_on_sqlite(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/todo.db"
    upgrade_to(url, "0001")
    insert(url, "conversations", user_id="ann", created_at=before(1))
    migrate.upgrade(url, 10)
    broken = {"conversation_id": 1, "user_id": "nobody", "role": "user", "content": "", "created_at": now(1)}
    insert(url, "messages", **broken)
    insert(url, "tool_calls", user_id="nobody", tool="", arguments="", result="{}", created_at=now(1))
    with pytest.raises(MigrateError, match="2 rows refer to rows that do not exist"):
        applying.in_transaction(url, lambda _config, _connection: None)
