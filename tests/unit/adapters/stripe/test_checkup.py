"""The doctor's questions to a Stripe that refuses, dawdles or is something else."""

import asyncio
from typing import Any

import pytest

from adapters.stripe.checkup import StripeCheckup
from paywall_core.ports.checkup import Finding, Verdict
from tests.unit.adapters.stripe.fake_stripe import FakeStripe, SetClock

KEY = "rk_live_51ABCsecret"
FORBIDDEN = {"error": {"type": "invalid_request_error", "message": f"The key {KEY} of anna@example.com may not."}}


async def look(fake: FakeStripe, clock: SetClock, **changes: Any) -> dict[str, Finding]:
    """The findings by subject; none repeats what Stripe said."""
    settings = {
        "api_key": KEY,
        "api_base": f"http://127.0.0.1:{fake.port}",
        "prices": {"one_time_basic": "price_1", "sub_monthly": "price_2"},
        "public_base_url": "https://pay.example.com",
        "webhook_secrets": 1,
        "clock": clock,
        **changes,
    }
    found = await StripeCheckup(**settings).check()
    text = "".join(f"{finding.subject} {finding.detail}" for finding in found)
    assert not [secret for secret in (KEY, "51ABC", "anna", "example.com") if secret in text]
    return {finding.subject: finding for finding in found}


async def test_restricted_key_need_not_read_the_account(fake: FakeStripe, clock: SetClock) -> None:
    """It is seldom given that right; what it may not read is not judged."""
    fake.answers(FORBIDDEN, "403 Forbidden")
    fake.answers_at("/v1/prices", {"object": "list", "data": [], "has_more": False})
    found = await look(fake, clock)
    assert found["STRIPE_SECRET_KEY"].verdict is Verdict.OK
    assert "may not read the account" in found["STRIPE_SECRET_KEY"].detail
    for subject in (
        "STRIPE_PRICE_ONE_TIME_BASIC",
        "STRIPE_PRICE_SUB_MONTHLY",
        "Stripe webhook endpoint",
        "Stripe customer portal",
    ):
        assert found[subject].verdict is Verdict.WARNING


async def test_key_that_may_read_nothing_is_a_warning(fake: FakeStripe, clock: SetClock) -> None:
    """Stripe knows it: it may still be able to open a checkout."""
    fake.answers(FORBIDDEN, "403 Forbidden")
    found = (await look(fake, clock))["STRIPE_SECRET_KEY"]
    assert (found.verdict, "neither the account nor prices" in found.detail) == (Verdict.WARNING, True)


async def test_live_key_wants_live_prices(fake: FakeStripe, clock: SetClock) -> None:
    """And is told to be one."""
    fake.answers({"object": "list", "data": [], "has_more": False})
    fake.answers_at("/v1/account", {"object": "account", "id": "acct_1"})
    price = {"object": "price", "id": "price_1", "active": True, "livemode": True, "recurring": None}
    fake.answers_at("/v1/prices/price_1", price)
    fake.answers_at("/v1/prices/price_2", {**price, "livemode": False, "recurring": {"interval": "month"}})
    found = await look(fake, clock)
    assert "live: real money" in found["STRIPE_SECRET_KEY"].detail
    assert found["STRIPE_PRICE_ONE_TIME_BASIC"].verdict is Verdict.OK
    assert found["STRIPE_PRICE_SUB_MONTHLY"].verdict is Verdict.FAILED
    assert found["Stripe webhook endpoint"].verdict is Verdict.FAILED


@pytest.mark.parametrize(
    "document", [[], 7, "Stripe", None, {}, {"data": 7}, {"data": [7]}, {"data": {"x": []}}, {"object": "list"}]
)
async def test_odd_answers_are_findings(fake: FakeStripe, clock: SetClock, document: object) -> None:
    """Whatever answers there: a line each, never an exception."""
    fake.answers(document)
    assert Verdict.FAILED in {finding.verdict for finding in (await look(fake, clock)).values()}
    fake.answers_at("/v1/account", {"object": "account", "id": "acct_1"})
    found = await look(fake, clock)
    assert found["STRIPE_SECRET_KEY"].verdict is Verdict.OK
    assert found["STRIPE_PRICE_ONE_TIME_BASIC"].verdict is Verdict.FAILED


