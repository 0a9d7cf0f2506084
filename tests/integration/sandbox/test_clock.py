"""The sandbox's time: a clock that a person moves, and everybody who lives through what passes."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, post

from adapters.stripe.webhook import StripeWebhook
from entrypoints.sandbox.clock import MovableClock
from entrypoints.sandbox.passage import Passage
from entrypoints.sandbox.world import OutsideWorld
from entrypoints.server import serving
from tests.integration.sandbox.conftest import ORDER, open_session

START = datetime(2026, 11, 14, 12, tzinfo=UTC)
PERIOD_END = datetime(2026, 12, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> MovableClock:
    """Over a machine whose clock stands."""
    return MovableClock(machine=lambda: START)


@pytest.fixture
async def world(clock: MovableClock) -> AsyncIterator[OutsideWorld]:
    """At that time."""
    async with OutsideWorld.start(clock=clock) as world:
        yield world


@pytest.fixture
def passage(world: OutsideWorld) -> Passage:
    """How its time is moved."""
    assert world.passage is not None
    return world.passage


async def subscribe(world: OutsideWorld, browser: httpx.AsyncClient) -> dict[str, Any]:
    """A subscription that is paid by card."""
    session = world.stripe.engine.pay(await open_session(world, browser, subscription=True))
    return world.stripe.engine.world.get("subscription", session["subscription"])


async def press(browser: httpx.AsyncClient, move: str) -> httpx.Response:
    """A button of the clock."""
    return await browser.post("/console/time", data={"move": move})


def test_clock_goes_forward_only(clock: MovableClock) -> None:
    """It begins with the machine's time."""
    assert (clock.now(), clock.ahead) == (START, timedelta())
    clock.move_to(START + HOUR)
    clock.move_to(START)
    assert (clock.now(), clock.ahead) == (START + HOUR, HOUR)


def test_clock_runs_on_with_the_machine() -> None:
    """What it is ahead stays."""
    moments = iter([START, START + HOUR])
    clock = MovableClock(ahead=timedelta(days=1), machine=lambda: next(moments))
    assert [clock.now(), clock.now()] == [START + timedelta(days=1), START + timedelta(days=1) + HOUR]


async def test_stripe_lives_through_what_passes(
    world: OutsideWorld, browser: httpx.AsyncClient, passage: Passage
) -> None:
    """Renewals on the way; both clocks stand at the end of it."""
    sub = await subscribe(world, browser)
    await passage.forward(timedelta(days=70))
    assert passage.clock.now() == START + timedelta(days=70)
    paid = [one["created"] for one in world.stripe.engine.world.all("event") if one["type"] == "invoice.paid"]
    assert [datetime.fromtimestamp(at, UTC) for at in paid] == [
        START,
        PERIOD_END + HOUR,
        datetime(2027, 1, 14, 13, tzinfo=UTC),
    ]
    assert sub["status"] == "active"


@pytest.mark.parametrize("path", ["/", "/mail", "/stripe/v1/prices", "/stripe/pay/none", "/nothing/here"])
async def test_every_answer_is_dated_by_that_clock(browser: httpx.AsyncClient, passage: Passage, path: str) -> None:
    """Once, wherever it comes from, and also after the clock was moved."""
    before = await browser.get(path)
    await passage.forward(timedelta(days=70))
    after = await browser.get(path)
    dates = [*before.headers.get_list("date"), *after.headers.get_list("date")]
    assert [parsedate_to_datetime(date) for date in dates] == [START, START + timedelta(days=70)]


async def test_product_hears_of_each_thing_before_time_goes_on(
    world: OutsideWorld, browser: httpx.AsyncClient, passage: Passage
) -> None:
    """Each webhook comes at its own moment, signed with it, as the product checks it."""
    heard: list[tuple[str, datetime]] = []
    reader = StripeWebhook([world.keys.stripe_webhook_secret])

    @post("/api/stripe/webhook", status_code=200)
    async def webhook(request: Request[Any, Any, Any]) -> dict[str, bool]:
        now = passage.clock.now()
        read = reader.read(await request.body(), request.headers["stripe-signature"], now=now)
        assert read.occurred_at == now
        heard.append((read.event_type, now))
        return {"received": True}

    async with serving(Litestar([webhook]), host="127.0.0.1", port=0) as product, world.webhooks_to(product):
        await subscribe(world, browser)
        await world.stripe.webhooks.idle()
        await passage.forward(timedelta(days=40))
    renewed = [(type_, at) for type_, at in heard if at > START]
    assert renewed[0] == ("customer.subscription.updated", PERIOD_END)
    assert renewed[-1] == ("invoice_payment.paid", PERIOD_END + HOUR)


