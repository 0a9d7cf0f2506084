"""The contract of what operators look up: orders, dossiers, open sessions, the outbox."""

import asyncio
from uuid import uuid4

from paywall_core.effects import Effect, LookUpEvent, ReportSale, SendAccessEmail
from paywall_core.events import CheckoutExpired, CheckoutOpened, PaymentFailed, TokenRotated
from paywall_core.lifecycle import State
from paywall_core.order import Order, redeem
from paywall_core.ports.operations import (
    OrderQuery,
    OutboxLine,
    OutboxQuery,
    ProviderEvent,
)
from paywall_core.ports.unit_of_work import DeliveryStatus, Settlement
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import (
    MINUTE,
    NOW,
    REFUND,
    Store,
    add,
    change,
    notification,
    paid_event,
    place,
)


async def redeemed(store: Store, order: Order, telegram_user_id: int) -> Order:
    """Its customer walks in."""
    changed = redeem(order, telegram_user_id=telegram_user_id, now=NOW)
    async with store.unit_of_work() as uow:
        await uow.orders.save(changed)
        await uow.commit()
    return changed.order


async def write_outbox(store: Store, order: Order) -> list[Effect]:
    """One row for each end that a row may come to, a minute apart: dead, delivered, skipped, and waiting."""
    effects: list[Effect] = [
        SendAccessEmail(order_id=order.id, token_version=1),
        ReportSale(order_id=order.id),
        LookUpEvent(event_id="evt_1"),
        SendAccessEmail(order_id=order.id, token_version=2),
    ]
    ends = [DeliveryStatus.DEAD, DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED]
    async with store.unit_of_work() as uow:
        for minute, effect in enumerate(effects):
            now = NOW + minute * MINUTE
            await uow.outbox.enqueue([effect], now=now)
            if minute < len(ends):
                (leased,) = await uow.outbox.lease(now=now, limit=9, lease_until=now, lease_id=uuid4())
                await uow.outbox.settle([(leased, Settlement(status=ends[minute], at=now + MINUTE / 2, error="why"))])
        await uow.commit()
    return effects


