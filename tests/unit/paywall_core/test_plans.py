"""A catalogue of the embedder's own: any names, paid once for days or for life, or by a subscription with a grace."""

from datetime import timedelta

import pytest

from paywall_core import (
    Locales,
    Mode,
    PaymentNotification,
    PaymentSucceeded,
    Period,
    Plan,
    PlanCatalogue,
    RecordPayment,
    StartCheckout,
    StartCheckoutCommand,
    Terms,
)
from paywall_core.policy import FOREVER
from paywall_core.testing import FakeClock, FakeGateway, InMemoryStore, SeededRandomness

WEEK = Plan(name="Неделя / week #1", terms=Terms(mode=Mode.ONE_TIME, duration_days=7))
LIFE = Plan(name="lifetime", terms=Terms(mode=Mode.ONE_TIME))
YEARLY = Plan(name="yearly", terms=Terms(mode=Mode.SUBSCRIPTION, grace_seconds=3600))


@pytest.mark.parametrize(
    ("plan", "lasts"),
    [(WEEK, timedelta(days=7)), (LIFE, None), (YEARLY, timedelta(days=365, hours=1))],
    ids=lambda value: value.name if isinstance(value, Plan) else "",
)
async def test_any_plan_is_sold_and_gives_what_its_terms_say(plan: Plan, lasts: timedelta | None) -> None:
    """From the checkout to the end of access, under the embedder's own name of it."""
    store, clock = InMemoryStore(), FakeClock()
    gateway = FakeGateway(clock)
    start = StartCheckout(
        unit_of_work=store.unit_of_work,
        gateway=gateway,
        plans=PlanCatalogue([WEEK, LIFE, YEARLY]),
        clock=clock,
        randomness=SeededRandomness(),
        locales=Locales(supported=("en",), default="en"),
    )
    command = StartCheckoutCommand(mode=plan.terms.mode, plan=plan.name, email="anna@example.com", clickid="")
    started = await start(command)
    assert gateway.requests[0].plan == plan.name
    renews = plan.terms.mode is Mode.SUBSCRIPTION
    period = Period(start=clock.now(), end=clock.now() + timedelta(days=365)) if renews else None
    paid = PaymentSucceeded(
        payment_id="p_1", paid_at=clock.now(), period=period, subscription_id="sub_1" if renews else None
    )
    told = PaymentNotification(
        event_id="evt_1",
        event_type="paid",
        occurred_at=clock.now(),
        payload=b"{}",
        order_id=started.order_id,
        references=("p_1",),
        events=(paid,),
    )
    await RecordPayment(unit_of_work=store.unit_of_work, clock=clock)(told)
    (order,) = store.tables.orders.values()
    assert order.plan == plan.name
    assert order.entitlement.access_until == (FOREVER if lasts is None else clock.now() + lasts)


def test_shortest_plans_are_sold() -> None:
    """A day; and a subscription whose access ends with its period."""
    day = Plan(name="day", terms=Terms(mode=Mode.ONE_TIME, duration_days=1))
    strict = Plan(name="strict", terms=Terms(mode=Mode.SUBSCRIPTION))
    assert list(PlanCatalogue([day, strict])) == [day, strict]


@pytest.mark.parametrize(
    ("plans", "said"),
    [
        ([LIFE, LIFE], "two plans"),
        ([Plan(name="", terms=LIFE.terms)], "no name"),
        ([Plan(name="x", terms=Terms(mode=Mode.SUBSCRIPTION, duration_days=30))], "has no days"),
        ([Plan(name="x", terms=Terms(mode=Mode.ONE_TIME, grace_seconds=1))], "has no grace"),
        ([Plan(name="x", terms=Terms(mode=Mode.ONE_TIME, duration_days=0))], "less than a day"),
        ([Plan(name="x", terms=Terms(mode=Mode.SUBSCRIPTION, grace_seconds=-1))], "less than no grace"),
    ],
)
def test_catalogue_that_means_nothing_is_refused_at_the_start(plans: list[Plan], said: str) -> None:
    """Not when the first customer comes."""
    with pytest.raises(ValueError, match=said):
        PlanCatalogue(plans)
