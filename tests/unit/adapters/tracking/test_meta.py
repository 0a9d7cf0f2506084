"""An event in Meta's words, and addresses that are none."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from adapters.tracking.meta import MetaConversions, event_of
from paywall_core.ports.delivery import AdReport
from paywall_core.tracking import AdEvent

MOMENT = datetime(2026, 11, 24, 12, 0, 0, 123_999, tzinfo=UTC)
SECONDS = int(MOMENT.timestamp())
SOURCE = "https://pay.example.com/pay"


def report(known: dict[str, str] | None = None, *, occurred_at: datetime = MOMENT) -> AdReport:
    """A report of what is known of a visitor; a click, where nothing is said."""
    event = AdEvent(name="Lead", **({"fbclid": "x"} if known is None else known))
    return AdReport(key="tracked_event:1", event=event, occurred_at=occurred_at)


def test_event_says_everything_that_is_known() -> None:
    """Seconds for the event, milliseconds for the click, whose case is kept; the id is the event's own."""
    known = {"fbclid": "IwAR_AbC-9xYz", "ip": "2001:db8::1", "user_agent": "Mozilla/5.0 (ы)"}
    wanted = report(known)
    assert event_of(wanted, source_url=SOURCE) == {
        "event_name": "Lead",
        "event_time": SECONDS,
        "event_id": wanted.event.event_id,
        "action_source": "website",
        "event_source_url": SOURCE,
        "user_data": {
            "fbc": f"fb.1.{SECONDS}123.IwAR_AbC-9xYz",
            "client_ip_address": "2001:db8::1",
            "client_user_agent": "Mozilla/5.0 (ы)",
        },
    }


@pytest.mark.parametrize(
    ("known", "sent"),
    [
        ({}, set()),
        ({"fbclid": ""}, set()),
        ({"ip": "203.0.113.1"}, {"client_ip_address"}),
        ({"user_agent": "x"}, {"client_user_agent"}),
        ({"fbclid": "x", "ip": ""}, {"fbc"}),
    ],
)
def test_unknown_is_left_out(known: dict[str, str], sent: set[str]) -> None:
    """Neither null nor empty."""
    assert set(event_of(report(known), source_url=SOURCE)["user_data"]) == sent


def test_moment_is_the_same_in_every_zone() -> None:
    """And exact to the millisecond, whatever a float would make of it."""
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert event_of(report(occurred_at=elsewhere), source_url=SOURCE) == event_of(report(), source_url=SOURCE)
    for milliseconds in range(0, 1000, 7):
        moment = datetime(2031, 3, 5, 1, 2, 3, milliseconds * 1000, tzinfo=UTC)
        event = event_of(report(occurred_at=moment), source_url=SOURCE)
        assert event["user_data"]["fbc"].split(".")[2] == f"{event['event_time']}{milliseconds:03d}"


@pytest.mark.parametrize("base", ["graph.facebook.com", "ftp://graph.example", "https://", "https://g.example/?x=1"])
def test_address_that_is_none_is_refused_at_once(base: str) -> None:
    """At the start, not at the first event."""
    with pytest.raises(ValueError, match="Meta's address"):
        MetaConversions(pixel_id="1", access_token="token", api_version="v25.0", api_base=base, source_url=SOURCE)
