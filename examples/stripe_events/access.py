"""Who has access, from a list of Stripe's events? No framework: `python access.py events.json 30`.

The list is what `stripe events list` gives, in any order: [{"id": "evt_…", "type": …, "data": {"object": {…}}}, …].
An order is whatever `metadata.order_id` (a UUID) names; one payment buys so many days, or, without a number, for life.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from adapters.stripe.translate import notification_of
from paywall_core import Clock, Mode, Order, RecordPayment, Terms
from paywall_core.testing import InMemoryStore


class SystemClock(Clock):
    """The machine's."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)


async def access(events: list[dict[str, object]], terms: Terms, clock: Clock) -> dict[str, str]:
    """Each order with its state now: `token_issued` and `active` have access."""
    told = [notification_of(event, msgspec.json.encode(event)) for event in events]
    store = InMemoryStore()
    async with store.unit_of_work() as work:
        for order_id in {one.order_id for one in told if one.order_id}:
            placed = Order.place(order_id=order_id, email="", plan="", terms=terms, clickid="",
                                 locale="en", telegram_chat_id=None, now=clock.now())  # fmt: skip
            await work.orders.add(placed)
        await work.commit()
    for one in told:
        await RecordPayment(unit_of_work=store.unit_of_work, clock=clock)(one)
    return {str(order.id): order.state_at(clock.now()) for order in store.tables.orders.values()}


if __name__ == "__main__":
    bought = Terms(mode=Mode.ONE_TIME, duration_days=int(sys.argv[2]) if sys.argv[2:] else None)
    for line in asyncio.run(access(msgspec.json.decode(Path(sys.argv[1]).read_bytes()), bought, SystemClock())).items():
        print(*line)
