"""What the quiz front end tells: logged, forwarded by the outbox, and believed only as far as it is true."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Final

import httpx
import pytest
from sqlalchemy import select

from adapters.db.database import Database
from adapters.db.rows import attempt_of_row
from adapters.db.schema import tracking_events
from adapters.db.statements import Statement
from paywall_core.effects import Effect, ForwardTrackedEvent, Lane, ReportSale
from paywall_core.tracking import AdEvent, FunnelEvent, TrackingAttempt, TrackingOutcome

from .service import Service, check_problem, running

FUNNEL: Final = "/api/tracking/mobi-slon-event"
META: Final = "/api/tracking/meta-event"
IMG: Final = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
PAGE: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


async def logged(service: Service) -> list[TrackingAttempt]:
    """Everything that came in."""
    async with service.database.pool.reading() as connection:
        return [attempt_of_row(row) for row in await connection.all(Statement(select(tracking_events)))]


async def owed(service: Service) -> list[Effect]:
    """What the worker has to do; nothing is left for the next question."""
    async with service.database.unit_of_work() as uow:
        later = service.clock.now() + timedelta(minutes=5)
        leased = await uow.outbox.lease(
            now=service.clock.now(), limit=100, lease_until=later, lease_id=service.world.randomness.new_id()
        )
        await uow.commit()
    return [delivery.effect for delivery in leased if isinstance(delivery.effect, ForwardTrackedEvent | ReportSale)]


async def only(service: Service) -> TrackingAttempt:
    """The one event that came in, which the worker is to forward."""
    (attempt,) = await logged(service)
    assert attempt.outcome is TrackingOutcome.QUEUED
    lane = Lane.AD_PLATFORM if isinstance(attempt.event, AdEvent) else Lane.CLICK_TRACKER
    assert await owed(service) == [ForwardTrackedEvent(attempt_id=attempt.id, lane=lane)]
    return attempt


async def test_step_by_a_call_is_logged_and_forwarded(service: Service) -> None:
    """With what came along: numbers and booleans as the text that they were, no nulls."""
    body = (
        b'{"status": "block2_completed", "clickid": "c-1", "session_id": "cs_1", "page_path": "/quiz/2", "more": 1, '
        b'"tracking_params": {"utm": "\xd0\xb0", "n": 12345678901234567890123, "x": 1.50, "yes": true, "no": null}}'
    )
    assert (await service.client.post(FUNNEL, content=body)).json() == {"status": "accepted"}
    assert (await only(service)).event == FunnelEvent(
        name="block2_completed",
        clickid="c-1",
        session_id="cs_1",
        page_path="/quiz/2",
        params={"utm": "а", "n": "12345678901234567890123", "x": "1.50", "yes": "true"},
    )


async def test_step_by_a_beacon_takes_every_other_parameter_along(service: Service) -> None:
    """Even one that is called like the call's own object; of several with one name the last counts."""
    query = "status=start_quiz&clickid=a%26b&page_path=&utm=1&utm=%D0%B0&tracking_params=x&empty="
    assert (await service.client.get(f"{FUNNEL}?{query}")).json() == {"status": "accepted"}
    assert (await only(service)).event == FunnelEvent(
        name="start_quiz", clickid="a&b", params={"utm": "а", "tracking_params": "x", "empty": ""}
    )


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (IMG, "image/gif"),
        ("image/*", "image/gif"),
        ("image/gif, */*;q=0.1", "image/gif"),
        (PAGE, "application/json"),
        ("*/*", "application/json"),
        ("application/json, image/*;q=0.5", "application/json"),
        ("", "application/json"),
        ("garbage;q=x,,;", "application/json"),
        ("image/*;q=high", "image/gif"),
    ],
)
async def test_whoever_prefers_an_image_gets_one(service: Service, accept: str, kind: str) -> None:
    """A picture that no cache keeps: the next step is another request."""
    answer = await service.client.get(f"{FUNNEL}?status=start_quiz&clickid=c", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["cache-control"] == "no-store"
    if kind == "image/gif":
        assert answer.content.startswith(b"GIF89a\x01\x00\x01\x00")
    assert len(await logged(service)) == 1


async def test_image_that_is_refused_is_a_problem(service: Service) -> None:
    """A browser shows nothing then, and the log of its console says why."""
    answer = await service.client.get(f"{FUNNEL}?status=nothing&clickid=c", headers={"Accept": IMG})
    check_problem(answer, 400, "validation_failed")
    assert await logged(service) == []


async def test_sale_that_is_true_is_the_orders_own_and_goes_out_once(service: Service) -> None:
    """The webhook has reported it, or will: the browser's word adds nothing to that."""
    started = await service.buy(clickid="c-1")
    assert await owed(service) == [ReportSale(order_id=(await service.database.recent_orders(1))[0][0].id)]
    claim = {"status": "pay_success", "clickid": "c-1", "session_id": started["session_id"]}
    for _ in range(3):
        assert (await service.post(FUNNEL, claim)).json() == {"status": "accepted"}
    assert [attempt.outcome for attempt in await logged(service)] == [TrackingOutcome.MERGED] * 3
    assert await owed(service) == []


@pytest.mark.parametrize(
    "changes",
    [{"session_id": None}, {"session_id": ""}, {"session_id": "cs_x"}, {"clickid": "another"}, {"clickid": "C-1"}],
)
async def test_sale_that_is_not_true_is_logged_and_goes_nowhere(
    service: Service, changes: dict[str, str | None]
) -> None:
    """No session, an unknown one, another click: accepted all the same, so that nobody can tell."""
    started = await service.buy(clickid="c-1")
    await owed(service)
    claim = {"status": "pay_success", "clickid": "c-1", "session_id": started["session_id"], **changes}
    assert (await service.post(FUNNEL, claim)).json() == {"status": "accepted"}
    (attempt,) = await logged(service)
    assert (attempt.outcome, bool(attempt.reason)) == (TrackingOutcome.REFUSED, True)
    assert await owed(service) == []


async def test_sale_before_the_payment_is_only_a_claim(service: Service) -> None:
    """Nothing was paid yet; when it is, the webhook tells."""
    started = await service.checkout(clickid="c-1")
    query = f"status=pay_success&clickid=c-1&session_id={started['session_id']}"
    assert (await service.client.get(f"{FUNNEL}?{query}")).status_code == 200
    assert [attempt.outcome for attempt in await logged(service)] == [TrackingOutcome.REFUSED]
    assert await owed(service) == []


async def test_ad_event_keeps_what_the_page_knows_of_its_visitor(service: Service) -> None:
    """As it came, the click id's case too; then nothing of the request's own is added."""
    await service.client.get(META, params={"status": "Lead", "fbclid": "IwAR2xYz"}, headers={"User-Agent": "Mine"})
    assert (await only(service)).event == AdEvent(name="Lead", fbclid="IwAR2xYz")


async def test_ad_event_of_which_nothing_is_known_is_the_requests_own(service: Service) -> None:
    """Its address and its browser; what is too long of that is cut, for nobody chose to send it."""
    agent = "Mozilla/5.0 " + "x" * 2000
    await service.client.get(f"{META}?status=Lead&fbclid=&ip=&ua=", headers={"User-Agent": agent})
    assert (await only(service)).event == AdEvent(name="Lead", ip="127.0.0.1", user_agent=agent[:1024])


async def test_own_address_is_the_clients_behind_a_trusted_proxy(database: Database) -> None:
    """And no other header is believed."""
    async with running(database, trusted_proxies=[ip_network("127.0.0.0/8")]) as service:
        lies = {"X-Forwarded-For": "9.9.9.9, 203.0.113.7", "X-Real-IP": "9.9.9.9", "Forwarded": "for=9.9.9.9"}
        await service.client.get(f"{META}?status=Lead", headers=lies)
        (attempt,) = await logged(service)
        assert isinstance(attempt.event, AdEvent)
        assert attempt.event.ip == "203.0.113.7"


async def test_same_ad_event_twice_is_one_at_the_platform(service: Service) -> None:
    """Two attempts with one id."""
    for _ in range(2):
        await service.client.get(META, params={"status": "Lead", "fbclid": "a"})
    first, second = await logged(service)
    assert isinstance(first.event, AdEvent)
    assert isinstance(second.event, AdEvent)
    assert (first.id != second.id, first.event.event_id) == (True, second.event.event_id)


@pytest.mark.parametrize("path", [f"{META}?status=Lead", f"{FUNNEL}?status=start_quiz&clickid=c"])
async def test_asking_about_a_tracking_call_is_not_making_it(service: Service, path: str) -> None:
    """A HEAD, as link previews send it, is no visitor's step."""
    for variant in (path, path.replace("/tracking/", "//tracking//")):
        answer = await service.client.head(variant)
        assert answer.status_code == 405
    assert await logged(service) == []


async def test_trackers_that_are_not_set_up_log_nothing(database: Database) -> None:
    """The front end is told, and nothing piles up."""
    async with running(database, trackers=False) as service:
        answers: list[httpx.Response] = [
            await service.client.get(f"{META}?status=Lead"),
            await service.post(FUNNEL, {"status": "start_quiz", "clickid": "c"}),
            await service.client.get(f"{FUNNEL}?status=start_quiz&clickid=c", headers={"Accept": IMG}),
        ]
        for answer in answers:
            check_problem(answer, 503, "tracking_not_configured")
        assert await logged(service) == []
