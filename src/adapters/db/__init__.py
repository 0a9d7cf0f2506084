"""The database: SQLAlchemy Core over SQLite and PostgreSQL, one schema. Knows no other adapter."""
