"""How Stripe is asked for its events: a day at a time, twenty types at a time; and what an odd list costs."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import chain, pairwise
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.stripe.ledger import KEPT, StripeLedger
from adapters.stripe.translate import USED_EVENT_TYPES
from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.ports.payments import ListedEvent
from tests.unit.adapters.stripe.fake_stripe import NOW, FakeStripe, SetClock

DAY = timedelta(days=1)


@pytest.fixture
async def ledger(fake: FakeStripe, clock: SetClock) -> AsyncIterator[StripeLedger]:
    """Ours."""
    ledger = StripeLedger(
        api_key="sk_test_1",
        public_base_url="https://pay.example.com",
        api_base=f"http://127.0.0.1:{fake.port}",
        clock=clock,
    )
    yield ledger
    await ledger.close()


async def read(ledger: StripeLedger, since: datetime, until: datetime) -> list[ListedEvent]:
    """All of it."""
    return [event async for event in ledger.list_events(since, until)]


def asked(fake: FakeStripe) -> list[dict[str, list[str]]]:
    """The queries that came."""
    return [parse_qs(urlsplit(line.split(" ")[1]).query) for line, _, _ in fake.requests]


def listed(*events: object) -> dict[str, object]:
    """One page, the last."""
    return {"object": "list", "data": list(events), "has_more": False, "url": "/v1/events"}


async def test_days_and_types_are_asked_in_parts_that_fit(fake: FakeStripe, ledger: StripeLedger) -> None:
    """No list of more than twenty types, no stretch of more than a day; together they are the whole, without seams."""
    fake.answers(listed())
    await read(ledger, NOW - 2.5 * DAY, NOW)
    queries = asked(fake)
    types = [
        [value for name, values in query.items() if name.startswith("types") for value in values] for query in queries
    ]
    parts = len(queries) // 3
    assert max(map(len, types)) <= 20
    assert sorted(chain.from_iterable(types[:parts])) == sorted(USED_EVENT_TYPES)
    stretches = [(int(query["created[gte]"][0]), int(query["created[lt]"][0])) for query in queries[::parts]]
    edges = [int((NOW - 2.5 * DAY + step).timestamp()) for step in (0 * DAY, DAY, 2 * DAY, 2.5 * DAY)]
    assert stretches == list(pairwise(edges))
    assert {query["limit"][0] for query in queries} == {"100"}
    assert not any("delivery_success" in query for query in queries)


async def test_older_than_stripe_keeps_is_not_asked(fake: FakeStripe, ledger: StripeLedger) -> None:
    """The first question is for thirty days ago."""
    fake.answers(listed())
    await read(ledger, NOW - 2 * KEPT, NOW - KEPT + DAY)
    assert {query["created[gte]"][0] for query in asked(fake)} == {str(int((NOW - KEPT).timestamp()))}


@pytest.mark.parametrize("created", [10**30, -5, "soon", None, True, 1.5, [1]])
async def test_event_without_a_good_time_is_reported(fake: FakeStripe, ledger: StripeLedger, created: object) -> None:
    """Never a crash; its id is told."""
    fake.answers_in_turn(
        listed({"object": "event", "id": "evt_1", "type": "refund.created", "created": created}), listed()
    )
    (event,) = await read(ledger, NOW - DAY, NOW)
    assert (event.event_id, event.notification, event.error) == ("evt_1", None, "created: must be a time in seconds")


async def test_completed_checkout_of_ours_is_told_with_what_was_asked_for(
    fake: FakeStripe, ledger: StripeLedger
) -> None:
    """By its way back, which leads to our own page; of another shop's by the same account there is nothing to tell."""
    order_id = "0b9a3f5e-6c0e-4d55-9a56-6f1f4b1f2f10"

    def completed(number: int, shop: str) -> dict[str, object]:
        session = {
            "object": "checkout.session",
            "id": f"cs_{number}",
            "status": "complete",
            "payment_status": "unpaid",
            "mode": "payment",
            "customer_email": "anna@example.com",
            "metadata": {"order_id": order_id},
            "success_url": f"https://{shop}/pay/success?session_id=x&plan=one_time_basic&locale=en",
        }
        told = {"object": "event", "id": f"evt_{number}", "type": "checkout.session.completed"}
        return {**told, "created": int(NOW.timestamp()) - number, "data": {"object": session}}

    fake.answers_in_turn(listed(completed(1, "pay.other.example"), completed(2, "pay.example.com")), listed())
    ours, others = await read(ledger, NOW - DAY, NOW)
    assert ours.checkout is not None
    assert (ours.checkout.session_id, str(ours.checkout.asked.order_id)) == ("cs_2", order_id)
    assert (ours.checkout.asked.plan, ours.checkout.asked.email) == ("one_time_basic", "anna@example.com")
    assert (others.event_id, others.checkout, others.error) == ("evt_1", None, None)


@pytest.mark.parametrize(
    "page", [{"object": "list", "data": 7}, {"object": "list"}, listed({"object": "event"}), listed(7)]
)
async def test_list_that_is_none_is_an_outage(fake: FakeStripe, ledger: StripeLedger, page: object) -> None:
    """Not an empty one."""
    fake.answers(page)
    with pytest.raises(PaymentProviderUnavailable, match="malformed"):
        await read(ledger, NOW - DAY, NOW)


@pytest.mark.parametrize("links", [7, None, [7]])
async def test_links_that_are_none_are_an_outage(fake: FakeStripe, ledger: StripeLedger, links: object) -> None:
    """A parked event is not given up for them."""
    fake.answers({"object": "list", "data": links})
    fake.answers_at("/v1/payment_intents/pi_1", {"object": "payment_intent", "id": "pi_1"})
    with pytest.raises(PaymentProviderUnavailable, match="malformed"):
        await ledger.trace(["pi_1"])


async def test_charge_that_is_none_is_an_outage(fake: FakeStripe, ledger: StripeLedger) -> None:
    """What it says of its payment would be believed."""
    fake.answers({"object": "charge", "id": "ch_1", "amount": "much"})
    with pytest.raises(PaymentProviderUnavailable, match="charge is malformed: amount"):
        await ledger.trace(["ch_1"])
