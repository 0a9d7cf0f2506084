"""When a session was read: by Stripe's clock, which its answer tells, and by ours only where it does not."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final, TypeAlias

import pytest
from litestar import Litestar
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from adapters.stripe.client import StripePaymentGateway
from adapters.stripe.ledger import StripeLedger
from entrypoints.sandbox.stripe import StripeSandbox
from entrypoints.server import serving
from paywall_core.events import PaymentEvent, PaymentSucceeded
from paywall_core.facts import Mode
from paywall_core.notification import PaymentNotification
from paywall_core.testing import FakeClock
from tests.integration.stripe.conftest import KEY, NOW, Buy

Read: TypeAlias = Callable[..., Awaitable[PaymentNotification]]
HALF_AN_HOUR: Final = timedelta(minutes=30)


def written(moment: datetime) -> str:
    """A moment as every server writes it."""
    return format_datetime(moment, usegmt=True)


MALFORMED: Final = {
    "empty": "",
    "no date": "soon",
    "seconds": str(int(NOW.timestamp())),
    "ISO 8601": NOW.isoformat(),
    "no time of day": "Tue, 24 Nov 2026",
    "no time zone": "Tue, 24 Nov 2026 12:00:00",
    "another time zone": "Tue, 24 Nov 2026 12:00:00 +0200",
    "wrong weekday": "Mon, 24 Nov 2026 12:00:00 GMT",
    "no such hour": "Tue, 24 Nov 2026 25:00:00 GMT",
    "two in one": f"{written(NOW)}, {written(NOW)}",
    "before 1970": "Wed, 31 Dec 1969 23:59:59 GMT",
    "beyond 2100": "Fri, 31 Dec 9999 23:59:59 GMT",
    "beyond any calendar": f"Tue, 24 Nov {'9' * 20} 12:00:00 GMT",
}


def paid_at(events: tuple[PaymentEvent, ...]) -> set[datetime]:
    """Every moment of payment that is told."""
    return {event.paid_at for event in events if isinstance(event, PaymentSucceeded)}


@pytest.fixture
async def read(timed_stripe: StripeSandbox) -> AsyncIterator[Read]:
    """Reads a session by a gateway whose clock is `ours`; from Stripe, or from whoever serves at `origin`."""
    opened: list[StripePaymentGateway] = []

    async def read(session_id: str, *, ours: datetime, origin: str | None = None) -> PaymentNotification:
        gateway = StripePaymentGateway(
            api_key=KEY,
            api_base=f"{origin or timed_stripe.origin}/stripe",
            prices={},
            public_base_url="https://pay.example.com",
            clock=FakeClock(ours),
        )
        opened.append(gateway)
        return await gateway.read_checkout(session_id)

    yield read
    for gateway in opened:
        await gateway.close()


@asynccontextmanager
async def dating(stripe: StripeSandbox, *dates: str) -> AsyncIterator[str]:
    """The same Stripe behind something that puts these dates in the place of its own; gives its origin."""

    async def change(message: Message, _scope: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            del headers["Date"]
            for date in dates:
                headers.add("Date", date)

    app = Litestar([stripe.router], before_send=[change], openapi_config=None)
    async with serving(app, host="127.0.0.1", port=0, date_header=False) as origin:
        yield origin


@pytest.mark.parametrize("wrong_by", [-HALF_AN_HOUR, timedelta(), HALF_AN_HOUR], ids=["behind", "right", "ahead"])
async def test_purchase_counts_from_stripes_clock_whatever_ours_says(
    buy: Buy, ledger: StripeLedger, read: Read, wrong_by: timedelta
) -> None:
    """Asked at once, the session tells the moment that its events tell; nothing wins the merge that never was."""
    session_id = await buy(Mode.ONE_TIME)
    said = await read(session_id, ours=NOW + wrong_by)
    assert said.occurred_at == NOW
    events = [event.notification async for event in ledger.list_events(NOW, NOW + timedelta(seconds=1))]
    told = [moment for event in events if event is not None for moment in paid_at(event.events)]
    assert paid_at(said.events) == set(told) == {NOW}


@pytest.mark.parametrize("mode", list(Mode))
async def test_moment_is_that_of_the_answer(buy: Buy, read: Read, time: FakeClock, mode: Mode) -> None:
    """Stripe does not say when a session was paid: asked later, it counts from later, until an event knows better."""
    session_id = await buy(mode)
    time.advance(timedelta(minutes=5))
    said = await read(session_id, ours=NOW - HALF_AN_HOUR)
    assert said.occurred_at == time.now()
    assert max(paid_at(said.events)) == time.now()
    assert min(paid_at(said.events)) == (time.now() if mode is Mode.ONE_TIME else NOW)  # an invoice says when


async def test_answer_without_a_date_counts_from_our_clock(timed_stripe: StripeSandbox, buy: Buy, read: Read) -> None:
    """A customer who paid is not kept waiting for a header that something on the way took off."""
    session_id = await buy(Mode.ONE_TIME)
    async with dating(timed_stripe) as origin:
        said = await read(session_id, ours=NOW + HALF_AN_HOUR, origin=origin)
    assert (said.occurred_at, paid_at(said.events)) == (NOW + HALF_AN_HOUR, {NOW + HALF_AN_HOUR})


@pytest.mark.parametrize("date", MALFORMED.values(), ids=MALFORMED.keys())
async def test_date_that_leaves_doubt_counts_as_none(
    timed_stripe: StripeSandbox, buy: Buy, read: Read, date: str
) -> None:
    """No moment is guessed from it, and none that a plan's days cannot be added to."""
    session_id = await buy(Mode.ONE_TIME)
    async with dating(timed_stripe, date) as origin:
        said = await read(session_id, ours=NOW + HALF_AN_HOUR, origin=origin)
    assert (said.occurred_at, paid_at(said.events)) == (NOW + HALF_AN_HOUR, {NOW + HALF_AN_HOUR})


async def test_two_dates_count_as_none(timed_stripe: StripeSandbox, buy: Buy, read: Read) -> None:
    """Nobody can tell which of them is Stripe's."""
    session_id = await buy(Mode.ONE_TIME)
    async with dating(timed_stripe, written(NOW), written(NOW - HALF_AN_HOUR)) as origin:
        assert (await read(session_id, ours=NOW + HALF_AN_HOUR, origin=origin)).occurred_at == NOW + HALF_AN_HOUR
