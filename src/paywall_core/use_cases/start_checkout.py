"""The customer wants to pay: place an order, and open a checkout for it."""

from typing import Final
from uuid import UUID

from msgspec import Struct

from paywall_core.email_address import parse_email
from paywall_core.errors import InvalidInput, OrderNotFound
from paywall_core.events import CheckoutOpened
from paywall_core.locales import Locales
from paywall_core.order import Order, apply
from paywall_core.plans import PlanCatalogue
from paywall_core.ports.clock import Clock, Randomness
from paywall_core.ports.payments import CheckoutRequest, PaymentGateway
from paywall_core.ports.unit_of_work import UnitOfWorkFactory
from paywall_core.text import is_storable

MAX_CLICKID_CHARACTERS: Final = 255
_MAX_CHAT_ID_DIGITS: Final = 20


class StartCheckoutCommand(Struct, frozen=True, kw_only=True):
    """What the customer chose; fields as in `Order`, `locale` and `telegram_chat_id` as they came."""

    mode: str
    plan: str
    email: str
    clickid: str
    locale: str | None = None
    telegram_chat_id: str | None = None


class StartedCheckout(Struct, frozen=True, kw_only=True):
    """Where the customer pays: the provider's page."""

    checkout_url: str
    session_id: str
    order_id: UUID


class StartCheckout:
    """Place an order for a plan and open the payment provider's hosted checkout for it.

    The order is stored first and the provider is asked second, with the order's id as idempotency key and metadata: so
    whatever the provider ever tells us finds its order, even if its answer to this very call is lost.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        gateway: PaymentGateway,
        plans: PlanCatalogue,
        clock: Clock,
        randomness: Randomness,
        locales: Locales,
    ) -> None:
        self._unit_of_work = unit_of_work
        self._gateway = gateway
        self._plans = plans
        self._clock = clock
        self._randomness = randomness
        self._locales = locales

    async def __call__(self, command: StartCheckoutCommand) -> StartedCheckout:
        """Start it.

        Raises:
            InvalidInput: a field has the wrong shape.
            PlanModeMismatch: the plan is not sold in this mode.
            PaymentProviderUnavailable: the provider did not open a checkout; nothing was charged.
        """
        order = self._place(command)
        async with self._unit_of_work() as uow:
            await uow.orders.add(order)
            await uow.commit()
        checkout = await self._gateway.open_checkout(
            CheckoutRequest(
                order_id=order.id,
                plan=order.plan,
                mode=order.terms.mode,
                email=order.email,
                locale=order.locale,
                clickid=order.clickid,
                telegram_chat_id=order.telegram_chat_id,
            )
        )
        await self._note_session(order.id, checkout.session_id)
        return StartedCheckout(checkout_url=checkout.url, session_id=checkout.session_id, order_id=order.id)

    def _place(self, command: StartCheckoutCommand) -> Order:
        plan = self._plans.find(command.plan, command.mode)
        if len(command.clickid) > MAX_CLICKID_CHARACTERS or not is_storable(command.clickid):
            raise InvalidInput("clickid", f"must have at most {MAX_CLICKID_CHARACTERS} characters, none of control")
        return Order.place(
            order_id=self._randomness.new_id(),
            email=parse_email(command.email),
            plan=plan.name,
            terms=plan.terms,
            clickid=command.clickid,
            locale=self._locales.choose(command.locale),
            telegram_chat_id=_parse_chat_id(command.telegram_chat_id),
            now=self._clock.now(),
        )

    async def _note_session(self, order_id: UUID, session_id: str) -> None:
        """Remember the session. Its webhook may have come before this: then there is nothing left to do."""
        async with self._unit_of_work() as uow:
            await uow.orders.claim({session_id: order_id})
            order = await uow.orders.get(order_id, for_update=True)
            if order is None:
                raise OrderNotFound(order_id)
            event = CheckoutOpened(session_id=session_id)
            change = apply(order, event, now=self._clock.now(), cause="checkout")
            if change.history:
                await uow.orders.save(change)
            await uow.commit()


def _parse_chat_id(text: str | None) -> str | None:
    """A chat's id: digits, perhaps with a minus (groups); an empty text is none."""
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_CHAT_ID_DIGITS):
        raise InvalidInput("telegram_chat_id", "must be a string of digits, perhaps with a minus")
    return text
