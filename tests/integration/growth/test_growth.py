"""No statement reads more when there are more orders: each is executed beside many, and PostgreSQL says what it read.

The checks take ten thousand orders. `nox -s growth` takes a million, and holds them against a tenth of that.
"""

import os
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from adapters.db.database import Database
from adapters.db.migrate import migrate
from adapters.db.partitions import keep_months
from adapters.db.schema import metadata
from paywall_core.testing.contract.samples import NOW
from tests.integration.conftest import postgresql_database

from .every_statement import BUILT, builders, every_statement
from .filling import KINDS, copy, write_templates
from .reading import PLANS, Reading, Values, reading_of

ORDERS: Final = 10_000
MANY: Final = int(os.environ.get("PAYWALL_GROWTH", "0"))
TABLES: Final = pytest.mark.parametrize("in_months", [False, True], ids=["plain", "months"])
"""Payment events are in one table, or in one for each month."""

MOST_ROWS: Final = 400
"""More rows of tables and indexes no statement reads, however many there are: a batch here is of 20."""

MORE_PAGES: Final = 40
"""Ten times as many orders may make each index a level deeper; a statement that writes varies by as much by itself."""

SMALL: Final = frozenset({"reconciliation", "operator_acts", "schema_compatibility"})
"""Tables that do not grow with the orders."""

BIG: Final = frozenset(metadata.tables) - SMALL
READS_MUCH: Final[Mapping[str, str]] = {
    "orders._CENSUS": "asked when more than twenty have lapsed at once, and by an operator; an index alone",
    "watch._QUESTIONS[paid_without_access]": "once a minute: each customer who has not redeemed yet, by an index",
    "watch._QUESTIONS[two_live_subscriptions]": "once a minute: each live subscription; an index alone",
    "lines: prefix": "an operator's question; read along an index until enough is found",
    "lines: rare prefix": "the same, and there are not enough",
}
"""What may read more, and why; none of it reads a table from end to end."""

SQLITE_SCAN: Final = re.compile(rf"SCAN ({'|'.join(BIG)})\b(?! USING)")
NOT_ON_SQLITE: Final = frozenset({"restore_challenges._HOLD"})
Readings = Mapping[tuple[str, str], Reading]


@asynccontextmanager
async def beside(
    orders: int, directory: Path, template: str, *, in_months: bool = False
) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database with so many orders; their events are all of the last eighty days."""
    async with postgresql_database(directory, template) as url:
        if in_months:
            await keep_months(url, now=NOW - timedelta(days=120), ahead=6)
        database = Database(url)
        await write_templates(database)
        await database.close()
        name = urlsplit(url).path[1:]
        connection = await asyncpg.connect(host=str(directory), user="postgres", database=name, statement_cache_size=0)
        try:
            await copy(connection, orders // len(KINDS) - 1, unlogged=not in_months)
            yield connection
        finally:
            await connection.close()


async def readings(connection: asyncpg.Connection) -> Readings:
    """Of every statement, by each kind of plan."""
    values = await Values.among(connection)
    return {
        (found.name, plans): await reading_of(connection, found, values, plans)
        for found in await every_statement()
        for plans in PLANS
    }


def must_not_be(found: Readings, is_wrong: Callable[[str, str, Reading], bool]) -> None:
    """Fail with the plans of those that are wrong."""
    wrong = [
        f"{name} ({plans}): {one.rows} rows, {one.pages} pages\n{one.plan}"
        for (name, plans), one in found.items()
        if is_wrong(name, plans, one)
    ]
    if wrong:
        pytest.fail("\n\n".join(wrong), pytrace=False)


def reads_much(name: str, _plans: str, one: Reading) -> bool:
    """Whether it reads more than it may."""
    return bool(one.whole & BIG) or (name not in READS_MUCH and one.rows > MOST_ROWS)


@TABLES
async def test_no_statement_reads_much_beside_many_orders(
    postgresql_directory: Path, postgresql_template: str, *, in_months: bool
) -> None:
    """By whichever plan; those that may are few, and do."""
    async with beside(ORDERS, postgresql_directory, postgresql_template, in_months=in_months) as connection:
        found = await readings(connection)
    must_not_be(found, reads_much)
    assert {name for (name, _), one in found.items() if one.rows > MOST_ROWS} == set(READS_MUCH)


@TABLES
@pytest.mark.timeout(7200)
@pytest.mark.skipif(not MANY, reason="a million orders: nox -s growth")
async def test_no_statement_looks_at_more_pages_beside_ten_times_as_many(
    postgresql_directory: Path,
    postgresql_template: str,
    record_property: Callable[[str, object], None],
    *,
    in_months: bool,
) -> None:
    """The pages of every index on the way down, of the rows, and of what is written."""
    async with beside(MANY // 10, postgresql_directory, postgresql_template, in_months=in_months) as connection:
        few = await readings(connection)
    began = time.monotonic()
    async with beside(MANY, postgresql_directory, postgresql_template, in_months=in_months) as connection:
        filled = time.monotonic() - began
        many = await readings(connection)
    record_property(
        "evidence", f"growth: {MANY:,} orders, filled in {filled:.0f} s; pages beside a tenth, and beside all"
    )
    for (name, plans), one in many.items():
        before = few[name, plans]
        if one.pages > before.pages + MORE_PAGES // 4:
            record_property("evidence", f"growth: {name} ({plans}): {before.pages}, {one.pages}")
    must_not_be(many, reads_much)
    must_not_be(
        many,
        lambda name, plans, one: name not in READS_MUCH and one.pages > few[name, plans].pages + MORE_PAGES,
    )


async def test_no_statement_reads_a_whole_table_on_sqlite(tmp_path: Path) -> None:
    """Which plans by its rules alone, whatever is there."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}"
    await migrate(url)
    database, values, wrong = Database(url), Values.made_up(), []
    async with database.pool.reading() as connection:
        for found in await every_statement():
            if found.name in NOT_ON_SQLITE:
                continue
            written = found.statement.on("sqlite")
            rows = await connection.raw.execute_fetchall(
                f"EXPLAIN QUERY PLAN {written.sql}", written.arguments(values.of(found))
            )
            plan = "\n".join(row[-1] for row in rows)
            if SQLITE_SCAN.search(plan):
                wrong.append(f"{found.name}\n{plan}")
    await database.close()
    if wrong:
        pytest.fail("\n\n".join(wrong), pytrace=False)


def test_no_function_that_builds_statements_is_forgotten() -> None:
    """Each is named with what makes it build each kind."""
    assert builders() == set(BUILT)
