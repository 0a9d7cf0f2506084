"""A machine's clock was ahead when the payment came, and is set right before the customer comes in."""

from collections import Counter
from datetime import timedelta

from paywall_core.effects import ReportSale, SendAccessEmail
from paywall_core.lifecycle import State
from paywall_core.use_cases.confirm_restore import ConfirmRestoreCommand
from paywall_core.use_cases.request_restore import RequestRestoreCommand
from paywall_core.use_cases.start_checkout import StartedCheckout

from .world import COMMAND, World

AHEAD = timedelta(days=60)


async def paid_while_the_clock_was_ahead(world: World) -> StartedCheckout:
    """Thirty days, which seem to be over when the payment is heard of: no link is mailed and no sale reported."""
    started = await world.start(COMMAND)
    said = world.paid(started)
    world.clock.advance(AHEAD)
    await world.record(said)
    assert world.state(started) is State.EXPIRED
    assert not owed(world)
    world.clock.advance(-AHEAD)
    return started


def owed(world: World) -> Counter[type]:
    """How many links and sales are owed, or were delivered."""
    kinds = (SendAccessEmail, ReportSale)
    return Counter(type(row.effect) for row in world.store.outbox if isinstance(row.effect, kinds))


async def test_whoever_redeems_has_the_link_and_the_sale_owed_after_all(world: World) -> None:
    """Redeeming finds that access was never over: what that owes is not lost."""
    started = await paid_while_the_clock_was_ahead(world)
    await world.redeem(started, 5)
    assert world.state(started) is State.ACTIVE
    assert owed(world) == {SendAccessEmail: 1, ReportSale: 1}


async def test_whoever_restores_has_the_link_and_the_sale_owed_after_all(world: World) -> None:
    """Restoring does too."""
    started = await paid_while_the_clock_was_ahead(world)
    await world.request_restore(RequestRestoreCommand(email="anna@example.com"))
    await world.deliver_all()
    (mail,) = world.code_mailer.sent
    await world.confirm_restore(ConfirmRestoreCommand(email="anna@example.com", code=mail.code))
    assert world.state(started) is State.TOKEN_ISSUED
    assert owed(world) == {SendAccessEmail: 1, ReportSale: 1}
