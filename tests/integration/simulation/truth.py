"""The oracle: what should be, said as plainly as it can be said, from Stripe's own objects and from what people did.

Nothing of the product is used here but the names of its plans' terms. It knows no events, no facts, no order of
arrival: only who paid for what until when, what of that was taken back, and who has proven to be the customer.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from .records import Invoice, Payment, Purchase

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
FIRST_GUESS: Final = timedelta(hours=48)


def is_taken_back(payment: Payment) -> bool:
    """The money is not ours: all of it went back, or a bank holds it or kept it."""
    banks = any(dispute.status in ("needs_response", "under_review", "lost") for dispute in payment.disputes)
    return banks or payment.refunded >= payment.amount


def access_end(purchase: Purchase) -> datetime | None:
    """Until when what was paid and still stands gives access; None: it gives none."""
    return max(_ends(purchase, standing_only=True), default=None)


def outermost_end(purchase: Purchase) -> datetime | None:
    """Until when all that was ever paid could have given access, had nothing been taken back and nothing been ended."""
    return max(_ends(purchase, standing_only=False), default=None)


def _ends(purchase: Purchase, *, standing_only: bool) -> list[datetime]:
    ends = []
    if purchase.payment is not None and purchase.payment.paid_at is not None:
        days = purchase.terms.duration_days
        if not (standing_only and is_taken_back(purchase.payment)):
            ends.append(FOREVER if days is None else purchase.payment.paid_at + timedelta(days))
    for invoice in purchase.invoices:
        if invoice.paid_at is None:
            continue
        if standing_only and invoice.payment is not None and is_taken_back(invoice.payment):
            continue
        ends.append(_end_of(invoice, purchase, ended_counts=standing_only))
        if not standing_only:  # as long as nobody has heard which period was paid for
            ends.append(invoice.paid_at + FIRST_GUESS)
    return ends


def _end_of(invoice: Invoice, purchase: Purchase, *, ended_counts: bool) -> datetime:
    """The period and the grace after it; of an ended subscription no grace beyond its end."""
    with_grace = invoice.end + timedelta(seconds=purchase.terms.grace_seconds)
    if ended_counts and purchase.ended_at is not None:
        return max(invoice.end, min(with_grace, purchase.ended_at))
    return with_grace


@dataclass(kw_only=True)
class Claims:
    """Who has proven to be the customer of one order, and what an operator said of it.

    Attributes:
        presented: users who ever handed in a link of this order's.
        let_in: from a link to the one user who was let in by it.
        dead: links that a newer one has replaced, as the customer was told.
        word: the operator's last word: True revoked, False not; None: nobody knows whether it was heard.
        speaking: words that are on their way.
        muddled: several were at once: nobody knows which was heard last.
    """

    presented: set[int] = field(default_factory=set)
    let_in: dict[str, int] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    word: bool | None = False
    speaking: int = 0
    muddled: bool = False


Register = dict[UUID, Claims]
"""Of each order."""
