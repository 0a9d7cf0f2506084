"""What is for sale: names, how each is paid for, what one payment buys. Prices are the payment provider's matter."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from paywall_core.errors import InvalidInput, PlanModeMismatch
from paywall_core.facts import Mode, Terms


class Plan(Struct, frozen=True, kw_only=True):
    """One thing for sale: its name, and the terms of a new order."""

    name: str
    terms: Terms


class PlanCatalogue:
    """All plans that are for sale now. Orders keep the terms they were placed under."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        self._plans = {plan.name: plan for plan in plans}

    def __iter__(self) -> Iterator[Plan]:
        return iter(self._plans.values())

    def find(self, name: str, mode: str) -> Plan:
        """The plan of this name, if it is sold in this mode.

        Raises:
            InvalidInput: there is no such plan or no such mode.
            PlanModeMismatch: the plan is sold in another mode.
        """
        if name not in self._plans:
            raise InvalidInput("plan", f"must be one of {', '.join(sorted(self._plans))}")
        if mode not in list(Mode):
            raise InvalidInput("mode", f"must be one of {', '.join(Mode)}")
        plan = self._plans[name]
        if plan.terms.mode != mode:
            raise PlanModeMismatch(plan=name, mode=mode)
        return plan
