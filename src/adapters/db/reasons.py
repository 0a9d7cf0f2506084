"""Why a database cannot be used, for an operator."""

import sqlite3

import asyncpg
from sqlalchemy.exc import DBAPIError


def what_went_wrong(error: BaseException) -> str:
    """In our words: those of a driver may hold the URL. SQLAlchemy's errors hold the driver's."""
    cause = (error.orig if isinstance(error, DBAPIError) else None) or error
    said = cause.__cause__ if isinstance(cause.__cause__, asyncpg.PostgresError) else cause
    if isinstance(said, asyncpg.InvalidAuthorizationSpecificationError):  # a wrong password is one
        return "the server refuses the user or the password"
    if isinstance(said, asyncpg.InvalidCatalogNameError):
        return "the server has no such database: CREATE DATABASE"
    if isinstance(said, asyncpg.TooManyConnectionsError):
        return "the server has no connection left: raise max_connections, or run fewer processes"
    if isinstance(said, sqlite3.DatabaseError) and not isinstance(said, sqlite3.OperationalError):
        return f"the file is no sound SQLite database: {type(said).__name__}"
    return f"the database cannot be used: {getattr(said, 'sqlite_errorname', type(said).__name__)}"
