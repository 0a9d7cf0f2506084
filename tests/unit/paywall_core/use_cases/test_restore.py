"""The way back in by e-mail: asked for, answered, and what becomes of the old link."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from paywall_core.errors import (
    ActivationTokenInvalid,
    CodeRequestedTooSoon,
    DeliveryFailed,
    InvalidInput,
    NoRestorableOrder,
    OneTimeCodeInvalid,
)
from paywall_core.events import PaymentSucceeded, RefundUpdated
from paywall_core.facts import RefundStatus
from paywall_core.lifecycle import State
from paywall_core.ports.delivery import CodeMessage
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing.repositories import InMemoryOrders
from paywall_core.use_cases.activate_access import ActivateAccessCommand
from paywall_core.use_cases.confirm_restore import ConfirmRestoreCommand, RestoredAccess
from paywall_core.use_cases.request_restore import RequestRestoreCommand

from ..strategies import DAY, eur  # noqa: TID252  - the tests' own package
from .world import COMMAND, World

MINUTE = timedelta(minutes=1)


async def ask(world: World, email: str = "anna@example.com") -> str:
    """Ask for a code and let the worker run; the code that was mailed, or an empty text."""
    before = len(world.code_mailer.sent)
    await world.request_restore(RequestRestoreCommand(email=email))
    await world.deliver_all()
    mailed = world.code_mailer.sent[before:]
    return mailed[0].code if mailed else ""


async def answer(world: World, code: str, user: int | None = None, email: str = "anna@example.com") -> RestoredAccess:
    """Answer with a code."""
    return await world.confirm_restore(ConfirmRestoreCommand(email=email, code=code, telegram_user_id=user))


def token_of(link: str | None) -> str:
    """The token in a link."""
    return (link or "").partition("start=")[2]


async def test_code_is_mailed_to_the_address_as_it_paid_and_opens_the_way(world: World) -> None:
    """However the address is spelled now; in the order's language."""
    started = await world.buy()
    code = await ask(world, " ANNA@example.com ")
    (mail,) = world.code_mailer.sent
    assert (mail.to, mail.locale) == ("Anna@Example.com", "en")
    restored = await answer(world, f" {code} ", email="anna@EXAMPLE.com")
    assert not restored.access_granted
    assert restored.order_id == started.order_id
    granted = await world.activate(
        ActivateAccessCommand(activation_token=token_of(restored.activation_link), telegram_user_id=7)
    )
    assert granted.access_status is State.ACTIVE


async def test_named_user_is_in_at_once(world: World) -> None:
    """No link is given out that somebody else could use."""
    await world.buy()
    restored = await answer(world, await ask(world), user=8)
    assert (restored.access_granted, restored.activation_link) == (True, None)
    assert (await world.status(8)).is_paid


async def test_old_link_dies_at_once_and_the_old_account_when_the_new_link_is_redeemed(world: World) -> None:
    """Nobody is locked out by a request that was never finished."""
    started = await world.buy()
    old = world.tokens.issue(started.order_id, 1)
    await world.redeem(started, 1)
    restored = await answer(world, await ask(world))
    with pytest.raises(ActivationTokenInvalid):
        await world.activate(ActivateAccessCommand(activation_token=old, telegram_user_id=1))
    assert (await world.status(1)).is_paid
    await world.activate(ActivateAccessCommand(activation_token=token_of(restored.activation_link), telegram_user_id=2))
    assert not (await world.status(1)).is_paid
    assert (await world.status(2)).is_paid


async def test_unknown_address_is_asked_too_and_gets_no_mail(world: World) -> None:
    """The same answer, the same challenge, the same row; only the worker knows."""
    assert await ask(world, "nobody@example.com") == ""
    (row,) = world.store.outbox
    assert (row.status, row.error) == (DeliveryStatus.SKIPPED, "nothing was ever paid with this address")
    with pytest.raises(CodeRequestedTooSoon):
        await ask(world, "nobody@example.com")
    with pytest.raises(OneTimeCodeInvalid):
        await answer(world, "000000", email="nobody@example.com")


