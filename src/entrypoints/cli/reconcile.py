"""`paywall reconcile`: bring in what Stripe's webhooks did not, and say how far we had drifted."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from entrypoints.cli import options
from entrypoints.cli.output import Column, Listing, heading, moment, print_json, progress, say
from entrypoints.cli.running import fail, operate
from entrypoints.settings import Role
from paywall_core.use_cases.reconcile import FIRST_LOOK_BACK, Reconciliation

if TYPE_CHECKING:
    from entrypoints.container import Container

_KEPT_DAYS: Final = FIRST_LOOK_BACK.days


@click.command(
    epilog=options.examples(
        "paywall reconcile",
        "paywall reconcile --since 2026-11-01",
        "paywall reconcile --since 2026-11-01T12:00Z --json",
    )
)
@click.option(
    "--since",
    type=options.Moment(),
    metavar="MOMENT",
    help="Read Stripe's events from here. [default: the last run's end]",
)
@options.as_json
def reconcile(*, since: datetime | None, as_json: bool) -> None:
    """Bring in what Stripe's webhooks did not.

    Reads Stripe's own event list, asks about checkouts that stay open, and applies what is missing. The worker does
    it by itself on a schedule. Safe at any time and by several at once.
    """

    async def run(container: "Container") -> Reconciliation:
        now = container.clock().now()
        if since is not None and since > now:
            raise click.BadParameter("lies in the future", param_hint="--since")
        if since is not None and since < now - FIRST_LOOK_BACK:
            say(f"Stripe keeps its events for {_KEPT_DAYS} days: older ones are not there any more.", err=True)
        with progress("reading Stripe's events") as told:
            return await container.reconcile()(
                since=since, progress=lambda read, asked: told(read, f"{read} events read, {asked} sessions asked")
            )

    done = operate(Role.RECONCILE, run)
    if as_json:
        print_json(done)
    else:
        _show(done)
    if done.unapplied:
        fail(f"{len(done.unapplied)} could not be brought in; the next run tries again")


def _show(done: Reconciliation) -> None:
    say(
        f"Read Stripe's events from {moment(done.since)} to {moment(done.until)} UTC: {done.listed} of use to us; "
        f"{done.asked} checkout sessions asked."
    )
    if not done.has_drifted:
        say("Nothing had drifted.", style="green")
        return
    columns = [Column(name="what was brought in", wraps=True), Column(name="number", right=True)]
    listing = Listing(columns, fold=[[0], [1]])
    for event_type, number in done.missing.items():
        listing.add(f"missing event {event_type}", str(number))
    if done.parked:
        listing.add("of these, waiting for their order", str(done.parked))
    if done.placed:
        listing.add("orders that this database had lost, placed anew", str(done.placed))
    for move, number in done.moves.items():
        listing.add(f"orders {move}", str(number))
    if done.missing or done.moves or done.placed:
        listing.show()
    if done.unapplied:
        heading("Could not be brought in")
        columns = [Column(name="id"), Column(name="type"), Column(name="reason", wraps=True)]
        failed = Listing(columns, fold=[[0, 1], [2]])
        for one in done.unapplied:
            failed.add(one.subject, one.event_type, one.reason)
        failed.show()
