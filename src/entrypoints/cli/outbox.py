"""`paywall outbox list` and `retry`: what the world outside is owed and did not get."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct, structs

from entrypoints.cli import options, questions
from entrypoints.cli.dossier import status_text
from entrypoints.cli.event_words import delivery_words, effect_words, owed_since
from entrypoints.cli.output import Column, Listing, moment, print_json, progress, say
from entrypoints.cli.questions import Question
from entrypoints.cli.running import operate
from entrypoints.settings import Role
from paywall_core.operator import Operator
from paywall_core.ports.operations import MAX_LISTED, OutboxLine, OutboxQuery, WatchLimits
from paywall_core.ports.unit_of_work import DeliveryStatus

if TYPE_CHECKING:
    from entrypoints.container import Container

_BATCH: Final = 100
_SHOWN_FIRST: Final = 5


class Which(StrEnum):
    """What may be asked for: the statuses, and one that is computed."""

    DEAD = "dead"
    OVERDUE = "overdue"  # pending, and due for too long
    PENDING = "pending"
    SKIPPED = "skipped"
    DELIVERED = "delivered"


class OutboxList(Struct, frozen=True, kw_only=True):
    """`outbox list --json`."""

    outbox: Sequence[OutboxLine]


class RetryDocument(Struct, frozen=True, kw_only=True):
    """`outbox retry --json`.

    Attributes:
        done: False for a dry run.
        retried: keys of the rows that are due now, or would be.
        left_alone: keys that were asked for and are delivered, under way, or unknown.
    """

    by: str
    why: str
    done: bool
    retried: Sequence[str]
    left_alone: Sequence[str]


@click.group()
def outbox() -> None:
    """See what was not delivered, and have it tried again."""


@outbox.command(
    name="list",
    epilog=options.examples(
        "paywall outbox list",
        "paywall outbox list --status dead --kind access_email",
        "paywall outbox list --order anna@example.com",
    ),
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice([str(which) for which in Which]),
    multiple=True,
    help="May be given several times. [default: dead and overdue]",
)
@click.option("--order", type=questions.guess, metavar="QUERY", help="What this order owes; of any status by default.")
@click.option("--kind", metavar="KIND", help="How the keys begin: access_email, notice:refunded, look_up.")
@options.limit
@options.as_json
def list_outbox(
    *, statuses: tuple[str, ...], order: Question | None, kind: str | None, limit: int, as_json: bool
) -> None:
    """What was given up, and what is overdue. Or what is asked for; the longest owed first."""
    wanted = [Which(status) for status in statuses]
    if not wanted:
        wanted = [Which.DEAD, Which.OVERDUE] if order is None else [w for w in Which if w is not Which.OVERDUE]

    async def look(container: "Container") -> tuple[Sequence[OutboxLine], datetime]:
        owner = None if order is None else (await questions.the_one(container, order)).id
        query = OutboxQuery(order_id=owner, key_prefix=kind, limit=limit)
        return await _lines(container, wanted, query), container.clock().now()

    lines, now = operate(Role.OPERATOR, look)
    if as_json:
        print_json(OutboxList(outbox=lines))
    elif lines:
        _listing(lines, now).show()
        if len(lines) == limit:
            say(f"The first {limit} are shown; --limit shows more.", err=True)
    else:
        say(f"Nothing is {' or '.join(wanted)}.", err=True)


@outbox.command(
    epilog=options.examples(
        'paywall outbox retry --dead --kind access_email --why "the mail server is back"',
        'paywall outbox retry access_email:6f1c…:1 --why "the mailbox is empty again"',
    )
)
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--dead", is_flag=True, help="All that were given up, the longest owed first.")
@click.option("--kind", metavar="KIND", help="With --dead: only keys that begin so.")
@options.by_and_why(required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.dry_run
@options.as_json
def retry(
    *,
    keys: tuple[str, ...],
    dead: bool,
    kind: str | None,
    by: str | None,
    why: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Have deliveries tried again now. With all their tries before them.

    What is delivered, or being delivered at this moment, is left alone. A worker sends what this makes due.
    """
    if bool(keys) is dead or (kind is not None and not dead):
        raise click.UsageError("name keys, or say --dead (and --kind beside it)")
    operator = options.operator_of(by, why)
    asked = tuple(dict.fromkeys(keys))

    async def foresee(container: "Container") -> tuple[Sequence[OutboxLine], datetime]:
        if dead:
            query = OutboxQuery(statuses=(DeliveryStatus.DEAD,), key_prefix=kind, limit=MAX_LISTED)
        else:
            query = OutboxQuery(keys=asked, limit=len(asked))
        return await container.database().outbox_archive.lines(query), container.clock().now()

    found, now = operate(Role.OPERATOR, foresee)
    lines = [line for line in found if line.status is not DeliveryStatus.DELIVERED]
    wanted = tuple(line.key for line in lines)
    untouched = [key for key in asked if key not in wanted]
    _foretell(lines, untouched, now, err=as_json)
    retried: Sequence[str] = wanted
    if wanted and not dry_run:
        if not yes:
            options.confirm("Try it again?" if len(wanted) == 1 else f"Try these {len(wanted)} again?")
        retried = operate(Role.OPERATOR, lambda container: _retry(container, wanted, operator))
    left_alone = [*untouched, *(key for key in wanted if key not in set(retried))]
    if as_json:
        document = RetryDocument(
            by=operator.by, why=operator.why, done=not dry_run, retried=retried, left_alone=left_alone
        )
        print_json(document)
    elif wanted and not dry_run:
        say(f"{len(retried)} of {len(wanted)} are due now.")
        for key in left_alone[len(untouched) :]:
            say(f"Left alone: {key} is being delivered, or was a moment ago.")
    if keys and not retried:
        raise SystemExit(1)


