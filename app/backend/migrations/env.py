"""Runs the steps on the connection of ``app.backend.migrate``, whose one transaction holds the lock and all of them."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
