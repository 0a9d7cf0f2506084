"""From any of Stripe's ids to our order, by the links that Stripe keeps. No I/O of its own: it is handed two ways.

    refund, dispute -> charge -> payment intent -> invoice -> subscription

What we made carries `metadata.order_id`: the session, the payment intent of a one-time purchase, and the subscription.
A subscription's charge does not: its way leads over the invoice that it paid.

What the way teaches is told, too: which payment intent paid which invoice, and which payment a charge was for. Without
the latter, an old refund or dispute that names only its charge would void nothing. And the ids on the way are told even
where no object names our order: somebody may have edited the metadata at Stripe, and we know the subscription by its
id.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from adapters.stripe.money_back import charge_refunded
from adapters.stripe.references import order_id_of, references_of
from paywall_core.events import PaymentEvent, PaymentLinked
from paywall_core.notification import PaymentNotification

Retrieve: TypeAlias = Callable[[str, str], Awaitable[Mapping[str, Any] | None]]
"""An object by its kind and id; None: there is none."""

InvoiceOf: TypeAlias = Callable[[str], Awaitable[str | None]]
"""The id of the invoice that a payment intent paid; None: it paid none."""

_KINDS: Final = {
    "re_": "refund",
    "pyr_": "refund",
    "dp_": "dispute",
    "du_": "dispute",
    "ch_": "charge",
    "py_": "charge",
    "pi_": "payment_intent",
    "in_": "invoice",
    "sub_": "subscription",
    "cs_": "checkout.session",
}
"""By the beginning of an id, nearest to our order last."""

MOST_CALLS: Final = 12


class Trace:
    """One search, from some ids on."""

    def __init__(self, *, retrieve: Retrieve, invoice_of: InvoiceOf) -> None:
        self._retrieve = retrieve
        self._invoice_of = invoice_of
        self._calls = 0

    async def follow(self, references: Sequence[str], *, at: datetime) -> PaymentNotification | None:
        """Go on until an object names our order, or all ways end; `at`, the moment of the search, enters no fact."""
        waiting = [one for one in references if _kind(one)]
        seen: dict[str, None] = {}
        learnt: list[PaymentEvent] = []
        order_id: UUID | None = None
        while waiting and order_id is None and self._calls < MOST_CALLS:
            waiting.sort(key=_nearness)
            object_id = waiting.pop()
            if object_id in seen:
                continue
            seen[object_id] = None
            document = await self._ask(object_id)
            if document is None:
                continue
            order_id = order_id_of(document)
            if _kind(object_id) == "charge":
                learnt += charge_refunded(document, at)
            found = [*references_of(document)]
            invoice_id = None if order_id else await self._invoice_paid_by(object_id)
            if invoice_id is not None:
                learnt.append(PaymentLinked(payment_intent_id=object_id, payment_id=invoice_id))
                found.append(invoice_id)
            waiting += [one for one in found if one not in seen and _kind(one)]
        everything = tuple(sorted({*references, *seen, *waiting}))
        if order_id is None and set(everything) == set(references):
            return None
        return PaymentNotification(
            event_id=None,
            event_type="trace",
            occurred_at=at,
            payload=msgspec.json.encode({"references": everything}),
            order_id=order_id,
            references=everything,
            events=tuple(learnt),
        )

    async def _ask(self, object_id: str) -> Mapping[str, Any] | None:
        self._calls += 1
        return await self._retrieve(_kind(object_id), object_id)

    async def _invoice_paid_by(self, object_id: str) -> str | None:
        """A payment intent does not name its invoice; Stripe keeps the link by itself."""
        if _kind(object_id) != "payment_intent" or self._calls >= MOST_CALLS:
            return None
        self._calls += 1
        return await self._invoice_of(object_id)


def _kind(object_id: str) -> str:
    """What an id names, by its beginning; empty: nothing that leads on."""
    return next((kind for prefix, kind in _KINDS.items() if object_id.startswith(prefix)), "")


def _nearness(object_id: str) -> int:
    """Larger for what is nearer to our order."""
    return next((place for place, prefix in enumerate(_KINDS) if object_id.startswith(prefix)), -1)
