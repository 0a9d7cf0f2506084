"""`paywall outbox`: what is owed and did not arrive is seen, and tried again with a trace of who wanted it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.db.database import Database
from paywall_core.effects import LookUpEvent, ReportSale
from paywall_core.ports.operations import OutboxLine, OutboxQuery
from paywall_core.ports.unit_of_work import DeliveryStatus
from tests.integration.entrypoints.conftest import Terminal
from tests.integration.entrypoints.shop import Past

NOW = datetime.now(UTC)


async def rows(database: Database, *statuses: DeliveryStatus) -> Sequence[OutboxLine]:
    """All rows that stand so."""
    return await database.outbox_archive.lines(OutboxQuery(statuses=statuses, limit=100))


def keys(out: str) -> list[str]:
    """Of the rows that were listed."""
    return [line["key"] for line in json.loads(out)["outbox"]]


async def owe(database: Database, *event_ids: str, since: datetime) -> None:
    """Look-ups that nobody did."""
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([LookUpEvent(event_id=event_id) for event_id in event_ids], now=since)
        await uow.commit()


async def test_dead_and_overdue_rows_are_listed(terminal: Terminal, database: Database, past: Past) -> None:
    """The longest owed first; neither what is planned for later, nor what is due since a moment."""
    await owe(database, "evt_late", since=NOW - timedelta(hours=20))
    await owe(database, "evt_fresh", since=NOW)
    listed = await terminal("outbox", "list")
    assert (listed.code, listed.err) == (0, "")
    head, *lines = listed.out.splitlines()
    assert head.split()[0] == "status"
    assert [line.split()[-1] for line in lines] == [
        "look_up:evt_late",
        f"access_email:{past.bob}:1",
        f"mobi_slon:pay_success:{past.bob}",
    ]
    assert "the search for the order of evt_late" in lines[0]
    assert "due since" in lines[0]
    assert "given up after 1 try: SMTP 535: authentication failed" in lines[1]


async def test_rows_are_listed_by_status_order_and_kind(terminal: Terminal, database: Database, past: Past) -> None:
    """All that is asked for must hold; of one order everything is listed, unless a status is asked for."""
    of_dora = await database.outbox_archive.lines(OutboxQuery(order_id=past.dora))
    assert keys((await terminal("outbox", "list", "--order", "pi_dora", "--json")).out) == [row.key for row in of_dora]
    email = f"access_email:{past.dora}:1"
    delivered = ("outbox", "list", "--status", "delivered", "--kind", "access_email", "--json")
    assert email in keys((await terminal(*delivered)).out)
    assert keys((await terminal(*delivered, "--order", past.dora)).out) == [email]
    assert keys((await terminal("outbox", "list", "--status", "dead", "--status", "skipped", "--json")).out) == [
        f"access_email:{past.bob}:1",
        f"mobi_slon:pay_success:{past.bob}",
    ]
    assert len(keys((await terminal("outbox", "list", "--status", "dead", "--limit", "1", "--json")).out)) == 1
    overdue = await terminal("outbox", "list", "--status", "overdue")
    assert (overdue.code, overdue.out, overdue.err) == (0, "", "Nothing is overdue.\n")


async def test_all_dead_rows_are_tried_again(terminal: Terminal, database: Database, past: Past) -> None:
    """They are due now with all tries before them, and each act is kept with who and why."""
    done = await terminal("outbox", "retry", "--dead", "--why", "mail is back", answer="y\n")
    assert done.code == 0
    assert done.out.splitlines()[0] == "2 to be tried again. The longest owed first:"
    assert done.out.splitlines()[-1] == "2 of 2 are due now."
    assert await rows(database, DeliveryStatus.DEAD) == []
    dossier = await database.archive.dossier(past.bob)
    assert dossier is not None
    assert {row.attempts for row in dossier.outbox} == {0}
    assert [(act.by, act.why, act.act) for act in dossier.acts] == [("kate", "mail is back", "outbox retry")] * 2


async def test_dry_run_or_no_yes_retries_nothing(terminal: Terminal, database: Database, past: Past) -> None:
    """It says what would be."""
    before = await rows(database)
    dry = await terminal("outbox", "retry", "--dead", "--kind", "access_email", "--why", "x", "--dry-run")
    assert dry.code == 0
    assert dry.out.startswith("1 to be tried again.")
    assert "mobi_slon" not in dry.out
    document = json.loads((await terminal("outbox", "retry", "--dead", "--why", "x", "--dry-run", "--json")).out)
    assert document | {"retried": []} == {"by": "kate", "why": "x", "done": False, "retried": [], "left_alone": []}
    assert len(document["retried"]) == 2
    refused = await terminal("outbox", "retry", "--dead", "--why", "x", answer="n\n")
    assert refused.code == 1
    assert await rows(database) == before


async def test_named_rows_are_tried_again_and_the_others_left_alone(
    terminal: Terminal, database: Database, past: Past
) -> None:
    """What is delivered or unknown stays; what a worker holds at this moment too."""
    dead, delivered = f"access_email:{past.bob}:1", f"access_email:{past.anna}:1"
    await owe(database, "evt_held", since=NOW - timedelta(minutes=1))
    async with database.unit_of_work() as uow:
        held_until = datetime.now(UTC) + timedelta(hours=1)
        await uow.outbox.lease(now=datetime.now(UTC), limit=9, lease_until=held_until, lease_id=uuid4())
        await uow.commit()
    words = ("outbox", "retry", dead, delivered, "look_up:evt_held", "nothing:1", dead, "--why", "again", "--yes")
    done = await terminal(*words, "--json")
    assert done.code == 0
    document = json.loads(done.out)
    assert document["retried"] == [dead]
    assert document["left_alone"] == [delivered, "nothing:1", "look_up:evt_held"]
    assert f"Left alone: {delivered} is delivered, or there is no such key." in done.err
    assert [row.key for row in await rows(database, DeliveryStatus.DEAD)] == [f"mobi_slon:pay_success:{past.bob}"]
    again = await terminal("outbox", "retry", delivered, "--why", "again", "--yes")
    assert again.code == 1
    assert again.out.splitlines()[-1] == "Nothing to retry."


async def test_many_rows_are_tried_again_in_batches(terminal: Terminal, database: Database) -> None:
    """More than one transaction takes; a few are shown, the others counted."""
    since = NOW - timedelta(hours=3)
    orders = [uuid4() for _ in range(230)]
    async with database.unit_of_work() as uow:
        await uow.outbox.enqueue([LookUpEvent(event_id=f"evt_{order.hex}") for order in orders], now=since)
        await uow.commit()
    names = [f"look_up:evt_{order.hex}" for order in orders]
    done = await terminal("outbox", "retry", *names, "--why", "Stripe is back", "--yes")
    assert done.code == 0
    assert "… and 225 more." in done.out
    assert done.out.splitlines()[-1] == "230 of 230 are due now."


@pytest.mark.parametrize(
    "words", [[], ["--dead", "key"], ["--kind", "access_email", "key"], ["--kind", "access_email"]]
)
async def test_retry_wants_keys_or_the_dead(terminal: Terminal, words: list[str]) -> None:
    """Never both, never everything by accident."""
    refused = await terminal("outbox", "retry", *words, "--why", "x", "--yes")
    assert (refused.code, refused.out) == (2, "")


async def test_sale_is_a_kind_of_its_own(terminal: Terminal, database: Database, past: Past) -> None:
    """As its key begins."""
    listed = await terminal("outbox", "list", "--kind", "mobi_slon", "--json")
    assert keys(listed.out) == [ReportSale(order_id=past.bob).key]
