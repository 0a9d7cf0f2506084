"""Traces of orders, where a collector is named; else nothing is put around anything."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from entrypoints.settings import SettingError, Settings
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import PaymentGateway
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus
from paywall_core.use_cases.activate_access import ActivateAccessCommand, GrantedAccess
from paywall_core.use_cases.record_payment import Record
from paywall_core.use_cases.start_checkout import StartCheckoutCommand, StartedCheckout

Checkout: TypeAlias = Callable[[StartCheckoutCommand], Awaitable[StartedCheckout]]
Activate: TypeAlias = Callable[[ActivateAccessCommand], Awaitable[GrantedAccess]]
Deliver: TypeAlias = Callable[[Delivery], Awaitable[DeliveryStatus]]


class Traces(Protocol):
    """Gives what it is given, perhaps with something around it that tells how it went."""

    def checkout(self, start: Checkout) -> Checkout:
        """Around the click on "pay"."""
        ...

    def gateway(self, gateway: PaymentGateway) -> PaymentGateway:
        """Around what the payment provider is asked meanwhile."""
        ...

    def recording(self, record: Record, way: str) -> Record:
        """Around what the payment provider says, which came by that way."""
        ...

    def delivering(self, deliver: Deliver) -> Deliver:
        """Around a delivery of the outbox."""
        ...

    def activating(self, activate: Activate) -> Activate:
        """Around the redeeming of a link."""
        ...

    async def close(self) -> None:
        """Tell what was not told yet."""
        ...


class Untraced(Traces):
    """Nobody listens: what is given is what is got."""

    def checkout(self, start: Checkout) -> Checkout:
        """It."""
        return start

    def gateway(self, gateway: PaymentGateway) -> PaymentGateway:
        """It."""
        return gateway

    def recording(self, record: Record, way: str) -> Record:  # noqa: ARG002  - as the protocol says
        """It."""
        return record

    def delivering(self, deliver: Deliver) -> Deliver:
        """It."""
        return deliver

    def activating(self, activate: Activate) -> Activate:
        """It."""
        return activate

    async def close(self) -> None:
        """Nothing is left."""


def traces(settings: Settings, clock: Clock) -> Traces:
    """What the settings say.

    Raises:
        SettingError: a collector is named, and the packages that speak to one are not installed.
    """
    collector = settings.collector
    if collector is None:
        return Untraced()
    try:
        from adapters.otel.export import ExportedTraces  # noqa: PLC0415  - most do without
    except ModuleNotFoundError as error:
        raise SettingError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set and {error.name} is not there: install `paywall[tracing]`"
        ) from None
    return ExportedTraces(
        endpoint=collector.endpoint, headers=collector.headers, service=collector.service_name, clock=clock
    )