@pytest.mark.parametrize("document", [[], 7, "x", None, {}, {"error": 7}, {"error": "x"}, {"error": {"type": 7}}])
@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "429 Slow Down"])
async def test_odd_refusals_are_findings(fake: FakeStripe, clock: SetClock, document: object, status: str) -> None:
    """The SDK reads an error's body on trust."""
    fake.answers(document, status)
    found = await look(fake, clock)
    assert {finding.verdict for finding in found.values()} & {Verdict.FAILED, Verdict.WARNING}


@pytest.mark.parametrize("url", ["https://[", "https://pay.example.com:x", "nowhere"])
async def test_address_that_is_none_is_a_finding(fake: FakeStripe, clock: SetClock, url: str) -> None:
    """Never an exception."""
    fake.answers({"object": "list", "data": [{"url": url, "status": "enabled"}], "has_more": False})
    assert "Stripe webhook endpoint" in await look(fake, clock, public_base_url=url, api_key="rk_test_51ABCsecret")


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "301 Moved Permanently", "500 Oops", "429 Slow Down"])
async def test_another_site_is_a_finding(fake: FakeStripe, clock: SetClock, status: str) -> None:
    """A page of HTML at the address that is to be Stripe's."""
    fake.answers({}, status)
    fake.body = b"<html>anna@example.com</html>"
    found = await look(fake, clock)
    assert found["STRIPE_API_BASE"].verdict is Verdict.FAILED
    assert len(fake.requests) <= 2


@pytest.mark.parametrize("date", ["", "soon", "Thu, 99 Jan 2026 00:00:00 GMT", f"Thu, 01 Jan {'9' * 20} 00:00:00 GMT"])
async def test_answer_without_a_good_time_says_nothing_of_the_clock(
    fake: FakeStripe, clock: SetClock, date: str
) -> None:
    """Nothing is made up."""
    fake.answers({}, Date=date)
    assert "clock" not in await look(fake, clock)


async def test_it_asks_once_more_and_no_more(fake: FakeStripe, clock: SetClock) -> None:
    """What may pass by itself is tried twice."""
    fake.answers(FORBIDDEN, "503 Unavailable", **{"Stripe-Should-Retry": "true"})
    await look(fake, clock)
    assert len(fake.requests) == 2


async def test_it_comes_to_an_end(clock: SetClock) -> None:
    """Somebody who takes the call and says nothing costs the time that was given, once."""
    hung_up = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    silent = FakeStripe()
    silent.port = server.sockets[0].getsockname()[1]
    async with server, asyncio.timeout(10):
        found = await look(silent, clock, timeout_seconds=0.3)
        await hung_up.wait()
    assert found["STRIPE_API_BASE"].verdict is Verdict.FAILED


async def test_address_that_is_not_set_is_a_warning(fake: FakeStripe, clock: SetClock) -> None:
    """There is nothing to look for."""
    fake.answers({"object": "list", "data": [], "has_more": False})
    assert (await look(fake, clock, public_base_url=""))["Stripe webhook endpoint"].verdict is Verdict.WARNING


async def test_stripe_cannot_reach_this_machine(fake: FakeStripe, clock: SetClock) -> None:
    """Stripe's own CLI forwards; without an address of another Stripe only."""
    checkup = StripeCheckup(
        api_key=KEY,
        api_base=None,
        prices={},
        public_base_url="http://localhost:8000",
        webhook_secrets=1,
        clock=clock,
    )
    verdict, detail = checkup._no_endpoint(disabled=False)
    assert (verdict, "stripe listen" in detail) == (Verdict.WARNING, True)
    fake.answers({"object": "list", "data": [], "has_more": False})
    found = await look(fake, clock, public_base_url="http://localhost:8000")
    assert found["Stripe webhook endpoint"].verdict is Verdict.FAILED


async def test_restricted_key_in_an_outage_is_told_as_one(fake: FakeStripe, clock: SetClock) -> None:
    """The second question is not answered either way."""
    fake.answers(FORBIDDEN, "500 Oops")
    fake.answers_at("/v1/account", FORBIDDEN, "403 Forbidden")
    assert (await look(fake, clock))["STRIPE_API_BASE"].detail == "Stripe does not answer as it should: APIError 500"


async def test_key_of_an_unknown_kind_is_a_warning(fake: FakeStripe, clock: SetClock) -> None:
    """Its mode cannot be told from its beginning."""
    fake.answers({"object": "account", "id": "acct_1"})
    found = (await look(fake, clock, api_key="sk_org_51ABCsecret"))["STRIPE_SECRET_KEY"]
    assert (found.verdict, "neither a live key nor a test key" in found.detail) == (Verdict.WARNING, True)
