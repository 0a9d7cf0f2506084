"""The gateway over real HTTP: what Stripe is asked, how its answers are read, and how each refusal ends."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec
import pytest
import structlog
from msgspec import structs

from adapters.stripe.client import StripePaymentGateway
from adapters.stripe.sessions import checkout_of_session
from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.events import CheckoutOpened, PaymentSucceeded
from paywall_core.facts import Mode
from paywall_core.money import Money
from paywall_core.ports.payments import CheckoutRequest, CompletedCheckout, Price
from tests.unit.adapters.stripe.fake_stripe import NOW, FakeStripe, SetClock

ORDER = UUID(int=5)
KEY = "sk_test_secret_of_ours"
EMAIL = "buyer@example.com"


@pytest.fixture
async def gateway(fake: FakeStripe, clock: SetClock) -> AsyncIterator[StripePaymentGateway]:
    """The gateway, pointed at the server."""
    gateway = StripePaymentGateway(
        api_key=KEY,
        api_base=f"http://127.0.0.1:{fake.port}",
        prices={"one_time_basic": "price_once", "sub_monthly": "price_monthly"},
        public_base_url="https://pay.example.com",
        clock=clock,
        timeout_seconds=5,
    )
    yield gateway
    await gateway.close()


def wish(mode: Mode = Mode.ONE_TIME, plan: str = "one_time_basic", locale: str = "ru") -> CheckoutRequest:
    """What a customer wants."""
    return CheckoutRequest(order_id=ORDER, plan=plan, mode=mode, email=EMAIL, locale=locale)


def session(**changes: Any) -> dict[str, Any]:
    """A checkout session as Stripe answers it."""
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "url": "https://checkout.example/cs_1",
        "mode": "payment",
        "status": "open",
        "payment_status": "unpaid",
        "metadata": {"order_id": str(ORDER)},
        **changes,
    }


async def test_one_time_checkout_carries_the_order_everywhere(fake: FakeStripe, gateway: StripePaymentGateway) -> None:
    """On the session and the payment intent, and as the idempotency key; the buyer becomes a customer."""
    fake.answers(session())
    opened = await gateway.open_checkout(wish())
    assert (opened.session_id, opened.url) == ("cs_1", "https://checkout.example/cs_1")
    ((line, headers, form),) = fake.requests
    assert line == "POST /v1/checkout/sessions"
    assert headers["idempotency-key"] == str(ORDER)
    assert headers["authorization"] == f"Bearer {KEY}"
    assert form == {
        "mode": "payment",
        "line_items[0][price]": "price_once",
        "line_items[0][quantity]": "1",
        "customer_email": EMAIL,
        "client_reference_id": str(ORDER),
        "metadata[order_id]": str(ORDER),
        "payment_intent_data[metadata][order_id]": str(ORDER),
        "customer_creation": "always",
        "locale": "ru",
        "success_url": "https://pay.example.com/pay/success?session_id={CHECKOUT_SESSION_ID}&plan=one_time_basic&locale=ru",
        "cancel_url": "https://pay.example.com/pay/cancel?plan=one_time_basic&locale=ru",
    }


async def test_way_back_keeps_what_the_customer_came_with(fake: FakeStripe, gateway: StripePaymentGateway) -> None:
    """Both ways; nothing in a click id can change the URL or pass for Stripe's placeholder."""
    fake.answers(session())
    await gateway.open_checkout(structs.replace(wish(), clickid="{CHECKOUT_SESSION_ID}&plan=x", telegram_chat_id="-42"))
    ((_, _, form),) = fake.requests
    kept = "plan=one_time_basic&clickid=%7BCHECKOUT_SESSION_ID%7D%26plan%3Dx&telegram_chat_id=-42&locale=ru"
    assert form["success_url"] == f"https://pay.example.com/pay/success?session_id={{CHECKOUT_SESSION_ID}}&{kept}"
    assert form["cancel_url"] == f"https://pay.example.com/pay/cancel?{kept}"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"mode": Mode.SUBSCRIPTION, "plan": "sub_monthly", "locale": "en"},
        {"clickid": "{CHECKOUT_SESSION_ID}&plan=x?#+ %", "telegram_chat_id": "-42", "locale": "ru"},
    ],
)
async def test_what_was_asked_for_is_read_from_what_stripe_carries_back(
    fake: FakeStripe, gateway: StripePaymentGateway, asked: dict[str, Any]
) -> None:
    """Whole: a database that lost the order places it anew from this."""
    fake.answers(session())
    request = structs.replace(wish(), **asked)
    await gateway.open_checkout(request)
    ((_, _, form),) = fake.requests
    carried = {
        "id": "cs_1",
        "status": "complete",
        "mode": form["mode"],
        "customer_email": form["customer_email"],
        "metadata": {"order_id": form["metadata[order_id]"]},
        "success_url": form["success_url"],
    }
    page = "https://pay.example.com/pay/success"
    expected = CompletedCheckout(session_id="cs_1", asked=request)
    assert checkout_of_session(carried, success_page=page) == expected
    changes: list[dict[str, object]] = [
        {"status": "open"},
        {"status": "expired"},
        {"metadata": {}},
        {"metadata": {"order_id": "of another shop"}},
        {"mode": "setup"},
        {"customer_email": None},
        {"success_url": None},
        {"success_url": page},
        {"success_url": f"{page}?plan=one_time_basic"},
        {"success_url": form["success_url"].replace("pay.example.com", "pay.example.com.evil.example")},
        {"success_url": form["success_url"].replace("https", "http")},
    ]
    for changed in changes:
        assert checkout_of_session({**carried, **changed}, success_page=page) is None