async def test_time_waits_for_nobody_who_hangs(
    world: OutsideWorld, browser: httpx.AsyncClient, passage: Passage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A product that does not answer is told later."""
    monkeypatch.setattr("entrypoints.sandbox.passage._TELL_SECONDS", 0.05)
    hangs = asyncio.Event()

    @post("/api/stripe/webhook", status_code=200)
    async def webhook() -> None:
        await hangs.wait()

    async with serving(Litestar([webhook]), host="127.0.0.1", port=0) as product, world.webhooks_to(product):
        sub = await subscribe(world, browser)
        await passage.forward(timedelta(days=31))
        assert sub["items"]["data"][0]["current_period_start"] == PERIOD_END.timestamp()
        hangs.set()


async def test_two_who_move_it_at_once_take_turns(
    world: OutsideWorld, browser: httpx.AsyncClient, passage: Passage
) -> None:
    """Nothing is done twice."""
    await subscribe(world, browser)
    await asyncio.gather(*(passage.to(START + timedelta(days=40)) for _ in range(3)))
    assert len(world.stripe.engine.world.all("invoice")) == 2


@pytest.mark.parametrize(
    ("move", "moment"),
    [
        ("hour", START + HOUR),
        ("day", START + timedelta(days=1)),
        ("week", START + timedelta(days=7)),
        ("month", PERIOD_END),
    ],
)
async def test_button_moves_the_clock(
    browser: httpx.AsyncClient, passage: Passage, move: str, moment: datetime
) -> None:
    """And leads back to the page, which shows the time and how far ahead it is."""
    answer = await press(browser, move)
    assert (answer.status_code, answer.url.path) == (200, "/")
    assert passage.clock.now() == moment
    assert f"{moment:%-d %b %Y, %H:%M}</b>" in answer.text
    assert re.search(r'data-testid="ahead">\d+ (hour|day)s? ahead<', answer.text)


async def test_button_goes_to_where_the_next_renewal_is_paid(
    world: OutsideWorld, browser: httpx.AsyncClient, passage: Passage
) -> None:
    """Nothing to go to without a subscription; pressed between a draft and its payment, it goes to the payment."""
    html = (await browser.get("/")).text
    assert re.search(r'data-testid="time-period" disabled', html)
    assert (await press(browser, "period")).status_code == 409
    await subscribe(world, browser)
    await press(browser, "period")
    assert passage.clock.now() == PERIOD_END + HOUR
    bills = world.stripe.engine.world.all("invoice")
    assert [bill["status"] for bill in bills] == ["paid", "paid"]
    await passage.to(datetime(2027, 1, 14, 12, 30, tzinfo=UTC))
    await press(browser, "period")
    assert passage.clock.now() == datetime(2027, 1, 14, 13, tzinfo=UTC)


async def test_switch_lets_renewals_fail(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """By the clock; the page shows it, and the other press is the opposite."""
    sub = await subscribe(world, browser)
    html = (await browser.post("/console/troubles", data={"renewals_fail": "on"})).text
    assert 'data-testid="renewals-fail" aria-pressed="true"' in html
    assert 'data-status="past_due"' in (await press(browser, "period")).text
    await browser.post("/console/troubles", data={"renewals_fail": "off"})
    for _ in range(3):
        await press(browser, "day")
    assert sub["status"] == "active"


async def test_button_goes_to_the_end_of_access(
    world: OutsideWorld, browser: httpx.AsyncClient, passage: Passage
) -> None:
    """The product's next one; access for life and what has run out do not count."""
    ends = [None, "9999-12-31T00:00:00+00:00", "2026-11-13T00:00:00+00:00", "2026-11-20T08:00:00+00:00"]

    async def orders() -> list[dict[str, Any]]:
        return [{**ORDER, "access_until": end} for end in ends]

    world.show_orders(orders)
    await press(browser, "access")
    assert passage.clock.now() == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert (await press(browser, "access")).status_code == 409


async def test_times_of_other_days_are_shown_with_the_day(world: OutsideWorld, browser: httpx.AsyncClient) -> None:
    """Today's are not."""
    await subscribe(world, browser)
    assert "<time>12:00:00</time>" in (await browser.get("/")).text
    assert "<time>14 Nov, 12:00:00</time>" in (await press(browser, "day")).text


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_clock_refuses_other_sites(browser: httpx.AsyncClient, passage: Passage, headers: dict[str, str]) -> None:
    """A form on another page moves nothing."""
    assert (await browser.post("/console/time", data={"move": "month"}, headers=headers)).status_code == 403
    assert passage.clock.now() == START


async def test_somebody_elses_clock_has_no_buttons() -> None:
    """It is not the console's to move; unknown buttons are refused the same way."""
    async with (
        OutsideWorld.start(clock=lambda: START) as world,
        httpx.AsyncClient(base_url=world.origin, trust_env=False) as browser,
    ):
        assert world.passage is None
        assert 'data-testid="time"' not in (await browser.get("/")).text
        assert (await press(browser, "day")).status_code == 409
