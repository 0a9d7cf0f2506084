"""The worker's lanes: each has its bound, none waits for another, and what is begun is finished."""

import asyncio

import pytest

from entrypoints.worker import BOUNDS
from paywall_core.effects import Lane, ReportSale
from paywall_core.ports.delivery import AccessMessage, ClickReport
from paywall_core.ports.unit_of_work import DeliveryStatus

from .test_worker import Setting, eventually

AN_HOUR = 3600.0


class Far:
    """A far side that answers when it is told to; counts who waits."""

    def __init__(self) -> None:
        self.asked = 0
        self.waiting = 0
        self.most = 0
        self.answers = asyncio.Event()

    async def __call__(self, _message: AccessMessage | ClickReport) -> None:
        """Take it."""
        self.asked += 1
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.answers.wait()
        self.waiting -= 1


@pytest.fixture
async def setting() -> Setting:
    """One whose worker looks at the outbox when it is woken, and not by the clock."""
    setting = Setting()
    setting.worker._poll_seconds = AN_HOUR
    return setting


@pytest.fixture
def tracker(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Far:
    """A tracker that is silent."""
    tracker = Far()
    monkeypatch.setattr(setting.tracker, "report", tracker)
    return tracker


def attempts(setting: Setting) -> list[int]:
    """How often each report was tried."""
    return sorted(row.attempts for row in setting.store.outbox if isinstance(row.effect, ReportSale))


async def test_silent_tracker_holds_up_no_mail(setting: Setting, tracker: Far) -> None:
    """It has its own few places; what it has no place for is not leased, and goes out as places become free."""
    places = BOUNDS[Lane.CLICK_TRACKER]
    for number in range(1, 21):
        await setting.buy(number, clickid="click")
    async with setting.working():
        await eventually(lambda: len(setting.mailer.sent) == 20 and tracker.waiting == places)
        await setting.buy(21)
        setting.awake.set()
        await eventually(lambda: len(setting.mailer.sent) == 21)
        assert attempts(setting) == [0] * (20 - places) + [1] * places
        tracker.answers.set()
        await eventually(lambda: {row.status for row in setting.store.outbox} == {DeliveryStatus.DELIVERED})
    assert (tracker.asked, tracker.most) == (20, places)


async def test_each_lane_has_its_bound(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is due."""
    mails = Far()
    monkeypatch.setattr(setting.mailer, "send_access", mails)
    for number in range(1, 31):
        await setting.buy(number)
    async with setting.working():
        await eventually(lambda: mails.waiting == BOUNDS[Lane.MAIL])
        setting.awake.set()
        mails.answers.set()
        await eventually(lambda: mails.asked == 30 and not mails.waiting)
    assert mails.most == BOUNDS[Lane.MAIL]


async def test_what_has_begun_is_finished_at_the_end_and_nothing_else_is_begun(setting: Setting, tracker: Far) -> None:
    """Told to stop, the worker waits for the far side; what was not leased is left to others."""
    places = BOUNDS[Lane.CLICK_TRACKER]
    for number in range(1, 11):
        await setting.buy(number, clickid="click")
    running = asyncio.create_task(setting.worker.run(setting.stop))
    await eventually(lambda: tracker.waiting == places and len(setting.mailer.sent) == 10)
    setting.stop.set()
    tracker.answers.set()
    await running
    assert attempts(setting) == [0] * (10 - places) + [1] * places
    done = [row for row in setting.store.outbox if isinstance(row.effect, ReportSale) and row.attempts]
    assert {row.status for row in done} == {DeliveryStatus.DELIVERED}


def test_every_lane_has_a_bound() -> None:
    """One without would never be looked at."""
    assert BOUNDS.keys() == set(Lane)
    assert min(BOUNDS.values()) > 0
