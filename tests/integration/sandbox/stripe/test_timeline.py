"""What time alone brings: each thing at the moment at which it would have happened, in order of time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe as official

from entrypoints.sandbox.stripe import StripeSandbox
from tests.integration.sandbox.stripe.conftest import Clock, event_types, sdk, session_params
from tests.integration.sandbox.stripe.spec import problems

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

_HOUR, _DAY = 3600, 86_400


class Shop:
    """Stripe with a clock that the test moves."""

    def __init__(self, sandbox: StripeSandbox, clock: Clock) -> None:
        self.sandbox, self.engine, self.clock = sandbox, sandbox.engine, clock
        self.began = int(clock().timestamp())

    async def open(self, mode: str = "subscription", **more: Any) -> str:
        """A checkout."""
        async with sdk(self.sandbox) as client:
            session_id: str = (await client.v1.checkout.sessions.create_async(session_params(mode, **more))).id
        return session_id

    async def subscribe(self, **more: Any) -> dict[str, Any]:
        """A subscription that is paid by card."""
        session = self.engine.pay(await self.open(**more))
        return self.engine.world.get("subscription", session["subscription"])

    def live(self, **time: float) -> int:
        """Let time go by, and Stripe with it; how many things it did."""
        self.clock.pass_(**time)
        return self.engine.catch_up()

    def told(self, type_: str) -> list[int]:
        """When events of a type happened, in seconds since the test began."""
        return [one["created"] - self.began for one in self.engine.world.all("event") if one["type"] == type_]

    def month(self, count: int = 1) -> int:
        """So many calendar months after the test began, in seconds since then."""
        began = datetime.fromtimestamp(self.began, UTC)
        year, month = divmod(began.year * 12 + began.month - 1 + count, 12)
        return int(began.replace(year=year, month=month + 1).timestamp()) - self.began


@pytest.fixture
def shop(sandbox: StripeSandbox, clock: Clock) -> Shop:
    """It, on a day that every month has."""
    clock.moment = clock.moment.replace(day=14)
    return Shop(sandbox, clock)


async def test_nothing_is_due_before_its_time(shop: Shop) -> None:
    """And what will be, is known."""
    await shop.subscribe()
    assert shop.live(days=27) == 0
    assert shop.engine.next_due() == datetime.fromtimestamp(shop.began + shop.month(), UTC)


async def test_idle_world_has_nothing_to_come(shop: Shop) -> None:
    """Not even ever."""
    assert (shop.live(days=365), shop.engine.next_due()) == (0, None)


async def test_each_period_that_ended_is_billed_an_hour_after_its_end(shop: Shop) -> None:
    """Three months at once are three renewals, each with its own moments."""
    sub = await shop.subscribe()
    shop.live(seconds=shop.month(3) + _HOUR)
    ends = [shop.month(count) for count in (1, 2, 3)]
    assert shop.told("invoice.created")[1:] == ends
    assert shop.told("invoice.paid")[1:] == [end + _HOUR for end in ends]
    assert sub["items"]["data"][0]["current_period_end"] == shop.began + shop.month(4)
    periods = [bill["lines"]["data"][0]["period"] for bill in shop.engine.world.all("invoice")]
    assert [one["end"] for one in periods[:-1]] == [one["start"] for one in periods[1:]]


async def test_period_keeps_its_day_through_a_short_month(shop: Shop) -> None:
    """From the 31st to the last day of February, and back to the 31st."""
    shop.clock.moment = datetime(2027, 1, 31, 12, tzinfo=UTC)
    await shop.subscribe()
    shop.clock.moment = datetime(2027, 4, 1, tzinfo=UTC)
    shop.engine.catch_up()
    starts = [bill["lines"]["data"][0]["period"]["start"] for bill in shop.engine.world.all("invoice")]
    assert [datetime.fromtimestamp(at, UTC).strftime("%m-%d") for at in starts] == ["01-31", "02-28", "03-31"]


async def test_renewal_waits_an_hour_as_a_draft(shop: Shop) -> None:
    """The subscription is in its next period already; a button may bill it sooner."""
    sub = await shop.subscribe()
    shop.live(seconds=shop.month())
    draft = shop.engine.world.all("invoice")[-1]
    assert (draft["status"], draft["id"]) == ("draft", sub["latest_invoice"])
    shop.engine.renew(sub["id"])
    assert (draft["status"], len(shop.engine.world.all("invoice"))) == ("paid", 2)
    assert shop.live(hours=2) == 0


async def test_failing_renewals_are_retried_every_three_days_and_then_cancelled(shop: Shop) -> None:
    """Four tries; the reason is the payment; nothing comes after."""
    sub = await shop.subscribe()
    shop.sandbox.troubles.renewals_fail = True
    shop.live(days=120)
    first = shop.month() + _HOUR
    assert shop.told("invoice.payment_failed") == [first + days * _DAY for days in (0, 3, 6, 9)]
    assert shop.told("customer.subscription.deleted") == [first + 9 * _DAY]
    assert (sub["status"], sub["ended_at"]) == ("canceled", shop.began + first + 9 * _DAY)
    assert sub["cancellation_details"]["reason"] == "payment_failed"
    assert shop.engine.next_due() is None


async def test_retry_pays_once_the_card_is_good_again(shop: Shop) -> None:
    """Access was never lost for long."""
    sub = await shop.subscribe()
    shop.sandbox.troubles.renewals_fail = True
    shop.live(seconds=shop.month() + _HOUR)
    assert sub["status"] == "past_due"
    shop.sandbox.troubles.renewals_fail = False
    shop.live(days=3)
    assert (sub["status"], shop.told("invoice.paid")[1:]) == ("active", [shop.month() + _HOUR + 3 * _DAY])


async def test_unpaid_subscription_drafts_and_collects_nothing(shop: Shop) -> None:
    """Where the seller's settings keep it after the last retry."""
    sub = await shop.subscribe()
    shop.engine.billing.dunning.last_resort = "mark_unpaid"
    shop.sandbox.troubles.renewals_fail = True
    shop.live(seconds=shop.month(2) + _HOUR)
    assert [bill["status"] for bill in shop.engine.world.all("invoice")] == ["paid", "open", "draft"]
    assert (sub["status"], len(shop.told("invoice.payment_failed"))) == ("unpaid", 4)


