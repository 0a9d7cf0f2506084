"""Everything that a trace tells of is put together with its span around it."""

from entrypoints.container import Container
from entrypoints.settings import Role, load_settings
from entrypoints.tracing import Activate, Checkout, Deliver, Untraced
from paywall_core.ports.payments import PaymentGateway
from paywall_core.use_cases.record_payment import Record
from tests.unit.entrypoints.test_doctor import EVERYTHING


class Asked(Untraced):
    """Writes down what it was asked to stand around."""

    def __init__(self) -> None:
        self.around: list[str] = []

    def checkout(self, start: Checkout) -> Checkout:
        """The click."""
        self.around.append("checkout")
        return start

    def gateway(self, gateway: PaymentGateway) -> PaymentGateway:
        """Stripe's part of it."""
        self.around.append("gateway")
        return gateway

    def recording(self, record: Record, way: str) -> Record:
        """What Stripe says."""
        self.around.append(way)
        return record

    def delivering(self, deliver: Deliver) -> Deliver:
        """The outbox."""
        self.around.append("delivering")
        return deliver

    def activating(self, activate: Activate) -> Activate:
        """The bot's door."""
        self.around.append("activating")
        return activate


async def test_each_way_by_which_an_order_changes_has_its_span() -> None:
    """As docs/tracing.md names them; a use case that is built without one is in no trace."""
    container, asked = Container(settings=load_settings(EVERYTHING, Role.SERVE)), Asked()
    container.traces.override(asked)
    for build in (container.http_dependencies, container.worker, container.reconcile, container.look_up_parked):
        build()
    ways = ["look-up", "reconcile", "success page", "webhook"]
    assert sorted(asked.around) == sorted(["activating", "checkout", "delivering", "gateway", *ways])
