"""From what Stripe tells of an object to our order, over the links that Stripe keeps, over HTTP."""

from typing import Any

import pytest
import structlog

from adapters.stripe.ledger import StripeLedger
from entrypoints.sandbox.stripe import StripeSandbox
from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.events import ChargeRefunded, PaymentLinked
from paywall_core.facts import Mode
from paywall_core.notification import PaymentNotification
from paywall_core.testing import FakeClock
from tests.integration.stripe.conftest import KEY, NOW, ORDER, Buy


def only(stripe: StripeSandbox, kind: str) -> dict[str, Any]:
    """The one object of a kind."""
    (found,) = stripe.engine.world.all(kind)
    return found


def links(found: PaymentNotification | None) -> list[tuple[str, str]]:
    """What was learnt of payment intents."""
    events = found.events if found else ()
    return [(one.payment_intent_id, one.payment_id) for one in events if isinstance(one, PaymentLinked)]


@pytest.mark.parametrize("start", ["refund", "dispute", "charge", "payment_intent"])
async def test_money_back_of_a_subscription_leads_to_its_order(
    timed_stripe: StripeSandbox, ledger: StripeLedger, buy: Buy, start: str
) -> None:
    """Over the invoice that the payment intent paid; every id on the way is told, and that link."""
    await buy(Mode.SUBSCRIPTION)
    intent, invoice = only(timed_stripe, "payment_intent"), only(timed_stripe, "invoice")
    assert "order_id" not in intent["metadata"], "then this would be no test"
    timed_stripe.engine.refund(intent["id"], amount=100)
    timed_stripe.engine.open_dispute(intent["id"])
    found = await ledger.trace([only(timed_stripe, start)["id"]])
    assert found is not None
    assert (found.order_id, found.event_id, found.occurred_at) == (ORDER, None, NOW)
    assert links(found) == [(intent["id"], invoice["id"])]
    assert {intent["id"], invoice["id"], only(timed_stripe, "subscription")["id"]} <= set(found.references)
    assert not any(reference.startswith("cus_") for reference in found.references)


@pytest.mark.parametrize("start", ["invoice", "subscription", "checkout.session"])
async def test_nearer_things_lead_there_too(
    timed_stripe: StripeSandbox, ledger: StripeLedger, buy: Buy, start: str
) -> None:
    """At once."""
    await buy(Mode.SUBSCRIPTION)
    found = await ledger.trace([only(timed_stripe, start)["id"]])
    assert found is not None
    assert found.order_id == ORDER


@pytest.mark.parametrize("mode", list(Mode))
async def test_dispute_that_names_only_its_charge_finds_its_payment(
    timed_stripe: StripeSandbox, ledger: StripeLedger, buy: Buy, mode: Mode
) -> None:
    """Or it would void nothing: the charge's payment is told, and from there the link goes on."""
    await buy(mode)
    charge, intent = only(timed_stripe, "charge"), only(timed_stripe, "payment_intent")
    dispute = timed_stripe.engine.open_dispute(intent["id"])
    dispute["payment_intent"] = None
    found = await ledger.trace([dispute["id"], charge["id"]])
    assert found is not None
    assert found.order_id == ORDER
    told = [one for one in found.events if isinstance(one, ChargeRefunded)]
    assert [(one.charge_id, one.payment, one.refunded_minor) for one in told] == [(charge["id"], intent["id"], 0)]
    linked = [(intent["id"], only(timed_stripe, "invoice")["id"])] if mode is Mode.SUBSCRIPTION else []
    assert links(found) == linked


async def test_money_back_of_a_one_time_purchase_leads_to_its_order(
    timed_stripe: StripeSandbox, ledger: StripeLedger, buy: Buy
) -> None:
    """Its payment intent carries our id: no invoice is looked for."""
    await buy(Mode.ONE_TIME)
    refund = timed_stripe.engine.refund(only(timed_stripe, "payment_intent")["id"])
    found = await ledger.trace([refund["id"]])
    assert found is not None
    assert (found.order_id, links(found)) == (ORDER, [])


async def test_what_names_no_order_of_ours_is_told_by_its_ids(
    timed_stripe: StripeSandbox, ledger: StripeLedger, buy: Buy
) -> None:
    """The account sells other things, too; or somebody edited the metadata of a subscription that we know by its id."""
    await buy(Mode.SUBSCRIPTION)
    world = timed_stripe.engine.world
    for kind in world.kinds():
        for one in world.all(kind):
            one.pop("client_reference_id", None)
            if "metadata" in one:
                one["metadata"] = {"order_id": "1001"}
    only(timed_stripe, "invoice")["parent"]["subscription_details"]["metadata"] = {}
    found = await ledger.trace([only(timed_stripe, "charge")["id"]])
    assert found is not None
    assert found.order_id is None
    assert only(timed_stripe, "subscription")["id"] in found.references
    assert links(found) == [(only(timed_stripe, "payment_intent")["id"], only(timed_stripe, "invoice")["id"])]


async def test_what_stripe_does_not_know_leads_nowhere_and_is_no_error(ledger: StripeLedger) -> None:
    """A 404 is an answer, and nothing for an operator's log; nor is an id that says nothing."""
    with structlog.testing.capture_logs() as logs:
        references = ["re_1", "dp_1", "ch_1", "pi_1", "in_1", "sub_1", "cs_1", "cus_1", "", "odd"]
        assert await ledger.trace(references) is None
        assert await ledger.trace([]) is None
    assert logs == []


async def test_address_that_is_not_stripes_is_an_error(timed_stripe: StripeSandbox, time: FakeClock) -> None:
    """Its 404 says nothing of an object: parked events must not be given up for a wrong setting."""
    ledger = StripeLedger(
        api_key=KEY, public_base_url="https://pay.example.com", api_base=f"{timed_stripe.origin}/elsewhere", clock=time
    )
    with pytest.raises(PaymentProviderUnavailable):
        await ledger.trace(["re_1"])
    await ledger.close()


async def test_outage_is_told(timed_stripe: StripeSandbox, ledger: StripeLedger) -> None:
    """It does not look like something foreign."""
    timed_stripe.troubles.stripe_down = True
    with pytest.raises(PaymentProviderUnavailable, match="APIError 503"):
        await ledger.trace(["re_1"])
