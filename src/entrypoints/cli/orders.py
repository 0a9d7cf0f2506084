"""`paywall orders list`, `show` and `explain`: what an operator looks at. Changes nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from entrypoints.cli import options, questions
from entrypoints.cli.acts import reinstate, resend, revoke
from entrypoints.cli.dossier import DossierDocument, ExplanationDocument, show_dossier, show_explanation
from entrypoints.cli.orders_words import OrderLine, line_of, listing_of
from entrypoints.cli.output import print_json, say
from entrypoints.cli.questions import Question
from entrypoints.cli.running import NotDone, operate
from entrypoints.settings import Role
from paywall_core.lifecycle import State
from paywall_core.order import Order
from paywall_core.ports.operations import Dossier

if TYPE_CHECKING:
    from entrypoints.container import Container


@click.group(epilog=options.examples("paywall orders explain anna@example.com"))
def orders() -> None:
    """Look at orders, ask why, and act on one.

    QUERY is an order's id, a Telegram user id, an e-mail address, or an id of Stripe's (cs_, pi_, in_, sub_, ch_).
    """


class OrderList(Struct, frozen=True, kw_only=True):
    """`orders list --json`."""

    orders: Sequence[OrderLine]


@orders.command(
    name="list",
    epilog=options.examples(
        "paywall orders list --state active --limit 20",
        "paywall orders list anna@example.com",
        "paywall orders list --json | jq -r '.orders[].order_id'",
    ),
)
@click.argument("query", type=questions.guess, metavar="[QUERY]", required=False)
@click.option("--state", type=click.Choice([str(state) for state in State]), help="As recorded.")
@click.option("--email", type=questions.address, metavar="ADDRESS", help="The customer's address, upper case or lower.")
@click.option("--telegram", type=questions.telegram, metavar="ID", help="Who redeemed the link, or asked for it.")
@click.option(
    "--stripe", type=questions.stripe, metavar="ID", help="A session, payment, invoice, subscription, charge."
)
@options.limit
@options.as_json
def list_orders(
    *,
    query: Question | None,
    state: str | None,
    email: Question | None,
    telegram: Question | None,
    stripe: Question | None,
    limit: int,
    as_json: bool,
) -> None:
    """The newest orders, or those of one customer. Their states are as of now."""
    asked = Question()
    for question in (query, email, telegram, stripe):
        if question is not None:
            asked = questions.both(asked, question)
    if state is not None:
        asked = questions.both(asked, questions.recorded(State(state)))

    async def look(container: "Container") -> tuple[Sequence[Order], datetime]:
        return await questions.find(container.database().archive, asked, limit=limit), container.clock().now()

    found, now = operate(Role.OPERATOR, look)
    if as_json:
        print_json(OrderList(orders=[line_of(order, now=now) for order in found]))
    elif found:
        listing_of(found, now=now).show()
        if len(found) == limit:
            say(f"The newest {limit} are shown; --limit shows more.", err=True)
    else:
        say(f"There is no order for {asked.about}.", err=True)


@orders.command(epilog=options.examples("paywall orders show cs_test_a1b2c3"))
@click.argument("query", type=questions.guess)
@options.as_json
def show(*, query: Question, as_json: bool) -> None:
    """All about one order. What it is, its history, Stripe's events, what it owes, operators' acts."""
    dossier, now = operate(Role.OPERATOR, lambda container: _dossier(container, query))
    if as_json:
        print_json(DossierDocument.of(dossier, now=now))
    else:
        show_dossier(dossier, now=now)


@orders.command(epilog=options.examples("paywall orders explain anna@example.com"))
@click.argument("query", type=questions.guess)
@options.as_json
def explain(*, query: Question, as_json: bool) -> None:
    """Why an order gives access, or why not. The verdict, the facts that decide, what is undelivered."""
    dossier, now = operate(Role.OPERATOR, lambda container: _dossier(container, query))
    if as_json:
        print_json(ExplanationDocument.of(dossier, now=now))
    else:
        show_explanation(dossier, now=now)


async def _dossier(container: "Container", question: Question) -> tuple[Dossier, datetime]:
    """The one order that is meant, with everything about it."""
    order = await questions.the_one(container, question)
    dossier = await container.database().archive.dossier(order.id)
    if dossier is None:
        raise NotDone(f"there is no order {order.id}")
    return dossier, container.clock().now()


for _command in (revoke, reinstate, resend):
    orders.add_command(_command)
