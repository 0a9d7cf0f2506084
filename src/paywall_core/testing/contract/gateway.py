"""The contract of the payment provider, as far as it can be asked without paying."""

from uuid import UUID

import pytest

from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.events import PaymentSucceeded
from paywall_core.facts import Mode
from paywall_core.ports.payments import CheckoutRequest, PaymentGateway
from paywall_core.testing.contract.base import EachOnItsOwnLoop


class PaymentGatewayContract(EachOnItsOwnLoop):
    """What a `PaymentGateway` must do. Say in `set_up` how yours is opened.

    Attributes:
        gateway: yours.
        plans: the names of what it has prices for, with how each is paid.
    """

    gateway: PaymentGateway
    plans: tuple[tuple[str, Mode], ...] = (("a plan", Mode.ONE_TIME), ("another plan", Mode.SUBSCRIPTION))

    async def go_down(self) -> None:
        """From now on the provider does not answer."""
        raise NotImplementedError

    def request(self, plan: str, mode: Mode, number: int = 1) -> CheckoutRequest:
        """An order of this number wants a checkout."""
        return CheckoutRequest(order_id=UUID(int=number), plan=plan, mode=mode, email="anna@example.com", locale="en")

    async def test_order_has_one_checkout_however_often_it_is_asked_for(self) -> None:
        """The answer to the first call may be lost: the second gives the same; another order has another."""
        for number, (plan, mode) in enumerate(self.plans, start=1):
            first = await self.gateway.open_checkout(self.request(plan, mode, number))
            again = await self.gateway.open_checkout(self.request(plan, mode, number))
            other = await self.gateway.open_checkout(self.request(plan, mode, 100 + number))
            assert again == first
            assert other.session_id != first.session_id
            assert first.url.startswith(("https://", "http://127.0.0.1"))

    async def test_open_checkout_is_no_payment(self) -> None:
        """It is read as what it is, by its id, and not as an event of the provider's."""
        for number, (plan, mode) in enumerate(self.plans, start=1):
            opened = await self.gateway.open_checkout(self.request(plan, mode, number))
            said = await self.gateway.read_checkout(opened.session_id)
            assert said.event_id is None
            assert opened.session_id in said.references
            assert said.order_id in (None, UUID(int=number))
            assert not any(isinstance(event, PaymentSucceeded) for event in said.events)

    async def test_every_plan_has_a_price(self) -> None:
        """In minor units of a currency in lower case."""
        for plan, _ in self.plans:
            amount = (await self.gateway.price_of(plan)).amount
            assert amount.amount_minor >= 0
            assert amount.currency == amount.currency.lower()

    async def test_provider_that_is_away_is_no_answer(self) -> None:
        """Every question fails in the same way, and says when to come back."""
        plan, mode = self.plans[0]
        opened = await self.gateway.open_checkout(self.request(plan, mode))
        await self.go_down()
        for ask in (
            lambda: self.gateway.open_checkout(self.request(plan, mode, 2)),
            lambda: self.gateway.read_checkout(opened.session_id),
        ):
            with pytest.raises(PaymentProviderUnavailable) as raised:
                await ask()
            assert raised.value.retry_after_seconds > 0
