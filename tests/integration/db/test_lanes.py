"""What is due is taken lane by lane: one contract for the fake and both databases."""

from uuid import uuid4

import pytest

from paywall_core.effects import Lane, ReportSale, SendAccessEmail

from .samples import MINUTE, NOW, Store, add, place


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which implementation."""
    return str(request.param)


async def test_full_lane_hides_nothing_of_another(store: Store) -> None:
    """However many of its rows are due before; the longest due come first, and of no lane more than it has room for."""
    order = await add(store, place())
    mails = [SendAccessEmail(order_id=order.id, token_version=n) for n in range(1, 30)]
    async with store.unit_of_work() as uow:
        for minutes, mail in enumerate(mails):
            await uow.outbox.enqueue([mail], now=NOW + minutes * MINUTE)
        await uow.outbox.enqueue([ReportSale(order_id=order.id)], now=NOW + 20 * MINUTE)

        async def lease(limit: int, **room: int) -> list[str]:
            lanes = {Lane(name): count for name, count in room.items()} if room else None
            now = NOW + 40 * MINUTE
            taken = await uow.outbox.lease(
                now=now, limit=limit, lease_until=2 * MINUTE + now, lease_id=uuid4(), room=lanes
            )
            return [delivery.key for delivery in taken]

        assert await lease(9, mail=2) == [mails[0].key, mails[1].key]
        assert await lease(9, mail=0, click_tracker=5) == [ReportSale(order_id=order.id).key]
        assert await lease(3, mail=4, chat=4) == [mail.key for mail in mails[2:5]]
        assert await lease(99) == [mail.key for mail in mails[5:]]
