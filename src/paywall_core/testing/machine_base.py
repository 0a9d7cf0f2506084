"""What the state machine stands on: somebody's ports, a clock, the model, and the one door for the provider's words."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar
from uuid import UUID

from hypothesis.stateful import MultipleResults, RuleBasedStateMachine, multiple
from msgspec import structs

from paywall_core.events import PaymentEvent
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification
from paywall_core.testing.clock import FakeClock
from paywall_core.testing.model import Model, Purchase
from paywall_core.testing.service import Ports, Service
from paywall_core.testing.store import InMemoryStore

LOOKED_UP: Final = "looked up"
"""The type of what the provider answers when it is asked."""

_T = TypeVar("_T")


class MachineBase(RuleBasedStateMachine):
    """Opens and closes the ports, says what the provider says, and keeps the model in step.

    Attributes:
        clock: the time, which stands still between the rules.
        latest: the latest that the clock ever showed.
        model: what ought to be true.
        service: the use cases over the ports.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.latest = self.clock.now()
        self.model = Model()
        self.runner = asyncio.Runner()
        self.service = Service(self.run(self.open()), self.clock)
        self._numbers = 0
        self._traced = 0

    async def open(self) -> Ports:
        """Open the ports, on an empty database. Override this to try your own; the default is an `InMemoryStore`."""
        return Ports.of_store(InMemoryStore())

    async def close(self) -> None:
        """Close what `open` opened; called once at the end of every example, on the same event loop."""

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, on this machine's own event loop."""
        return self.runner.run(work)

    def number(self) -> int:
        """The next number; every id of the provider's has one of its own."""
        self._numbers += 1
        return self._numbers

    def say(
        self, *events: PaymentEvent, references: tuple[str, ...], order_id: UUID | None = None
    ) -> PaymentNotification:
        """The provider says this; it has not arrived yet."""
        said = PaymentNotification(
            event_id=f"evt_{self.number()}",
            event_type=events[0].type,
            occurred_at=self.clock.now(),
            payload=b"{}",
            order_id=order_id,
            references=references,
            events=events,
        )
        self.model.said.append(said)
        return said

    def tell(self, arrives: bool, *said: PaymentNotification) -> MultipleResults[PaymentNotification]:
        """Bring it to the service now, or hold it back."""
        for one in said if arrives else ():
            self.bring(one)
        return multiple(*said)

    def bring(self, said: PaymentNotification) -> None:
        """The service takes it: the first time it is new, and every further time it is a duplicate."""
        event_id = said.event_id or ""
        recorded = self.run(self.service.record(said))
        assert recorded.duplicate is (event_id in self.model.arrived), f"{said}: {recorded}"
        self.model.arrived.add(event_id)

    def put_on_record(
        self, purchase: Purchase, reference: str, *events: PaymentEvent, references: tuple[str, ...] = ()
    ) -> None:
        """The provider can tell, when it is asked, whose this id is."""
        self.service.ledger.traces[reference] = PaymentNotification(
            event_id=None,
            event_type=LOOKED_UP,
            occurred_at=self.clock.now(),
            payload=b"{}",
            order_id=purchase.order_id,
            references=(reference, *references),
            events=events,
        )

    def note_look_ups(self) -> None:
        """What the provider answered since the last time has arrived, too."""
        asked = self.service.ledger.asked[self._traced :]
        self._traced += len(asked)
        traces = self.service.ledger.traces
        for references in asked:
            answer = next((traces[reference] for reference in references if reference in traces), None)
            if answer is not None:
                everything = tuple(sorted({*answer.references, *references}))
                known_as = f"looked-up-{self.number()}"
                self.model.said.append(structs.replace(answer, event_id=known_as, references=everything))
                self.model.arrived.add(known_as)


def money(amount_minor: int) -> Money:
    """An amount in the only currency there is here."""
    return Money(amount_minor=amount_minor, currency="eur")
