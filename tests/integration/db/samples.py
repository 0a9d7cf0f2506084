"""What a database says of a broken constraint."""

import sqlite3

import asyncpg

BROKEN = (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)
"""What a database says of a constraint that does not hold."""
