"""Each line that ends in `# refused` is a mistake: mypy and pyright must both find it, and nothing else here."""

from datetime import datetime

import paywall_core
import paywall_core.testing
from paywall_core import AccessTokens, Clock, GetAccessStatus, Mode, Money, Plan, PlanCatalogue, RecordPayment, Terms
from paywall_core.testing import FakeClock, InMemoryStore

STORE, CLOCK = InMemoryStore(), FakeClock()
TERMS = Terms(mode=Mode.ONE_TIME)


class BadClock(Clock):
    """Its time is a number."""

    def now(self) -> float:  # refused
        return 0.0


async def mistakes() -> None:
    """One in each line."""
    print(paywall_core.Nonsense)  # refused
    print(paywall_core.testing.Nonsense)  # refused
    Terms(mode="weekly")  # refused
    Terms(mode=Mode.ONE_TIME, duration_days="30")  # refused
    Terms(Mode.ONE_TIME)  # refused
    Plan(name="x")  # refused
    Plan(name="x", terms=TERMS).name = "y"  # refused
    PlanCatalogue(["x"])  # refused
    PlanCatalogue([]).find("x")  # refused
    Money(currency="eur", amount_minor=9.99)  # refused
    AccessTokens(["a text, not bytes"])  # refused
    RecordPayment(unit_of_work=STORE, clock=CLOCK)  # refused
    await RecordPayment(unit_of_work=STORE.unit_of_work, clock=CLOCK)(b"{}")  # refused
    status = await GetAccessStatus(directory=STORE.directory, clock=CLOCK)("5")  # refused
    when: datetime = status.is_paid  # refused
    print(when)