async def _lines(container: "Container", wanted: Sequence[Which], query: OutboxQuery) -> Sequence[OutboxLine]:
    """Rows of any of these kinds, the longest owed first."""
    archive = container.database().outbox_archive
    statuses = tuple(DeliveryStatus(which) for which in wanted if which is not Which.OVERDUE)
    found = list(await archive.lines(structs.replace(query, statuses=statuses))) if statuses else []
    if Which.OVERDUE in wanted and DeliveryStatus.PENDING not in statuses:
        late = container.clock().now() - WatchLimits().undelivered
        pending = (DeliveryStatus.PENDING,)
        found += await archive.lines(structs.replace(query, statuses=pending, due_before=late))
    return sorted(found, key=lambda line: (line.created_at, line.key))[: query.limit]


async def _retry(container: "Container", keys: Sequence[str], operator: Operator) -> Sequence[str]:
    """Batch by batch, so that no transaction is long."""
    retried: list[str] = []
    with progress("retrying", total=len(keys)) as told:
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            retried += [row.key for row in await container.retry_deliveries()(batch, operator)]
            told(start + len(batch), "")
    return retried


def _foretell(lines: Sequence[OutboxLine], untouched: Sequence[str], now: datetime, *, err: bool) -> None:
    """How many, which first, and which not."""
    for key in untouched:
        say(f"Left alone: {key} is delivered, or there is no such key.", err=err)
    if not lines:
        say("Nothing to retry.", err=err)
        return
    most = len(lines) == MAX_LISTED
    more = "; there may be more, ask again afterwards" if most else ""
    say(f"{len(lines)} to be tried again{more}. The longest owed first:", err=err)
    _listing(lines[:_SHOWN_FIRST], now).show(err=err)
    if len(lines) > _SHOWN_FIRST:
        say(f"… and {len(lines) - _SHOWN_FIRST} more.", err=err)


def _listing(lines: Sequence[OutboxLine], now: datetime) -> Listing:
    columns = [
        Column(name="status"),
        Column(name="owed since (UTC)"),
        Column(name="tries", right=True),
        Column(name="what"),
        Column(name="how far (UTC)", wraps=True),
        Column(name="key"),
    ]
    listing = Listing(columns, fold=[[0, 1, 2], [3, 4, 5]])
    for line in lines:
        listing.add(
            status_text(line),
            moment(owed_since(line)),
            str(line.attempts),
            effect_words(line.effect),
            delivery_words(line, now),
            line.key,
        )
    return listing
