"""Stripe's login page over real HTTP: which one is taken, when one is made, how long it is known, and odd answers."""

import traceback
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog

from adapters.stripe.portal import StripeCustomerPortal
from paywall_core.errors import PaymentProviderUnavailable
from tests.unit.adapters.stripe.fake_stripe import NOW, FakeStripe, SetClock

KEY = "sk_test_secret_of_ours"
OURS = {"paywall": "customer_portal"}
CONFIGURATIONS = "/v1/billing_portal/configurations"


@pytest.fixture
async def portal(fake: FakeStripe, clock: SetClock) -> AsyncIterator[StripeCustomerPortal]:
    """The adapter, pointed at the server."""
    portal = StripeCustomerPortal(api_key=KEY, api_base=f"http://127.0.0.1:{fake.port}", clock=clock, timeout_seconds=5)
    yield portal
    await portal.close()


def configuration(name: str, *, page: bool = True, **changes: Any) -> dict[str, Any]:
    """A configuration with a login page of its name, or with none."""
    return {
        "id": f"bpc_{name}",
        "object": "billing_portal.configuration",
        "active": True,
        "is_default": False,
        "login_page": {"enabled": page, "url": f"https://billing.example/p/login/{name}" if page else None},
        "metadata": {},
        **changes,
    }


def listed(*configurations: object, has_more: bool = False) -> dict[str, Any]:
    """Stripe's list of them."""
    return {"object": "list", "data": list(configurations), "has_more": has_more, "url": CONFIGURATIONS}


def asked(fake: FakeStripe) -> list[str]:
    """What was asked, without queries."""
    return [line.partition("?")[0] for line, _, _ in fake.requests]


@pytest.mark.parametrize(
    ("found", "taken"),
    [
        ([configuration("other"), configuration("ours", metadata=OURS), configuration("d", is_default=True)], "d"),
        ([configuration("other"), configuration("ours", metadata=OURS)], "ours"),
        ([configuration("new"), configuration("old")], "new"),
        ([configuration("d", is_default=True, page=False), configuration("other")], "other"),
        ([configuration("d", is_default=True, active=False), configuration("other")], "other"),
        ([configuration("d", is_default=True, login_page=None), configuration("other", metadata=None)], "other"),
    ],
)
async def test_page_that_is_on_is_taken(
    fake: FakeStripe, portal: StripeCustomerPortal, found: list[object], taken: str
) -> None:
    """The default's before ours, ours before any other, the newest of those; nothing is changed."""
    fake.answers(listed(*found))
    assert await portal.login_page() == f"https://billing.example/p/login/{taken}"
    assert asked(fake) == [f"GET {CONFIGURATIONS}"]


async def test_page_is_made_where_there_is_none(fake: FakeStripe, portal: StripeCustomerPortal) -> None:
    """With what a customer needs; the default configuration is the operator's and stays untouched."""
    default = configuration("d", is_default=True, page=False)
    fake.answers_in_turn(listed(default), configuration("ours", metadata=OURS))
    assert await portal.login_page() == "https://billing.example/p/login/ours"
    _, (line, headers, form) = fake.requests
    assert line == f"POST {CONFIGURATIONS}"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert form == {
        "name": "Paywall: login page",
        "features[payment_method_update][enabled]": "true",
        "features[invoice_history][enabled]": "true",
        "features[subscription_cancel][enabled]": "true",
        "features[subscription_cancel][mode]": "at_period_end",
        "login_page[enabled]": "true",
        "metadata[paywall]": "customer_portal",
    }


async def test_ours_is_switched_on_again(fake: FakeStripe, portal: StripeCustomerPortal) -> None:
    """Never a second one; what the operator made of it stays."""
    ours = configuration("ours", metadata=OURS, page=False, active=False)
    fake.answers_in_turn(listed(configuration("other", page=False), ours), configuration("ours", metadata=OURS))
    assert await portal.login_page() == "https://billing.example/p/login/ours"
    line, _, form = fake.requests[1]
    assert line == f"POST {CONFIGURATIONS}/bpc_ours"
    assert form == {"active": "true", "login_page[enabled]": "true"}


async def test_processes_that_make_it_at_once_use_one_key(fake: FakeStripe, clock: SetClock) -> None:
    """Stripe gives them one configuration; a refusal, which it would repeat for a day, is soon asked anew."""
    made = configuration("ours", metadata=OURS)
    for minutes in (0, 9, 10):
        clock.moment = NOW + timedelta(minutes=minutes)
        fake.answers_in_turn(listed(), made)
        process = StripeCustomerPortal(api_key=KEY, api_base=f"http://127.0.0.1:{fake.port}", clock=clock)
        await process.login_page()
        await process.close()
    first, second, later = (headers["idempotency-key"] for line, headers, _ in fake.requests if line.startswith("POST"))
    assert first == second != later


