"""The use cases on in-memory ports: from checkout to access, and whatever may happen between."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import pytest
from msgspec import structs

from paywall_core.errors import (
    ActivationTokenInvalid,
    ActivationTokenUsed,
    IllegalTransition,
    InvalidInput,
    OrderNotFound,
    PaymentProviderUnavailable,
    ReferencesDisagree,
    SessionNotFound,
)
from paywall_core.events import (
    ChargeRefunded,
    CheckoutCompleted,
    CheckoutOpened,
    DisputeUpdated,
    PaymentLinked,
    RefundUpdated,
)
from paywall_core.facts import DisputeStatus, RefundStatus
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.order import Order
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing.repositories import InMemoryOrders
from paywall_core.use_cases.activate_access import ActivateAccessCommand, GrantedAccess
from paywall_core.use_cases.record_payment import RecordedPayment
from paywall_core.use_cases.start_checkout import StartedCheckout

from ..strategies import DAY, eur  # noqa: TID252  - the tests' own package
from .world import COMMAND, World


async def test_customer_pays_gets_the_link_and_is_let_in(world: World) -> None:
    """The main job, end to end."""
    started = await world.start(COMMAND)
    order = world.order(started.order_id)
    assert (order.email, order.locale, order.telegram_chat_id) == ("Anna@Example.com", "en", "42")
    assert (await world.session(started.session_id)).access_status is State.PENDING
    await world.record(world.paid(started))
    shown = await world.session(started.session_id)
    assert shown.fulfillment_status is FulfillmentStatus.FULFILLED
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED] * 3
    assert world.mailer.sent[0].to == "Anna@Example.com"
    assert world.messenger.sent[0].to == "42"
    assert world.tracker.reports[0].clickid == "click-1"
    assert shown.activation_link == world.mailer.sent[0].activation_link
    assert not (await world.status(5)).is_paid
    granted = await world.redeem(started, 5)
    assert granted.access_expires_at == world.clock.now() + 30 * DAY
    status = await world.status(5)
    assert (status.is_paid, status.access_status, status.order_id) == (True, State.ACTIVE, started.order_id)
    assert (await world.session(started.session_id)).activation_link is None


async def test_access_for_life_has_no_end(world: World) -> None:
    """`access_expires_at` is None."""
    assert (await world.redeem(await world.buy(plan="life"), 5)).access_expires_at is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "nobody"), ("clickid", "x" * 256), ("clickid", "a\0b"), ("clickid", "\ud800"),
     ("telegram_chat_id", "abc"), ("telegram_chat_id", "-"),
     ("telegram_chat_id", "1" * 21), ("telegram_chat_id", "٣"), ("plan", "gold"), ("mode", "barter")],
)  # fmt: skip
async def test_bad_input_names_its_field_and_stores_nothing(world: World, field: str, value: str) -> None:
    """No order, no call to the provider."""
    with pytest.raises(InvalidInput) as raised:
        await world.start(structs.replace(COMMAND, **{field: value}))
    assert raised.value.field == field
    assert not world.store.tables.orders
    assert not world.gateway.requests


async def test_group_chat_and_no_chat_are_taken(world: World) -> None:
    """A minus is a group; an empty text is no chat."""
    group = await world.start(structs.replace(COMMAND, telegram_chat_id="-1001"))
    none = await world.start(structs.replace(COMMAND, telegram_chat_id=""))
    assert world.order(group.order_id).telegram_chat_id == "-1001"
    assert world.order(none.order_id).telegram_chat_id is None


async def test_provider_down_at_checkout_leaves_a_pending_order(world: World) -> None:
    """The order is stored first, so that a lost answer still finds it."""
    world.gateway.down = True
    with pytest.raises(PaymentProviderUnavailable):
        await world.start(COMMAND)
    assert [order.state for order in world.store.tables.orders.values()] == [State.PENDING]


async def test_webhook_before_the_checkout_call_returned_works(world: World) -> None:
    """The event finds the order by our metadata; the call's answer then changes nothing."""
    original = world.gateway.open_checkout

    async def webhook_first(request: object) -> object:
        opened = await original(request)  # type: ignore[arg-type]  # handed through
        early = StartedCheckout(
            checkout_url=opened.url, session_id=opened.session_id, order_id=world.gateway.requests[0].order_id
        )
        await world.record(world.paid(early))
        return opened

    world.gateway.open_checkout = webhook_first  # type: ignore[assignment,method-assign]  # the race, made certain
    started = await world.start(COMMAND)
    assert world.order(started.order_id).state is State.TOKEN_ISSUED
    assert len(world.store.tables.history[started.order_id]) == 1


async def test_ten_deliveries_of_one_event_are_one_change(world: World) -> None:
    """One change, one e-mail, nine duplicates."""
    started = await world.start(COMMAND)
    results = await asyncio.gather(*(world.record(world.paid(started)) for _ in range(10)))
    assert sorted(r.duplicate for r in results) == [False] + [True] * 9
    assert {r.order_id for r in results} == {started.order_id}
    assert [row.key.split(":")[0] for row in world.store.outbox] == [
        "access_email",
        "activation_message",
        "mobi_slon",
        *["notice"] * 2,
    ]


