"""No webhook ever comes: `paywall reconcile` alone brings every order to where the webhooks would have brought it.

Two products on two databases hold the same orders. One hears of every event by webhook; the other hears nothing, until
the real command reads the sandbox's Stripe, in a process of its own.
"""

import asyncio
import os
import random
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from adapters.db.database import Database
from adapters.stripe.translate import USED_EVENT_TYPES
from entrypoints.sandbox.stripe import StripeSandbox
from paywall_core.order import Order
from paywall_core.testing import FakeClock
from tests.integration.lives.conftest import EVERYTHING
from tests.integration.lives.world import Started, World, environment, product_running, stripe_running

ORDERS: Final = 1000 if EVERYTHING else 50
_SEED: Final = 20261124
_SECONDS: Final = 300.0


def _intent(stripe: StripeSandbox, session_id: str) -> str:
    """The payment intent that paid a session, or its subscription's first invoice."""
    world = stripe.engine.world
    session = world.get("checkout.session", session_id)
    if session["payment_intent"]:
        return str(session["payment_intent"])
    return str(world.where("invoice_payment", invoice=session["invoice"])[0]["payment"]["payment_intent"])


def _sub(stripe: StripeSandbox, session_id: str) -> str:
    return str(stripe.engine.world.get("checkout.session", session_id)["subscription"])


def _dispute(stripe: StripeSandbox, session_id: str) -> str:
    return str(stripe.engine.open_dispute(_intent(stripe, session_id))["id"])


def _delayed(stripe: StripeSandbox, session_id: str, *, succeeds: bool) -> object:
    stripe.engine.pay_delayed(session_id)
    return stripe.engine.settle_delayed(session_id, succeeds=succeeds)


Fate = Callable[[StripeSandbox, str], object]
PAID: Final[Mapping[str, Fate]] = {
    "stays paid": lambda _stripe, _session: None,
    "refunded": lambda stripe, session: stripe.engine.refund(_intent(stripe, session)),
    "refunded in part": lambda stripe, session: stripe.engine.refund(_intent(stripe, session), amount=300),
    "disputed": _dispute,
    "dispute won": lambda stripe, session: stripe.engine.close_dispute(_dispute(stripe, session), won=True),
    "dispute lost": lambda stripe, session: stripe.engine.close_dispute(_dispute(stripe, session), won=False),
}
SUBSCRIBED: Final[Mapping[str, Fate]] = {
    "renewed": lambda stripe, session: stripe.engine.renew(_sub(stripe, session)),
    "renewal fails": lambda stripe, session: stripe.engine.renew(_sub(stripe, session), succeeds=False),
    "cancelled now": lambda stripe, session: stripe.engine.cancel(_sub(stripe, session)),
    "cancelled at its end": lambda stripe, session: stripe.engine.plan_cancellation(
        _sub(stripe, session), planned=True, metadata={}
    ),
}
UNPAID: Final[Mapping[str, Fate]] = {
    "left open": lambda _stripe, _session: None,
    "expired": lambda stripe, session: stripe.engine.expire(session),
    "paid later": lambda stripe, session: _delayed(stripe, session, succeeds=True),
    "failed later": lambda stripe, session: _delayed(stripe, session, succeeds=False),
}


def _live(stripe: StripeSandbox, mode: str, session_id: str, fates: random.Random) -> None:
    """One order's life, drawn by lot."""
    paid = {**PAID, **SUBSCRIBED} if mode == "subscription" else PAID
    name = fates.choice([*paid, *UNPAID])
    if name in paid:
        stripe.engine.pay(session_id)
    {**paid, **UNPAID}[name](stripe, session_id)


@pytest.fixture
async def stripe() -> AsyncIterator[StripeSandbox]:
    """At the machine's own time, as the command's process has no other."""
    async with stripe_running(FakeClock(datetime.now(UTC))) as running:
        yield running


@pytest.mark.timeout(600)
async def test_reconcile_alone_brings_every_order_where_the_webhooks_would_have(
    stripe: StripeSandbox, sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same facts, state and end of access for each; and again, it finds nothing."""
    clock, fates = FakeClock(datetime.now(UTC)), random.Random(_SEED)  # noqa: S311  - repeatable on purpose
    async with product_running(sqlite_url, stripe, clock) as hearing:
        orders = [await _place(hearing, number) for number in range(ORDERS)]
        deaf_url = _copied(sqlite_url, tmp_path / "deaf.db")
        for mode, started in orders:
            _live(stripe, mode, started.session_id, fates)
        events = [one for one in stripe.engine.world.all("event") if one["type"] in USED_EVENT_TYPES]
        clock.advance(datetime.now(UTC) - clock.now())
        for event in events:
            await hearing.webhook(event)
    assert {order.state for order in (await _orders(deaf_url)).values()} == {"pending"}
    began = time.monotonic()
    found = await _reconcile(deaf_url, stripe)
    seconds = time.monotonic() - began
    expected, reconciled = await _orders(sqlite_url), await _orders(deaf_url)
    assert len(reconciled) == ORDERS
    assert {str(key): _looks(order) for key, order in reconciled.items()} == {
        str(key): _looks(order) for key, order in expected.items()
    }
    assert sum(found["missing"].values()) == len(events)
    assert not found["unapplied"]
    assert (await _reconcile(deaf_url, stripe))["missing"] == {}
    with capsys.disabled():
        print(f"\n{ORDERS} orders, {len(events)} events: reconciled in {seconds:.1f} s")  # noqa: T201  - a measurement


async def _place(world: World, number: int) -> tuple[str, Started]:
    mode = ("one_time", "subscription")[number % 2]
    return mode, await world.checkout(mode, f"customer-{number}@mail.example", chat=str(1000 + number))


def _copied(url: str, path: Path) -> str:
    """A copy of a SQLite database that is in use."""
    with closing(sqlite3.connect(url.partition("///")[2])) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=WAL")
    return f"sqlite+aiosqlite:///{path}"


async def _orders(url: str) -> dict[UUID, Order]:
    database = Database(url)
    try:
        return {order.id: order for order in await database.archive.every_order(after=None, limit=ORDERS + 1)}
    finally:
        await database.close()


def _looks(order: Order) -> tuple[object, ...]:
    """All that follows from what is known of it."""
    return (order.state, order.entitlement, order.payment_status, order.fulfillment_status, order.facts)


async def _reconcile(url: str, stripe: StripeSandbox) -> dict[str, Any]:
    """The real command, pointed at the sandbox's Stripe."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("paywall")),
        "reconcile",
        "--json",
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment(url, stripe)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_SECONDS):
        said, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    found: dict[str, Any] = msgspec.json.decode(said)
    return found
