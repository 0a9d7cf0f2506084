"""One order: the customer's purchase, what is known about it, and what follows from each move.

`apply` is the only way an order changes. It returns a `Change`: the new order, the history of how it came there, and
the effects that the world outside is owed, as data. It does no I/O and reads no clock.
"""

from datetime import datetime
from typing import Self
from uuid import UUID

from msgspec import Struct, structs

from paywall_core.effects import OrderEffect, ReportSale, SendAccessEmail, SendActivationMessage
from paywall_core.errors import (
    AccessRevokedError,
    ActivationTokenExpired,
    ActivationTokenInvalid,
    ActivationTokenUsed,
)
from paywall_core.events import Event, EventType, TimePassed, TokenRedeemed, TokenRotated
from paywall_core.facts import Facts, PaymentStatus, Terms, merge
from paywall_core.lifecycle import FulfillmentStatus, State, check_move, fulfillment_of, state_of
from paywall_core.notices import notices_owed
from paywall_core.policy import Entitlement, entitlement_of


class Order(Struct, frozen=True, kw_only=True):
    """A purchase.

    Attributes:
        id: our own id; the provider carries it in its metadata, the token in its first 16 bytes.
        version: how many history entries it has; an update checks it.
        email: as the customer wrote it, trimmed.
        plan: name of the plan.
        clickid: the tracker's click id; empty: organic, nothing is reported.
        locale: language of everything that we write to the customer.
        telegram_chat_id: chat that gets the activation button once the payment is there; None: nobody asked for it.
        created_at: when it was placed.
        facts: all that is known.
        state: what the facts asked for when they were last looked at.
    """

    id: UUID
    version: int
    email: str
    plan: str
    clickid: str
    locale: str
    telegram_chat_id: str | None
    created_at: datetime
    facts: Facts
    state: State

    @classmethod
    def place(
        cls,
        *,
        order_id: UUID,
        email: str,
        plan: str,
        terms: Terms,
        clickid: str,
        locale: str,
        telegram_chat_id: str | None,
        now: datetime,
    ) -> Self:
        """A new order: terms are set, nothing is paid."""
        return cls(
            id=order_id,
            version=0,
            email=email,
            plan=plan,
            clickid=clickid,
            locale=locale,
            telegram_chat_id=telegram_chat_id,
            created_at=now,
            facts=Facts(terms=terms),
            state=State.PENDING,
        )

    @property
    def terms(self) -> Terms:
        """What was bought."""
        if self.facts.terms is None:
            raise ValueError(f"order {self.id} has no terms")
        return self.facts.terms

    @property
    def entitlement(self) -> Entitlement:
        """What the payments grant."""
        return entitlement_of(self.facts)

    @property
    def fulfillment_status(self) -> FulfillmentStatus:
        """What the success page wants to know."""
        return fulfillment_of(self.facts)

    @property
    def payment_status(self) -> str:
        """Stripe's word: `unpaid`, `paid`, or `no_payment_required` when all that was paid was zero."""
        paid = [p for p in self.facts.payments.values() if p.status is PaymentStatus.PAID]
        if not paid:
            return "unpaid"
        free = all(p.amount is not None and p.amount.amount_minor == 0 for p in paid)
        return "no_payment_required" if free else "paid"

    @property
    def telegram_user_id(self) -> int | None:
        """The Telegram user who redeemed the token last, or None."""
        redemption = self.facts.redemption
        return None if redemption is None else redemption.telegram_user_id

    def state_at(self, now: datetime) -> State:
        """The state at `now`, whether or not it was recorded yet."""
        return state_of(self.facts, now)


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One line of an order's history.

    Attributes:
        sequence: 1 for the first; unique within the order.
        at: when it was recorded, by our clock.
        event: what happened, whole.
        from_state, to_state: the move; equal when only facts were learned.
        cause: who brought it: a provider's event id, `checkout`, `telegram:<id>`, `sweep`, `operator:<name>`.
    """

    sequence: int
    at: datetime
    event: Event
    from_state: State
    to_state: State
    cause: str


class Change(Struct, frozen=True, kw_only=True):
    """What applying an event came to. `history` is empty when nothing changed: a replay."""

    order: Order
    history: tuple[HistoryEntry, ...] = ()
    effects: tuple[OrderEffect, ...] = ()

    @property
    def base_version(self) -> int:
        """The version of the order that was changed."""
        return self.order.version - len(self.history)

    @property
    def at(self) -> datetime:
        """When it was made: of its last history entry. What changed nothing was made at no time.

        Raises:
            IndexError: nothing changed.
        """
        return self.history[-1].at

    def then(self, later: "Change") -> "Change":
        """This change and one that was made of its order, as one."""
        return Change(order=later.order, history=self.history + later.history, effects=self.effects + later.effects)


def apply(order: Order, *events: Event, now: datetime, cause: str) -> Change:
    """Let time pass, then merge what each event teaches, and say what follows.

    An event that teaches nothing new changes nothing. Time is a step of its own before the first event.

    Raises:
        IllegalTransition: an event may not lead where the facts now point; nothing is changed.
    """
    change = _step(Change(order=order), TimePassed(), now=now, cause=cause)
    for event in events:
        change = _step(change, event, now=now, cause=cause)
    return change


def redeem(order: Order, *, telegram_user_id: int, now: datetime) -> Change:
    """Bind the order to a Telegram user by the token's present version. Again by the same user changes nothing.

    Raises:
        AccessRevokedError: refunded, disputed or revoked.
        ActivationTokenExpired: the paid time is over.
        ActivationTokenUsed: another user redeemed this version.
        ActivationTokenInvalid: nothing was paid, so no token was ever given out.
    """
    state = order.state_at(now)
    if state is State.REVOKED:
        raise AccessRevokedError
    if state is State.EXPIRED and order.entitlement.first_paid_at is not None:
        raise ActivationTokenExpired
    if state not in (State.TOKEN_ISSUED, State.ACTIVE):
        raise ActivationTokenInvalid
    redemption = order.facts.redemption
    version = order.facts.token_version
    if redemption is not None and redemption.token_version == version:
        if redemption.telegram_user_id != telegram_user_id:
            raise ActivationTokenUsed
        return Change(order=order)
    event = TokenRedeemed(token_version=version, telegram_user_id=telegram_user_id)
    return apply(order, event, now=now, cause=f"telegram:{telegram_user_id}")


def rotate(order: Order, *, redeemed_by: int | None, now: datetime, cause: str) -> Change:
    """Give the token a new version, and redeem that at once for `redeemed_by` if somebody is named.

    Whoever redeemed an older version keeps access until the new one is redeemed.

    Raises:
        IllegalTransition: nothing that stands was paid, so there is no token.
    """
    version = order.facts.token_version + 1
    events: list[Event] = [TokenRotated(token_version=version)]
    if redeemed_by is not None:
        events.append(TokenRedeemed(token_version=version, telegram_user_id=redeemed_by))
    return apply(order, *events, now=now, cause=cause)


def _step(change: Change, event: Event, *, now: datetime, cause: str) -> Change:
    """One row of the history: merge, look, check the move, record it."""
    order = change.order
    facts = order.facts if isinstance(event, TimePassed) else merge(order.facts, event.facts())
    state = state_of(facts, now)
    if facts == order.facts and state is order.state:
        _check_replay(order, event)
        return change
    check_move(order.state, event.type, state)
    entry = HistoryEntry(
        sequence=order.version + 1,
        at=now,
        event=event,
        from_state=order.state,
        to_state=state,
        cause=cause,
    )
    moved = structs.replace(order, facts=facts, state=state, version=entry.sequence)
    return Change(
        order=moved,
        history=(*change.history, entry),
        effects=(*change.effects, *_owed(order, moved, event)),
    )


def _check_replay(order: Order, event: Event) -> None:
    """A replay teaches nothing, but an event that is illegal here stays illegal."""
    if event.type is not EventType.TIME_PASSED:
        check_move(order.state, event.type, order.state)


def _owed(before: Order, after: Order, event: Event) -> tuple[OrderEffect, ...]:
    """What a move owes to the world outside. Keys make each of these go out once, however often the move happens."""
    owed: list[OrderEffect] = []
    arrived = after.state is State.TOKEN_ISSUED and before.state is not State.TOKEN_ISSUED
    resend = after.facts.links_resent if after.facts.links_resent > before.facts.links_resent else 0
    if arrived or resend:
        version = after.facts.token_version
        owed.append(SendAccessEmail(order_id=after.id, token_version=version, resend=resend))
        if after.telegram_chat_id is not None:
            owed.append(SendActivationMessage(order_id=after.id, token_version=version, resend=resend))
    if arrived and after.clickid:
        owed.append(ReportSale(order_id=after.id))
    owed.extend(notices_owed(after.id, (before.facts, before.state), (after.facts, after.state), event))
    return tuple(owed)
