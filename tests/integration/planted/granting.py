"""Defects in what payments grant, and in who gets in."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from adapters.db.orders import SqlOrders
from adapters.db.rows import changing_columns
from adapters.db.schema import orders
from adapters.db.statements import Statement
from paywall_core import lifecycle, notices, order, policy
from paywall_core.access_token import AccessTokens
from paywall_core.events import EventType
from paywall_core.facts import DisputeStatus, Facts, Payment, Refund
from paywall_core.order import Change, Order
from paywall_core.use_cases import access_status

# What payments grant.


def links_ignored(patch: pytest.MonkeyPatch) -> None:
    """A refund of a payment intent does not find its invoice."""
    patch.setattr(policy, "_linked", lambda _facts, payment: payment)


def partial_refund_voids(patch: pytest.MonkeyPatch) -> None:
    """A partial refund takes access."""

    def fully(known: Facts, payment_id: str) -> bool:
        return any(policy.payment_of(known, r.payment, r.charge) == payment_id for r in known.refunds.values())

    patch.setattr(policy, "is_fully_refunded", fully)


def inquiry_voids(patch: pytest.MonkeyPatch) -> None:
    """An inquiry takes access."""
    patch.setattr(policy, "_VOIDING_DISPUTES", {DisputeStatus.INQUIRY, DisputeStatus.OPEN, DisputeStatus.LOST})


def won_stays_void(patch: pytest.MonkeyPatch) -> None:
    """A dispute that was won does not give access back."""
    patch.setattr(policy, "_VOIDING_DISPUTES", {DisputeStatus.OPEN, DisputeStatus.LOST, DisputeStatus.WON})


def failed_refund_counts(patch: pytest.MonkeyPatch) -> None:
    """A refund that failed still voids."""
    patch.setattr(policy, "_DEAD_REFUNDS", frozenset())


def grace_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """An ended subscription keeps its grace."""

    def until(known: Facts, payment: Payment) -> datetime:
        return policy.paid_until_of(known, payment) + timedelta(seconds=policy._terms(known).grace_seconds)

    patch.setattr(policy, "access_until_of", until)


def no_grace(patch: pytest.MonkeyPatch) -> None:
    """There is no grace."""
    patch.setattr(policy, "access_until_of", policy.paid_until_of)


def last_word_wins(patch: pytest.MonkeyPatch) -> None:
    """Of two words about a refund the one that came last wins."""
    patch.setattr(Refund, "join", lambda _self, other: other)


def table_too_narrow(patch: pytest.MonkeyPatch) -> None:
    """The table thinks that what is over by the clock cannot be brought back by a refund that failed."""
    row: Any = lifecycle.TRANSITIONS[lifecycle.State.EXPIRED]
    patch.setitem(row, EventType.REFUND_FAILED, frozenset({lifecycle.State.EXPIRED}))


def operator_unheard(patch: pytest.MonkeyPatch) -> None:
    """An operator's revocation does nothing."""
    for module in (policy, lifecycle, notices):
        patch.setattr(module, "is_revoked_by_operator", lambda _facts: False)


# Who gets in.


def gate_trusts_the_record(patch: pytest.MonkeyPatch) -> None:
    """The gate believes the recorded state."""
    patch.setattr(access_status, "_state_now", lambda record, _now: record.state)


def second_user_too(patch: pytest.MonkeyPatch) -> None:
    """A link that was used lets a second user in."""
    real = order.redeem
    from paywall_core.use_cases import activate_access  # noqa: PLC0415

    def redeem(of: Order, *, telegram_user_id: int, now: datetime) -> Change:
        try:
            return real(of, telegram_user_id=telegram_user_id, now=now)
        except order.ActivationTokenUsed:  # type: ignore[attr-defined]
            return Change(order=of)

    patch.setattr(activate_access, "redeem", redeem)


def forged_mac(patch: pytest.MonkeyPatch) -> None:
    """Only the first bytes of a token's proof are compared."""

    def verify(self: AccessTokens, token: Any, token_version: int) -> None:
        """Only the first bytes are compared."""
        from paywall_core import access_token  # noqa: PLC0415

        expected = access_token._mac(self._secrets[0], token.order_id, token_version)
        if expected[:4] != token.mac[:4]:
            raise order.ActivationTokenInvalid  # type: ignore[attr-defined]

    patch.setattr(AccessTokens, "verify", verify)


def history_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A change is saved without its history."""

    async def save(self: SqlOrders, *changes: Change) -> None:
        for change in changes:
            statement = update(orders).where(orders.c.id == change.order.id).values(changing_columns(change.order))
            await self._connection.change(Statement(statement))
            if change.effects:
                await self._outbox.enqueue(change.effects, now=change.at)

    patch.setattr(SqlOrders, "save", save)
