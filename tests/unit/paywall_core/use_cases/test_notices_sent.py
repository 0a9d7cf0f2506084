"""What a notice says, to whom, and where it sends the customer."""

from datetime import timedelta

import pytest
from msgspec import structs

from paywall_core.effects import NoticeChannel, NoticeKind
from paywall_core.errors import DeliveryFailed
from paywall_core.events import PaymentFailed, PaymentSucceeded
from paywall_core.facts import DisputeStatus, RefundStatus
from paywall_core.ports.delivery import NoticeAction, NoticeMessage
from paywall_core.ports.unit_of_work import DeliveryStatus

from ..lives import dispute, ended, failed, refund  # noqa: TID252  - the tests' own package
from ..strategies import DAY, START, eur  # noqa: TID252  - as above
from .world import ANNA, COMMAND, World

PORTAL = "https://billing.example/p/login/1?prefilled_email=Anna%40Example.com"


async def told(world: World, kind: NoticeKind) -> NoticeMessage:
    """Deliver what is due; what both channels said of this kind, which differs by its key and its address only."""
    await world.deliver_all()
    mail, message = (one for one in world.told if one.kind is kind)
    order = world.order(mail.order_id)
    assert mail.key == f"notice:{kind}:email:{order.id}:{mail.key.split(':', 4)[4]}"
    assert (mail.to, message.to) == (order.email, str(order.telegram_user_id or order.telegram_chat_id))
    assert message == structs.replace(mail, to=message.to, key=mail.key.replace(NoticeChannel.EMAIL, "chat"))
    assert (mail.plan, mail.locale) == (order.plan, order.locale)
    return mail


async def test_failed_renewal_leads_to_the_portal_with_the_address_filled_in(world: World) -> None:
    """And says until when the grace lasts."""
    started = await world.subscribe()
    world.clock.advance(30 * DAY)
    await world.learn(started, failed(2))
    mail = await told(world, NoticeKind.PAYMENT_FAILED)
    assert (mail.action, mail.url) == (NoticeAction.PORTAL, PORTAL)
    assert (mail.has_access, mail.renews, mail.access_until) == (True, True, START + 33 * DAY)


async def test_failed_delayed_payment_leads_back_to_our_own_page(world: World) -> None:
    """There is nothing to look after at the portal."""
    started = await world.start(COMMAND)
    await world.learn(started, PaymentFailed(payment_id="pi_1", session_id=started.session_id))
    mail = await told(world, NoticeKind.PAYMENT_FAILED)
    assert (mail.action, mail.url, mail.renews) == (NoticeAction.PAY, None, False)
    assert (mail.has_access, mail.access_until) == (False, None)


async def test_first_payment_of_a_subscription_that_fails_is_paid_on_our_own_page(world: World) -> None:
    """Nothing was ever paid, so that the portal knows no customer."""
    started = await world.start_subscription()
    await world.learn(started, PaymentFailed(payment_id="in_1", session_id=started.session_id))
    assert (await told(world, NoticeKind.PAYMENT_FAILED)).action is NoticeAction.PAY


async def test_access_for_life_has_no_date_in_any_notice(world: World) -> None:
    """The end of time is no date to write to a customer."""
    started = await world.buy(plan="life")
    await world.learn(started, PaymentFailed(payment_id="pi_2"), refund(RefundStatus.SUCCEEDED, 500))
    assert (await told(world, NoticeKind.PAYMENT_FAILED)).access_until is None
    partial = next(one for one in world.told if one.kind is NoticeKind.REFUNDED)
    assert (partial.has_access, partial.access_until) == (True, None)


async def test_end_is_told_three_days_before_and_when_it_has_come(world: World) -> None:
    """One-time: to be bought again on our own page."""
    await world.buy()
    await world.deliver_all()
    world.clock.advance(27 * DAY - timedelta(seconds=1))
    assert await world.deliver_all() == []
    world.clock.advance(timedelta(seconds=1))
    soon = await told(world, NoticeKind.ENDS_SOON)
    assert (soon.action, soon.has_access, soon.access_until) == (NoticeAction.PAY, True, START + 30 * DAY)
    world.clock.advance(3 * DAY)
    assert await world.sweep() == 1
    over = await told(world, NoticeKind.ENDED)
    assert (over.action, over.has_access, over.access_until) == (NoticeAction.PAY, False, START + 30 * DAY)


async def test_end_of_a_subscription_that_still_tries_to_renew_leads_to_the_portal(world: World) -> None:
    """The grace is over, but a paid invoice brings everything back; once it has ended, it is bought anew."""
    started = await world.subscribe()
    world.clock.advance(33 * DAY)
    assert await world.sweep() == 1
    over = await told(world, NoticeKind.ENDED)
    assert (over.action, over.url, over.access_until) == (NoticeAction.PORTAL, PORTAL, START + 33 * DAY)
    other = await world.subscribe(email="bob@example.com")
    await world.learn(other, ended(1))
    world.clock.advance(30 * DAY)
    await world.sweep()
    await world.deliver_all()
    (bob_s,) = [one for one in world.told if one.kind is NoticeKind.ENDED and one.to == "bob@example.com"]
    assert (bob_s.action, bob_s.renews) == (NoticeAction.PAY, False)
    assert started.order_id != bob_s.order_id


