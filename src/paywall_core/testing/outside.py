"""The outside world as a test wants it: it does what it is told, and remembers what it was asked."""

from paywall_core.errors import DeliveryFailed, PaymentProviderUnavailable
from paywall_core.events import CheckoutOpened, PaymentNotification
from paywall_core.money import Money
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
)
from paywall_core.ports.payments import CheckoutRequest, CustomerPortal, OpenedCheckout, PaymentGateway, Price


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
