"""Which orders does an operator mean? One word is enough: its shape says what it is."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

import click
from msgspec import Struct, structs

from entrypoints.cli.orders_words import listing_of
from entrypoints.cli.running import NotDone
from paywall_core.email_address import email_key, parse_email
from paywall_core.errors import InvalidInput
from paywall_core.lifecycle import State
from paywall_core.order import Order
from paywall_core.ports.operations import OrderArchive, OrderQuery

if TYPE_CHECKING:
    from entrypoints.container import Container

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}", re.IGNORECASE)
_STRIPE_ID: Final = re.compile(r"[a-z]{2,12}_[A-Za-z0-9_]{1,250}")
_LARGEST_TELEGRAM_ID: Final = 2**63 - 1
_SEVERAL: Final = 20


class Question(Struct, frozen=True, kw_only=True):
    """Which orders.

    Attributes:
        order_id: this one; None: those that `query` finds.
        query: else; all that is set must hold.
        about: what was asked for, in words that may be printed anywhere (no address).
    """

    order_id: UUID | None = None
    query: OrderQuery = OrderQuery()
    about: str = "all orders"


def guess(word: str) -> Question:
    """What a word means by its shape.

    Raises:
        click.BadParameter: nothing.
    """
    word = word.strip()
    if _UUID.fullmatch(word):
        return Question(order_id=UUID(word), about=f"the id {UUID(word)}")
    if word.isdecimal():
        return telegram(word)
    if "@" in word:
        return address(word)
    if _STRIPE_ID.fullmatch(word):
        return stripe(word)
    shapes = (
        "an order's whole id, a Telegram user id, an e-mail address, or an id of Stripe's (cs_, pi_, in_, sub_, ch_)"
    )
    raise click.BadParameter(f"should be {shapes}")


def address(word: str) -> Question:
    """An e-mail address."""
    try:
        key = email_key(parse_email(word))
    except InvalidInput as error:
        raise click.BadParameter(error.reason) from None
    return Question(query=OrderQuery(address=key), about="that e-mail address")


def telegram(word: str) -> Question:
    """A Telegram user's id."""
    if not (word.isascii() and word.isdecimal() and int(word) <= _LARGEST_TELEGRAM_ID):
        raise click.BadParameter("should be a Telegram user id, a number")
    return Question(query=OrderQuery(telegram_user_id=int(word)), about=f"the Telegram user {int(word)}")


def stripe(word: str) -> Question:
    """An id of Stripe's."""
    if not _STRIPE_ID.fullmatch(word):
        raise click.BadParameter("should be an id of Stripe's, as cs_, pi_, in_, sub_ or ch_ begin")
    if word.startswith("evt_"):
        raise click.BadParameter("is the id of an event: ask for what it is about, as its cs_, pi_, in_, sub_ or ch_")
    return Question(query=OrderQuery(reference=word), about=f"Stripe's {word}")


def recorded(state: State) -> Question:
    """A state, as it is recorded."""
    return Question(query=OrderQuery(state=state), about=f"the state {state}")


def both(one: Question, other: Question) -> Question:
    """What both ask for.

    Raises:
        click.UsageError: they ask for different things of one kind.
    """
    given = {
        name: value
        for question in (one, other)
        for name, value in structs.asdict(question.query).items()
        if value is not None and name != "limit"
    }
    for name, value in given.items():
        if getattr(one.query, name) not in (None, value):
            raise click.UsageError("QUERY and the options contradict each other")
    if (one.order_id or other.order_id) and given:
        raise click.UsageError("an order's id needs no options beside it")
    about = " and ".join(q.about for q in (one, other) if q.about != Question().about) or Question().about
    return Question(order_id=one.order_id or other.order_id, query=OrderQuery(**given), about=about)


async def find(archive: OrderArchive, question: Question, *, limit: int) -> Sequence[Order]:
    """The orders, the newest first."""
    if question.order_id is None:
        return await archive.search(structs.replace(question.query, limit=limit))
    dossier = await archive.dossier(question.order_id)
    return [] if dossier is None else [dossier.order]


async def the_one(container: "Container", question: Question) -> Order:
    """The one order that is meant.

    Raises:
        NotDone: it is none, or several; these are listed.
    """
    found = await find(container.database().archive, question, limit=_SEVERAL + 1)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotDone(f"there is no order for {question.about}")
    listing_of(found[:_SEVERAL], now=container.clock().now(), with_addresses=False).show(err=True)
    more = f" (these are the newest {_SEVERAL})" if len(found) > _SEVERAL else ""
    raise NotDone(f"there are several orders for {question.about}{more}: ask by an order's id")