async def test_refund_says_how_much_and_what_is_left(world: World) -> None:
    """In part: access stays; in full: it can be bought again."""
    started = await world.buy()
    await world.learn(started, refund(RefundStatus.PENDING, 500))
    part = await told(world, NoticeKind.REFUNDED)
    assert (part.amount, part.has_access, part.action) == (eur(500), True, None)
    assert part.access_until == START + 30 * DAY
    other = await world.buy(email="bob@example.com")
    await world.learn(other, refund(RefundStatus.SUCCEEDED))
    await world.deliver_all()
    whole = world.notice_mailer.sent[-1]
    assert (whole.amount, whole.has_access, whole.action) == (eur(1500), False, NoticeAction.PAY)
    assert whole.access_until is None


@pytest.mark.parametrize("redeemed", [False, True])
async def test_dispute_suspends_and_the_way_back_is_told(world: World, *, redeemed: bool) -> None:
    """Restored: with the activation link for whoever has not pressed it, without for whoever is in again."""
    started = await world.buy(plan="life", telegram_chat_id="42")
    if redeemed:
        await world.redeem(started, 5)
    await world.learn(started, dispute(DisputeStatus.OPEN))
    suspended = await told(world, NoticeKind.SUSPENDED)
    assert (suspended.has_access, suspended.action, suspended.amount) == (False, None, None)
    await world.learn(started, dispute(DisputeStatus.WON))
    restored = await told(world, NoticeKind.RESTORED)
    assert restored.has_access
    link = world.links.link(started.order_id, 1)
    assert (restored.action, restored.url) == ((None, None) if redeemed else (NoticeAction.ACTIVATE, link))
    assert link not in repr(restored)


async def test_operator_s_change_of_mind_is_told_as_restored(world: World) -> None:
    """Being revoked by an operator is not: that is between the two of them."""
    started = await world.buy(plan="life")
    await world.revoke(started.order_id, ANNA)
    await world.deliver_all()
    assert world.told == []
    await world.reinstate(started.order_id, ANNA)
    assert (await told(world, NoticeKind.RESTORED)).has_access


async def test_portal_that_is_down_delays_the_notice(world: World) -> None:
    """It is asked again when the provider said so, and the notice goes out once."""
    started = await world.subscribe()
    await world.deliver_all()
    await world.learn(started, failed(2))
    world.portal.down = True
    assert await world.deliver_all() == [DeliveryStatus.PENDING] * 2
    row = world.rows(NoticeKind.PAYMENT_FAILED)[0]
    assert (row.error, row.due_at - world.clock.now()) == ("the fake provider is down", timedelta(seconds=5))
    world.portal.down = False
    world.clock.advance(timedelta(seconds=5))
    assert (await told(world, NoticeKind.PAYMENT_FAILED)).url == PORTAL


async def test_chat_that_is_closed_to_us_costs_no_mail_and_no_dead_letter(world: World) -> None:
    """The mail has gone out; whoever blocked the bot is not told there, and nobody has to look at that."""
    started = await world.buy()
    await world.deliver_all()
    world.notice_chat.failure = DeliveryFailed("blocked", permanent=True)
    await world.learn(started, refund(RefundStatus.SUCCEEDED, 500))
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED]
    assert len(world.told) == 1
    assert [row.error for row in world.rows(NoticeKind.REFUNDED)] == [None, "blocked"]


async def test_address_that_is_refused_asks_for_a_human(world: World) -> None:
    """Somebody may know the customer's right one."""
    started = await world.buy()
    await world.deliver_all()
    world.notice_mailer.failure = DeliveryFailed("550 no such mailbox", permanent=True)
    await world.learn(started, refund(RefundStatus.SUCCEEDED, 500))
    assert await world.deliver_all() == [DeliveryStatus.DEAD, DeliveryStatus.DELIVERED]


async def test_chat_is_the_one_of_whoever_redeemed(world: World) -> None:
    """Whoever asked for the button at checkout may have been somebody else."""
    started = await world.buy(telegram_chat_id="-1001")
    await world.redeem(started, 5)
    await world.learn(started, refund(RefundStatus.SUCCEEDED, 500))
    await world.deliver_all()
    assert [one.to for one in world.notice_chat.sent] == ["5"]


async def test_each_cause_is_told_once_however_often_it_comes(world: World) -> None:
    """Two failures of one invoice are one word, of another invoice another; a pending refund that succeeds is one."""
    started = await world.subscribe()
    for event in (failed(2), failed(2), failed(3), refund(RefundStatus.PENDING, 5), refund(RefundStatus.SUCCEEDED, 5)):
        await world.learn(started, event)
        await world.deliver_all()
    assert [one.kind for one in world.notice_mailer.sent] == ["payment_failed", "payment_failed", "refunded"]
    assert len(world.notice_chat.sent) == 3


async def test_renewal_brings_no_word(world: World) -> None:
    """Somebody whose subscription just goes on is left in peace."""
    started = await world.subscribe()
    world.clock.advance(30 * DAY)
    paid = PaymentSucceeded(payment_id="in_2", paid_at=world.clock.now(), amount=eur(900), subscription_id="sub_1")
    await world.learn(started, paid)
    await world.deliver_all()
    assert world.told == []