async def test_subscription_carries_the_order_too(fake: FakeStripe, gateway: StripePaymentGateway) -> None:
    """On the subscription, whose invoices copy it; what only one-time purchases know is not sent."""
    fake.answers(session(mode="subscription"))
    await gateway.open_checkout(wish(Mode.SUBSCRIPTION, "sub_monthly", "en"))
    ((_, _, form),) = fake.requests
    assert (form["mode"], form["line_items[0][price]"], form["locale"]) == ("subscription", "price_monthly", "en")
    assert form["subscription_data[metadata][order_id]"] == str(ORDER)
    assert not {name for name in form if name.startswith(("payment_intent_data", "customer_creation"))}


async def test_session_is_read_with_its_invoice(
    fake: FakeStripe, gateway: StripePaymentGateway, clock: SetClock
) -> None:
    """Asked for in one request; the moment is our clock's, as the answer says none; the answer is kept whole."""
    paid = session(status="complete", payment_status="paid", payment_intent="pi_1", amount_total=5, currency="eur")
    fake.answers(paid)
    clock.moment = NOW + timedelta(days=1)
    notification = await gateway.read_checkout("cs_1")
    target = urlsplit(fake.requests[0][0].removeprefix("GET "))
    assert (target.path, parse_qs(target.query)) == ("/v1/checkout/sessions/cs_1", {"expand[0]": ["invoice"]})
    assert (notification.event_id, notification.order_id) == (None, ORDER)
    assert notification.events == (
        PaymentSucceeded(
            payment_id="pi_1",
            paid_at=clock.moment,
            amount=Money(amount_minor=5, currency="eur"),
            session_id="cs_1",
        ),
    )
    assert msgspec.json.decode(notification.payload) == paid
    fake.answers(session())
    assert (await gateway.read_checkout("cs_1")).events == (CheckoutOpened(session_id="cs_1"),)


@pytest.mark.parametrize("name", ["Date", "date", "DATE"])
async def test_session_was_read_when_stripe_says(fake: FakeStripe, gateway: StripePaymentGateway, name: str) -> None:
    """By the date of its answer, however that header's name is written; our clock stands elsewhere."""
    fake.answers(session(), **{name: "Thu, 01 Jan 2026 00:30:00 GMT"})
    assert (await gateway.read_checkout("cs_1")).occurred_at == NOW + timedelta(minutes=30)


async def test_price_is_asked_once_in_ten_minutes(
    fake: FakeStripe, gateway: StripePaymentGateway, clock: SetClock
) -> None:
    """A page of prices costs no call each time, and a new price shows within ten minutes."""
    monthly = {"id": "price_monthly", "object": "price", "currency": "EUR", "unit_amount": 1500}
    fake.answers({**monthly, "recurring": {"interval": "month", "interval_count": 3}})
    price = Price(amount=Money(amount_minor=1500, currency="eur"), interval="month", interval_count=3)
    assert await gateway.price_of("sub_monthly") == price
    fake.answers({**monthly, "unit_amount": 1600, "recurring": None})
    clock.moment = NOW + timedelta(minutes=9, seconds=59)
    assert await gateway.price_of("sub_monthly") == price
    clock.moment = NOW + timedelta(minutes=10)
    assert await gateway.price_of("sub_monthly") == Price(amount=Money(amount_minor=1600, currency="eur"))
    assert [line for line, _, _ in fake.requests] == ["GET /v1/prices/price_monthly"] * 2