class OrderArchiveContract(PortsContract):
    """What an `OrderArchive` must answer."""

    async def test_newest_orders_come_first_whatever_their_state(self) -> None:
        """No more than asked for; of one moment, the greater id."""
        placed = [await add(self.ports, place(at=NOW + minute * MINUTE)) for minute in range(4)]
        placed[2] = await change(self.ports, placed[2], paid_event("cs_2"))
        placed[1] = await redeemed(self.ports, await change(self.ports, placed[1], paid_event("cs_1")), 5)
        assert list(await self.ports.archive.search(OrderQuery())) == placed[::-1]
        assert list(await self.ports.archive.search(OrderQuery(limit=2))) == [placed[3], placed[2]]
        twin = await add(self.ports, place(at=placed[3].created_at))
        assert list(await self.ports.archive.search(OrderQuery(limit=2))) == sorted(
            [placed[3], twin], key=lambda order: order.id, reverse=True
        )

    async def test_orders_are_listed_by_state(self) -> None:
        """As recorded, the newest first."""
        pending = [await add(self.ports, place(at=NOW + minute * MINUTE)) for minute in range(3)]
        issued = await change(self.ports, await add(self.ports, place()), paid_event("cs_1"))
        active = await redeemed(
            self.ports, await change(self.ports, await add(self.ports, place()), paid_event("cs_2")), 5
        )
        expired = await change(self.ports, await add(self.ports, place()), CheckoutExpired(session_id="cs_3"))
        assert list(await self.ports.archive.search(OrderQuery(state=State.PENDING, limit=2))) == [
            pending[2],
            pending[1],
        ]
        for state, expected in (
            (State.TOKEN_ISSUED, [issued]),
            (State.ACTIVE, [active]),
            (State.EXPIRED, [expired]),
            (State.REVOKED, []),
        ):
            assert list(await self.ports.archive.search(OrderQuery(state=state))) == expected

    async def test_orders_are_found_by_whom_they_belong_to(self) -> None:
        """By address, by redeemer or named chat, by any id of the provider's; and by all of these at once."""
        hers = await redeemed(
            self.ports, await change(self.ports, await add(self.ports, place(at=NOW)), paid_event("cs_1")), 5
        )
        named = await add(self.ports, place(chat="5", at=NOW + MINUTE))
        both = await add(self.ports, place(chat="7", email="bob@example.com", at=NOW + 2 * MINUTE))
        both = await redeemed(self.ports, await change(self.ports, both, paid_event("cs_2")), 7)
        async with self.ports.unit_of_work() as uow:
            await uow.orders.claim({"cs_1": hers.id, "pi_1": hers.id})
            await uow.orders.claim({"cs_2": both.id})
            await uow.orders.claim({"ch_9": None})
            await uow.commit()
        for query, expected in (
            (OrderQuery(address="anna@example.com"), [named, hers]),
            (OrderQuery(address="anna@example.com", limit=1), [named]),
            (OrderQuery(address="anna@example.com", state=State.ACTIVE), [hers]),
            (OrderQuery(address="nobody@example.com"), []),
            (OrderQuery(telegram_user_id=5), [named, hers]),
            (OrderQuery(telegram_user_id=5, state=State.PENDING), [named]),
            (OrderQuery(telegram_user_id=7), [both]),
            (OrderQuery(telegram_user_id=6), []),
            (OrderQuery(reference="pi_1"), [hers]),
            (OrderQuery(reference="ch_9"), []),
            (OrderQuery(reference="ch_8"), []),
            (OrderQuery(reference="pi_1", telegram_user_id=5, address="anna@example.com", state=State.ACTIVE), [hers]),
            (OrderQuery(reference="pi_1", telegram_user_id=7), []),
            (OrderQuery(reference="pi_1", address="bob@example.com"), []),
            (OrderQuery(reference="cs_2", state=State.PENDING), []),
            (OrderQuery(telegram_user_id=7, address="anna@example.com"), []),
        ):
            assert list(await self.ports.archive.search(query)) == expected, query

    async def test_every_order_is_walked_through_by_id(self) -> None:
        """In pieces, each once."""
        placed = sorted([await add(self.ports, place()) for _ in range(5)], key=lambda order: order.id)
        first = await self.ports.archive.every_order(after=None, limit=2)
        second = await self.ports.archive.every_order(after=first[-1].id, limit=2)
        third = await self.ports.archive.every_order(after=second[-1].id, limit=2)
        assert [*first, *second, *third] == placed
        assert list(await self.ports.archive.every_order(after=placed[-1].id, limit=2)) == []

    async def test_dossier_holds_all_that_is_stored_about_an_order(self) -> None:
        """Each list oldest first, and nothing of another order's."""
        order, other = await add(self.ports, place()), await add(self.ports, place())
        assert await self.ports.archive.dossier(uuid4()) is None
        bare = await self.ports.archive.dossier(order.id)
        assert bare is not None
        assert (bare.order, bare.history, bare.events, bare.outbox, bare.acts) == (order, (), (), (), ())
        paid = await change(self.ports, order, paid_event("cs_1"))
        await change(self.ports, other, paid_event("cs_2"))
        async with self.ports.unit_of_work() as uow:
            told = notification("evt_1", REFUND, references=("ch_1", "pi_1"))
            await uow.payment_events.add([(told, order.id)], received_at=NOW + MINUTE)
            await uow.payment_events.add([(notification("evt_2"), order.id)], received_at=NOW + 2 * MINUTE)
            await uow.payment_events.add([(notification("evt_3"), other.id)], received_at=NOW)
            await uow.outbox.enqueue([SendAccessEmail(order_id=order.id, token_version=2)], now=NOW + MINUTE)
            await uow.commit()
        dossier = await self.ports.archive.dossier(order.id)
        assert dossier is not None
        assert dossier.order == paid
        assert [entry.sequence for entry in dossier.history] == list(range(1, paid.version + 1))
        assert list(dossier.events) == [
            ProviderEvent(
                event_id="evt_1",
                event_type="charge.refunded",
                occurred_at=NOW,
                received_at=NOW + MINUTE,
                references=("ch_1", "pi_1"),
                order_id=order.id,
            ),
            ProviderEvent(
                event_id="evt_2",
                event_type="charge.refunded",
                occurred_at=NOW,
                received_at=NOW + 2 * MINUTE,
                order_id=order.id,
            ),
        ]
        assert dossier.outbox[-1].key == SendAccessEmail(order_id=order.id, token_version=2).key
        assert [line.created_at for line in dossier.outbox] == [NOW] * (len(dossier.outbox) - 1) + [NOW + MINUTE]
        assert {line.order_id for line in dossier.outbox} == {order.id}

    async def test_dossier_is_of_one_moment(self) -> None:
        """However often the order changes while it is read: its version is the number of its history's lines."""
        order = await change(self.ports, await add(self.ports, place()), paid_event())
        done = asyncio.Event()

        async def rotate() -> None:
            found = order
            for _ in range(40):
                event = TokenRotated(token_version=found.facts.token_version + 1)
                found = await change(self.ports, found, event)
            done.set()

        changing = asyncio.create_task(rotate())
        seen: set[int] = set()
        while not done.is_set():
            dossier = await self.ports.archive.dossier(order.id)
            assert dossier is not None
            assert dossier.order.version == len(dossier.history)
            seen.add(dossier.order.version)
            await asyncio.sleep(0)
        await changing
        assert len(seen) > 1

    async def test_open_sessions_are_given_the_longest_unasked_first(self) -> None:
        """Of pending orders, old enough and not too old, not failed; unasked counts from when it was placed."""
        for minute, session in enumerate(["cs_a", "cs_b", "cs_c", "cs_d"]):
            order = await add(self.ports, place(at=NOW + minute * MINUTE))
            await change(self.ports, order, CheckoutOpened(session_id=session))
        await add(self.ports, place())  # its session was never opened
        await change(self.ports, await add(self.ports, place()), paid_event("cs_paid"))
        await change(
            self.ports, await add(self.ports, place()), PaymentFailed(payment_id="pi_failed", session_id="cs_failed")
        )
        for session, minute in (("cs_a", 30), ("cs_c", 20), ("cs_b", 40)):
            assert await self.ports.directory.claim_provider_read(
                session, now=NOW + minute * MINUTE, min_interval_seconds=3.0
            )

        async def ask(*, placed: int, asked: int, limit: int = 9, after: int = -1) -> list[str]:
            placed_before, asked_before = NOW + placed * MINUTE, NOW + asked * MINUTE
            found = await self.ports.archive.open_sessions(
                placed_after=NOW + after * MINUTE, placed_before=placed_before, asked_before=asked_before, limit=limit
            )
            return list(found)

        assert await ask(placed=60, asked=60) == ["cs_d", "cs_c", "cs_a", "cs_b"]
        assert await ask(placed=60, asked=60, limit=2) == ["cs_d", "cs_c"]
        assert await ask(placed=60, asked=30) == ["cs_d", "cs_c"]
        assert await ask(placed=3, asked=60) == ["cs_c", "cs_a", "cs_b"]
        assert await ask(placed=1, asked=60) == ["cs_a"]
        assert await ask(placed=0, asked=60) == []
        assert await ask(placed=60, asked=60, after=1) == ["cs_d", "cs_c"]


