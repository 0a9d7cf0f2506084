"""Statements are worked out once, and say the same on either database."""

import json
from datetime import timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ColumnElement, bindparam, func, insert, select, update

from adapters.db.database import Database
from adapters.db.one_trip import OneTrip
from adapters.db.schema import payment_events, restore_challenges
from adapters.db.statements import Rows, Statement, among, insert_into
from paywall_core.policy import FOREVER
from paywall_core.testing.contract.samples import MINUTE, NOW

ADD = Statement(insert(restore_challenges))
ALL = Statement(select(restore_challenges).order_by(restore_challenges.c.address))


def challenge(address: str, challenge_id: UUID | None = None) -> dict[str, object]:
    """A row with one column of each type that the drivers know nothing of."""
    row = {"id": challenge_id or uuid4(), "issued": "[]", "issued_at": NOW, "tries": 0, "spent": True}
    return {"address": address, **row}


async def test_values_come_back_as_they_went_in(database: Database) -> None:
    """Ids, times to the microsecond, truth; and a row has its columns' names."""
    row = challenge("anna@example.com")
    async with database.pool.writing() as connection:
        assert await connection.change(ADD, row) == 1
    async with database.pool.reading() as connection:
        found = await connection.first(ALL)
    assert found is not None
    assert found._asdict() == row
    assert found.spent is True
    assert isinstance(found.id, UUID)


async def test_statement_is_executed_once_for_each_row(database: Database) -> None:
    """In their order, with what each gives; or without, where it gives nothing."""
    rows = [challenge(f"{letter}@example.com") for letter in "cab"]
    told = Statement(insert(restore_challenges).returning(restore_challenges.c.address))
    async with database.pool.writing() as connection:
        given = await connection.each(told, rows[:2])
        assert await connection.each(ADD, rows[2:]) == []
    assert [row.address for row in given] == ["c@example.com", "a@example.com"]
    async with database.pool.reading() as connection:
        assert [row.address for row in await connection.all(ALL)] == [f"{one}@example.com" for one in "abc"]


async def test_list_is_one_value_however_long(database: Database) -> None:
    """Of texts and of ids; an empty one holds nothing."""
    rows = [challenge(f"{number}@example.com") for number in range(5)]
    by_id = Statement(
        lambda dialect: select(func.count().label("found")).where(among(dialect, restore_challenges.c.id, "ids"))
    )
    by_address = Statement(
        lambda dialect: (
            update(restore_challenges)
            .where(among(dialect, restore_challenges.c.address, "addresses"))
            .values(tries=bindparam("to"))
        )
    )
    async with database.pool.writing() as connection:
        await connection.each(ADD, rows)
        for wanted in (rows, rows[:2], []):
            (row,) = await connection.all(by_id, {"ids": [one["id"] for one in wanted]})
            assert row.found == len(wanted)
            touched = await connection.change(by_address, {"addresses": [one["address"] for one in wanted], "to": 1})
            assert touched == len(wanted)


