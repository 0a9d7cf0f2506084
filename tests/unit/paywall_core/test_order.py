"""The order: what a move owes, what replays change, and who may redeem."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec import structs

from paywall_core.errors import (
    AccessRevokedError,
    ActivationTokenExpired,
    ActivationTokenInvalid,
    ActivationTokenUsed,
    IllegalTransition,
)
from paywall_core.events import (
    AccessReinstated,
    AccessRevoked,
    CheckoutExpired,
    DisputeUpdated,
    LinkResent,
    PaymentFailed,
    PaymentSucceeded,
    TokenRedeemed,
    TokenRotated,
)
from paywall_core.facts import DisputeStatus, Facts, Redemption
from paywall_core.lifecycle import State
from paywall_core.order import Order, apply, redeem, rotate

from .strategies import DAY, ONE_TIME, START, eur

PAID = PaymentSucceeded(payment_id="pi_1", paid_at=START, amount=eur(1500), session_id="cs_1")


def place(*, clickid: str = "click", chat: str | None = "42") -> Order:
    """A fresh order."""
    return Order.place(
        order_id=UUID(int=7),
        email="anna@example.com",
        plan="basic",
        terms=ONE_TIME,
        clickid=clickid,
        locale="ru",
        telegram_chat_id=chat,
        now=START,
    )


def paid(**kwargs: str | None) -> Order:
    """An order that was paid at the start."""
    order = place(**kwargs)  # type: ignore[arg-type]  # the keywords of `place`, passed on
    return apply(order, PAID, now=START, cause="evt_1").order


def dispute(status: DisputeStatus) -> DisputeUpdated:
    """A dispute about the payment."""
    return DisputeUpdated(dispute_id="dp_1", status=status, payment="pi_1")


def test_payment_owes_mail_message_postback_and_a_word_before_its_end() -> None:
    """Each once, by deterministic keys."""
    change = apply(place(), PAID, now=START, cause="evt_1")
    assert [effect.key for effect in change.effects] == [
        f"access_email:{UUID(int=7)}:1",
        f"activation_message:{UUID(int=7)}:1",
        f"mobi_slon:pay_success:{UUID(int=7)}",
        f"notice:ends_soon:email:{UUID(int=7)}:2026-01-31T00:00:00+00:00",
        f"notice:ends_soon:chat:{UUID(int=7)}:2026-01-31T00:00:00+00:00",
    ]
    assert [(e.sequence, e.from_state, e.to_state, e.cause) for e in change.history] == [
        (1, State.PENDING, State.TOKEN_ISSUED, "evt_1")
    ]


def test_organic_order_without_chat_owes_only_the_mail() -> None:
    """No click id: no postback; no chat: no message. Where a notice can go is seen when its time comes."""
    change = apply(place(clickid="", chat=None), PAID, now=START, cause="evt_1")
    assert [effect.key.split(":")[0] for effect in change.effects] == ["access_email", "notice", "notice"]


def test_replay_changes_nothing() -> None:
    """The same payment again is no error and no change."""
    order = paid()
    again = apply(order, PAID, now=START + DAY, cause="evt_2")
    assert again.order is order
    assert not again.history
    assert not again.effects


def test_time_is_a_step_of_its_own_before_the_event() -> None:
    """A late word about the checkout is not blamed for what the clock did."""
    change = apply(paid(), CheckoutExpired(session_id="cs_1"), now=START + 31 * DAY, cause="evt_2")
    assert [(str(e.event.type), e.from_state, e.to_state) for e in change.history] == [
        ("time_passed", State.TOKEN_ISSUED, State.EXPIRED)
    ]


def test_link_that_is_resent_owes_mail_and_button_once_more() -> None:
    """A key of its own each time, and no second report of the sale; the state does not move."""
    order = paid()
    for number in (1, 2):
        event = LinkResent(number=number, by="anna", why="lost it", at=START)
        change = apply(order, event, now=START, cause="operator:anna")
        assert [effect.key for effect in change.effects] == [
            f"access_email:{order.id}:1:resend-{number}",
            f"activation_message:{order.id}:1:resend-{number}",
        ]
        assert not apply(change.order, event, now=START, cause="operator:anna").history
        order = change.order
    assert (order.state, order.facts.links_resent) == (State.TOKEN_ISSUED, 2)
    assert redeem(order, telegram_user_id=5, now=START).effects == ()


def test_restored_after_a_dispute_owes_the_same_mail_by_the_same_key() -> None:
    """The key is the same, so the outbox sends it once; if it was skipped meanwhile, it comes back."""
    order = apply(paid(), dispute(DisputeStatus.OPEN), now=START, cause="evt_2").order
    assert order.state is State.REVOKED
    change = apply(order, dispute(DisputeStatus.WON), now=START, cause="evt_3")
    assert change.order.state is State.TOKEN_ISSUED
    assert change.effects[0].key == f"access_email:{order.id}:1"


def test_illegal_event_raises_and_changes_nothing() -> None:
    """A token cannot be redeemed on an unpaid order, whoever tries."""
    with pytest.raises(IllegalTransition):
        apply(place(), TokenRedeemed(token_version=1, telegram_user_id=5), now=START, cause="x")


def test_illegal_event_stays_illegal_when_it_teaches_nothing() -> None:
    """Reinstating what was never revoked is refused, not passed over."""
    word = AccessReinstated(number=1, by="anna", why="mistake", at=START)
    with pytest.raises(IllegalTransition):
        apply(place(), word, now=START, cause="operator:anna")
    with pytest.raises(IllegalTransition):
        apply(place(), TokenRotated(token_version=1), now=START, cause="x")


def test_operator_revokes_and_reinstates() -> None:
    """The word is kept with who and why, and what was paid holds again once it is taken back."""
    order = redeem(paid(), telegram_user_id=5, now=START).order
    revoked = apply(order, AccessRevoked(number=1, by="anna", why="abuse", at=START), now=START, cause="operator:anna")
    assert revoked.order.state is State.REVOKED
    assert revoked.order.entitlement.access_until is None
    again = apply(
        revoked.order, AccessReinstated(number=2, by="bob", why="mistake", at=START), now=START, cause="operator:bob"
    )
    assert again.order.state is State.ACTIVE


def test_operator_s_word_holds_against_a_later_payment() -> None:
    """Revoked before it was paid stays revoked."""
    order = apply(place(), AccessRevoked(number=1, by="a", why="w", at=START), now=START, cause="operator:a").order
    assert apply(order, PAID, now=START, cause="evt").order.state is State.REVOKED


def test_redeeming_binds_one_user_and_repeats_quietly() -> None:
    """The same user again is the same answer; another is refused."""
    bound = redeem(paid(), telegram_user_id=5, now=START).order
    assert (bound.state, bound.telegram_user_id) == (State.ACTIVE, 5)
    assert not redeem(bound, telegram_user_id=5, now=START).history
    with pytest.raises(ActivationTokenUsed):
        redeem(bound, telegram_user_id=6, now=START)


def test_history_says_which_account_redeemed() -> None:
    """The cause names the account, so that support can tell who came in."""
    (entry,) = redeem(paid(), telegram_user_id=5, now=START).history
    assert entry.cause == "telegram:5"


def test_rotating_takes_the_next_version() -> None:
    """One more than before, redeemed at once for whoever is named."""
    rotated = rotate(paid(), redeemed_by=6, now=START, cause="restore").order
    assert rotated.facts.token_version == 2
    assert rotated.facts.redemption == Redemption(token_version=2, telegram_user_id=6)


def test_rotated_token_moves_access_only_when_it_is_redeemed() -> None:
    """The account that redeemed before keeps access until the new version is redeemed."""
    bound = redeem(paid(), telegram_user_id=5, now=START).order
    rotated = apply(bound, TokenRotated(token_version=2), now=START, cause="restore").order
    assert (rotated.state, rotated.telegram_user_id) == (State.ACTIVE, 5)
    moved = redeem(rotated, telegram_user_id=6, now=START).order
    assert moved.telegram_user_id == 6
    with pytest.raises(ActivationTokenUsed):
        redeem(moved, telegram_user_id=5, now=START)


def test_redeeming_is_refused_with_the_true_reason() -> None:
    """Unpaid: invalid; disputed: revoked; over: expired. An unpaid checkout that ran out is as if there were none."""
    with pytest.raises(ActivationTokenInvalid):
        redeem(place(), telegram_user_id=5, now=START)
    lapsed = apply(place(), CheckoutExpired(session_id="cs_1"), now=START, cause="evt").order
    with pytest.raises(ActivationTokenInvalid):
        redeem(lapsed, telegram_user_id=5, now=START)
    with pytest.raises(ActivationTokenExpired):
        redeem(paid(), telegram_user_id=5, now=START + 30 * DAY)
    disputed = apply(paid(), dispute(DisputeStatus.OPEN), now=START, cause="evt").order
    with pytest.raises(AccessRevokedError):
        redeem(disputed, telegram_user_id=5, now=START)


def test_payment_status_is_stripe_s_word() -> None:
    """Unpaid, free, paid."""
    assert place().payment_status == "unpaid"
    assert paid().payment_status == "paid"
    free = structs.replace(PAID, amount=eur(0))
    assert apply(place(), free, now=START, cause="e").order.payment_status == "no_payment_required"


def test_failed_attempt_is_no_payment() -> None:
    """It leaves an order unpaid, and a free one free."""
    attempt = PaymentFailed(payment_id="pi_0")
    assert apply(place(), attempt, now=START, cause="e").order.payment_status == "unpaid"
    free = structs.replace(PAID, amount=eur(0))
    assert apply(place(), attempt, free, now=START, cause="e").order.payment_status == "no_payment_required"


def test_order_without_terms_is_refused() -> None:
    """An order that was not placed has no terms to speak of."""
    order = structs.replace(place(), facts=Facts())
    with pytest.raises(ValueError, match="no terms"):
        _ = order.terms


def test_clock_set_back_gives_access_back() -> None:
    """A clock that ran ahead and is set right leaves nobody out."""
    bound = redeem(paid(), telegram_user_id=5, now=START).order
    ahead = apply(bound, PAID, now=START + 31 * DAY, cause="e").order
    assert ahead.state is State.EXPIRED
    assert apply(ahead, PAID, now=START + timedelta(hours=1), cause="e").order.state is State.ACTIVE
