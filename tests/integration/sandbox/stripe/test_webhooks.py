"""Webhooks on the wire: signed, retried, and in every trouble."""

import asyncio

import pytest
import stripe as official

from entrypoints.sandbox.stripe import StripeSandbox
from entrypoints.sandbox.troubles import WebhookTrouble
from tests.integration.sandbox.stripe.conftest import Receiver, event_types, session_params, until

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def _buy(sandbox: StripeSandbox, client: official.StripeClient) -> None:
    session = await client.v1.checkout.sessions.create_async(session_params())
    sandbox.engine.pay(session.id)


async def test_every_event_arrives_signed_and_in_order(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """The receiver checks each signature with the SDK; nothing is pending afterwards."""
    async with sandbox.webhooks_to(receiver.url) as webhooks:
        await _buy(sandbox, client)
        await webhooks.idle()
    assert receiver.types == event_types(sandbox)
    undelivered = await client.v1.events.list_async({"delivery_success": False})
    assert undelivered.data == []


async def test_refused_event_is_sent_again(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """Until it is taken; every try is on record."""
    receiver.answers = [500, 503]
    async with sandbox.webhooks_to(receiver.url, events=["checkout.session.completed"]) as webhooks:
        await _buy(sandbox, client)
        await until(lambda: len(receiver.events) == 3)
        event_id = receiver.events[0]["id"]
        await until(lambda: len(webhooks.attempts[event_id]) == 3)
    assert [one.status for one in webhooks.attempts[event_id]] == [500, 503, 200]
    assert sandbox.engine.world.get("event", event_id)["pending_webhooks"] == 0


async def test_unreachable_shop_leaves_the_event_pending(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """It gives up after the last pause, and Stripe's list says so."""
    async with sandbox.webhooks_to("http://127.0.0.1:9/", events=["checkout.session.completed"]) as webhooks:
        await _buy(sandbox, client)
        await until(lambda: any(len(tries) == 4 for tries in webhooks.attempts.values()))
    (tries,) = webhooks.attempts.values()
    assert {(one.outcome, one.error) for one in tries} == {("failed", "ConnectError")}
    missed = await client.v1.events.list_async({"delivery_success": False, "types": ["checkout.session.completed"]})
    assert [event.id for event in missed.data] == [tries[0].event_id]


async def test_lost_event_is_not_sent_but_can_be_delivered_by_hand(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """It stays in Stripe's event list."""
    sandbox.troubles.webhooks = WebhookTrouble.LOST
    async with sandbox.webhooks_to(receiver.url, events=["checkout.session.completed"]) as webhooks:
        await _buy(sandbox, client)
        await webhooks.idle()
        assert receiver.events == []
        (missed,) = (await client.v1.events.list_async({"delivery_success": False})).data
        assert [one.outcome for one in webhooks.attempts[missed.id]] == ["lost"]
        await webhooks.deliver(missed.id)
    assert receiver.types == ["checkout.session.completed"]
    assert (await client.v1.events.retrieve_async(missed.id)).pending_webhooks == 0


async def test_doubled_event_comes_twice_at_once(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """Both at the same time, with the same id."""
    sandbox.troubles.webhooks = WebhookTrouble.DOUBLED
    async with sandbox.webhooks_to(receiver.url, events=["checkout.session.completed"]) as webhooks:
        await _buy(sandbox, client)
        await webhooks.idle()
    assert len(receiver.events) == 2
    assert len({event["id"] for event in receiver.events}) == 1
    assert receiver.most_at_once == 2


async def test_late_event_comes_after_a_while(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """Not before the wait is over."""
    sandbox.troubles.webhooks = WebhookTrouble.LATE
    async with sandbox.webhooks_to(receiver.url, events=["checkout.session.completed"]):
        started = asyncio.get_running_loop().time()
        await _buy(sandbox, client)
        await until(lambda: receiver.types == ["checkout.session.completed"])
        assert asyncio.get_running_loop().time() - started >= 0.2


async def test_out_of_order_events_come_reversed(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """All of a purchase's, the last first."""
    sandbox.troubles.webhooks = WebhookTrouble.OUT_OF_ORDER
    async with sandbox.webhooks_to(receiver.url):
        await _buy(sandbox, client)
        await until(lambda: len(receiver.events) == 5)
    assert receiver.types == event_types(sandbox)[::-1]


async def test_held_events_are_sent_by_hand_in_any_order(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """What was delivered by hand is not sent again at the release."""
    async with sandbox.webhooks_to(receiver.url) as webhooks:
        webhooks.hold()
        await _buy(sandbox, client)
        await webhooks.idle()
        assert receiver.events == []
        last = sandbox.engine.world.all("event")[-1]
        await webhooks.deliver(last["id"])
        assert receiver.types == ["checkout.session.completed"]
        webhooks.release()
        await webhooks.idle()
    assert sorted(receiver.types) == sorted(event_types(sandbox))


async def test_endpoint_made_through_the_api_gets_its_events(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """Only the types that it asked for, signed with the secret that it was shown."""
    made = await client.v1.webhook_endpoints.create_async({"url": receiver.url, "enabled_events": ["charge.succeeded"]})
    receiver.secret = made.secret or ""
    async with sandbox.webhooks_to("http://127.0.0.1:9/", events=[]) as webhooks:
        await _buy(sandbox, client)
        await webhooks.idle()
    assert receiver.types == ["charge.succeeded"]
    assert receiver.secret.startswith("whsec_")


async def test_leaving_stops_everything(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """No task outlives the block, not even one that waits to be late."""
    sandbox.troubles.webhooks = WebhookTrouble.LATE
    before = asyncio.all_tasks()
    async with sandbox.webhooks_to(receiver.url):
        await _buy(sandbox, client)
    assert {task for task in asyncio.all_tasks() - before if "webhooks" in repr(task.get_coro())} == set()
    await _buy(sandbox, client)
    assert receiver.events == []


async def test_snapshot_shows_sessions_and_deliveries(
    sandbox: StripeSandbox, client: official.StripeClient, receiver: Receiver
) -> None:
    """What the console needs, as plain JSON."""
    async with sandbox.webhooks_to(receiver.url) as webhooks:
        await _buy(sandbox, client)
        await webhooks.idle()
    shown = sandbox.snapshot()
    (session,) = shown["sessions"]
    assert (session["status"], session["payment_status"], session["amount"]) == ("complete", "paid", 1900)
    assert (session["email"], session["order_id"]) == ("buyer@example.com", session_params()["client_reference_id"])
    assert shown["payments"][0]["can_refund"] is True
    assert [event["deliveries"][0]["status"] for event in shown["events"]] == [200] * 5
