"""Stripe's own event list, read over HTTP: everything that we use, oldest first, however much there is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from adapters.stripe.ledger import KEPT, StripeLedger
from adapters.stripe.translate import USED_EVENT_TYPES
from entrypoints.sandbox.stripe import StripeSandbox
from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.events import PaymentSucceeded
from paywall_core.facts import Mode
from paywall_core.ports.payments import ListedEvent
from paywall_core.testing import FakeClock
from tests.integration.stripe.conftest import NOW, ORDER, Buy

SOON = timedelta(seconds=1)


async def read(ledger: StripeLedger, since: datetime, until: datetime) -> Sequence[ListedEvent]:
    """All of it."""
    return [event async for event in ledger.list_events(since, until)]


def refund_event(stripe: StripeSandbox, **changes: object) -> str:
    """A small event of a type that we use, at Stripe's present moment; its id."""
    refund = {"id": "re_1", "object": "refund", "amount": 1, "currency": "eur", "charge": "ch_1", **changes}
    event_id: str = stripe.engine.world.emit("refund.created", refund)["id"]
    return event_id


def in_order(events: Sequence[ListedEvent]) -> bool:
    """Whether they are oldest first."""
    moments = [event.occurred_at for event in events]
    return moments == sorted(moments)


async def test_whole_life_is_read_as_the_webhooks_would_have_told_it(
    timed_stripe: StripeSandbox, ledger: StripeLedger, time: FakeClock, buy: Buy
) -> None:
    """Every event of the types that we use, each once, oldest first; types are more than one list takes."""
    await buy(Mode.SUBSCRIPTION)
    (sub,) = timed_stripe.engine.world.all("subscription")
    time.advance(timedelta(days=2))
    timed_stripe.engine.plan_cancellation(sub["id"], planned=True, metadata={})
    time.advance(timedelta(days=3))
    intent = timed_stripe.engine.world.all("payment_intent")[0]
    timed_stripe.engine.refund(intent["id"])
    timed_stripe.engine.cancel(sub["id"])
    events = await read(ledger, NOW, time.now() + SOON)
    known = timed_stripe.engine.world.all("event")
    assert {event.event_id for event in events} == {one["id"] for one in known if one["type"] in USED_EVENT_TYPES}
    assert len(known) > len(events) == len({event.event_id for event in events}) > 6
    assert in_order(events)
    assert len(USED_EVENT_TYPES) > 20
    assert all(event.notification and event.notification.event_id == event.event_id for event in events)
    (paid,) = [event.notification for event in events if event.event_type == "invoice.paid"]
    assert paid is not None
    assert (paid.order_id, type(paid.events[0])) == (ORDER, PaymentSucceeded)


async def test_more_than_a_page_is_read_to_its_end(
    timed_stripe: StripeSandbox, ledger: StripeLedger, time: FakeClock
) -> None:
    """Two hundred and fifty in a day; in the order in which they happened, those of one second too."""
    made = []
    for number in range(250):
        made.append(refund_event(timed_stripe))
        if number % 5 == 0:
            time.advance(SOON)
    events = await read(ledger, NOW, time.now() + SOON)
    assert [event.event_id for event in events] == made


async def test_borders_are_exact(timed_stripe: StripeSandbox, ledger: StripeLedger, time: FakeClock) -> None:
    """The first second belongs to it, the last does not; at the seams between days nothing is lost or doubled."""
    made = []
    for _ in range(5):
        made.append(refund_event(timed_stripe))
        time.advance(timedelta(days=1))
    assert [event.event_id for event in await read(ledger, NOW, NOW + timedelta(days=4))] == made[:4]
    assert [event.event_id for event in await read(ledger, NOW + SOON, NOW + timedelta(days=4) + SOON)] == made[1:]
    part = timedelta(microseconds=500_000)
    assert [event.event_id for event in await read(ledger, NOW + part, NOW + timedelta(days=1) + part)] == made[:2]
    assert await read(ledger, NOW + SOON, NOW + SOON) == []
    assert await read(ledger, NOW + SOON, NOW) == []


async def test_what_stripe_has_forgotten_is_not_asked_for(
    timed_stripe: StripeSandbox, ledger: StripeLedger, time: FakeClock
) -> None:
    """Thirty days back and no more, whatever is asked."""
    refund_event(timed_stripe)
    time.advance(KEPT + SOON)
    kept = refund_event(timed_stripe)
    assert [event.event_id for event in await read(ledger, datetime(2020, 1, 1, tzinfo=UTC), time.now() + SOON)] == [
        kept
    ]


async def test_malformed_event_is_reported_and_the_others_are_read(
    timed_stripe: StripeSandbox, ledger: StripeLedger
) -> None:
    """By its id and the field's name, without its value."""
    before, broken, after = (
        refund_event(timed_stripe),
        refund_event(timed_stripe, amount="buyer@example.com"),
        refund_event(timed_stripe),
    )
    events = await read(ledger, NOW, NOW + SOON)
    assert [event.event_id for event in events] == [before, broken, after]
    assert [event.notification is None for event in events] == [False, True, False]
    assert events[1].error == "data.object.amount: must be a whole number that is not negative"
    assert (events[1].event_type, events[1].occurred_at) == ("refund.created", NOW)


async def test_outage_is_told(timed_stripe: StripeSandbox, ledger: StripeLedger) -> None:
    """It does not look like an empty list."""
    refund_event(timed_stripe)
    timed_stripe.troubles.stripe_down = True
    with pytest.raises(PaymentProviderUnavailable, match="APIError 503"):
        await read(ledger, NOW, NOW + SOON)


async def test_outage_between_two_days_is_told_after_the_first(
    timed_stripe: StripeSandbox, ledger: StripeLedger, time: FakeClock
) -> None:
    """What was read stays read: whoever asks goes on from there."""
    first = refund_event(timed_stripe)
    time.advance(timedelta(days=2))
    events = ledger.list_events(NOW, time.now())
    assert (await anext(events)).event_id == first
    timed_stripe.troubles.stripe_down = True
    with pytest.raises(PaymentProviderUnavailable):
        await anext(events)
