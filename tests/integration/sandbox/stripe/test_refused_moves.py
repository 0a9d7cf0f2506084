"""Moves that do not fit how a thing stands: Stripe has a reason, and there is no event of them."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe as official

from entrypoints.sandbox.stripe import StripeRefusal, StripeSandbox
from tests.integration.sandbox.stripe.conftest import event_types, session_params
from tests.integration.sandbox.stripe.test_moves import bought, past_due

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

Preparation = Callable[[Any, str], str]
Refused = Callable[[Any, str], object]

PAYMENTS: dict[str, tuple[Preparation, Refused]] = {
    "take back a refund that has arrived": (lambda e, p: e.refund(p)["id"], lambda e, id_: e.cancel_refund(id_)),
    "let a refund arrive twice": (lambda e, p: e.refund(p)["id"], lambda e, id_: e.finish_refund(id_, succeeds=True)),
    "let a refund arrive that was taken back": (
        lambda e, p: e.cancel_refund(e.refund(p, pending=True)["id"])["id"],
        lambda e, id_: e.finish_refund(id_, succeeds=True),
    ),
    "prevent what is lost": (
        lambda e, p: e.close_dispute(e.open_dispute(p)["id"], won=False)["id"],
        lambda e, id_: e.prevent_dispute(id_),
    ),
    "close what was prevented": (
        lambda e, p: e.prevent_dispute(e.open_dispute(p)["id"])["id"],
        lambda e, id_: e.close_dispute(id_, won=True),
    ),
    "answer twice": (
        lambda e, p: e.answer_dispute(e.open_dispute(p)["id"])["id"],
        lambda e, id_: e.answer_dispute(id_),
    ),
    "escalate a dispute": (lambda e, p: e.open_dispute(p)["id"], lambda e, id_: e.escalate_dispute(id_)),
}
SUBSCRIPTIONS: dict[str, tuple[Preparation, Refused]] = {
    "retry what is paid": (lambda _, s: s, lambda e, id_: e.retry(id_)),
    "give up what is paid": (lambda _, s: s, lambda e, id_: e.mark_unpaid(id_)),
    "let it never begin": (lambda _, s: s, lambda e, id_: e.expire_incomplete(id_)),
    "resume what runs": (lambda _, s: s, lambda e, id_: e.resume(id_)),
    "renew what is paused": (lambda e, s: e.pause(s)["id"], lambda e, id_: e.renew(id_)),
    "pause what is past due": (lambda e, s: past_due(e, s) and s, lambda e, id_: e.pause(id_)),
    "pause what has ended": (lambda e, s: e.cancel(s)["id"], lambda e, id_: e.pause(id_)),
    "void what is paid": (
        lambda e, s: e.world.get("subscription", s)["latest_invoice"],
        lambda e, id_: e.void_invoice(id_),
    ),
    "give up what is void": (
        lambda e, s: e.void_invoice(past_due(e, s))["id"],
        lambda e, id_: e.mark_uncollectible(id_),
    ),
    "pay what is void": (lambda e, s: e.void_invoice(past_due(e, s))["id"], lambda e, id_: e.pay_invoice(id_)),
    "give a trial to what was bought": (
        lambda e, _: e.world.all("checkout.session")[-1]["id"],
        lambda e, id_: e.offer_trial(id_, days=7),
    ),
}
"""What comes before, which gives the id, and then what is refused."""

STORIES = [("payment", name) for name in PAYMENTS] + [("subscription", name) for name in SUBSCRIPTIONS]


@pytest.mark.parametrize(("mode", "name"), STORIES)
async def test_what_does_not_fit_is_refused_and_says_nothing(sandbox: StripeSandbox, mode: str, name: str) -> None:
    """With a reason; nothing has happened."""
    before, refused = (PAYMENTS if mode == "payment" else SUBSCRIPTIONS)[name]
    session = await bought(sandbox, mode)
    object_id = before(sandbox.engine, session["payment_intent"] or session["subscription"])
    told = event_types(sandbox)
    with pytest.raises(StripeRefusal):
        refused(sandbox.engine, object_id)
    assert event_types(sandbox) == told


async def test_only_a_subscription_has_a_trial(sandbox: StripeSandbox, client: official.StripeClient) -> None:
    """An open checkout of a single payment does not."""
    session = await client.v1.checkout.sessions.create_async(session_params("payment"))
    with pytest.raises(StripeRefusal, match="trial"):
        sandbox.engine.offer_trial(session.id, days=7)