@pytest.mark.parametrize(
    ("status", "headers", "kind", "level", "wait"),
    [
        ("400 Bad Request", {}, "InvalidRequestError 400 email_invalid customer_email", "error", 5),
        ("401 Unauthorized", {}, "AuthenticationError 401", "error", 5),
        ("402 Payment Required", {}, "CardError 402", "warning", 5),
        ("403 Forbidden", {}, "PermissionError 403", "error", 5),
        ("429 Too Many Requests", {}, "RateLimitError 429", "warning", 30),
        ("429 Too Many Requests", {"Retry-After": "7"}, "RateLimitError 429", "warning", 7),
        ("503 Unavailable", {"Retry-After": "99999"}, "APIError 503", "warning", 300),
    ],
)
async def test_refusal_names_its_kind_and_no_secret(
    fake: FakeStripe,
    gateway: StripePaymentGateway,
    *,
    status: str,
    headers: dict[str, str],
    kind: str,
    level: str,
    wait: int,
) -> None:
    """Logged with the request's id, louder where only the operator can help; Stripe's message is repeated nowhere."""
    error = {"message": f"{KEY} {EMAIL}", "code": "email_invalid", "param": "customer_email"}
    fake.answers({"error": error}, status, **headers)
    with structlog.testing.capture_logs() as logs, pytest.raises(PaymentProviderUnavailable) as raised:
        await gateway.open_checkout(wish())
    assert raised.value.reason.startswith(kind)
    assert "req_1" in raised.value.reason
    assert raised.value.retry_after_seconds == wait
    traceback_shown = "".join(traceback.format_exception(raised.value))
    assert [entry["log_level"] for entry in logs] == [level]
    assert KEY not in f"{logs}{traceback_shown}"
    assert EMAIL not in f"{logs}{traceback_shown}"


@pytest.mark.parametrize("document", [{}, [], session(url=None), session(id=7), session(status="complete", id="")])
async def test_answer_of_an_odd_shape_is_an_outage(
    fake: FakeStripe, gateway: StripePaymentGateway, document: object
) -> None:
    """Whatever stands between us and Stripe may answer 200 with anything."""
    fake.answers(document)
    with pytest.raises(PaymentProviderUnavailable):
        await gateway.open_checkout(wish())


@pytest.mark.parametrize("document", [{}, [], session(status="complete", payment_status="paid", amount_total=-1)])
async def test_odd_session_and_price_are_an_outage_too(
    fake: FakeStripe, gateway: StripePaymentGateway, document: object
) -> None:
    """Neither a crash nor a grant, and no page says that a plan is free."""
    fake.answers(document)
    with pytest.raises(PaymentProviderUnavailable):
        await gateway.read_checkout("cs_1")
    with pytest.raises(PaymentProviderUnavailable):
        await gateway.price_of("one_time_basic")


async def test_price_is_not_waited_for_while_stripe_is_away(fake: FakeStripe, gateway: StripePaymentGateway) -> None:
    """The page does without it: one question, although Stripe would let us try again."""
    fake.answers({"error": {"message": "busy"}}, "503 Unavailable", **{"Stripe-Should-Retry": "true"})
    with pytest.raises(PaymentProviderUnavailable):
        await gateway.price_of("sub_monthly")
    assert len(fake.requests) == 1


async def test_price_in_tiers_is_not_shown_as_free(fake: FakeStripe, gateway: StripePaymentGateway) -> None:
    """Such a price has no amount of its own."""
    fake.answers({"id": "price_once", "object": "price", "currency": "eur", "unit_amount": None, "recurring": None})
    with pytest.raises(PaymentProviderUnavailable, match="unit_amount"):
        await gateway.price_of("one_time_basic")


async def test_hiccup_is_retried_under_the_same_key(fake: FakeStripe, gateway: StripePaymentGateway) -> None:
    """Three attempts, one order: the key is the same, so at most one session is opened."""
    fake.answers({"error": {"message": "down"}}, "500 Internal Server Error", **{"Stripe-Should-Retry": "true"})
    with pytest.raises(PaymentProviderUnavailable, match="APIError 500"):
        await gateway.open_checkout(wish())
    assert [headers["idempotency-key"] for _, headers, _ in fake.requests] == [str(ORDER)] * 3


async def test_silence_ends_with_the_timeout(clock: SetClock) -> None:
    """A server that takes the call and says nothing keeps nobody for long."""
    hung_up = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the other side gives up
        hung_up.set()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        gateway = StripePaymentGateway(
            api_key=KEY,
            api_base=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            prices={},
            public_base_url="https://pay.example.com",
            clock=clock,
            timeout_seconds=0.05,
        )
        with pytest.raises(PaymentProviderUnavailable, match="APIConnectionError no answer"):
            await gateway.read_checkout("cs_1")
        await asyncio.wait_for(hung_up.wait(), timeout=5)
        await gateway.close()


async def test_closed_gateway_opens_again(fake: FakeStripe, gateway: StripePaymentGateway) -> None:
    """Closing twice, or before the first call, is no error."""
    await gateway.close()
    fake.answers(session())
    await gateway.read_checkout("cs_1")
    await gateway.close()
    await gateway.close()
    await gateway.read_checkout("cs_1")
    assert len(fake.requests) == 2
