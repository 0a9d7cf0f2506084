"""The doctor's questions to Stripe: all well is well, and each thing that is wrong has its line."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import stripe as sdk

from adapters.stripe.checkup import StripeCheckup
from adapters.stripe.portal import StripeCustomerPortal
from adapters.stripe.translate import USED_EVENT_TYPES
from entrypoints.sandbox.stripe import StripeSandbox
from entrypoints.sandbox.stripe.settings_objects import webhook_endpoint
from paywall_core.ports.checkup import Finding, Verdict
from paywall_core.testing import FakeClock
from tests.integration.stripe.conftest import KEY, NOW

OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED
BASE = "http://127.0.0.1:8000"
PRICES = {"one_time_basic": "price_once", "sub_monthly": "price_monthly"}

Look = Callable[..., Any]


@pytest.fixture
def look(timed_stripe: StripeSandbox, time: FakeClock) -> Look:
    """Checks up, with some of the settings changed; the findings by subject, the portal switched on before."""

    async def look(**changes: Any) -> dict[str, Finding]:
        api_base = f"{timed_stripe.origin}/stripe"
        settings = {
            "api_key": KEY,
            "api_base": api_base,
            "prices": PRICES,
            "public_base_url": BASE,
            "webhook_secrets": 1,
            "clock": time,
            **changes,
        }
        found = await StripeCheckup(**settings).check()
        assert len({finding.subject for finding in found}) == len(found)
        assert not any(settings["api_key"] in finding.detail for finding in found)
        return {finding.subject: finding for finding in found}

    return look


def make_endpoint(stripe: StripeSandbox, *, url: str = f"{BASE}/api/stripe/webhook", **changes: Any) -> None:
    """As in Stripe's dashboard."""
    made = webhook_endpoint(stripe.engine.world, url=url, enabled_events=["*"])
    stripe.engine.world.put({**made, **changes})


async def test_all_is_well(timed_stripe: StripeSandbox, look: Look) -> None:
    """Nothing but good lines, and nothing is changed by looking."""
    make_endpoint(timed_stripe)
    portal = StripeCustomerPortal(api_key=KEY, api_base=f"{timed_stripe.origin}/stripe", clock=FakeClock())
    await portal.login_page()
    await portal.close()
    before = {kind: list(timed_stripe.engine.world.all(kind)) for kind in timed_stripe.engine.world.kinds()}
    found = await look()
    assert {subject: finding.verdict for subject, finding in found.items()} == dict.fromkeys(
        [
            "STRIPE_SECRET_KEY",
            "STRIPE_PRICE_ONE_TIME_BASIC",
            "STRIPE_PRICE_SUB_MONTHLY",
            "Stripe webhook endpoint",
            "Stripe webhook events",
            "Stripe webhook API version",
            "Stripe customer portal",
            "clock",
            "STRIPE_WEBHOOK_SECRET",
        ],
        OK,
    )
    assert {kind: timed_stripe.engine.world.all(kind) for kind in timed_stripe.engine.world.kinds()} == before


async def test_portal_without_a_login_page_is_told_and_left_alone(timed_stripe: StripeSandbox, look: Look) -> None:
    """The service switches it on; the doctor does not."""
    found = (await look())["Stripe customer portal"]
    assert (found.verdict, "at its first use" in found.detail) == (WARNING, True)
    assert timed_stripe.engine.world.all("billing_portal.configuration") == []


async def test_wrong_key_ends_the_questions(look: Look) -> None:
    """Nothing else could be asked with it; the clock is seen all the same."""
    found = await look(api_key="sk_test_wrong_key", webhook_secrets=0)
    assert {subject: finding.verdict for subject, finding in found.items()} == {
        "STRIPE_SECRET_KEY": FAILED,
        "clock": OK,
        "STRIPE_WEBHOOK_SECRET": FAILED,
    }


async def test_outage_is_told_once(timed_stripe: StripeSandbox, look: Look) -> None:
    """By the setting that leads there."""
    timed_stripe.troubles.stripe_down = True
    found = await look()
    assert found["STRIPE_API_BASE"] == Finding(
        subject="STRIPE_API_BASE", verdict=FAILED, detail="Stripe does not answer as it should: APIError 503"
    )
    assert set(found) == {"STRIPE_API_BASE", "clock", "STRIPE_WEBHOOK_SECRET"}


@pytest.mark.parametrize("key", ["sk_test_ключ", "sk_test_a\nb", "sk_test_a b"])
async def test_key_that_cannot_be_sent_is_a_finding(look: Look, key: str) -> None:
    """Never an exception."""
    found = await look(api_key=key)
    assert (found["STRIPE_SECRET_KEY"].verdict, set(found)) == (FAILED, {"STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"})


async def test_nobody_at_home_is_a_finding(look: Look) -> None:
    """Within the time; without an answer there is no clock to compare with."""
    found = await look(api_base="http://127.0.0.1:1")
    assert found["STRIPE_API_BASE"].detail == "Stripe is out of reach"
    assert set(found) == {"STRIPE_API_BASE", "STRIPE_WEBHOOK_SECRET"}


