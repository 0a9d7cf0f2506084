"""The unmodified official SDK against the sandbox's Stripe."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
import stripe as official

from entrypoints.sandbox.stripe import StripeSandbox
from tests.integration.sandbox.stripe.conftest import (
    MONTHLY,
    ONE_TIME,
    ORDER_ID,
    SECRET_KEY,
    Clock,
    event_types,
    sdk,
    session_params,
)
from tests.integration.sandbox.stripe.spec import error_problems

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def test_one_time_purchase_leaves_the_order_id_on_every_object(
    sandbox: StripeSandbox, client: official.StripeClient
) -> None:
    """Session, intent and charge carry it; the intent is null until the customer has paid."""
    session = await client.v1.checkout.sessions.create_async(session_params())
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.url == f"{sandbox.origin}/stripe/pay/{session.id}"

    sandbox.engine.pay(session.id)

    paid = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent.latest_charge", "customer", "line_items"]}
    )
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    document = paid.to_dict()
    intent = document["payment_intent"]
    assert document["metadata"] == intent["metadata"] == intent["latest_charge"]["metadata"] == {"order_id": ORDER_ID}
    assert document["client_reference_id"] == ORDER_ID
    assert (intent["status"], intent["amount_received"], intent["currency"]) == ("succeeded", 1900, "eur")
    assert intent["latest_charge"]["paid"] is True
    assert document["customer"]["email"] == "buyer@example.com"
    assert [item["price"]["id"] for item in document["line_items"]["data"]] == [ONE_TIME.id]


async def test_answers_are_dated_by_the_sandboxs_clock(
    sandbox: StripeSandbox, browser: httpx.AsyncClient, clock: Clock
) -> None:
    """Once each, refusals too: the product takes the moment from there."""
    dates = []
    for key, status in ((SECRET_KEY, 200), ("sk_test_wrong", 401)):
        answer = await browser.get("/stripe/v1/prices", auth=(key, ""))
        assert answer.status_code == status
        dates += answer.headers.get_list("date")
        clock.pass_(days=40)
    assert [parsedate_to_datetime(date) for date in dates] == [
        clock.moment - timedelta(days=80),
        clock.moment - timedelta(days=40),
    ]


async def test_purchase_events_come_in_stripes_order(sandbox: StripeSandbox, client: official.StripeClient) -> None:
    """Of a one-time payment and of a subscription."""
    session = await client.v1.checkout.sessions.create_async(session_params())
    sandbox.engine.pay(session.id)
    assert event_types(sandbox) == [
        "customer.created",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    before = len(event_types(sandbox))
    session = await client.v1.checkout.sessions.create_async(session_params("subscription"))
    sandbox.engine.pay(session.id)
    assert event_types(sandbox)[before:] == [
        "customer.created",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "checkout.session.completed",
    ]


async def test_event_keeps_its_object_as_it_was(sandbox: StripeSandbox, client: official.StripeClient) -> None:
    """A later refund does not rewrite what the earlier event said."""
    session = await client.v1.checkout.sessions.create_async(session_params())
    sandbox.engine.pay(session.id)
    sandbox.engine.refund(sandbox.engine.world.all("payment_intent")[0]["id"])
    events = await client.v1.events.list_async({"types": ["charge.succeeded", "charge.refunded"]})
    refunded, succeeded = (event.to_dict() for event in events.data)
    assert succeeded["data"]["object"]["amount_refunded"] == 0
    assert refunded["data"]["object"]["amount_refunded"] == 1900
    assert succeeded["request"]["idempotency_key"]
    assert succeeded["api_version"] == official.api_version


async def test_subscription_is_found_from_its_payment(sandbox: StripeSandbox, client: official.StripeClient) -> None:
    """Payment intent to invoice payment to invoice to subscription: the only way there is in today's shapes."""
    session = await client.v1.checkout.sessions.create_async(session_params("subscription"))
    sandbox.engine.pay(session.id)
    intent = sandbox.engine.world.all("payment_intent")[0]
    links = await client.v1.invoice_payments.list_async(
        {"payment": {"type": "payment_intent", "payment_intent": intent["id"]}, "expand": ["data.invoice"]}
    )
    invoice = links.data[0].to_dict()["invoice"]
    assert not {"subscription", "charge", "payment_intent"} & set(invoice)
    details = invoice["parent"]["subscription_details"]
    assert details["metadata"] == {"order_id": ORDER_ID}
    subscription = (await client.v1.subscriptions.retrieve_async(details["subscription"])).to_dict()
    assert subscription["status"] == "active"
    assert "current_period_end" not in subscription
    item = subscription["items"]["data"][0]
    line = invoice["lines"]["data"][0]
    assert line["period"] == {"start": item["current_period_start"], "end": item["current_period_end"]}
    assert invoice["billing_reason"] == "subscription_create"