class OutboxArchiveContract(PortsContract):
    """What an `OutboxArchive` must answer."""

    async def test_outbox_is_listed_the_longest_owed_first(self) -> None:
        """Each row whole."""
        order = await add(self.ports, place())
        effects = await write_outbox(self.ports, order)
        lines = list(await self.ports.outbox.lines(OutboxQuery()))
        assert [line.effect for line in lines] == effects
        assert lines[0] == OutboxLine(
            key=effects[0].key,
            effect=effects[0],
            status=DeliveryStatus.DEAD,
            attempts=1,
            created_at=NOW,
            due_at=NOW,
            settled_at=NOW + MINUTE / 2,
            error="why",
            order_id=order.id,
        )
        assert lines[3] == OutboxLine(
            key=effects[3].key,
            effect=effects[3],
            status=DeliveryStatus.PENDING,
            attempts=0,
            created_at=NOW + 3 * MINUTE,
            due_at=NOW + 3 * MINUTE,
            order_id=order.id,
        )
        assert lines[2].order_id is None
        assert list(await self.ports.outbox.lines(OutboxQuery(limit=2))) == lines[:2]

    async def test_outbox_is_searched_by_status_order_and_key(self) -> None:
        """All that is set must hold; a key's beginning is taken word for word."""
        order, other = await add(self.ports, place()), await add(self.ports, place())
        effects = await write_outbox(self.ports, order)
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([ReportSale(order_id=other.id)], now=NOW + 9 * MINUTE)
            await uow.commit()
        email, sale, look_up, waiting = (effect.key for effect in effects)
        others = ReportSale(order_id=other.id).key
        for query, expected in (
            (OutboxQuery(statuses=(DeliveryStatus.DEAD,)), [email]),
            (OutboxQuery(statuses=(DeliveryStatus.PENDING, DeliveryStatus.DEAD)), [email, waiting, others]),
            (OutboxQuery(statuses=(DeliveryStatus.PENDING, DeliveryStatus.DEAD), limit=2), [email, waiting]),
            (OutboxQuery(order_id=order.id), [email, sale, waiting]),
            (OutboxQuery(order_id=order.id, statuses=(DeliveryStatus.DELIVERED, DeliveryStatus.DEAD)), [email, sale]),
            (OutboxQuery(order_id=order.id, key_prefix="access_email", limit=1), [email]),
            (OutboxQuery(key_prefix="access_email"), [email, waiting]),
            (OutboxQuery(key_prefix="access_email", statuses=(DeliveryStatus.PENDING,)), [waiting]),
            (OutboxQuery(key_prefix=look_up), [look_up]),
            (OutboxQuery(key_prefix="Access_Email"), []),
            (OutboxQuery(key_prefix="access%"), []),
            (OutboxQuery(key_prefix="mobi_slon", order_id=other.id), [others]),
            (OutboxQuery(order_id=uuid4()), []),
            (OutboxQuery(keys=(sale, look_up, "nothing")), [sale, look_up]),
            (OutboxQuery(keys=(sale, look_up), order_id=order.id), [sale]),
            (OutboxQuery(keys=(sale, email), statuses=(DeliveryStatus.DEAD,)), [email]),
            (OutboxQuery(due_before=NOW + 2 * MINUTE), [email, sale]),
            (OutboxQuery(due_before=NOW + 2 * MINUTE, order_id=order.id, statuses=(DeliveryStatus.DEAD,)), [email]),
        ):
            assert [line.key for line in await self.ports.outbox.lines(query)] == expected, query

    async def test_row_under_lease_shows_when_its_lease_ends(self) -> None:
        """And a row that is made due again shows that it is owed since it first was."""
        order = await add(self.ports, place())
        key = ReportSale(order_id=order.id).key
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW)
            await uow.outbox.lease(now=NOW, limit=9, lease_until=NOW + MINUTE, lease_id=uuid4())
            await uow.commit()
        (line,) = await self.ports.outbox.lines(OutboxQuery())
        assert (line.status, line.attempts, line.due_at) == (DeliveryStatus.PENDING, 1, NOW + MINUTE)
        async with self.ports.unit_of_work() as uow:
            await uow.outbox.retry([key], due_at=NOW + 2 * MINUTE)
            await uow.commit()
        (line,) = await self.ports.outbox.lines(OutboxQuery())
        assert (line.attempts, line.due_at, line.created_at) == (0, NOW + 2 * MINUTE, NOW)