async def test_test_key_behind_a_live_address_is_a_warning(look: Look) -> None:
    """Whoever knows a test card would get in."""
    found = (await look(public_base_url="https://pay.example.com"))["STRIPE_SECRET_KEY"]
    assert (found.verdict, "test card" in found.detail) == (WARNING, True)
    assert (await look())["STRIPE_SECRET_KEY"].verdict is OK


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"active": False}, "archived"),
        ({"livemode": True}, "other mode"),
        ({"recurring": {"interval": "month"}}, "paid once"),
    ],
)
async def test_price_that_cannot_be_sold_is_a_failure(
    timed_stripe: StripeSandbox, look: Look, changes: dict[str, Any], words: str
) -> None:
    """Archived, of the other mode, or of the other kind; the other price has its own line."""
    timed_stripe.engine.world.get("price", "price_once").update(changes)
    found = await look()
    assert (found["STRIPE_PRICE_ONE_TIME_BASIC"].verdict, found["STRIPE_PRICE_SUB_MONTHLY"].verdict) == (FAILED, OK)
    assert words in found["STRIPE_PRICE_ONE_TIME_BASIC"].detail


async def test_prices_that_are_swapped_or_unknown_are_failures(look: Look) -> None:
    """A monthly plan that is paid once would be for ever."""
    found = await look(prices={"one_time_basic": "price_nowhere", "sub_monthly": "price_once"})
    assert "no such price in test mode" in found["STRIPE_PRICE_ONE_TIME_BASIC"].detail
    assert "needs a recurring price" in found["STRIPE_PRICE_SUB_MONTHLY"].detail
    assert {found[f"STRIPE_PRICE_{name}"].verdict for name in ("ONE_TIME_BASIC", "SUB_MONTHLY")} == {FAILED}


async def test_missing_endpoint_is_a_failure(timed_stripe: StripeSandbox, look: Look) -> None:
    """One of another address, and one that is disabled, are none."""
    make_endpoint(timed_stripe, url=f"{BASE}/elsewhere")
    found = await look()
    assert (found["Stripe webhook endpoint"].verdict, "there is none" in found["Stripe webhook endpoint"].detail) == (
        FAILED,
        True,
    )
    assert "Stripe webhook events" not in found
    make_endpoint(timed_stripe, status="disabled")
    disabled = (await look())["Stripe webhook endpoint"]
    assert (disabled.verdict, "is disabled" in disabled.detail) == (FAILED, True)


async def test_endpoint_is_known_in_whatever_case_and_with_its_port(timed_stripe: StripeSandbox, look: Look) -> None:
    """It is the same place."""
    make_endpoint(timed_stripe, url="https://PAY.example.com:443/api/stripe/webhook/")
    found = await look(public_base_url="https://pay.example.com")
    assert found["Stripe webhook endpoint"].verdict is OK


async def test_two_endpoints_are_a_warning(timed_stripe: StripeSandbox, look: Look) -> None:
    """Each has a secret of its own."""
    make_endpoint(timed_stripe)
    make_endpoint(timed_stripe)
    found = (await look())["Stripe webhook endpoint"]
    assert (found.verdict, "STRIPE_WEBHOOK_SECRET" in found.detail) == (WARNING, True)


async def test_missing_events_are_named(timed_stripe: StripeSandbox, look: Look) -> None:
    """Every one; what comes under a newer name too is not missed."""
    left_out = {"charge.refunded", "customer.subscription.deleted", "invoice.payment_succeeded"}
    make_endpoint(timed_stripe, enabled_events=[name for name in USED_EVENT_TYPES if name not in left_out])
    found = (await look())["Stripe webhook events"]
    assert found.verdict is FAILED
    assert "charge.refunded, customer.subscription.deleted: add" in found.detail


@pytest.mark.parametrize(("version", "shown"), [("2020-08-27", "2020-08-27"), (None, "the account's default")])
async def test_other_api_version_is_a_warning(
    timed_stripe: StripeSandbox, look: Look, version: str | None, shown: str
) -> None:
    """Older shapes are read, but somebody should look."""
    make_endpoint(timed_stripe, api_version=version)
    found = (await look())["Stripe webhook API version"]
    assert found.verdict is WARNING
    assert shown in found.detail
    assert sdk.api_version in found.detail


@pytest.mark.parametrize(
    ("ahead_seconds", "verdict"), [(0, OK), (30, OK), (-120, WARNING), (120, WARNING), (-400, FAILED), (400, FAILED)]
)
async def test_clock_is_compared_with_stripes(look: Look, ahead_seconds: int, verdict: Verdict) -> None:
    """Webhooks' signatures are good for 300 seconds."""
    clock = FakeClock(NOW + timedelta(seconds=ahead_seconds))
    found = (await look(clock=clock))["clock"]
    assert found.verdict is verdict
    assert verdict is OK or ("ahead" in found.detail) == (ahead_seconds > 0)


async def test_several_secrets_are_counted(look: Look) -> None:
    """Stripe does not tell whether they are good, and the line says so."""
    found = (await look(webhook_secrets=2))["STRIPE_WEBHOOK_SECRET"]
    assert (found.verdict, found.detail.startswith("set (2, newest first); Stripe does not tell")) == (OK, True)
