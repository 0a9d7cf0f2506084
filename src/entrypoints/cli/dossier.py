"""All about one order, as `orders show` and `orders explain` print it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from msgspec import Struct
from rich.text import Text

from entrypoints.cli.event_words import delivery_words, effect_words, event_words, owed_since
from entrypoints.cli.orders_words import OrderLine, line_of, state_of, terms_words
from entrypoints.cli.output import (
    NOTHING,
    Column,
    Listing,
    clean,
    heading,
    moment,
    say,
    show_fields,
    show_points,
    state_text,
)
from paywall_core.explanation import Explanation, Reason, explain
from paywall_core.facts import Facts
from paywall_core.lifecycle import State
from paywall_core.order import HistoryEntry, Order
from paywall_core.ports.operations import Dossier, OutboxLine, ProviderEvent
from paywall_core.ports.unit_of_work import DeliveryStatus, OperatorAct

_UNDELIVERED = (DeliveryStatus.PENDING, DeliveryStatus.DEAD)


class DossierDocument(Struct, frozen=True, kw_only=True):
    """`orders show --json`."""

    order: OrderLine
    locale: str
    clickid: str
    telegram_chat_id: str | None
    facts: Facts
    because: str
    history: Sequence[HistoryEntry]
    stripe_events: Sequence[ProviderEvent]
    outbox: Sequence[OutboxLine]
    acts: Sequence[OperatorAct]

    @classmethod
    def of(cls, dossier: Dossier, *, now: datetime) -> Self:
        """All of it."""
        order = dossier.order
        return cls(
            order=line_of(order, now=now),
            locale=order.locale,
            clickid=order.clickid,
            telegram_chat_id=order.telegram_chat_id,
            facts=order.facts,
            because=explain(order, now).because,
            history=dossier.history,
            stripe_events=dossier.events,
            outbox=dossier.outbox,
            acts=dossier.acts,
        )


class ExplanationDocument(Struct, frozen=True, kw_only=True):
    """`orders explain --json`.

    Attributes:
        at: the moment that it is true of.
        references: Stripe's ids that decide.
        undelivered: what should have gone out by now, the given up included.
    """

    order_id: UUID
    at: datetime
    state: State
    has_access: bool
    because: str
    references: Sequence[str]
    reasons: Sequence[Reason]
    undelivered: Sequence[OutboxLine]

    @classmethod
    def of(cls, dossier: Dossier, *, now: datetime) -> Self:
        """The verdict, and what it rests on."""
        said = explain(dossier.order, now)
        return cls(
            order_id=dossier.order.id,
            at=now,
            state=said.state,
            has_access=said.has_access,
            because=said.because,
            references=said.references,
            reasons=said.reasons,
            undelivered=_undelivered(dossier.outbox, now),
        )


def show_explanation(dossier: Dossier, *, now: datetime) -> None:
    """The verdict first, then the facts, those that decide marked, then what is undelivered."""
    order = dossier.order
    said = explain(order, now)
    say(_verdict(order, said))
    say("")
    show_points([(reason.decisive, reason.text) for reason in said.reasons])
    undelivered = _undelivered(dossier.outbox, now)
    if undelivered:
        heading("Undelivered")
        _show_outbox(undelivered, now)


def show_dossier(dossier: Dossier, *, now: datetime) -> None:
    """Part by part; a part that is empty is left out."""
    order = dossier.order
    show_fields(list(_fields(order, now)))
    heading("History (UTC)")
    _show_history(dossier.history)
    if dossier.events:
        heading("Stripe's events (UTC)")
        _show_events(dossier.events)
    if dossier.outbox:
        heading("Outbox (UTC)")
        _show_outbox(dossier.outbox, now)
    if dossier.acts:
        heading("Operators' further acts (UTC)")
        _show_acts(dossier.acts)


def _verdict(order: Order, said: Explanation) -> Text:
    words = "has access" if said.has_access else "has no access"
    state = state_text(said.state)
    return Text.assemble(f"Order {order.id} is ", state, f" and {words}: ", clean(said.because), ".")


def _undelivered(lines: Iterable[OutboxLine], now: datetime) -> list[OutboxLine]:
    """What should have gone out by now; what is planned for later is not late."""
    return [line for line in lines if line.status in _UNDELIVERED and owed_since(line) <= now]


def _fields(order: Order, now: datetime) -> Iterable[tuple[str, str | Text]]:
    facts, granted, user = order.facts, order.entitlement, order.telegram_user_id
    yield "order", str(order.id)
    yield "state", state_of(order, now)
    yield "because", explain(order, now).because
    yield "plan", f"{order.plan}: {terms_words(order.terms)}"
    yield "placed", moment(order.created_at)
    yield "paid until", moment(granted.paid_until)
    yield "access until", moment(granted.access_until)
    yield "e-mail", f"{order.email} (language {order.locale})"
    yield "Telegram", "nobody has redeemed the link" if user is None else f"user {user} redeemed the link"
    if order.telegram_chat_id is not None:
        yield "", f"chat {order.telegram_chat_id} asked for it at the checkout"
    yield "click id", order.clickid or NOTHING
    ids = [facts.checkout_session_id, facts.subscription_id, *sorted(facts.payments), *sorted(facts.charges)]
    yield "Stripe's ids", ", ".join(filter(None, ids)) or NOTHING


def _show_history(history: Sequence[HistoryEntry]) -> None:
    columns = [
        Column(name="#", right=True),
        Column(name="recorded"),
        Column(name="state"),
        Column(name="what happened", wraps=True),
        Column(name="brought by"),
    ]
    listing = Listing(columns, fold=[[0], [1, 2], [3, 4]])
    for entry in history:
        state = state_text(entry.to_state)
        if entry.from_state is not entry.to_state:
            state = Text.assemble(state_text(entry.from_state), " -> ", state)
        listing.add(str(entry.sequence), moment(entry.at), state, event_words(entry.event), entry.cause)
    listing.show()


def _show_events(events: Sequence[ProviderEvent]) -> None:
    columns = [
        Column(name="occurred"),
        Column(name="received"),
        Column(name="type"),
        Column(name="event"),
        Column(name="about", wraps=True),
    ]
    listing = Listing(columns, fold=[[0, 1], [2, 3, 4]])
    for event in events:
        about = ", ".join(event.references)
        listing.add(moment(event.occurred_at), moment(event.received_at), event.event_type, event.event_id, about)
    listing.show()


def _show_outbox(lines: Sequence[OutboxLine], now: datetime) -> None:
    columns = [
        Column(name="status"),
        Column(name="since"),
        Column(name="what"),
        Column(name="how far", wraps=True),
        Column(name="key"),
    ]
    listing = Listing(columns, fold=[[0, 1], [2, 3, 4]])
    for line in lines:
        words = effect_words(line.effect)
        listing.add(status_text(line), moment(owed_since(line)), words, delivery_words(line, now), line.key)
    listing.show()


def _show_acts(acts: Sequence[OperatorAct]) -> None:
    columns = [
        Column(name="at"),
        Column(name="who"),
        Column(name="did"),
        Column(name="to"),
        Column(name="why", wraps=True),
    ]
    listing = Listing(columns, fold=[[0, 1], [2, 3, 4]])
    for act in acts:
        listing.add(moment(act.at), act.by, act.act, act.subject, act.why)
    listing.show()


def status_text(line: OutboxLine) -> Text:
    """A delivery's status in its colour."""
    styles = {DeliveryStatus.DEAD: "red", DeliveryStatus.PENDING: "yellow", DeliveryStatus.DELIVERED: "green"}
    return Text(line.status, style=styles.get(line.status, "bright_black"))