async def test_planned_cancellation_comes_true_at_the_periods_end(shop: Shop) -> None:
    """Not later, and nothing is billed; one that was undone does not."""
    ending, kept = await shop.subscribe(), await shop.subscribe()
    for sub in (ending, kept):
        shop.engine.plan_cancellation(sub["id"], planned=True, metadata={})
    shop.engine.plan_cancellation(kept["id"], planned=False, metadata={})
    shop.live(days=40)
    assert (ending["status"], ending["ended_at"]) == ("canceled", shop.began + shop.month())
    assert (kept["status"], len(shop.engine.world.all("invoice"))) == ("active", 3)


@pytest.mark.parametrize(
    ("ending", "status"), [("pause", "paused"), ("cancel", "canceled"), ("create_invoice", "past_due")]
)
async def test_trial_without_a_card_ends_by_itself(shop: Shop, ending: str, status: str) -> None:
    """It is announced three days before."""
    data = {"trial_period_days": 7, "trial_settings": {"end_behavior": {"missing_payment_method": ending}}}
    sub = await shop.subscribe(payment_method_collection="if_required", subscription_data=data)
    shop.live(days=7, hours=1)
    assert sub["status"] == status
    assert shop.told("customer.subscription.trial_will_end") == [4 * _DAY]


@pytest.mark.parametrize(("days", "noticed"), [(7, 4 * _DAY), (3, 0), (1, 0)])
async def test_trial_with_a_card_is_paid_for_at_its_end(shop: Shop, days: int, noticed: int) -> None:
    """A short one is announced at once; each one only once."""
    sub = await shop.subscribe(subscription_data={"trial_period_days": days})
    shop.live(days=days, hours=1)
    assert (sub["status"], shop.told("customer.subscription.trial_will_end")) == ("active", [noticed])
    assert shop.told("invoice.paid") == [0, days * _DAY + _HOUR]