async def test_success_page_before_the_webhook_works_and_the_webhook_changes_nothing(world: World) -> None:
    """The provider is asked, once in three seconds; its answer goes through the same door."""
    started = await world.start(COMMAND)
    world.gateway.answers[started.session_id] = world.paid(started, None)
    assert (await world.session(started.session_id)).access_status is State.TOKEN_ISSUED
    before = world.order(started.order_id)
    recorded = await world.record(world.paid(started))
    assert recorded == RecordedPayment(order_id=started.order_id, before=State.TOKEN_ISSUED, after=State.TOKEN_ISSUED)
    assert world.order(started.order_id) == before
    assert len(world.gateway.reads) == 1


async def test_provider_is_asked_at_most_once_in_three_seconds(world: World) -> None:
    """However often the page polls; and its silence is no error."""
    started = await world.start(COMMAND)
    for _ in range(5):
        await world.session(started.session_id)
    assert len(world.gateway.reads) == 1
    world.clock.advance(timedelta(seconds=3))
    world.gateway.down = True
    assert (await world.session(started.session_id)).payment_status == "unpaid"


async def test_customer_whose_money_takes_days_is_told_apart_from_one_who_has_not_paid(world: World) -> None:
    """As soon as the provider says that its checkout is complete, and until the money is there."""
    started = await world.start(COMMAND)
    assert not (await world.session(started.session_id)).checkout_completed
    completed = CheckoutCompleted(session_id=started.session_id)
    world.gateway.answers[started.session_id] = world.say(None, completed, references=(started.session_id,))
    world.clock.advance(timedelta(seconds=3))
    shown = await world.session(started.session_id)
    assert (shown.checkout_completed, shown.access_status) == (True, State.PENDING)
    paid = world.paid(started, None)
    world.gateway.answers[started.session_id] = structs.replace(paid, events=(completed, *paid.events))
    world.clock.advance(timedelta(seconds=3))
    shown = await world.session(started.session_id)
    assert (shown.checkout_completed, shown.access_status) == (False, State.TOKEN_ISSUED)


async def test_unknown_session_is_not_found(world: World) -> None:
    """Not every id is ours."""
    with pytest.raises(SessionNotFound):
        await world.session("cs_unknown")


async def test_link_is_shown_for_an_hour_only(world: World) -> None:
    """After that: restore by e-mail."""
    started = await world.buy()
    world.clock.advance(timedelta(minutes=59))
    assert (await world.session(started.session_id)).activation_link
    world.clock.advance(timedelta(minutes=1))
    assert (await world.session(started.session_id)).activation_link is None
    world.clock.advance(30 * DAY)
    assert (await world.session(started.session_id)).access_status is State.EXPIRED


async def test_refund_before_its_checkout_is_parked_and_applied_with_it(world: World) -> None:
    """Never acknowledged and lost; a chain of parked events is followed to its end."""
    started = await world.start(COMMAND)
    refund = RefundUpdated(refund_id="re_1", amount=eur(1500), status=RefundStatus.SUCCEEDED, payment="pi_1")
    dispute = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.WON, payment="pi_1", charge="ch_1")
    first = await world.record(world.say("evt_dispute", dispute, references=("ch_1", "dp_1")))
    second = await world.record(world.say("evt_refund", refund, references=("ch_1", "pi_1")))
    assert first.parked
    assert second.parked
    assert (await world.record(world.say("evt_refund", refund, references=("ch_1", "pi_1")))).duplicate
    await world.record(world.paid(started))
    order = world.order(started.order_id)
    assert order.state is State.REVOKED
    assert order.facts.disputes["dp_1"].status is DisputeStatus.WON
    assert [entry.cause for entry in world.store.tables.history[order.id]][-2:] == ["evt_refund", "evt_dispute"]


async def test_reference_finds_the_order_without_metadata(world: World) -> None:
    """A charge carries no metadata of ours; its payment intent was bound before."""
    started = await world.buy()
    link = PaymentLinked(payment_intent_id="pi_9", payment_id="in_9")
    recorded = await world.record(world.say("evt_2", link, references=("pi_1",)))
    assert recorded.order_id == started.order_id


async def test_all_ids_of_an_event_become_its_order_s(world: World) -> None:
    """Found by one id, it binds the others: what named only those before or names only those later finds the order."""
    started = await world.buy()
    opened = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, charge="ch_1")
    parked = await world.record(world.say("evt_1", opened, references=("ch_1",)))
    assert parked.parked
    charge = ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=0, payment="pi_1")
    found = await world.record(world.say("evt_2", charge, references=("ch_1", "pi_1")))
    assert found.order_id == started.order_id
    assert world.order(started.order_id).state is State.REVOKED
    won = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.WON, charge="ch_1")
    assert (await world.record(world.say("evt_3", won, references=("ch_1",)))).order_id == started.order_id
    assert world.order(started.order_id).state is State.TOKEN_ISSUED


