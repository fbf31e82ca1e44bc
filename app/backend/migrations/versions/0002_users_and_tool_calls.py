"""Users as rows, numbers of tasks per user, turns that can be resumed, and every tool call on record.

The three tables that exist are recreated from copies: SQLite cannot change a primary key in place, and one way serves
both databases. Every row is kept, and every task keeps its number. The code before this revision does not work with the
tables after it, nor the other way round: take the revision back before going back to that code.

Taking it back loses what the tables before have no place for: names and passwords, deleted tasks, priorities and due
dates. Tasks of several users with the same number: the oldest keeps it, the others get new ones after the largest.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
OLD = ("messages", "conversations", "tasks")  # what refers to another one comes first
NEW = ("tool_calls", "messages", "conversations", "tasks", "users")
# The tools' names before and now.
RENAMED = {"reopen_task": "complete_task", "rename_task": "update_task"}


def upgrade() -> None:
    """Make the tables again and fill them from the ones before."""
    _set_aside(OLD)
    _create_tables()
    _execute(
        """
        INSERT INTO users (id, last_task, created_at)
        SELECT user_id, max(last_task), min(created_at)
        FROM (
            SELECT user_id, id AS last_task, {created_at} AS created_at FROM old_tasks
            UNION ALL SELECT user_id, 0, {created_at} FROM old_conversations
        ) AS found
        GROUP BY user_id
        """
    )
    _execute(
        """
        INSERT INTO tasks (user_id, id, title, description, completed, created_at, updated_at)
        SELECT user_id, id, title, description, completed, {created_at}, {updated_at} FROM old_tasks
        """
    )
    _execute(
        """
        INSERT INTO conversations (id, user_id, title, created_at, updated_at)
        SELECT c.id, c.user_id,
            (SELECT substr(trim(m.content), 1, 80) FROM old_messages AS m
             WHERE m.conversation_id = c.id AND m.role = 'user' ORDER BY m.id LIMIT 1),
            {c.created_at},
            coalesce((SELECT max({m.created_at}) FROM old_messages AS m WHERE m.conversation_id = c.id), {c.created_at})
        FROM old_conversations AS c
        """
    )
    # An answer follows what it answers.
    _execute(
        """
        INSERT INTO messages (id, conversation_id, user_id, role, content, assistant, reply_to, created_at)
        SELECT m.id, m.conversation_id, c.user_id, m.role, m.content,
            CASE WHEN m.role = 'assistant' THEN 'rules' END,
            CASE WHEN m.role = 'assistant' AND m.role_before = 'user' THEN m.id_before END,
            {m.created_at}
        FROM (
            SELECT old_messages.*,
                lag(id) OVER (PARTITION BY conversation_id ORDER BY id) AS id_before,
                lag(role) OVER (PARTITION BY conversation_id ORDER BY id) AS role_before
            FROM old_messages
        ) AS m
        JOIN old_conversations AS c ON c.id = m.conversation_id
        ORDER BY m.id
        """
    )
    _actions_to_calls()
    _drop_copies(OLD)
    _go_on_counting("conversations", "messages", "tool_calls")


def downgrade() -> None:
    """Make the tables before again and fill them."""
    _set_aside(NEW)
    _create_tables_before()
    _execute(
        """
        INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at)
        SELECT
            CASE WHEN nth = 1 THEN id
            ELSE (SELECT max(id) FROM old_tasks) + row_number() OVER (PARTITION BY nth > 1 ORDER BY user_id, id) END,
            user_id, title, description, completed, {created_at}, {updated_at}
        FROM (
            SELECT old_tasks.*, row_number() OVER (PARTITION BY id ORDER BY created_at, user_id) AS nth
            FROM old_tasks WHERE deleted_at IS NULL
        ) AS numbered
        """,
        back=True,
    )
    _execute(
        """
        INSERT INTO conversations (id, user_id, created_at)
        SELECT id, user_id, {created_at} FROM old_conversations
        """,
        back=True,
    )
    _execute(
        """
        INSERT INTO messages (id, conversation_id, role, content, actions, created_at)
        SELECT id, conversation_id, role, content, '[]', {created_at} FROM old_messages ORDER BY id
        """,
        back=True,
    )
    _calls_to_actions()
    _drop_copies(NEW)
    _go_on_counting("tasks", "conversations", "messages")


def _create_tables() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64)),
        sa.Column("password_hash", sa.Text),
        sa.Column("generation", sa.Integer, nullable=False, server_default="1"),
        sa.Column("last_task", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "tasks",
        _user(),
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False, server_default=""),
        sa.Column("completed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("priority", sa.String(8), nullable=False, server_default="normal"),
        sa.Column("due", sa.String(16)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("deleted_at", TIME),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_tasks"),
        _refers("tasks", "user_id", "users"),
    )
    op.create_table(
        "conversations",
        _identity(),
        _user(),
        sa.Column("title", sa.String(80)),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        _refers("conversations", "user_id", "users"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_conversations_user_id_updated_at", "conversations", ["user_id", "updated_at"])
    op.create_table(
        "messages",
        _identity(),
        sa.Column("conversation_id", sa.Integer, nullable=False),
        _user(),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.String(128)),
        sa.Column("body_digest", sa.String(64)),
        sa.Column("plan", sa.Text),
        sa.Column("state", sa.Text),
        sa.Column("notice", sa.Text),
        sa.Column("assistant", sa.String(8)),
        sa.Column("reply_to", sa.Integer),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_until", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("user_id", "idempotency_key", name="uq_messages_user_id_idempotency_key"),
        sa.UniqueConstraint("reply_to", name="uq_messages_reply_to"),
        _refers("messages", "conversation_id", "conversations"),
        _refers("messages", "user_id", "users"),
        _refers("messages", "reply_to", "messages"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_conversation_id_id", "messages", ["conversation_id", "id"])
    op.create_table(
        "tool_calls",
        _identity(),
        _user(),
        sa.Column("message_id", sa.Integer),
        sa.Column("position", sa.Integer, nullable=False, server_default="0"),
        sa.Column("tool", sa.String(32), nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("undone", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tool_calls"),
        sa.UniqueConstraint("message_id", "position", name="uq_tool_calls_message_id_position"),
        _refers("tool_calls", "user_id", "users"),
        _refers("tool_calls", "message_id", "messages"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tool_calls_user_id_id", "tool_calls", ["user_id", "id"])


def _create_tables_before() -> None:
    """The tables as revision 0001 makes them."""
    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("completed", sa.Boolean, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tasks_user_id_id", "tasks", ["user_id", "id"])
    op.create_table(
        "conversations",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_conversations_user_id_id", "conversations", ["user_id", "id"])
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("conversation_id", sa.Integer, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("actions", sa.JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        _refers("messages", "conversation_id", "conversations"),
    )
    op.create_index("ix_messages_conversation_id_id", "messages", ["conversation_id", "id"])


def _identity() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, sa.Identity(), nullable=False)


def _user() -> sa.Column[str]:
    return sa.Column("user_id", sa.String(64), nullable=False)


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{to}"
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=name, ondelete="CASCADE")


def _set_aside(tables: tuple[str, ...]) -> None:
    """Copy tables to temporary ones and drop them: so the new ones can take all their names, indexes' too."""
    for table in tables:
        op.execute(f"CREATE TEMPORARY TABLE old_{table} AS SELECT * FROM {table}")  # noqa: S608 - our own names
    for table in tables:
        op.drop_table(table)


