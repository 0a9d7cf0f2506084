"""The in-memory store and the fakes of the outside world keep the contracts that every adapter must keep."""

from collections.abc import Sequence

from paywall_core.errors import DeliveryFailed
from paywall_core.testing import FakeClock, FakeCodeMailer, FakeGateway, FakeMessenger, FakeNoticeMessenger
from paywall_core.testing.contract import (
    AccessMessengerContract,
    CodeMessengerContract,
    DatabaseContract,
    NoticeMessengerContract,
    PaymentGatewayContract,
)


class TestInMemoryStore(DatabaseContract):
    """All of them, over the default ports."""


class TestFakeMessengers(AccessMessengerContract, CodeMessengerContract, NoticeMessengerContract):
    """They arrive where a test looks."""

    locales = ("en", "ru")

    async def set_up(self) -> None:
        """One of each."""
        self.messenger = self.access_messages = FakeMessenger()
        self.code_messenger = self.codes = FakeCodeMailer()
        self.notice_messenger = self.notices = FakeNoticeMessenger()

    async def arrived(self) -> Sequence[str]:
        """What each collected."""
        return [
            *(one.activation_link for one in self.access_messages.sent),
            *(one.code for one in self.codes.sent),
            *(one.url or "" for one in self.notices.sent),
        ]

    async def refuse(self, *, permanent: bool) -> None:
        """As a test tells them."""
        for one in (self.access_messages, self.codes, self.notices):
            one.failure = DeliveryFailed("no", permanent=permanent)


class TestFakeGateway(PaymentGatewayContract):
    """A provider that answers as it is told."""

    async def set_up(self) -> None:
        """It is up."""
        self.gateway = self.fake = FakeGateway(FakeClock())

    async def go_down(self) -> None:
        """It is down."""
        self.fake.down = True