async def test_id_that_came_beside_a_known_one_finds_the_order_alone(world: World) -> None:
    """The charge was named once, with the payment; what names only the charge afterwards has its order."""
    started = await world.buy()
    charge = ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=0, payment="pi_1")
    await world.record(world.say("evt_1", charge, references=("ch_1", "pi_1")))
    opened = DisputeUpdated(dispute_id="dp_1", status=DisputeStatus.OPEN, charge="ch_1")
    assert (await world.record(world.say("evt_2", opened, references=("ch_1",)))).order_id == started.order_id


async def test_event_that_names_two_orders_is_refused_and_stored_nowhere(world: World) -> None:
    """One notification, several orders: loud, and the retry sees it again."""
    one = await world.buy()
    other = await world.start(COMMAND)
    confused = world.say(
        "evt_x", CheckoutOpened(session_id=other.session_id), references=(one.session_id, other.session_id)
    )
    with pytest.raises(ReferencesDisagree):
        await world.record(confused)
    assert "evt_x" not in world.store.tables.events
    settled = structs.replace(confused, order_id=other.order_id)
    assert (await world.record(settled)).order_id == other.order_id


async def test_unused_event_is_stored_and_a_foreign_order_is_parked(world: World) -> None:
    """Both are acknowledged; neither is lost."""
    assert await world.record(world.say("evt_unused")) == RecordedPayment()
    foreign = world.say("evt_f", CheckoutOpened(session_id="cs_f"), order_id=UUID(int=9), references=("cs_f",))
    assert (await world.record(foreign)).parked
    assert await world.record(structs.replace(foreign, event_id=None)) == RecordedPayment()
    assert [row.key for row in world.store.outbox] == ["look_up:evt_f"]


async def test_failure_leaves_nothing_behind_and_the_retry_succeeds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the event nor the order is stored when anything fails."""
    started = await world.start(COMMAND)
    before = world.store.tables
    with monkeypatch.context() as patched:
        patched.setattr(
            "paywall_core.use_cases.record_payment.apply",
            lambda *_, **__: (_ for _ in ()).throw(IllegalTransition(state="a", event="b")),
        )
        with pytest.raises(IllegalTransition):
            await world.record(world.paid(started))
    assert world.store.tables is before
    assert not (await world.record(world.paid(started))).duplicate


async def test_two_users_redeeming_one_token_at_once_one_gets_in(world: World) -> None:
    """Exactly one; and again for the same user is the same answer."""
    started = await world.buy()
    results = await asyncio.gather(*(world.redeem(started, user) for user in (5, 6)), return_exceptions=True)
    assert [type(r) for r in results] == [GrantedAccess, ActivationTokenUsed]
    assert await world.redeem(started, 5) == results[0]


async def test_token_of_no_order_is_invalid_and_user_must_be_real(world: World) -> None:
    """One answer for all that is not genuine."""
    token = world.tokens.issue(UUID(int=3), 1)
    with pytest.raises(ActivationTokenInvalid):
        await world.activate(ActivateAccessCommand(activation_token=token, telegram_user_id=5))
    command = ActivateAccessCommand(activation_token=token, telegram_user_id=0)
    assert token not in repr(command)
    with pytest.raises(InvalidInput) as refused:
        await world.activate(command)
    assert refused.value.field == "telegram_user_id"


async def test_gate_knows_the_chat_that_paid_before_it_redeemed(world: World) -> None:
    """Unknown, pending, issued, active, expired: is_paid only while access is good."""
    assert (await world.status(42)).access_status is None
    started = await world.start(COMMAND)
    assert (await world.status(42)).access_status is State.PENDING
    await world.record(world.paid(started))
    issued = await world.status(42)
    assert (issued.is_paid, issued.access_status) == (False, State.TOKEN_ISSUED)
    await world.redeem(started, 42)
    assert (await world.status(42)).is_paid
    world.clock.advance(30 * DAY)
    over = await world.status(42)
    assert (over.is_paid, over.access_status) == (False, State.EXPIRED)


async def test_sweep_records_what_lapsed_in_batches(world: World) -> None:
    """Two at a time; and it ends."""
    for email in ("a@example.com", "b@example.com", "c@example.com"):
        started = await world.start(structs.replace(COMMAND, email=email))
        paid = world.paid(started, f"evt_{email}")
        await world.record(structs.replace(paid, references=(started.session_id,)))
    world.clock.advance(31 * DAY)
    assert [await world.sweep(), await world.sweep(), await world.sweep()] == [2, 1, 0]
    assert {order.state for order in world.store.tables.orders.values()} == {State.EXPIRED}


@pytest.mark.parametrize("missing", ["note", "record"])
async def test_order_that_vanishes_is_loud(world: World, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """An order is never deleted; should it be gone all the same, nothing is answered as if it were there."""
    started = await world.start(COMMAND)

    async def gone(*_: object, **__: object) -> Mapping[UUID, Order] | None:
        return None if missing == "note" else {}

    monkeypatch.setattr(InMemoryOrders, "get" if missing == "note" else "lock", gone)
    act = world.start(COMMAND) if missing == "note" else world.record(world.paid(started))
    with pytest.raises(OrderNotFound) as raised:
        await act
    assert isinstance(raised.value.order_id, UUID)
