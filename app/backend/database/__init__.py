"""The database: Postgres through psycopg's pool, or a SQLite file; the same SQL for both."""
