"""Every answer of the sandbox, held against Stripe's own OpenAPI description."""

import copy
from typing import Any

import httpx
import msgspec
import pytest

from entrypoints.sandbox.stripe import StripeRefusal, StripeSandbox, TestCard
from entrypoints.sandbox.stripe.calls import CALLS, Call
from tests.integration.sandbox.stripe.conftest import SECRET_KEY, sdk, session_params
from tests.integration.sandbox.stripe.spec import answer_problems, described_path, parameters, problems

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

_HEADERS = {"Authorization": f"Bearer {SECRET_KEY}"}
_KINDS = {
    "checkout/sessions": "checkout.session",
    "billing_portal/configurations": "billing_portal.configuration",
}
_EXPANSIONS = {
    "checkout/sessions": ("payment_intent", "payment_intent.latest_charge", "subscription", "invoice", "line_items"),
    "subscriptions": ("latest_invoice", "latest_invoice.payments", "customer", "items.data.price.product"),
    "payment_intents": ("latest_charge", "customer"),
    "invoice_payments": ("invoice", "payment.payment_intent"),
    "prices": ("product",),
    "products": ("default_price",),
    "charges": ("refunds", "payment_intent"),
    "refunds": ("charge", "payment_intent"),
    "disputes": ("charge", "payment_intent"),
    "invoices": ("payments", "customer"),
}


async def _everything(sandbox: StripeSandbox) -> None:
    """Let everything happen that can."""
    engine = sandbox.engine
    async with sdk(sandbox) as client:

        async def opened(mode: str, **more: Any) -> str:
            session_id: str = (await client.v1.checkout.sessions.create_async(session_params(mode, **more))).id
            return session_id

        for succeeds in (True, False):
            for mode in ("payment", "subscription"):
                session_id = await opened(mode)
                engine.pay_delayed(session_id)
                engine.settle_delayed(session_id, succeeds=succeeds)
        waiting = await opened("payment")
        engine.pay_delayed(waiting)
        declined = await opened("payment", locale="en")
        with pytest.raises(StripeRefusal):
            engine.pay(declined, card=TestCard.DECLINED)
        engine.expire(await opened("subscription"))
        for won in (True, False):
            for inquiry in (True, False):
                paid = engine.pay(await opened("payment", customer_creation="if_required"))
                engine.close_dispute(engine.open_dispute(paid["payment_intent"], inquiry=inquiry)["id"], won=won)
        refunded = engine.pay(await opened("payment"))["payment_intent"]
        engine.refund(refunded, amount=100)
        engine.finish_refund(engine.refund(refunded, pending=True)["id"], succeeds=True)
        returned = engine.pay(await opened("payment"))["payment_intent"]
        engine.finish_refund(engine.refund(returned)["id"], succeeds=False)
        renewed = engine.pay(await opened("subscription"))["subscription"]
        engine.renew(renewed)
        engine.renew(renewed, succeeds=False)
        engine.cancel(renewed)
        trial = engine.pay(await opened("subscription", subscription_data={"trial_period_days": 3}))["subscription"]
        engine.renew(trial)
        engine.plan_cancellation(trial, planned=True, metadata={"note": "bye"})
        without_card = await opened("subscription")
        engine.offer_trial(without_card, days=7, without_card=True)
        engine.resume(engine.renew(engine.pay(without_card)["subscription"])["id"])
        for owed in (engine.void_invoice, engine.mark_uncollectible, engine.pay_invoice):
            late = engine.pay(await opened("subscription"))["subscription"]
            owed(engine.renew(late, needs_action=True)["latest_invoice"])
        engine.pause_collection(late)
        engine.renew(engine.pay(await opened("subscription"))["subscription"], needs_action=True)
        prevented = engine.pay(await opened("payment"))["payment_intent"]
        engine.prevent_dispute(engine.answer_dispute(engine.open_dispute(prevented)["id"])["id"])
        engine.cancel_refund(engine.refund(engine.pay(await opened("payment"))["payment_intent"], pending=True)["id"])
        await client.v1.customers.create_async({"email": "someone@example.com"})
        await client.v1.billing_portal.configurations.create_async(
            {
                "features": {"subscription_cancel": {"enabled": True}},
                "business_profile": {"headline": "Sandbox"},
                "login_page": {"enabled": True},
            }
        )
        await client.v1.webhook_endpoints.create_async({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})


async def test_every_answer_is_as_stripe_describes_it(sandbox: StripeSandbox, browser: httpx.AsyncClient) -> None:
    """Each list, each object by its id, each expansion, after everything that can happen has happened."""
    await _everything(sandbox)
    seen: dict[str, list[str]] = {}
    for call in CALLS:
        if call.method != "GET":
            continue
        base, _, rest = call.path.partition("/{id}")
        kind = _KINDS.get(base, base.removesuffix("s"))
        ids = [one["id"] for one in sandbox.engine.world.all(kind)] if "{id}" in call.path else [""]
        for object_id in ids:
            path = f"/stripe/v1/{base}/{object_id}{rest}" if object_id else f"/stripe/v1/{call.path}"
            answer = await browser.get(path, headers=_HEADERS)
            assert answer.status_code == 200, answer.text
            found = answer_problems("GET", described_path(call.path), answer.json())
            if found:
                seen.setdefault(call.path, []).extend(found)
        assert ids, f"{call.path}: nothing to look at"
    assert seen == {}


