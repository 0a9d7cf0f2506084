"""What marketing is told, what is only logged, and the portal's address."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from paywall_core.effects import Lane
from paywall_core.errors import DeliveryFailed, InvalidInput, PaymentProviderUnavailable, TrackingNotConfigured
from paywall_core.events import RefundUpdated
from paywall_core.facts import RefundStatus
from paywall_core.ports.delivery import AdReport, ClickReport
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.tracking import FUNNEL_EVENTS, AdEvent, FunnelEvent, TrackingOutcome
from paywall_core.use_cases.track_event import TrackAdCommand, TrackFunnelCommand

from ..strategies import DAY, eur  # noqa: TID252  - the tests' own package
from .world import COMMAND, World


async def claim(world: World, session_id: str | None, clickid: str = "click-1") -> tuple[TrackingOutcome, str | None]:
    """A browser says that it paid; what the log says of it."""
    await world.track_funnel(TrackFunnelCommand(status="pay_success", clickid=clickid, session_id=session_id))
    attempt = world.store.tracking_log[-1]
    return attempt.outcome, attempt.reason


def sales(world: World) -> list[ClickReport]:
    """The sales that the tracker heard of."""
    return [report for report in world.tracker.reports if report.status == "pay_success"]


@pytest.mark.parametrize("name", [name for name in FUNNEL_EVENTS if name != "pay_success"])
async def test_step_is_logged_and_forwarded_with_its_parameters(world: World, name: str) -> None:
    """The log says how it ended."""
    params = {"utm_source": "fb", "utm": "a b"}
    await world.track_funnel(
        TrackFunnelCommand(status=name, clickid="c-1", params=params, session_id="cs_1", page_path="/quiz")
    )
    (attempt,) = world.store.tracking_log
    assert attempt.outcome is TrackingOutcome.QUEUED
    assert attempt.event == FunnelEvent(name=name, clickid="c-1", params=params, session_id="cs_1", page_path="/quiz")
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]
    (report,) = world.tracker.reports
    assert (report.status, report.clickid, report.params) == (name, "c-1", params)
    assert world.store.tracking_log[0].outcome is TrackingOutcome.DELIVERED


def test_there_are_ten_names() -> None:
    """Those of the user's page, spelled as the tracker knows them."""
    assert " ".join(FUNNEL_EVENTS) == (
        "start_quiz block1_completed block2_completed block3_completed block4_completed block5_completed "
        "block6_completed block7_completed transition_to_payment pay_success"
    )


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("status", {"status": "purchase"}),
        ("status", {"status": ""}),
        ("clickid", {"clickid": ""}),
        ("clickid", {"clickid": "x" * 256}),
        ("clickid", {"clickid": "a\x00"}),
        ("session_id", {"session_id": "x" * 256}),
        ("page_path", {"page_path": "\ud800"}),
        ("tracking_params", {"params": {"x" * 65: ""}}),
        ("tracking_params", {"params": {"x": "\n"}}),
        ("tracking_params", {"params": {str(number): "" for number in range(41)}}),
    ],
)
async def test_malformed_step_names_its_field_and_is_not_logged(
    world: World, field: str, changes: dict[str, Any]
) -> None:
    """Nothing is stored of it."""
    good = {"status": "start_quiz", "clickid": "c-1"}
    with pytest.raises(InvalidInput) as raised:
        await world.track_funnel(TrackFunnelCommand(**{**good, **changes}))
    assert raised.value.field == field
    assert world.store.tracking_log == []


async def test_browser_s_pay_success_of_a_paid_order_is_the_order_s_own(world: World) -> None:
    """Before or after the webhook's report: one in all."""
    started = await world.buy()
    assert (await claim(world, started.session_id))[0] is TrackingOutcome.MERGED
    await world.deliver_all()
    assert (await claim(world, started.session_id))[0] is TrackingOutcome.MERGED
    await world.deliver_all()
    assert [report.clickid for report in sales(world)] == ["click-1"]


