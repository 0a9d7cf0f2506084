"""`paywall sweep`: how much access has ended without being recorded, and the operator's word that it is true."""

from datetime import datetime
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from entrypoints.cli import options
from entrypoints.cli.output import moment, print_json, progress, say
from entrypoints.cli.running import operate
from entrypoints.settings import Role
from paywall_core.operator import Operator
from paywall_core.ports.unit_of_work import LapseCensus

if TYPE_CHECKING:
    from entrypoints.container import Container


class SweepDocument(Struct, frozen=True, kw_only=True):
    """`sweep --json`.

    Attributes:
        lapsed, live: so many orders had lapsed without being recorded, of so many that are recorded as giving access.
        believable: whether the worker records so many by itself.
        recorded: how many were recorded now.
        at: the moment by which they have lapsed: this machine's clock.
    """

    lapsed: int
    live: int
    believable: bool
    recorded: int
    at: datetime


@click.command(
    epilog=options.examples("paywall sweep", 'paywall sweep --yes --why "a year\'s subscriptions end today"')
)
@options.by_and_why(required=False)
@click.option("--yes", is_flag=True, help="It is true: record them all, however many.")
@options.dry_run
@options.as_json
def sweep(*, by: str | None, why: str | None, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Count the orders that ended unrecorded. With --yes, record them.

    The worker does it by itself. It stops when more would end at once than is believable, as after a clock that
    jumped; then look, and say that it is true. Nobody's access depends on it: the gate compares the clock itself.
    """
    if yes and why is None and not dry_run:
        raise click.UsageError("--yes needs --why: it is kept")
    operator = options.operator_of(by, why) if yes and not dry_run and why is not None else None
    document = operate(Role.OPERATOR, lambda container: _sweep(container, operator, err=as_json))
    if as_json:
        print_json(document)


async def _sweep(container: "Container", operator: Operator | None, *, err: bool) -> SweepDocument:
    """The census, and where an operator said so, the sweep."""
    now, census = container.clock().now(), await container.sweep_lapsed().census()
    believable = container.sweep_limits().allow(census)
    say(
        f"By this machine's clock it is {moment(now)} UTC: {census.lapsed} of {census.live} orders that are recorded "
        "as giving access have lapsed.",
        err=err,
    )
    recorded = 0
    if census.lapsed and operator is None:
        _advise(believable=believable, err=err)
    elif operator is not None:
        recorded = await _record(container, operator, census)
        say(f"{recorded} recorded.", err=err)
    return SweepDocument(lapsed=census.lapsed, live=census.live, believable=believable, recorded=recorded, at=now)


async def _record(container: "Container", operator: Operator, census: LapseCensus) -> int:
    recorded = 0
    with progress("recording", total=census.lapsed) as told:
        while count := await container.sweep_lapsed()(confirmed_by=operator):
            recorded += count
            told(recorded, "")
    return recorded


def _advise(*, believable: bool, err: bool) -> None:
    if believable:
        say("So few at once are believable: the worker records them by itself.", err=err)
        return
    say(
        "So many at once are hard to believe, so the worker does not record them (SWEEP_MAX_PERCENT, "
        "SWEEP_MAX_ORDERS). Is this machine's clock right, and are the orders'? If it is true:",
        style="yellow",
        err=err,
    )
    say('    paywall sweep --yes --why "…"', err=err)