def _drop_copies(tables: tuple[str, ...]) -> None:
    for table in tables:
        op.execute(f"DROP TABLE old_{table}")


def _execute(statement: str, *, back: bool = False) -> None:
    """Execute a statement in which `{column}` stands for a time, in the form of the tables it goes to.

    Before, SQLite kept times as `2026-01-31 12:00:00.000000`; now they are `2026-01-31T12:00:00.000000+00:00`, like
    what the server reads and writes.
    """
    sqlite = op.get_bind().dialect.name == "sqlite"
    there = "replace({0}, ' ', 'T') || '+00:00'"
    again = "replace(substr({0}, 1, 26), 'T', ' ')"
    form = (again if back else there) if sqlite else "{0}"
    for column in ("c.created_at", "m.created_at", "created_at", "updated_at"):
        statement = statement.replace("{" + column + "}", form.format(column))
    op.execute(statement)


def _go_on_counting(*tables: str) -> None:
    """Let Postgres number new rows after the largest; SQLite does so by itself."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in tables:
        sequence = f"pg_get_serial_sequence('{table}', 'id')"
        op.execute(f"SELECT setval({sequence}, coalesce(max(id), 0) + 1, false) FROM {table}")  # noqa: S608


def _actions_to_calls() -> None:
    """Put what answers were said to have done on record; it cannot be undone any more."""
    bind = op.get_bind()
    found = bind.execute(
        sa.text(
            "SELECT o.actions, m.user_id, m.reply_to, m.created_at FROM old_messages AS o "
            "JOIN messages AS m ON m.id = o.id WHERE m.reply_to IS NOT NULL ORDER BY m.id"
        )
    )
    insert = sa.text(
        "INSERT INTO tool_calls (user_id, message_id, position, tool, arguments, result, undone, created_at) "
        "VALUES (:user_id, :message_id, :position, :tool, :arguments, :result, :undone, :created_at)"
    )
    for actions, user_id, message_id, created_at in found.fetchall():
        for position, action in enumerate(_list(actions)):
            name = str(action.get("tool", ""))
            tasks = [{"priority": "normal", "due": None, **task} for task in action.get("tasks", [])]
            values = {
                "user_id": user_id,
                "message_id": message_id,
                "position": position,
                "tool": RENAMED.get(name, name),
                "arguments": json.dumps({}),
                "result": json.dumps({"ok": True, "summary": name.replace("_", " ").capitalize(), "tasks": tasks}),
                "undone": True,
                "created_at": created_at,
            }
            bind.execute(insert, values)


def _calls_to_actions() -> None:
    """Write what turns did into their answers."""
    bind = op.get_bind()
    found = bind.execute(
        sa.text(
            "SELECT m.id, t.tool, t.result FROM old_tool_calls AS t "
            "JOIN old_messages AS m ON m.reply_to = t.message_id ORDER BY m.id, t.position"
        )
    )
    kept = ("id", "title", "description", "completed", "created_at", "updated_at")
    actions: dict[int, list[dict[str, Any]]] = {}
    for message_id, tool, result in found.fetchall():
        tasks = [{key: task.get(key) for key in kept} for task in json.loads(result).get("tasks", [])]
        actions.setdefault(message_id, []).append({"tool": tool, "tasks": tasks})
    update = sa.text("UPDATE messages SET actions = :actions WHERE id = :id").bindparams(
        sa.bindparam("actions", type_=sa.JSON)
    )
    for message_id, made in actions.items():
        bind.execute(update, {"id": message_id, "actions": made})


def _list(actions: Any) -> list[dict[str, Any]]:
    found = json.loads(actions) if isinstance(actions, str) else actions
    return [action for action in found if isinstance(action, dict)] if isinstance(found, list) else []