async def test_every_expansion_is_as_stripe_describes_it(sandbox: StripeSandbox, browser: httpx.AsyncClient) -> None:
    """An expanded object is a whole one."""
    await _everything(sandbox)
    for base, paths in _EXPANSIONS.items():
        for path in paths:
            query = {"expand[]": f"data.{path}", "limit": "100"}
            answer = await browser.get(f"/stripe/v1/{base}", headers=_HEADERS, params=query)
            assert answer.status_code == 200, (base, path, answer.text)
            assert answer_problems("GET", described_path(base), answer.json()) == [], (base, path)
            assert answer.json()["data"], base


async def test_every_event_and_its_object_is_as_stripe_describes_it(sandbox: StripeSandbox) -> None:
    """Snapshots too; a type that Stripe does not have would be found by its words."""
    await _everything(sandbox)
    events = sandbox.engine.world.all("event")
    assert [problem for event in events for problem in problems(event)] == []
    known = set(parameters("POST", "/v1/webhook_endpoints")["enabled_events"]["items"]["enum"])
    assert {event["type"] for event in events} <= known


async def test_answers_to_changes_are_as_stripe_describes_them(
    sandbox: StripeSandbox, browser: httpx.AsyncClient
) -> None:
    """Every POST and DELETE of the table."""
    await _everything(sandbox)
    session = (
        await browser.post(
            "/stripe/v1/checkout/sessions",
            headers=_HEADERS,
            data={
                "line_items[0][price]": "price_one_time_basic",
                "success_url": "http://shop.example/",
                "customer_email": "a@example.com",
            },
        )
    ).json()
    assert answer_problems("POST", "/v1/checkout/sessions", session) == []
    live = [one["id"] for one in sandbox.engine.world.all("subscription") if one["status"] == "active"]
    paid = sandbox.engine.pay(session["id"])["payment_intent"]
    open_session = sandbox.engine.world.where("checkout.session", status="open")[0]["id"]
    bodies: dict[tuple[str, str], tuple[str, dict[str, str]]] = {
        ("POST", "customers"): ("customers", {"email": "b@example.com", "metadata[a]": "b"}),
        ("POST", "checkout/sessions/{id}/expire"): (f"checkout/sessions/{open_session}/expire", {}),
        ("POST", "subscriptions/{id}"): (f"subscriptions/{live[0]}", {"cancel_at_period_end": "true"}),
        ("DELETE", "subscriptions/{id}"): (f"subscriptions/{live[0]}", {}),
        ("POST", "refunds"): ("refunds", {"payment_intent": paid, "amount": "1"}),
        ("POST", "billing_portal/configurations"): (
            "billing_portal/configurations",
            {"features[customer_update][enabled]": "true", "features[customer_update][allowed_updates][]": "email"},
        ),
        ("POST", "billing_portal/configurations/{id}"): (
            f"billing_portal/configurations/{sandbox.engine.world.all('billing_portal.configuration')[0]['id']}",
            {"features[subscription_cancel][mode]": "immediately", "login_page[enabled]": "false", "metadata[a]": "b"},
        ),
        ("POST", "webhook_endpoints"): (
            "webhook_endpoints",
            {"url": "http://127.0.0.1:9/", "enabled_events[0]": "invoice.paid"},
        ),
    }
    changes = {(call.method, call.path) for call in CALLS if call.method != "GET"}
    assert changes == {*bodies, ("POST", "checkout/sessions")}
    for (method, described), (path, form) in bodies.items():
        answer = await browser.request(method, f"/stripe/v1/{path}", headers=_HEADERS, data=form or None)
        assert answer.status_code == 200, answer.text
        assert answer_problems(method, described_path(described), answer.json()) == [], described


async def test_validator_rejects_a_broken_object(sandbox: StripeSandbox) -> None:
    """Missing, misspelt, null, of another type, with another status, or broken deep inside."""
    await _everything(sandbox)
    good = sandbox.engine.world.all("invoice")[0]
    assert problems(good) == []

    def broken(**changes: Any) -> list[str]:
        return problems({**copy.deepcopy(good), **changes})

    lines = copy.deepcopy(good["lines"])
    lines["data"][0]["period"]["end"] = "tomorrow"
    assert problems({name: value for name, value in good.items() if name != "total"})
    assert broken(totall=1)
    assert broken(amount_due=None)
    assert broken(amount_due="1900")
    assert broken(status="payed")
    assert broken(customer={"object": "customer"})
    assert broken(lines=lines)
    event = copy.deepcopy(sandbox.engine.world.all("event")[0])
    event["data"]["object"]["created"] = None
    assert problems(event)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_parameters_are_stripes_own(call: Call[Any]) -> None:
    """No call takes a parameter that Stripe does not know, at any depth."""
    known = parameters(call.method, described_path(call.path))
    _check_struct(msgspec.inspect.type_info(call.params), {"properties": known}, call.path)


def _check_struct(kind: msgspec.inspect.Type, schema: dict[str, Any], where: str) -> None:
    if isinstance(kind, msgspec.inspect.UnionType):
        for member in kind.types:
            _check_struct(member, schema, where)
    elif isinstance(kind, msgspec.inspect.ListType):
        _check_struct(kind.item_type, schema.get("items", {}), where)
    elif isinstance(kind, msgspec.inspect.StructType):
        candidates = [schema, *schema.get("anyOf", [])]
        properties = {name: one for each in candidates for name, one in each.get("properties", {}).items()}
        for field in kind.fields:
            if field.encode_name == "expand" and not properties.get("expand"):
                continue  # every call takes it, though one or two are not described so
            assert field.encode_name in properties, f"{where}[{field.encode_name}]"
            _check_struct(field.type, properties[field.encode_name], f"{where}[{field.encode_name}]")