async def test_pay_success_that_is_not_true_is_logged_and_not_forwarded(world: World) -> None:
    """No session, an unknown one, an unpaid order, another click, or a refund since."""
    started = await world.start(COMMAND)
    refused = TrackingOutcome.REFUSED
    assert await claim(world, None) == (refused, "no such checkout session")
    assert await claim(world, "cs_none") == (refused, "no such checkout session")
    assert (await claim(world, started.session_id))[0] is refused
    await world.record(world.paid(started))
    assert (await claim(world, started.session_id, "click-2"))[0] is refused
    refund = RefundUpdated(refund_id="re_1", amount=eur(1500), status=RefundStatus.SUCCEEDED, payment="pi_1")
    await world.record(world.say("evt_refund", refund, order_id=started.order_id))
    assert (await claim(world, started.session_id))[0] is refused


async def test_step_without_further_parameters_has_none(world: World) -> None:
    """Nor a session, nor a page."""
    await world.track_funnel(TrackFunnelCommand(status="start_quiz", clickid="c-1"))
    assert world.store.tracking_log[0].event == FunnelEvent(name="start_quiz", clickid="c-1")
    await world.deliver_all()
    (report,) = world.tracker.reports
    assert report.params == {}


async def test_tracker_that_is_not_configured_is_said_at_once(world: World) -> None:
    """And nothing is stored."""
    with pytest.raises(TrackingNotConfigured):
        await world.untracked_funnel(TrackFunnelCommand(status="start_quiz", clickid="c"))
    assert world.store.tracking_log == []


async def test_ad_event_goes_out_with_a_deterministic_id(world: World) -> None:
    """Twice the same is twice one id; anything else is another."""
    command = TrackAdCommand(status="Lead", fbclid="AbC", ip="192.0.2.1", ua="Mozilla")
    for one in (command, command, TrackAdCommand(status="Lead")):
        await world.track_ad(one)
    assert {row.effect.lane for row in world.store.outbox} == {Lane.AD_PLATFORM}
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED] * 3
    ids = [report.event.event_id for report in world.ads.reports]
    assert ids[0] == ids[1] != ids[2]
    report: AdReport = world.ads.reports[0]
    assert report.event == AdEvent(name="Lead", fbclid="AbC", ip="192.0.2.1", user_agent="Mozilla")
    assert report.occurred_at == world.clock.now()


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (AdEvent(name="Lead", fbclid="AbC", ip="192.0.2.1", user_agent="Mozilla"), b"Lead\0AbC\x00192.0.2.1\0Mozilla"),
        (AdEvent(name="Lead"), b"Lead\0\0\0"),
        (AdEvent(name="Lead", user_agent="\ud800"), b"Lead\0\0\0\xed\xa0\x80"),
    ],
)
def test_id_of_an_ad_event_is_that_of_earlier_releases(event: AdEvent, told: bytes) -> None:
    """A repeat that is sent after an update is still one event at the platform."""
    assert event.event_id == sha256(told).hexdigest()[:32]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("status", {"status": ""}),
        ("status", {"status": "x" * 41}),
        ("fbclid", {"fbclid": "x" * 513}),
        ("ip", {"ip": "x" * 65}),
        ("ua", {"ua": "a\tb"}),
    ],
)
async def test_malformed_ad_event_names_its_field(world: World, field: str, changes: dict[str, str]) -> None:
    """Nothing is stored of it."""
    with pytest.raises(InvalidInput) as raised:
        await world.track_ad(TrackAdCommand(**{"status": "Lead", **changes}))
    assert raised.value.field == field
    assert world.store.tracking_log == []


async def test_only_listed_ad_events_are_taken_where_there_is_a_list(world: World) -> None:
    """So that strangers cannot fill an operator's statistics with names of their own."""
    await world.track_listed_ad(TrackAdCommand(status="Lead"))
    with pytest.raises(InvalidInput, match="Lead, Purchase"):
        await world.track_listed_ad(TrackAdCommand(status="Other"))