async def test_unpaid_order_gets_no_code(world: World) -> None:
    """An address that only began a checkout is nobody's proof."""
    await world.start(COMMAND)
    assert await ask(world) == ""


@pytest.mark.parametrize("email", ["", "anna", "anna@example"])
async def test_malformed_address_is_named(world: World, email: str) -> None:
    """In both calls."""
    with pytest.raises(InvalidInput, match="email"):
        await ask(world, email)
    with pytest.raises(InvalidInput, match="email"):
        await answer(world, "123456", email=email)


@pytest.mark.parametrize("user", [0, -1, 2**53])
async def test_impossible_telegram_user_is_named_and_costs_no_try(world: World, user: int) -> None:
    """Before anything is counted."""
    await world.buy()
    code = await ask(world)
    with pytest.raises(InvalidInput) as refused:
        await answer(world, code, user=user)
    assert refused.value.field == "telegram_user_id"
    assert (await answer(world, code, user=9)).access_granted


@pytest.mark.parametrize("user", [1, 2**53 - 1])
async def test_first_and_last_possible_telegram_user_are_let_in(world: World, user: int) -> None:
    """The bounds are ids like any other, by the code and by the link."""
    started = await world.buy()
    assert (await answer(world, await ask(world), user=user)).access_granted
    other = await world.buy(email="bob@example.com")
    assert (await world.redeem(other, user)).access_status is State.ACTIVE
    assert world.order(started.order_id).telegram_user_id == world.order(other.order_id).telegram_user_id == user


async def test_order_that_stands_is_found_beside_one_that_does_not(world: World) -> None:
    """The later purchase was refunded: the earlier one opens the way, and its history says how."""
    stands = await world.buy()
    world.clock.advance(DAY)
    gone = await world.start(COMMAND)
    await world.record(
        world.say(
            "evt_gone",
            PaymentSucceeded(payment_id="pi_2", paid_at=world.clock.now(), amount=eur(1500)),
            RefundUpdated(refund_id="re_2", amount=eur(1500), status=RefundStatus.SUCCEEDED, payment="pi_2"),
            order_id=gone.order_id,
        )
    )
    assert world.state(gone) is State.REVOKED
    assert (await answer(world, await ask(world))).order_id == stands.order_id
    assert world.store.tables.history[stands.order_id][-1].cause == "restore"


async def test_code_without_a_challenge_is_invalid(world: World) -> None:
    """Nobody asked."""
    await world.buy()
    with pytest.raises(OneTimeCodeInvalid):
        await answer(world, "123456")


async def test_code_is_good_once_and_for_ten_minutes(world: World) -> None:
    """Used or expired is as wrong as wrong."""
    await world.buy()
    code = await ask(world)
    await answer(world, code)
    with pytest.raises(OneTimeCodeInvalid):
        await answer(world, code)
    world.clock.advance(MINUTE)
    late = await ask(world)
    world.clock.advance(10 * MINUTE)
    with pytest.raises(OneTimeCodeInvalid):
        await answer(world, late)


async def test_newer_code_makes_the_older_one_worthless(world: World) -> None:
    """One challenge is live for an address; a mail still in the outbox for the old one is skipped."""
    await world.buy()
    await world.deliver_all()
    await world.request_restore(RequestRestoreCommand(email="anna@example.com"))
    world.clock.advance(MINUTE)
    new = await ask(world)
    assert len(world.code_mailer.sent) == 1
    assert "replaced by a newer one" in str([row.error for row in world.store.outbox])
    assert (await answer(world, new)).activation_link


async def test_five_answers_are_compared_and_the_right_sixth_is_not(world: World) -> None:
    """One after another."""
    await world.buy()
    code = await ask(world)
    wrong = "000000" if code != "000000" else "000001"
    for _ in range(5):
        with pytest.raises(OneTimeCodeInvalid):
            await answer(world, wrong)
    with pytest.raises(OneTimeCodeInvalid):
        await answer(world, code)