async def test_same_idempotency_key_makes_one_session(sandbox: StripeSandbox, client: official.StripeClient) -> None:
    """The same answer for the same key; with other parameters an error of its own."""
    first = await client.v1.checkout.sessions.create_async(session_params(), {"idempotency_key": "order-1"})
    second = await client.v1.checkout.sessions.create_async(session_params(), {"idempotency_key": "order-1"})
    assert first.id == second.id
    assert len(sandbox.engine.world.all("checkout.session")) == 1
    with pytest.raises(official.IdempotencyError):
        await client.v1.checkout.sessions.create_async(session_params("subscription"), {"idempotency_key": "order-1"})


async def test_wrong_key_is_turned_away(sandbox: StripeSandbox) -> None:
    """401, and the key is not repeated whole."""
    async with sdk(sandbox, "sk_test_wrong_key_98765") as stranger:
        with pytest.raises(official.AuthenticationError) as refused:
            await stranger.v1.accounts.retrieve_current_async()
    assert "sk_test_wrong_key_98765" not in str(refused.value)


async def test_right_key_shows_the_account(client: official.StripeClient) -> None:
    """What a key check asks for."""
    assert (await client.v1.accounts.retrieve_current_async()).charges_enabled


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"line_itemz": [{"price": "x"}]}, "parameter_unknown", "line_itemz"),
        ({"line_items": [{"prize": "x"}]}, "parameter_unknown", "line_items[0][prize]"),
        ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0][price]"),
        ({"line_items": [{"price": "price_none"}]}, "resource_missing", "line_items[0][price]"),
        ({"line_items": [{"price": MONTHLY.id}]}, None, "line_items"),
        ({"mode": "gift"}, None, "mode"),
        ({"customer_email": ""}, "parameter_invalid_empty", "customer_email"),
        ({"success_url": "shop"}, "url_invalid", "success_url"),
        ({"subscription_data": {"metadata": {"a": "b"}}}, None, "subscription_data"),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ({"expires_at": 1}, None, "expires_at"),
    ],
)
async def test_bad_parameter_is_named(
    sandbox: StripeSandbox, client: official.StripeClient, change: dict[str, Any], code: str | None, param: str
) -> None:
    """By Stripe's code and the parameter's name; nothing is made."""
    with pytest.raises(official.InvalidRequestError) as refused:
        await client.v1.checkout.sessions.create_async(session_params(**change))
    assert refused.value.http_status == 400
    assert (refused.value.code, refused.value.param) == (code, param)
    assert sandbox.engine.world.all("checkout.session") == []


async def test_error_answers_are_in_stripes_shape(sandbox: StripeSandbox, browser: httpx.AsyncClient) -> None:
    """Each kind of refusal, as raw JSON, against Stripe's own description."""
    headers = {"Authorization": f"Bearer {SECRET_KEY}"}
    answers = [
        await browser.get("/stripe/v1/prices"),
        await browser.get("/stripe/v1/prices/price_none", headers=headers),
        await browser.get("/stripe/v1/nothing", headers=headers),
        await browser.post("/stripe/v1/checkout/sessions", headers=headers, data={"mode": "payment"}),
        await browser.post("/stripe/v1/checkout/sessions", headers=headers, content="line_items[0][=1"),
    ]
    sandbox.troubles.stripe_down = True
    answers.append(await browser.get("/stripe/v1/prices", headers=headers))
    assert [answer.status_code for answer in answers] == [401, 404, 404, 400, 400, 503]
    assert [error_problems(answer.json()) for answer in answers] == [[]] * len(answers)


async def test_outage_is_an_api_error(sandbox: StripeSandbox, client: official.StripeClient) -> None:
    """What the SDK makes of the switch."""
    sandbox.troubles.stripe_down = True
    with pytest.raises(official.APIError) as refused:
        await client.v1.prices.retrieve_async(ONE_TIME.id)
    assert refused.value.http_status == 503


async def test_unpaid_session_expires_by_the_clock(
    sandbox: StripeSandbox, client: official.StripeClient, clock: Clock
) -> None:
    """After a day it is expired when looked at, once, with its event."""
    session = await client.v1.checkout.sessions.create_async(session_params())
    clock.pass_(hours=23, minutes=59)
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).status == "open"
    clock.pass_(minutes=1)
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).status == "expired"
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).url is None
    assert event_types(sandbox) == ["checkout.session.expired"]
    with pytest.raises(official.InvalidRequestError):
        await client.v1.checkout.sessions.expire_async(session.id)


