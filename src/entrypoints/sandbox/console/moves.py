"""What the console's buttons do at Stripe: the moves of customers, banks and time. Knows no HTTP and no page."""

from collections.abc import Callable, Mapping
from typing import Final

from entrypoints.sandbox.stripe.engine import Engine

TRIAL_DAYS: Final = 7

Move = Callable[[Engine, str], object]

MOVES: Final[Mapping[str, Mapping[str, Move]]] = {
    "session": {
        "pay": lambda engine, id_: engine.settle_delayed(id_, succeeds=True),
        "fail": lambda engine, id_: engine.settle_delayed(id_, succeeds=False),
        "expire": lambda engine, id_: engine.expire(id_),
        "trial": lambda engine, id_: engine.offer_trial(id_, days=TRIAL_DAYS),
        "trial-without-card": lambda engine, id_: engine.offer_trial(id_, days=TRIAL_DAYS, without_card=True),
    },
    "subscription": {
        "renew": lambda engine, id_: engine.renew(id_),
        "renewal-fails": lambda engine, id_: engine.renew(id_, succeeds=False),
        "renewal-asks": lambda engine, id_: engine.renew(id_, needs_action=True),
        "retry-pays": lambda engine, id_: engine.pay_invoice(_owed(engine, id_)),
        "retry-fails": lambda engine, id_: engine.retry(id_, succeeds=False),
        "unpaid": lambda engine, id_: engine.mark_unpaid(id_),
        "void": lambda engine, id_: engine.void_invoice(_owed(engine, id_)),
        "uncollectible": lambda engine, id_: engine.mark_uncollectible(_owed(engine, id_)),
        "pause": lambda engine, id_: engine.pause(id_),
        "resume": lambda engine, id_: engine.resume(id_),
        "pause-collection": lambda engine, id_: engine.pause_collection(id_),
        "resume-collection": lambda engine, id_: engine.resume_collection(id_),
        "plan-cancel": lambda engine, id_: engine.plan_cancellation(id_, planned=True, metadata={}),
        "keep": lambda engine, id_: engine.plan_cancellation(id_, planned=False, metadata={}),
        "cancel": lambda engine, id_: engine.cancel(id_),
        "never-begins": lambda engine, id_: engine.expire_incomplete(id_),
    },
    "payment": {
        "refund": lambda engine, id_: engine.refund(id_),
        "refund-part": lambda engine, id_: engine.refund(id_, amount=_half_of_what_is_left(engine, id_)),
        "refund-slow": lambda engine, id_: engine.refund(id_, pending=True),
        "dispute": lambda engine, id_: engine.open_dispute(id_),
        "inquiry": lambda engine, id_: engine.open_dispute(id_, inquiry=True),
    },
    "refund": {
        "arrive": lambda engine, id_: engine.finish_refund(id_, succeeds=True),
        "fail": lambda engine, id_: engine.finish_refund(id_, succeeds=False),
        "cancel": lambda engine, id_: engine.cancel_refund(id_),
    },
    "dispute": {
        "answer": lambda engine, id_: engine.answer_dispute(id_),
        "prevent": lambda engine, id_: engine.prevent_dispute(id_),
        "escalate": lambda engine, id_: engine.escalate_dispute(id_),
        "won": lambda engine, id_: engine.close_dispute(id_, won=True),
        "lost": lambda engine, id_: engine.close_dispute(id_, won=False),
    },
}
"""By kind of object and name of the button; each takes the object's id.

Raises StripeRefusal where it cannot be done.
"""


def _owed(engine: Engine, subscription_id: str) -> str:
    """The newest invoice that could still be paid; where there is none, one that Stripe refuses to pay."""
    sub = engine.world.get("subscription", subscription_id)
    owed = engine.billing.invoices.unpaid_of(sub)
    return str(owed[-1]["id"] if owed else sub["latest_invoice"])


def _half_of_what_is_left(engine: Engine, payment_id: str) -> int:
    """In minor units, at least one."""
    charge = engine.aftermath.charge_of(payment_id)
    return max(1, int(charge["amount"] - charge["amount_refunded"]) // 2)
