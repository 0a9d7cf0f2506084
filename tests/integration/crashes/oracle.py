"""What must be true at the end, told by Stripe's own objects and asked of the product's public surfaces."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from adapters.db.database import Database
from entrypoints.sandbox.trackers.trackers import TrackerKind
from paywall_core.facts import PaymentStatus, RefundStatus
from paywall_core.order import Order
from paywall_core.ports.operations import OutboxQuery
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing import FakeClock
from paywall_core.use_cases.check_invariants import CheckInvariants
from tests.integration.crashes.customers import Customer, activate, link_of, payments_of
from tests.integration.crashes.town import Town

_IN_HAND: Final = 8  # deliveries that one worker has in hand at once
_OPEN: Final = (DeliveryStatus.PENDING, DeliveryStatus.DEAD)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a scenario ended.

    Attributes:
        wrong: what is not as it must be; empty: both laws hold.
        heal_seconds: from the last blow until nothing was owed any more.
    """

    customers: int
    events: int
    retries: int
    mails: int
    duplicate_mails: int
    heal_seconds: float
    wrong: tuple[str, ...]


async def judge(town: Town, customers: Sequence[Customer], *, interruptions: int) -> Verdict:
    """Wait until the world is whole again, then hold it against both laws.

    Args:
        town: after the last blow.
        customers: all of them.
        interruptions: how often a worker may have been stopped between a mail and writing down that it went out.
    """
    began = time.monotonic()
    database = Database(town.database_url)
    try:
        await town.all_up()
        await quiet(town, database)
        healed = time.monotonic() - began
        wrong = [*await _access(town, customers)]
        await quiet(town, database)
        wrong += await _books(town, database, customers)
    finally:
        await database.close()
    copies = Counter(mail.message_id for mail in town.world.mailbox.messages())
    duplicates = sum(copies.values()) - len(copies)
    if duplicates > interruptions * _IN_HAND:
        wrong.append(f"{duplicates} mails came again after {interruptions} interruptions")
    wrong += _reached(town, customers)
    tries = town.world.stripe.webhooks.attempts
    return Verdict(
        customers=len(customers),
        events=len(tries),
        retries=sum(len(of_one) - 1 for of_one in tries.values()),
        mails=len(copies),
        duplicate_mails=duplicates,
        heal_seconds=healed,
        wrong=tuple(wrong),
    )


async def quiet(town: Town, database: Database) -> None:
    """Until Stripe has nothing to say any more, and the product owes nothing to anybody."""

    async def nothing_open() -> bool | None:
        if any(event["pending_webhooks"] for event in town.world.stripe.engine.world.all("event")):
            return None
        return None if await database.outbox_archive.lines(OutboxQuery(statuses=(DeliveryStatus.PENDING,))) else True

    await town.insist(nothing_open, "an outbox with nothing due and a Stripe with nothing to say")


async def _access(town: Town, customers: Sequence[Customer]) -> list[str]:
    wrong = []
    for one in customers:
        stands = _stands(town, one)
        if one.holder is None and (token := link_of(town, one)) is not None:
            answer = await town.insist(partial(activate, town, token, one.user), "an activation")
            if answer != (200 if stands else 403):
                wrong.append(f"customer {one.number}: the link of the mail is answered {answer}, paid: {stands}")
        elif one.holder is None and stands:
            wrong.append(f"customer {one.number} paid, and no link came")
        holder = one.user if one.holder is None else one.holder
        if await town.access(holder) is not stands:
            wrong.append(f"customer {one.number}: access is {not stands}, but what they paid stands: {stands}")
        wrong += [f"{user} has access with nothing paid" for user in one.outside if await town.access(user)]
    return wrong


def _stands(town: Town, customer: Customer) -> bool:
    """Whether Stripe has the money."""
    charges = {charge["payment_intent"]: charge for charge in town.world.stripe.engine.world.all("charge")}
    of_them = [charges[payment["id"]] for payment in payments_of(town, customer.session_id)]
    return any(charge["paid"] and not charge["refunded"] for charge in of_them)


def _reached(town: Town, customers: Sequence[Customer]) -> list[str]:
    """Every standing payment's mail and postback arrived."""
    hits = {
        hit.subject for hit in town.world.trackers.received(kind=TrackerKind.MOBI_SLON) if hit.name == "pay_success"
    }
    wrong = [
        f"customer {one.number}: the tracker heard nothing"
        for one in customers
        if _stands(town, one) and f"click-{one.number}" not in hits
    ]
    return wrong + [
        f"customer {one.number}: no mail with the link"
        for one in customers
        if _stands(town, one) and link_of(town, one) is None
    ]


async def _books(town: Town, database: Database, customers: Sequence[Customer]) -> list[str]:
    """The invariants, the outbox, and the money, order by order."""
    wrong = [
        f"{line.key} is {line.status}" for line in await database.outbox_archive.lines(OutboxQuery(statuses=_OPEN))
    ]
    check = CheckInvariants(watch=database.watch, archive=database.archive, clock=_clock(town))
    wrong += [
        f"{violation.invariant}: {violation.count} ({', '.join(violation.examples)})"
        for violation in (*await check(), *await check.audit())
        if violation.count
    ]
    orders: dict[UUID, Order] = {}
    after: UUID | None = None
    while batch := await database.archive.every_order(after=after, limit=500):
        orders |= {order.id: order for order in batch}
        after = batch[-1].id
    at_stripe = _money_at_stripe(town, customers)
    recorded = {order_id: _money_recorded(order) for order_id, order in orders.items()}
    wrong += [
        f"order {order_id}: recorded {recorded.get(order_id)}, at Stripe {money}"
        for order_id, money in at_stripe.items()
        if recorded.get(order_id) != money
    ]
    return wrong + [
        f"order {order_id}: recorded {money}, but nothing was paid at Stripe"
        for order_id, money in recorded.items()
        if order_id not in at_stripe and money != (0, 0)
    ]


def _money_at_stripe(town: Town, customers: Sequence[Customer]) -> Mapping[UUID, tuple[int, int]]:
    """Paid and refunded, in minor units, by order."""
    world = town.world.stripe.engine.world
    charges = {charge["payment_intent"]: charge for charge in world.all("charge")}
    found = {}
    for one in customers:
        session = world.get("checkout.session", one.session_id)
        of_it = [charges[payment["id"]] for payment in payments_of(town, one.session_id)]
        paid, refunded = (sum(charge[name] for charge in of_it) for name in ("amount", "amount_refunded"))
        found[UUID(session["client_reference_id"])] = (paid, refunded)
    return found


def _money_recorded(order: Order) -> tuple[int, int]:
    real = [one for one in order.facts.payments.values() if one.status is PaymentStatus.PAID and not one.provisional]
    back = [one for one in order.facts.refunds.values() if one.status is RefundStatus.SUCCEEDED]
    return (
        sum(one.amount.amount_minor for one in real if one.amount is not None),
        sum(one.amount.amount_minor for one in back if one.amount is not None),
    )


def _clock(town: Town) -> FakeClock:
    return FakeClock(town.world.stripe.engine.world.clock())
