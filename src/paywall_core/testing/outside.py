"""The outside world as a test wants it: it does what it is told, and remembers what it was asked."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from paywall_core.errors import DeliveryFailed, PaymentProviderUnavailable
from paywall_core.events import CheckoutOpened
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification
from paywall_core.ports.clock import Clock
from paywall_core.ports.delivery import (
    AccessMessage,
    AccessMessenger,
    AdPlatform,
    AdReport,
    ClickReport,
    ClickTracker,
    CodeMessage,
    CodeMessenger,
    NoticeMessage,
    NoticeMessenger,
)
from paywall_core.ports.payments import (
    CheckoutRequest,
    CustomerPortal,
    ListedEvent,
    OpenedCheckout,
    PaymentGateway,
    PaymentLedger,
    Price,
)


class FakeGateway(PaymentGateway):
    """A payment provider that opens checkouts and answers what a test told it to.

    Attributes:
        down: raise `PaymentProviderUnavailable` for everything.
        requests: every checkout that was asked for.
        answers: what `read_checkout` says, by session id; a session without an answer is still open.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.down = False
        self.requests: list[CheckoutRequest] = []
        self.answers: dict[str, PaymentNotification] = {}
        self.reads: list[str] = []

    async def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Open a checkout, named after its order."""
        self._check_up()
        self.requests.append(request)
        session_id = f"cs_test_{request.order_id.hex}"
        return OpenedCheckout(session_id=session_id, url=f"https://checkout.example/{session_id}")

    async def read_checkout(self, session_id: str) -> PaymentNotification:
        """The prepared answer."""
        self._check_up()
        self.reads.append(session_id)
        return self.answers.get(session_id) or PaymentNotification(
            event_id=None,
            event_type="checkout.session",
            occurred_at=self._clock.now(),
            payload=b"{}",
            references=(session_id,),
            events=(CheckoutOpened(session_id=session_id),),
        )

    async def price_of(self, plan: str) -> Price:  # noqa: ARG002  - everything costs the same
        """Ten euros for everything."""
        self._check_up()
        return Price(amount=Money(amount_minor=1000, currency="eur"))

    def _check_up(self) -> None:
        if self.down:
            raise PaymentProviderUnavailable("the fake provider is down")


class FakeLedger(PaymentLedger):
    """A payment provider's records, as a test wrote them.

    Attributes:
        events: what `list_events` lists, whatever order they were put in.
        breaks_after: the list breaks off with `PaymentProviderUnavailable` after so many events; None: it does not.
        traces: what `trace` says of an id; the first id with an entry decides.
        down: raise `PaymentProviderUnavailable` for everything, with `retry_after_seconds`.
        asked: the ids that were traced, question by question.
    """

    def __init__(self) -> None:
        self.events: list[ListedEvent] = []
        self.breaks_after: int | None = None
        self.traces: dict[str, PaymentNotification] = {}
        self.down = False
        self.retry_after_seconds = 5
        self.asked: list[tuple[str, ...]] = []

    async def list_events(self, since: datetime, until: datetime) -> AsyncIterator[ListedEvent]:
        """The events of that stretch, oldest first."""
        self._check_up()
        listed = [event for event in self.events if since <= event.occurred_at < until]
        for number, event in enumerate(sorted(listed, key=lambda event: (event.occurred_at, event.event_id))):
            if number == self.breaks_after:
                raise PaymentProviderUnavailable("the fake provider's list broke off")
            yield event

    async def trace(self, references: Sequence[str]) -> PaymentNotification | None:
        """The prepared answer."""
        self._check_up()
        self.asked.append(tuple(references))
        return next((self.traces[reference] for reference in references if reference in self.traces), None)

    def _check_up(self) -> None:
        if self.down:
            raise PaymentProviderUnavailable("the fake provider is down", retry_after_seconds=self.retry_after_seconds)


class FakeCustomerPortal(CustomerPortal):
    """A portal at a fixed address; `down` raises `PaymentProviderUnavailable`."""

    def __init__(self, page: str = "https://billing.example/p/login/1") -> None:
        self.page = page
        self.down = False

    async def login_page(self) -> str:
        """Its address."""
        if self.down:
            raise PaymentProviderUnavailable("the fake provider is down")
        return self.page


class _Unreliable:
    """Raises `failure` first when one is set."""

    def __init__(self) -> None:
        self.failure: DeliveryFailed | None = None

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure


class FakeMessenger(_Unreliable, AccessMessenger):
    """Collects access messages; raises `failure` first when one is set."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[AccessMessage] = []

    async def send_access(self, message: AccessMessage) -> None:
        """Collect it."""
        self._check()
        self.sent.append(message)


class FakeCodeMailer(_Unreliable, CodeMessenger):
    """Collects one-time codes; raises `failure` first when one is set."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[CodeMessage] = []

    async def send_code(self, message: CodeMessage) -> None:
        """Collect it."""
        self._check()
        self.sent.append(message)


class FakeNoticeMessenger(_Unreliable, NoticeMessenger):
    """Collects notices; raises `failure` first when one is set."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[NoticeMessage] = []

    async def send_notice(self, message: NoticeMessage) -> None:
        """Collect it."""
        self._check()
        self.sent.append(message)


class FakeClickTracker(_Unreliable, ClickTracker):
    """Collects reports; raises `failure` first when one is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[ClickReport] = []

    async def report(self, report: ClickReport) -> None:
        """Collect it."""
        self._check()
        self.reports.append(report)


class FakeAdPlatform(_Unreliable, AdPlatform):
    """Collects events; raises `failure` first when one is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[AdReport] = []

    async def send_event(self, report: AdReport) -> None:
        """Collect it."""
        self._check()
        self.reports.append(report)