async def test_page_is_asked_for_once_an_hour(fake: FakeStripe, portal: StripeCustomerPortal, clock: SetClock) -> None:
    """What an operator changes is seen within it."""
    fake.answers(listed(configuration("old")))
    await portal.login_page()
    fake.answers(listed(configuration("new")))
    clock.moment = NOW + timedelta(minutes=59, seconds=59)
    assert (await portal.login_page()).endswith("/old")
    clock.moment = NOW + timedelta(hours=1)
    assert (await portal.login_page()).endswith("/new")
    assert len(fake.requests) == 2


async def test_known_page_outlives_an_outage(fake: FakeStripe, portal: StripeCustomerPortal, clock: SetClock) -> None:
    """It is still Stripe's; and a Stripe that is down is asked once a minute, not by every customer."""
    fake.answers(listed(configuration("old")))
    await portal.login_page()
    fake.answers({"error": {"message": "down"}}, "503 Unavailable")
    clock.moment = NOW + timedelta(hours=2)
    with structlog.testing.capture_logs() as logs:
        assert [(await portal.login_page())[-3:] for _ in range(3)] == ["old"] * 3
    assert [entry["event"] for entry in logs] == ["stripe.unavailable"]
    fake.answers(listed(configuration("new")))
    clock.moment += timedelta(minutes=1)
    assert (await portal.login_page()).endswith("/new")


async def test_all_pages_of_the_list_are_read(fake: FakeStripe, portal: StripeCustomerPortal) -> None:
    """Ours may be an old one among many: a second is not made."""
    others = [configuration(f"c{at}", page=False) for at in range(100)]
    fake.answers_in_turn(listed(*others, has_more=True), listed(configuration("ours", metadata=OURS)))
    assert (await portal.login_page()).endswith("/ours")
    queries = [parse_qs(urlsplit(line.removeprefix("GET ")).query) for line, _, _ in fake.requests]
    assert queries == [{"limit": ["100"]}, {"limit": ["100"], "starting_after": ["bpc_c99"]}]


async def test_list_without_an_end_ends(fake: FakeStripe, portal: StripeCustomerPortal) -> None:
    """After ten pages what was found has to do."""
    fake.answers(listed(configuration("c"), has_more=True))
    assert (await portal.login_page()).endswith("/c")
    assert len(fake.requests) == 10


@pytest.mark.parametrize(
    "document",
    [{}, [], {"object": "list", "data": None}, listed("bpc_1"), {"object": "list", "data": {"a": 1}}],
)
async def test_odd_list_makes_nothing(fake: FakeStripe, portal: StripeCustomerPortal, document: object) -> None:
    """Whoever answers with something else has not said that there is no page."""
    fake.answers(document)
    with pytest.raises(PaymentProviderUnavailable):
        await portal.login_page()
    assert [line for line, _, _ in fake.requests if line.startswith("POST")] == []


@pytest.mark.parametrize("url", [None, 7, "", "javascript:alert(1)", "https://", "https://[", "https://a b\n"])
async def test_address_that_is_none_is_an_outage(fake: FakeStripe, portal: StripeCustomerPortal, url: object) -> None:
    """A customer is never sent there."""
    fake.answers_in_turn(
        listed(configuration("d", is_default=True, login_page={"enabled": True, "url": url})),
        configuration("made", login_page={"enabled": True, "url": url}),
    )
    with pytest.raises(PaymentProviderUnavailable, match="no login page"):
        await portal.login_page()


async def test_ours_without_an_id_is_an_outage(fake: FakeStripe, portal: StripeCustomerPortal) -> None:
    """There is no address to change it at."""
    fake.answers(listed(configuration("ours", metadata=OURS, page=False, id=None)))
    with pytest.raises(PaymentProviderUnavailable, match="no id"):
        await portal.login_page()


async def test_refusal_names_its_kind_and_no_secret(fake: FakeStripe, portal: StripeCustomerPortal) -> None:
    """A restricted key without the right to the portal: logged as something that the operator must mend."""
    fake.answers({"error": {"message": f"The key {KEY} may not", "type": "invalid_request_error"}}, "403 Forbidden")
    with structlog.testing.capture_logs() as logs, pytest.raises(PaymentProviderUnavailable) as raised:
        await portal.login_page()
    assert raised.value.reason == "PermissionError 403 (request req_1)"
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("stripe.refused", "error")]
    assert KEY not in "".join(traceback.format_exception(raised.value)) + str(logs) + repr(portal)


async def test_closed_portal_opens_again(fake: FakeStripe, portal: StripeCustomerPortal, clock: SetClock) -> None:
    """Closing twice, or before the first call, is no error."""
    await portal.close()
    fake.answers(listed(configuration("c")))
    await portal.login_page()
    await portal.close()
    await portal.close()
    clock.moment = NOW + timedelta(hours=1)
    await portal.login_page()
    assert len(fake.requests) == 2