async def test_paused_subscription_lets_time_pass(shop: Shop) -> None:
    """Nothing is due; once resumed, its period begins anew."""
    sub = await shop.subscribe()
    shop.engine.pause(sub["id"])
    assert shop.live(days=100) == 0
    shop.engine.resume(sub["id"])
    start = sub["items"]["data"][0]["current_period_start"]
    assert start == shop.began + 100 * _DAY


async def test_sessions_expire_after_a_day_whoever_looks(shop: Shop) -> None:
    """Without being asked to: nobody sees one that should be closed. The event tells of the moment."""
    session_id = await shop.open("payment")
    shop.clock.pass_(days=3)
    assert shop.engine.world.get("checkout.session", session_id)["status"] == "expired"
    assert shop.told("checkout.session.expired") == [_DAY]
    assert shop.engine.world.all("event")[-1]["request"]["id"] is None


@pytest.mark.parametrize(("settled", "expected"), [(timedelta(hours=1), 23 * _HOUR), (timedelta(days=4), 4 * _DAY)])
async def test_first_payment_that_never_comes_ends_the_subscription(
    shop: Shop, settled: timedelta, expected: int
) -> None:
    """After 23 hours, or when the debit that was on its way fails later than that."""
    session_id = await shop.open()
    sub_id = shop.engine.pay_delayed(session_id)["subscription"]
    shop.clock.moment += settled
    shop.engine.settle_delayed(session_id, succeeds=False)
    shop.clock.pass_(days=1)
    sub = shop.engine.world.get("subscription", sub_id)
    assert (sub["status"], sub["ended_at"]) == ("incomplete_expired", shop.began + expected)
    assert shop.told("invoice.voided") == [expected]


async def test_many_things_happen_in_order_of_time(shop: Shop) -> None:
    """Of several customers; every event is in Stripe's own shape, and a second look finds nothing more to do."""
    await shop.subscribe()
    shop.clock.pass_(days=2)
    trial = await shop.subscribe(subscription_data={"trial_period_days": 7})
    await shop.open("payment")
    shop.clock.pass_(days=1)
    planned = await shop.subscribe()
    shop.engine.plan_cancellation(planned["id"], planned=True, metadata={})
    shop.live(days=100)
    events = shop.engine.world.all("event")
    moments = [one["created"] for one in events]
    assert moments == sorted(moments)
    assert [problem for one in events for problem in problems(one)] == []
    assert shop.engine.catch_up() == 0
    assert trial["status"] == "active"


async def test_only_whoever_asks_lets_subscriptions_act(shop: Shop) -> None:
    """Reading does not: the clock of a test moves before the test says what happens."""
    sub = await shop.subscribe()
    shop.clock.pass_(days=40)
    assert len(shop.engine.world.all("invoice")) == 1
    shop.engine.renew(sub["id"], succeeds=False)
    assert [bill["status"] for bill in shop.engine.world.all("invoice")] == ["paid", "open"]


async def test_event_list_is_by_the_moments_that_events_tell_of(shop: Shop, client: official.StripeClient) -> None:
    """What time brought late stands where it would have stood; bounds, types, pages and deliveries narrow it."""
    await shop.subscribe()
    shop.clock.pass_(seconds=shop.month() + 10 * _DAY)
    await shop.subscribe()
    shop.engine.catch_up()
    assert event_types(shop.sandbox)[-1] == "invoice_payment.paid"
    renewal = shop.began + shop.month()
    params: Any = {"types": ["invoice.paid", "invoice.created"], "created": {"gte": renewal, "lt": renewal + 2 * _HOUR}}
    found = (await client.v1.events.list_async(params)).data
    assert [(one.type, one.created - renewal) for one in found] == [("invoice.paid", _HOUR), ("invoice.created", 0)]
    pages: list[Any] = []
    while True:
        asked: Any = {"limit": 5, "delivery_success": True}
        if pages:
            asked["starting_after"] = pages[-1].id
        page = await client.v1.events.list_async(asked)
        pages += page.data
        if not page.has_more:
            break
    assert len({one.id for one in pages}) == len(pages) == len(event_types(shop.sandbox))
    moments = [one.created for one in pages]
    assert moments == sorted(moments, reverse=True)
    with pytest.raises(official.InvalidRequestError):
        await client.v1.events.list_async({"types": [f"invoice.{number}" for number in range(21)]})
