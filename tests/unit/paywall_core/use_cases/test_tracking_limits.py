"""Where the limits of what marketing is told lie, and that each claim is in the log with what it said."""

from typing import Any

import pytest
from msgspec import structs

from paywall_core.errors import InvalidInput, TrackingNotConfigured
from paywall_core.tracking import FunnelEvent, TrackingOutcome
from paywall_core.use_cases.track_event import TrackAd, TrackAdCommand, TrackFunnelCommand

from .world import World

STEP = TrackFunnelCommand(status="start_quiz", clickid="c-1")
LEAD = TrackAdCommand(status="Lead")


@pytest.mark.parametrize(
    ("field", "longest", "changes"),
    [
        ("clickid", 255, lambda n: {"clickid": "x" * n}),
        ("session_id", 255, lambda n: {"session_id": "x" * n}),
        ("page_path", 1024, lambda n: {"page_path": "x" * n}),
        ("tracking_params", 64, lambda n: {"params": {"x" * n: ""}}),
        ("tracking_params", 1024, lambda n: {"params": {"x": "y" * n}}),
        ("tracking_params", 40, lambda n: {"params": {str(number): "" for number in range(n)}}),
    ],
)
async def test_longest_step_is_taken_and_one_more_is_refused(
    world: World, field: str, longest: int, changes: Any
) -> None:
    """The caller is told which field it was, and how long it may be."""
    await world.track_funnel(structs.replace(STEP, **changes(longest)))
    assert len(world.store.tracking_log) == 1
    with pytest.raises(InvalidInput) as refused:
        await world.track_funnel(structs.replace(STEP, **changes(longest + 1)))
    assert refused.value.field == field
    assert str(longest) in refused.value.reason
    assert len(world.store.tracking_log) == 1


@pytest.mark.parametrize(
    ("field", "longest", "changes"),
    [
        ("status", 40, lambda n: {"status": "x" * n}),
        ("fbclid", 512, lambda n: {"fbclid": "x" * n}),
        ("ip", 64, lambda n: {"ip": "x" * n}),
        ("ua", 1024, lambda n: {"ua": "x" * n}),
    ],
)
async def test_longest_ad_event_is_taken_and_one_more_is_refused(
    world: World, field: str, longest: int, changes: Any
) -> None:
    """As above."""
    await world.track_ad(structs.replace(LEAD, **changes(longest)))
    with pytest.raises(InvalidInput) as refused:
        await world.track_ad(structs.replace(LEAD, **changes(longest + 1)))
    assert refused.value.field == field
    assert str(longest) in refused.value.reason
    assert len(world.store.tracking_log) == 1


async def test_unknown_names_are_answered_with_the_known_ones(world: World) -> None:
    """Of the funnel's steps, and of the ad platform's events where they are listed."""
    with pytest.raises(InvalidInput) as step:
        await world.track_funnel(structs.replace(STEP, status="purchase"))
    assert (step.value.field, "start_quiz, block1_completed" in step.value.reason) == ("status", True)
    with pytest.raises(InvalidInput) as event:
        await world.track_listed_ad(structs.replace(LEAD, status="Other"))
    assert (event.value.field, "Lead, Purchase" in event.value.reason) == ("status", True)


async def test_every_claim_is_in_the_log_with_what_it_said(world: World) -> None:
    """Once each: refused for want of a session, for another click, and merged with the order's own report."""
    started = await world.buy()
    sessions = (("cs_none", "click-1"), (started.session_id, "click-2"), (started.session_id, "click-1"))
    for session_id, clickid in sessions:
        await world.track_funnel(TrackFunnelCommand(status="pay_success", clickid=clickid, session_id=session_id))
    assert [(attempt.event, attempt.outcome) for attempt in world.store.tracking_log] == [
        (FunnelEvent(name="pay_success", clickid=clickid, session_id=session_id), outcome)
        for (session_id, clickid), outcome in zip(
            sessions, (TrackingOutcome.REFUSED, TrackingOutcome.REFUSED, TrackingOutcome.MERGED), strict=True
        )
    ]


async def test_ad_platform_that_is_not_configured_is_said_at_once(world: World) -> None:
    """And nothing is stored."""
    track = TrackAd(
        unit_of_work=world.store.unit_of_work, clock=world.clock, randomness=world.randomness, configured=False
    )
    with pytest.raises(TrackingNotConfigured):
        await track(LEAD)
    assert world.store.tracking_log == []
