"""Runs the steps on the connection of ``app.backend.migrate``, whose one transaction holds the lock and all of them."""

from alembic import context

from app.backend.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters tables by copying them
    compare_type=True,
)
context.run_migrations()