async def test_lists_are_paged_and_narrowed(client: official.StripeClient, clock: Clock) -> None:
    """Newest first, by cursor, by time and by status."""
    made = []
    for _ in range(5):
        made.append((await client.v1.checkout.sessions.create_async(session_params())).id)
        clock.pass_(seconds=10)
    newest_first = made[::-1]
    page = await client.v1.checkout.sessions.list_async({"limit": 2})
    assert ([one.id for one in page.data], page.has_more) == (newest_first[:2], True)
    assert [one.id async for one in page.auto_paging_iter()] == newest_first
    back = await client.v1.checkout.sessions.list_async({"limit": 2, "ending_before": made[0]})
    assert [one.id for one in back.data] == newest_first[2:4]
    third = (await client.v1.checkout.sessions.retrieve_async(made[2])).created
    since = await client.v1.checkout.sessions.list_async({"created": {"gte": third}})
    assert [one.id for one in since.data] == newest_first[:3]
    await client.v1.checkout.sessions.expire_async(made[0])
    expired = await client.v1.checkout.sessions.list_async({"status": "expired"})
    assert [one.id for one in expired.data] == [made[0]]


async def test_delayed_payment_completes_unpaid_and_settles_later(
    sandbox: StripeSandbox, client: official.StripeClient
) -> None:
    """A bank debit: complete at once, paid days later."""
    session = await client.v1.checkout.sessions.create_async(session_params())
    sandbox.engine.pay_delayed(session.id)
    waiting = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    sandbox.engine.settle_delayed(session.id, succeeds=True)
    paid = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert paid.payment_status == "paid"
    assert event_types(sandbox)[-3:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
    ]


async def test_delayed_payment_that_fails_stays_unpaid(sandbox: StripeSandbox, client: official.StripeClient) -> None:
    """And says so in its own event."""
    session = await client.v1.checkout.sessions.create_async(session_params())
    sandbox.engine.pay_delayed(session.id)
    sandbox.engine.settle_delayed(session.id, succeeds=False)
    failed = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert failed.payment_status == "unpaid"
    assert event_types(sandbox)[-1] == "checkout.session.async_payment_failed"


