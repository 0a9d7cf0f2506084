"""An event waits for an order that we do not know: ask the payment provider whose it is."""

from msgspec import structs

from paywall_core.errors import Conflict, DeliveryFailed, PaymentProviderUnavailable, RuleBroken
from paywall_core.notification import PaymentNotification
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import PaymentLedger
from paywall_core.ports.unit_of_work import UnitOfWorkFactory
from paywall_core.use_cases.record_payment import Record


class LookUpParked:
    """Follow the provider's own links from a parked event to its order, and bring them in through the one door.

    What leads to nothing of ours is set aside: the provider's account may sell other things, too. It stays stored, and
    an order that turns up after all still gets it.
    """

    def __init__(
        self, *, unit_of_work: UnitOfWorkFactory, ledger: PaymentLedger, record_payment: Record, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._ledger = ledger
        self._record_payment = record_payment
        self._clock = clock

    async def __call__(self, parked: PaymentNotification) -> None:
        """Look one event up, outside of any transaction.

        Raises:
            DeliveryFailed: the provider did not answer, or what it said could not be applied now.
        """
        try:
            found = await self._ledger.trace(parked.references)
            if found is not None:
                everything = tuple(sorted({*found.references, *parked.references}))
                await self._record_payment(structs.replace(found, references=everything))
        except PaymentProviderUnavailable as error:
            raise DeliveryFailed(error.reason, retry_after_seconds=error.retry_after_seconds) from None
        except (Conflict, RuleBroken) as error:
            raise DeliveryFailed(str(error)) from None
        await self._set_aside_if_still_parked(parked.event_id or "")  # the parked have one

    async def _set_aside_if_still_parked(self, event_id: str) -> None:
        async with self._unit_of_work() as uow:
            if await uow.payment_events.find_parked(event_id) is not None:
                await uow.payment_events.set_aside(event_id, at=self._clock.now())
                await uow.commit()
