"""What is for sale: names, how each is paid for, what one payment buys. Prices are the payment provider's matter."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from paywall_core.errors import InvalidInput, PlanModeMismatch
from paywall_core.facts import Mode, Terms


class Plan(Struct, frozen=True, kw_only=True):
    """One thing for sale: its name, and the terms of a new order. Names are yours; the core compares them, no more.

    What it costs, the payment provider knows: your `PaymentGateway` finds its price by the name.
    """

    name: str
    terms: Terms


class PlanCatalogue:
    """All plans that are for sale now. Orders keep the terms they were placed under.

    Raises:
        ValueError: two plans have one name, a plan has none, or terms do not fit their mode: days and no grace for what
            is paid once, a grace and no days for a subscription.
    """

    def __init__(self, plans: Iterable[Plan]) -> None:
        listed = tuple(plans)
        self._plans = {plan.name: plan for plan in listed}
        if len(self._plans) != len(listed):
            raise ValueError("two plans have one name")
        for plan in listed:
            _check(plan)

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


def _check(plan: Plan) -> None:
    terms = plan.terms
    if not plan.name:
        raise ValueError("a plan has no name")
    if terms.mode is Mode.SUBSCRIPTION and terms.duration_days is not None:
        raise ValueError(f"plan {plan.name} is a subscription, whose time is its invoice's: it has no days")
    if terms.mode is Mode.ONE_TIME and terms.grace_seconds:
        raise ValueError(f"plan {plan.name} is paid once, and nothing is renewed: it has no grace")
    if (terms.duration_days is not None and terms.duration_days <= 0) or terms.grace_seconds < 0:
        raise ValueError(f"plan {plan.name} lasts for less than a day, or has less than no grace")
