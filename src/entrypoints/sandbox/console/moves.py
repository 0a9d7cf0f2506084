"""What the console's buttons do at Stripe: the moves of customers, banks and time. Knows no HTTP and no page."""

from collections.abc import Callable, Mapping
from typing import Final

from entrypoints.sandbox.stripe.engine import Engine

Move = Callable[[Engine, str], object]

MOVES: Final[Mapping[str, Mapping[str, Move]]] = {
    "session": {
        "pay": lambda engine, id_: engine.settle_delayed(id_, succeeds=True),
        "fail": lambda engine, id_: engine.settle_delayed(id_, succeeds=False),
        "expire": lambda engine, id_: engine.expire(id_),
    },
    "subscription": {
        "renew": lambda engine, id_: engine.renew(id_),
        "renewal-fails": lambda engine, id_: engine.renew(id_, succeeds=False),
        "retry-pays": lambda engine, id_: engine.pay_invoice(engine.world.get("subscription", id_)["latest_invoice"]),
        "plan-cancel": lambda engine, id_: engine.plan_cancellation(id_, planned=True, metadata={}),
        "keep": lambda engine, id_: engine.plan_cancellation(id_, planned=False, metadata={}),
        "cancel": lambda engine, id_: engine.cancel(id_),
    },
    "payment": {
        "refund": lambda engine, id_: engine.refund(id_),
        "refund-part": lambda engine, id_: engine.refund(id_, amount=_half_of_what_is_left(engine, id_)),
        "dispute": lambda engine, id_: engine.open_dispute(id_),
        "inquiry": lambda engine, id_: engine.open_dispute(id_, inquiry=True),
    },
    "refund": {
        "fail": lambda engine, id_: engine.finish_refund(id_, succeeds=False),
    },
    "dispute": {
        "escalate": lambda engine, id_: engine.escalate_dispute(id_),
        "won": lambda engine, id_: engine.close_dispute(id_, won=True),
        "lost": lambda engine, id_: engine.close_dispute(id_, won=False),
    },
}
"""By kind of object and name of the button; each takes the object's id.

Raises StripeRefusal where it cannot be done.
"""


def _half_of_what_is_left(engine: Engine, payment_id: str) -> int:
    """In minor units, at least one."""
    charge = engine.aftermath.charge_of(payment_id)
    return max(1, int(charge["amount"] - charge["amount_refunded"]) // 2)
