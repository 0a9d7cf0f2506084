"""A customer who has paid has the mail at once: the commit wakes the worker, and no other far side is waited for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from entrypoints.container import Container
from entrypoints.processes import opened
from entrypoints.settings import Role, load_settings
from entrypoints.worker import BOUNDS
from paywall_core.effects import Lane
from paywall_core.ports.delivery import ClickReport
from paywall_core.testing import FakeClickTracker, FakeClock, FakeGateway
from tests.integration.entrypoints.shop import ENVIRON, Shop
from tests.integration.smtp.post_office import PostOffice, until

AN_HOUR = 3600.0


class MuteTracker(FakeClickTracker):
    """Answers nobody before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.answers = asyncio.Event()

    async def report(self, report: ClickReport) -> None:
        """Hear it, and be silent."""
        self.asked += 1
        await self.answers.wait()
        await super().report(report)

    async def close(self) -> None:
        """As the real one's."""


@asynccontextmanager
async def working(container: Container) -> AsyncIterator[None]:
    """Its worker runs, and looks at the outbox only when it is woken."""
    stop = asyncio.Event()
    container.worker.add_kwargs(poll_seconds=AN_HOUR)
    running = asyncio.create_task(container.worker().run(stop))
    try:
        yield
    finally:
        stop.set()
        await running


async def test_mail_leaves_when_the_payment_is_committed_whatever_a_tracker_does(database_url: str) -> None:
    """The worker hears of it: on PostgreSQL from another process's parts, on SQLite from its own."""
    clock, office, tracker = FakeClock(datetime.now(UTC)), PostOffice(), MuteTracker()
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(office.open())
        mail = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
            "SMTP_STARTTLS": "false",
            "SMTP_FROM": "a@example.com",
        }
        trackers = {"MOBI_SLON_POSTBACK_URL": "http://127.0.0.1:9/?cnv_id={clickid}&cnv_status={status}"}
        settings = load_settings({**ENVIRON, **mail, **trackers, "DATABASE_URL": database_url}, Role.SERVE)
        ours = await stack.enter_async_context(opened(settings, clock))
        ours.click_tracker.override(tracker)
        theirs = await stack.enter_async_context(opened(settings, clock)) if "postgresql" in database_url else ours
        theirs.gateway.override(FakeGateway(clock))
        shop = Shop(theirs, clock)
        async with working(ours):
            slots = BOUNDS[Lane.CLICK_TRACKER]
            for number in range(slots + 3):
                await shop.buy(f"customer-{number}@example.com", name=str(number))
            await until(lambda: tracker.asked == slots and len(office.mails) == slots + 3)
            await shop.buy("anna@example.com", name="anna")
            await until(lambda: "anna@example.com" in office.recipients)
            assert (tracker.asked, tracker.reports) == (slots, [])
            tracker.answers.set()
            await until(lambda: len(tracker.reports) == slots + 4)
    assert office.connections <= BOUNDS[Lane.MAIL]
    assert office.farewells == office.connections
