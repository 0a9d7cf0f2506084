"""The search finds what it should: a planted value of each kind, wherever it is planted."""

import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from tests.integration.leaks.search import InPlay, postgresql_texts, sqlite_texts

TOKEN = "A1-_" * 15 + "zz"


def in_play() -> InPlay:
    """One secret of each kind."""
    found = InPlay(settings={"STRIPE_SECRET_KEY": "sk_test_planted"}, addresses={"Anna.Payer@example.com"})
    found.read(f'<a href="https://t.me/paywall_bot?start={TOKEN}">Open</a>')
    found.read_code("Here is your code\n\n123456\n\nIt works for 10 minutes.")
    return found


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("key sk_test_planted", "STRIPE_SECRET_KEY"),
        (f"/start {TOKEN}", "token A1-_…"),
        ('{"otp":"123456"}', "code …56"),
        ("code=123456&x=1", "code …56"),
        ("at 12:00:01.123456 code 123456", "code …56"),
    ],
)
async def test_planted_secret_is_found(planted: str, found: str) -> None:
    """In a log and in a database."""
    assert in_play().in_log(planted) == [found]
    assert in_play().in_database([planted]) == [found]


@pytest.mark.parametrize("address", ["anna.payer@EXAMPLE.com", "to=anna.payer%40example.com"])
async def test_address_is_found_in_logs_only(address: str) -> None:
    """An order needs it."""
    assert in_play().in_log(address) == ["address a…"]
    assert in_play().in_database([address]) == []


@pytest.mark.parametrize(
    "text", ["2026-11-24T12:00:01.123456Z", "evt_123456", "1123456", "a***@example.com", TOKEN[:-1]]
)
async def test_what_only_looks_alike_is_not_found(text: str) -> None:
    """Six digits of a time or an id, a masked address, a cut token."""
    assert in_play().in_log(text) == []


async def test_planted_value_is_found_in_sqlite_rows_and_in_what_was_deleted(tmp_path: Path) -> None:
    """A row that is gone is still in the file."""
    file = tmp_path / "planted.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA secure_delete = OFF")  # as the product has it where SQLite is built so
        database.execute("CREATE TABLE kept (note TEXT, payload BLOB)")
        database.execute("INSERT INTO kept VALUES ('nothing', ?)", (b'{"key":"sk_test_planted"}',))
        database.execute("INSERT INTO kept VALUES (?, NULL)", (f"link {TOKEN}",))
        database.commit()
        database.execute("DELETE FROM kept WHERE note LIKE 'link%'")
        database.commit()
    assert in_play().in_database(sqlite_texts(file)) == ["STRIPE_SECRET_KEY", "token A1-_…"]


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_planted_value_is_found_in_postgresql_rows(empty_database_url: str) -> None:
    """In texts and in bytes."""
    connection = await asyncpg.connect(empty_database_url.replace("postgresql+asyncpg", "postgresql"))
    await connection.execute("CREATE TABLE kept (note text, payload bytea)")
    await connection.execute("INSERT INTO kept VALUES ($1, $2)", "code 123456", b'{"key":"sk_test_planted"}')
    await connection.close()
    assert in_play().in_database(await postgresql_texts(empty_database_url)) == ["STRIPE_SECRET_KEY", "code …56"]
