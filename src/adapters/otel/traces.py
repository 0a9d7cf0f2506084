"""What the product does, with spans around it: when it was, how long it took, and how it ended.

What has no order has no trace. No span holds a token, a code, a secret or an address: of an error only the type is
told.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import timedelta
from time import time_ns
from typing import Final, TypeAlias
from uuid import UUID

from opentelemetry.trace import SpanKind

from adapters.otel.spans import Spans
from paywall_core.effects import Effect
from paywall_core.notification import PaymentNotification
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import CheckoutRequest, OpenedCheckout, PaymentGateway, Price
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus
from paywall_core.use_cases.activate_access import ActivateAccessCommand, GrantedAccess
from paywall_core.use_cases.record_payment import Record, RecordedPayment
from paywall_core.use_cases.start_checkout import StartCheckoutCommand, StartedCheckout

_Checkout: TypeAlias = Callable[[StartCheckoutCommand], Awaitable[StartedCheckout]]
_Activate: TypeAlias = Callable[[ActivateAccessCommand], Awaitable[GrantedAccess]]
_Deliver: TypeAlias = Callable[[Delivery], Awaitable[DeliveryStatus]]

_FAILED: Final = frozenset((DeliveryStatus.PENDING, DeliveryStatus.DEAD))
_MICROSECOND: Final = timedelta(microseconds=1)
_placed: ContextVar[list[UUID]] = ContextVar("placed")


class OrderTraces:
    """Puts spans around the use cases.

    Args:
        spans: where they are told.
        clock: the one by which deliveries are due.
    """

    def __init__(self, spans: Spans, clock: Clock) -> None:
        self._spans = spans
        self._clock = clock

    def checkout(self, start: _Checkout) -> _Checkout:
        """The click: the order's trace begins."""

        async def traced(command: StartCheckoutCommand) -> StartedCheckout:
            since, placed = time_ns(), list[UUID]()
            about, error = {"paywall.plan": command.plan}, None
            reset = _placed.set(placed)
            try:
                return await start(command)
            except Exception as failure:
                error = type(failure).__name__
                raise
            finally:
                _placed.reset(reset)
                for order_id in placed:  # none: it was refused before there was an order
                    self._spans.tell(
                        "checkout", order_id, since=since, kind=SpanKind.SERVER, about=about, error=error, begins=True
                    )

        return traced

    def gateway(self, gateway: PaymentGateway) -> PaymentGateway:
        """The payment provider's part of the click."""
        return _TracedGateway(gateway, self._spans)

    def recording(self, record: Record, way: str) -> Record:
        """What the payment provider says, and by which way it came."""

        async def traced(notification: PaymentNotification) -> RecordedPayment:
            since = time_ns()
            about: dict[str, str | int | bool] = {"paywall.way": way, "stripe.event_type": notification.event_type}
            if notification.event_id is not None:
                about["stripe.event_id"] = notification.event_id
            order_id, error = notification.order_id, None
            try:
                recorded = await record(notification)
            except Exception as failure:
                error = type(failure).__name__
                raise
            else:
                order_id = recorded.order_id
                about["paywall.duplicate"] = recorded.duplicate
                if recorded.before is not recorded.after:
                    about["paywall.moved"] = f"{recorded.before} -> {recorded.after}"
                return recorded
            finally:
                if order_id is not None:
                    self._spans.tell("record", order_id, since=since, kind=SpanKind.CONSUMER, about=about, error=error)

        return traced

    def delivering(self, deliver: _Deliver) -> _Deliver:
        """A delivery of the outbox; and before its first try, how long it lay there."""

        async def traced(delivery: Delivery) -> DeliveryStatus:
            order_id: UUID | None = getattr(delivery.effect, "order_id", None)
            if order_id is None:
                return await deliver(delivery)
            since, owed = time_ns(), max(self._clock.now() - delivery.owed_since, timedelta(0))
            about: dict[str, str | int | bool] = {
                "paywall.effect": _name(delivery.effect),
                "paywall.lane": str(delivery.effect.lane),
                "paywall.attempt": delivery.attempt,
            }
            if delivery.attempt == 1:
                lay = since - owed // _MICROSECOND * 1000
                self._spans.tell("outbox", order_id, since=lay, until=since, about=about)
            outcome, failed = "crashed", True
            try:
                status = await deliver(delivery)
                outcome, failed = str(status), status in _FAILED
                return status
            finally:
                about["paywall.outcome"] = outcome
                self._spans.tell(
                    "deliver",
                    order_id,
                    since=since,
                    kind=SpanKind.PRODUCER,
                    about=about,
                    error=outcome if failed else None,
                )

        return traced

    def activating(self, activate: _Activate) -> _Activate:
        """The customer walks in. Whoever is refused has shown no order."""

        async def traced(command: ActivateAccessCommand) -> GrantedAccess:
            since = time_ns()
            granted = await activate(command)
            about = {"paywall.plan": granted.plan}
            self._spans.tell("redeem", granted.order_id, since=since, kind=SpanKind.SERVER, about=about)
            return granted

        return traced


class _TracedGateway(PaymentGateway):
    def __init__(self, gateway: PaymentGateway, spans: Spans) -> None:
        self._gateway = gateway
        self._spans = spans

    async def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        since, error = time_ns(), None
        _placed.get([]).append(request.order_id)
        try:
            return await self._gateway.open_checkout(request)
        except Exception as failure:
            error = type(failure).__name__
            raise
        finally:
            about = {"paywall.plan": request.plan}
            self._spans.tell(
                "open checkout", request.order_id, since=since, kind=SpanKind.CLIENT, about=about, error=error
            )

    async def read_checkout(self, session_id: str) -> PaymentNotification:
        return await self._gateway.read_checkout(session_id)

    async def price_of(self, plan: str) -> Price:
        return await self._gateway.price_of(plan)


def _name(effect: Effect) -> str:
    """What the outbox calls it."""
    return str(effect.__struct_config__.tag)
