"""The backend: tasks and a small assistant over them, kept in Postgres (or SQLite)."""