async def test_failed_forwarding_is_retried_and_given_up_in_the_log(world: World) -> None:
    """While it is retried it is still queued."""
    world.ads.failure = DeliveryFailed("busy")
    await world.track_ad(TrackAdCommand(status="Lead"))
    assert await world.deliver_all() == [DeliveryStatus.PENDING]
    assert world.store.tracking_log[0].outcome is TrackingOutcome.QUEUED
    world.ads.failure = DeliveryFailed("no such pixel", permanent=True)
    world.clock.advance(timedelta(hours=1))
    assert await world.deliver_all() == [DeliveryStatus.DEAD]
    attempt = world.store.tracking_log[0]
    assert (attempt.outcome, attempt.reason) == (TrackingOutcome.FAILED, "no such pixel")


async def test_ad_event_of_seven_days_is_not_sent(world: World) -> None:
    """The platform would refuse it, and whatever came with it."""
    await world.track_ad(TrackAdCommand(status="Lead"))
    world.clock.advance(timedelta(days=7))
    assert await world.deliver_all() == [DeliveryStatus.SKIPPED]
    assert world.store.tracking_log[0].outcome is TrackingOutcome.FAILED
    assert world.ads.reports == []


async def test_tracker_that_was_switched_off_meanwhile_is_skipped(world: World) -> None:
    """Both kinds say so."""
    await world.track_ad(TrackAdCommand(status="Lead"))
    await world.track_funnel(TrackFunnelCommand(status="start_quiz", clickid="c"))
    assert await world.deliver_all(world.silent) == [DeliveryStatus.SKIPPED] * 2
    reasons = [attempt.reason for attempt in world.store.tracking_log]
    assert reasons == ["the ad platform is not configured", "the click tracker is not configured"]


async def test_event_that_vanished_is_a_dead_letter(world: World) -> None:
    """A human must look."""
    await world.track_ad(TrackAdCommand(status="Lead"))
    world.store.tables.tracking_log.clear()
    assert await world.deliver_all() == [DeliveryStatus.DEAD]
    assert world.store.outbox[0].error == "its logged event does not exist"


async def test_settled_events_are_forgotten_after_a_time(world: World) -> None:
    """After ninety days, not before, and not while one still waits."""
    await world.track_ad(TrackAdCommand(status="Lead"))
    await world.deliver_all()
    await world.track_ad(TrackAdCommand(status="Waits"))
    world.clock.advance(90 * DAY)
    assert await world.forget_tracking() == 0
    world.clock.advance(timedelta(seconds=1))
    assert await world.forget_tracking() == 1
    assert [attempt.event.name for attempt in world.store.tracking_log] == ["Waits"]


def test_personal_data_stays_out_of_reprs() -> None:
    """Commands, events and reports may be logged by mistake."""
    shown = (
        repr(TrackAdCommand(status="Lead", ip="192.0.2.1", ua="Mozilla", fbclid="AbC"))
        + repr(AdEvent(name="Lead", ip="192.0.2.1", user_agent="Mozilla", fbclid="AbC"))
        + repr(ClickReport(key="k", status="start_quiz", clickid="click-1"))
    )
    for secret in ("192.0.2.1", "Mozilla", "AbC", "click-1"):
        assert secret not in shown


async def test_portal_is_the_login_page_with_the_address_filled_in(world: World) -> None:
    """The same for everybody; a malformed address is named, a provider that is away is said."""
    assert await world.open_portal(" a+b@example.com ") == (
        "https://billing.example/p/login/1?prefilled_email=a%2Bb%40example.com"
    )
    assert (await world.open_portal("a/b@example.com")).endswith("?prefilled_email=a%2Fb%40example.com")
    world.portal.page += "?locale=ru"
    assert (await world.open_portal("a@example.com")).endswith("?locale=ru&prefilled_email=a%40example.com")
    with pytest.raises(InvalidInput):
        await world.open_portal("nobody")
    world.portal.down = True
    with pytest.raises(PaymentProviderUnavailable):
        await world.open_portal("a@example.com")