async def test_what_is_written_already_is_written_over(database: Database) -> None:
    """ON CONFLICT, which both have."""
    written = [challenge("anna@example.com"), {**challenge("anna@example.com"), "tries": 3}]
    put = Statement(
        lambda dialect: insert_into(dialect, restore_challenges).on_conflict_do_update(
            index_elements=["address"], set_={"tries": bindparam("tried")}
        )
    )
    async with database.pool.writing() as connection:
        for row in written:
            await connection.change(put, {**row, "tried": 3})
        (found,) = await connection.all(ALL)
    assert (found.tries, found.id) == (3, written[0]["id"])


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_missing_value_is_named(dialect: str) -> None:
    """A value that nobody gave is a mistake, and not NULL."""
    with pytest.raises(KeyError, match="challenge_id"):
        Statement(select(restore_challenges).where(restore_challenges.c.id == bindparam("challenge_id"))).on(
            dialect
        ).arguments({"id": uuid4()})


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_statement_is_worked_out_once(dialect: str) -> None:
    """To write it is dearer than to execute it. What is fixed in it is fixed."""
    recent = Statement(select(restore_challenges).where(restore_challenges.c.issued_at > NOW - MINUTE).limit(7))
    assert recent.on(dialect) is recent.on(dialect)
    assert 7 in recent.on(dialect).arguments({})


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"tries": None}, None),
        ({"more": 1}, KeyError),
        ({"issued_at": NOW.replace(tzinfo=None)}, ValueError),
    ],
)
def test_document_of_rows_is_whole_or_none(changed: dict[str, object], error: type[Exception] | None) -> None:
    """A column too many or too few, or a time of nobody's clock, is refused before anything is sent."""
    put = Statement(lambda dialect: Rows(dialect, *restore_challenges.c).insert_into(restore_challenges)).on(
        "postgresql"
    )
    good, other = challenge("anna@example.com"), {**challenge("berta@example.com"), **changed}
    if error is None:
        (document,) = put.all_of([good, other])
        assert [row["tries"] for row in json.loads(str(document))] == [0, None]
        return
    with pytest.raises(error):
        put.all_of([good, other])
    lacking = {name: value for name, value in good.items() if name != "tries"}
    with pytest.raises(KeyError, match="tries"):
        put.all_of([lacking])


async def test_bytes_and_moments_of_many_rows_come_back(database: Database) -> None:
    """Whatever a document has no words for: bytes of any kind, a microsecond, a zone, the end of all time."""
    far = timezone(timedelta(hours=-7))
    moments = [NOW + timedelta(microseconds=1), NOW.astimezone(far), FOREVER]
    contents = [bytes(range(256)), b"", '"\\ \u00e9 \U0001f511'.encode()]
    rows = [
        {"stripe_event_id": f"evt_{place}", "event_type": "a\"b", "occurred_at": moment, "received_at": moment,
         "payload": content, "notification": "{}", "order_id": None, "waiting_since": None}
        for place, (moment, content) in enumerate(zip(moments, contents, strict=True))
    ]  # fmt: skip
    columns = [payment_events.c[name] for name in rows[0]]
    put = Statement(lambda dialect: Rows(dialect, *columns).insert_into(payment_events))
    async with database.pool.writing() as connection:
        await connection.each(put, rows)
        found = await connection.all(Statement(select(*columns).order_by(payment_events.c.stripe_event_id)))
    assert [row._asdict() for row in found] == rows


async def test_statements_go_together_each_by_its_own_values(database: Database) -> None:
    """Those about rows and those that take values, those that give rows and those that give none, in any number."""
    told = Statement(
        lambda dialect: _adding(dialect, *restore_challenges.c).returning(
            restore_challenges.c.address, restore_challenges.c.tries
        )
    )
    among_them = Statement(
        lambda dialect: (
            select(restore_challenges.c.id, restore_challenges.c.issued_at, restore_challenges.c.spent)
            .where(among(dialect, restore_challenges.c.address, "addresses"))
            .order_by(restore_challenges.c.address)
        )
    )
    silent = Statement(lambda dialect: _adding(dialect, *restore_challenges.c))
    together = OneTrip(told, silent, among_them)
    there = challenge("b@example.com"), challenge("a@example.com")
    async with database.pool.writing() as connection:
        await connection.each(ADD, there)
        new = [challenge("c@example.com"), challenge("d@example.com")]
        asked = {"addresses": ["a@example.com", "b@example.com", "x@example.com"]}
        added, none, found = await connection.in_one_trip(together, new, [challenge("e@example.com")], asked)
        assert [tuple(row) for row in added] == [("c@example.com", 0), ("d@example.com", 0)]
        assert none == []
        assert [tuple(row) for row in found] == [(there[1]["id"], NOW, True), (there[0]["id"], NOW, True)]
        assert await connection.in_one_trip(together, [], [], {"addresses": []}) == [[], [], []]
        with pytest.raises(KeyError):
            await connection.in_one_trip(together, [], [], {})
    async with database.pool.reading() as connection:
        assert len(await connection.all(ALL)) == 5


def _adding(dialect: str, *columns: ColumnElement[Any]) -> Any:
    return Rows(dialect, *columns).insert_into(restore_challenges)