async def test_delayed_subscription_is_incomplete_until_paid(
    sandbox: StripeSandbox, client: official.StripeClient
) -> None:
    """Its invoice is open, then paid, and the subscription active."""
    session = await client.v1.checkout.sessions.create_async(session_params("subscription"))
    sandbox.engine.pay_delayed(session.id)
    waiting = await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription", "invoice"]})
    document = waiting.to_dict()
    assert (document["subscription"]["status"], document["invoice"]["status"]) == ("incomplete", "open")
    sandbox.engine.settle_delayed(session.id, succeeds=True)
    paid = (await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription"]})).to_dict()
    assert (paid["subscription"]["status"], paid["payment_status"]) == ("active", "paid")


async def test_incomplete_subscription_expires_when_its_debit_failed(sandbox: StripeSandbox, clock: Clock) -> None:
    """After 23 hours, in one event."""
    async with sdk(sandbox) as client:
        session = await client.v1.checkout.sessions.create_async(session_params("subscription"))
        sandbox.engine.pay_delayed(session.id)
        sandbox.engine.settle_delayed(session.id, succeeds=False)
        clock.pass_(hours=23)
        assert [one["status"] for one in sandbox.engine.world.all("subscription")] == ["incomplete_expired"]
        assert event_types(sandbox).count("customer.subscription.updated") == 1


async def test_trial_costs_nothing_now(sandbox: StripeSandbox, client: official.StripeClient) -> None:
    """No payment is required, the invoice is paid with zero, no charge is made."""
    params = session_params("subscription", subscription_data={"trial_period_days": 7})
    session = await client.v1.checkout.sessions.create_async(params)
    sandbox.engine.pay(session.id)
    done = await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription", "invoice"]})
    document = done.to_dict()
    assert document["payment_status"] == "no_payment_required"
    assert document["subscription"]["status"] == "trialing"
    assert (document["invoice"]["status"], document["invoice"]["amount_paid"]) == ("paid", 0)
    assert sandbox.engine.world.all("charge") == []


async def test_cancellation_can_be_planned_and_taken_back(
    sandbox: StripeSandbox, client: official.StripeClient
) -> None:
    """Only ending it is final."""
    session = await client.v1.checkout.sessions.create_async(session_params("subscription"))
    subscription_id = sandbox.engine.pay(session.id)["subscription"]
    planned = await client.v1.subscriptions.update_async(subscription_id, {"cancel_at_period_end": True})
    assert planned.cancel_at is not None
    undone = await client.v1.subscriptions.update_async(subscription_id, {"cancel_at_period_end": False})
    assert (undone.cancel_at, undone.status) == (None, "active")
    ended = await client.v1.subscriptions.cancel_async(subscription_id)
    assert ended.status == "canceled"
    assert event_types(sandbox)[-1] == "customer.subscription.deleted"


async def test_refund_through_the_api_is_limited_to_what_was_paid(
    sandbox: StripeSandbox, client: official.StripeClient
) -> None:
    """Part, then the rest, then no more."""
    session = await client.v1.checkout.sessions.create_async(session_params())
    intent_id = sandbox.engine.pay(session.id)["payment_intent"]
    await client.v1.refunds.create_async({"payment_intent": intent_id, "amount": 900})
    charge = sandbox.engine.world.all("charge")[0]
    assert (charge["amount_refunded"], charge["refunded"]) == (900, False)
    with pytest.raises(official.InvalidRequestError):
        await client.v1.refunds.create_async({"payment_intent": intent_id, "amount": 1001})
    await client.v1.refunds.create_async({"payment_intent": intent_id})
    assert (charge["amount_refunded"], charge["refunded"]) == (1900, True)
    with pytest.raises(official.InvalidRequestError) as refused:
        await client.v1.refunds.create_async({"payment_intent": intent_id})
    assert refused.value.code == "charge_already_refunded"


async def test_portal_login_page_has_an_address_only_when_enabled(
    sandbox: StripeSandbox, client: official.StripeClient
) -> None:
    """A configuration with it and one without; the first is the default."""
    features = {"invoice_history": {"enabled": True}}
    with_page = await client.v1.billing_portal.configurations.create_async(
        {"features": features, "login_page": {"enabled": True}}  # type: ignore[typeddict-item]  # the SDK's own literal types
    )
    without = await client.v1.billing_portal.configurations.create_async({"features": features})  # type: ignore[typeddict-item]  # as above
    assert (with_page.login_page.url or "").startswith(sandbox.origin)
    assert without.login_page.url is None
    assert (with_page.is_default, without.is_default) == (True, False)


async def test_portal_configuration_changes_only_where_it_is_told(
    sandbox: StripeSandbox, client: official.StripeClient
) -> None:
    """Part of a feature, the name, a key of the metadata; the rest stays as it was made."""
    configurations = client.v1.billing_portal.configurations
    made = await configurations.create_async(
        {
            "features": {"subscription_cancel": {"enabled": True}, "invoice_history": {"enabled": True}},
            "metadata": {"kept": "1", "gone": "1"},
        }
    )
    changed = (
        await configurations.update_async(
            made.id,
            {
                "name": "Ours",
                "features": {"subscription_cancel": {"mode": "immediately"}},
                "business_profile": {"headline": "Hello"},
                "metadata": {"gone": "", "new": "2"},
            },
        )
    ).to_dict()
    cancel = changed["features"]["subscription_cancel"]
    assert (cancel["enabled"], cancel["mode"]) == (True, "immediately")
    assert changed["features"]["invoice_history"] == {"enabled": True}
    assert (changed["name"], changed["metadata"]) == ("Ours", {"kept": "1", "new": "2"})
    assert (changed["active"], changed["business_profile"]["headline"]) == (True, "Hello")
    assert sandbox.engine.world.get("billing_portal.configuration", made.id) == changed


async def test_portal_login_page_that_was_off_has_a_new_address(
    sandbox: StripeSandbox, client: official.StripeClient
) -> None:
    """The old one is dead for good, as at Stripe; switching on what is on changes nothing."""
    configurations = client.v1.billing_portal.configurations
    made = await configurations.create_async(
        {"features": {"invoice_history": {"enabled": True}}, "login_page": {"enabled": True}}
    )
    first = made.login_page.url
    assert (await configurations.update_async(made.id, {"login_page": {"enabled": True}})).login_page.url == first
    off = await configurations.update_async(made.id, {"login_page": {"enabled": False}, "active": False})
    assert (off.active, off.login_page.url) == (False, None)
    again = await configurations.update_async(made.id, {"login_page": {"enabled": True}})
    assert again.login_page.url not in (None, first)
    with pytest.raises(official.InvalidRequestError) as refused:
        await configurations.update_async("bpc_unknown", {"active": True})
    assert refused.value.code == "resource_missing"
