"""The steps of a customer's way in, told from what changed."""

from paywall_core.events import CheckoutOpened, DisputeUpdated
from paywall_core.facts import DisputeStatus
from paywall_core.milestones import Milestone, milestones_of
from paywall_core.order import Change, apply, redeem, rotate
from paywall_core.testing.contract.samples import NOW, paid_event, place


def test_each_step_is_told_once() -> None:
    """Placed, paid, redeemed; what teaches us more about the order on its way is no step."""
    order = place()
    assert milestones_of(Change(order=order)) == (Milestone.STARTED,)
    opened = apply(order, CheckoutOpened(session_id="cs_1"), now=NOW, cause="test")
    assert milestones_of(opened) == ()
    paid = apply(opened.order, paid_event(), now=NOW, cause="test")
    assert milestones_of(paid) == (Milestone.PAID,)
    again = apply(paid.order, paid_event("cs_2"), now=NOW, cause="test")
    assert milestones_of(again) == ()
    redeemed = redeem(again.order, telegram_user_id=5, now=NOW)
    assert milestones_of(redeemed) == (Milestone.REDEEMED,)
    assert milestones_of(redeem(redeemed.order, telegram_user_id=5, now=NOW)) == ()


def test_who_moves_to_another_account_or_comes_back_is_no_new_customer() -> None:
    """A rotated link, and a dispute that was won."""
    paid = apply(place(), paid_event(), now=NOW, cause="test").order
    active = redeem(paid, telegram_user_id=5, now=NOW).order
    moved = rotate(active, redeemed_by=6, now=NOW, cause="restore")
    assert milestones_of(moved) == ()
    disputed = [
        DisputeUpdated(dispute_id="dp_1", status=status, payment="pi_cs_1")
        for status in (DisputeStatus.OPEN, DisputeStatus.WON)
    ]
    assert milestones_of(apply(paid, *disputed, now=NOW, cause="test")) == ()


def test_steps_that_one_transaction_takes_are_told_together() -> None:
    """In their order."""
    paid = apply(place(), paid_event(), now=NOW, cause="test")
    assert milestones_of(paid.then(redeem(paid.order, telegram_user_id=5, now=NOW))) == (
        Milestone.PAID,
        Milestone.REDEEMED,
    )