async def test_fifty_answers_at_once_are_five_comparisons(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries are counted before they are compared."""
    await world.buy()
    code = await ask(world)
    compared = []
    matches = world.codes.matches

    def count(challenge_id: UUID, given: str) -> bool:
        compared.append(given)
        return matches(challenge_id, given)

    monkeypatch.setattr(world.codes, "matches", count)
    wrong = [f"{number:06}" for number in range(51) if f"{number:06}" != code][:50]
    results = await asyncio.gather(*(answer(world, one) for one in wrong), return_exceptions=True)
    assert all(isinstance(result, OneTimeCodeInvalid) for result in results)
    assert len(compared) == 5


async def test_right_answer_twice_at_once_counts_once(world: World) -> None:
    """The second finds it spent."""
    await world.buy()
    code = await ask(world)
    results = await asyncio.gather(answer(world, code), answer(world, code), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["OneTimeCodeInvalid", "RestoredAccess"]


async def test_proven_address_without_a_standing_payment_is_told_so(world: World) -> None:
    """Refunded, or over: there is nothing to restore, and the code is used up."""
    started = await world.buy()
    code = await ask(world)
    refund = RefundUpdated(refund_id="re_1", amount=eur(1500), status=RefundStatus.SUCCEEDED, payment="pi_1")
    await world.record(world.say("evt_refund", refund, order_id=started.order_id))
    with pytest.raises(NoRestorableOrder):
        await answer(world, code)
    with pytest.raises(OneTimeCodeInvalid):
        await answer(world, code)


async def test_order_that_reaches_furthest_is_restored(world: World) -> None:
    """Of several that the address paid for."""
    await world.buy()
    lasting = await world.buy(plan="life")
    await world.buy()
    restored = await answer(world, await ask(world), user=5)
    assert restored.order_id == lasting.order_id


async def test_order_that_vanishes_meanwhile_is_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at again under its lock."""
    await world.buy()
    code = await ask(world)

    async def gone(*_: object, **__: object) -> None:
        return None

    monkeypatch.setattr(InMemoryOrders, "get", gone)
    with pytest.raises(NoRestorableOrder):
        await answer(world, code)


async def test_restore_after_the_paid_time_restores_nothing(world: World) -> None:
    """Access is decided by the clock, swept or not."""
    await world.buy()
    world.clock.advance(400 * DAY)
    with pytest.raises(NoRestorableOrder):
        await answer(world, await ask(world))


async def test_mail_that_fails_is_tried_again_while_the_code_lives(world: World) -> None:
    """A code that nobody can use any more is not sent."""
    await world.buy()
    await world.deliver_all()
    world.code_mailer.failure = DeliveryFailed("busy")
    await ask(world)
    world.code_mailer.failure = None
    world.clock.advance(MINUTE)
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]
    world.clock.advance(MINUTE)
    world.code_mailer.failure = DeliveryFailed("busy")
    await ask(world)
    world.clock.advance(11 * MINUTE)
    assert await world.deliver_all() == [DeliveryStatus.SKIPPED]


async def test_code_without_mail_configured_is_skipped_and_says_so(world: World) -> None:
    """The operator sees why nobody gets a code."""
    await world.buy()
    await world.deliver_all()
    await world.request_restore(RequestRestoreCommand(email="anna@example.com"))
    assert await world.deliver_all(world.silent) == [DeliveryStatus.SKIPPED]
    assert world.store.outbox[-1].error == "mail is not configured"


async def test_addresses_are_forgotten_when_no_limit_needs_them(world: World) -> None:
    """After two hours, and not before."""
    await ask(world, "nobody@example.com")
    world.clock.advance(120 * MINUTE)
    assert await world.forget() == 0
    world.clock.advance(MINUTE)
    assert await world.forget() == 1
    assert await world.forget() == 0


def test_codes_and_addresses_stay_out_of_reprs() -> None:
    """Commands, messages and results may be logged by mistake."""
    shown = (
        repr(ConfirmRestoreCommand(email="anna@example.com", code="123456", telegram_user_id=1))
        + repr(RequestRestoreCommand(email="anna@example.com"))
        + repr(CodeMessage(key="k", locale="ru", to="anna@example.com", code="123456"))
        + repr(
            RestoredAccess(order_id=UUID(int=1), activation_link="t.me/b?start=x", access_granted=False, locale="ru")
        )
    )
    for secret in ("123456", "anna@", "start=x"):
        assert secret not in shown
