"""The product with a defect that a crash uncovers, struck at the worst moment: the oracle must say that it is wrong."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.db.database import Database
from paywall_core.ports.operations import OutboxQuery
from paywall_core.ports.unit_of_work import DeliveryStatus
from tests.integration.crashes.blows import fill_disk, make_room, report
from tests.integration.crashes.customers import Customer, Life
from tests.integration.crashes.oracle import judge
from tests.integration.crashes.town import WITHOUT_BOT, Town, long_run_only, town


async def _kill_once_acknowledged(here: Town, life: Life) -> None:
    """Stripe has its 200 for everything that it said."""
    life.pay()
    await _acknowledged(here)
    _kill(here, "api")


async def _kill_once_marked(here: Town, life: Life) -> None:
    """The outbox says that the mail went out."""
    life.pay()
    database = Database(here.database_url)

    async def marked() -> bool | None:
        done = await database.outbox_archive.lines(OutboxQuery(statuses=(DeliveryStatus.DELIVERED,)))
        return True if any("email" in line.key for line in done) else None

    try:
        await here.insist(marked, "a mail that is marked as sent")
    finally:
        await database.close()
    _kill(here, "worker")


async def _fill_while_stripe_speaks(here: Town, life: Life) -> None:
    """And make room again afterwards."""
    fill_disk(here)
    life.pay()
    await _acknowledged(here)
    make_room(here)


def _kill(here: Town, command: str) -> None:
    for member in here.members:
        if member.command == command:
            member.kill()


async def _acknowledged(here: Town) -> None:
    async def nothing_open() -> bool | None:
        events = here.world.stripe.engine.world.all("event")
        return None if any(event["pending_webhooks"] for event in events) else True

    await here.insist(nothing_open, "a 200 for each event")


Blow = Callable[[Town, Life], Awaitable[None]]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine_name", ["sqlite"])
@pytest.mark.parametrize(
    ("defect", "strike"),
    [
        pytest.param("acknowledged-before-the-commit", _kill_once_acknowledged, id="acknowledged-before-the-commit"),
        pytest.param("marked-before-it-is-sent", _kill_once_marked, id="marked-before-it-is-sent", marks=long_run_only),
        pytest.param(
            "failed-commits-hidden", _fill_while_stripe_speaks, id="failed-commits-hidden", marks=long_run_only
        ),
    ],
)
async def test_oracle_finds_what_the_defect_lost(
    *,
    database_url: str,
    engine_name: str,
    defect: str,
    strike: Blow,
    tmp_path: Path,
    evidence: Callable[[str], None],
) -> None:
    """Whoever paid has no link and no access, and the verdict says so of them."""
    customer = Customer.who_only_pays(0)
    async with town(database_url, tmp_path, WITHOUT_BOT, defect=defect) as here:
        life = Life(here, customer)
        await life.check_out()
        await strike(here, life)
        verdict = await judge(here, [customer], interruptions=1)
    with pytest.raises(AssertionError, match="customer 0 paid, and no link came"):
        report(lambda _line: None, defect, 0, verdict, {})
    evidence(f"planted before a crash, {defect}: {len(verdict.wrong)} violations found")


@long_run_only
@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine_name", ["sqlite"])
@pytest.mark.parametrize("strike", [_kill_once_acknowledged, _kill_once_marked])
async def test_oracle_finds_nothing_without_a_defect(
    database_url: str, engine_name: str, strike: Blow, tmp_path: Path
) -> None:
    """The same blows, at the product as it is."""
    customer = Customer.who_only_pays(0)
    async with town(database_url, tmp_path, WITHOUT_BOT) as here:
        life = Life(here, customer)
        await life.check_out()
        await strike(here, life)
        verdict = await judge(here, [customer], interruptions=1)
    assert verdict.wrong == ()
