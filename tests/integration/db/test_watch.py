"""What only a database can be made to hold is noticed too; every other case is in the contract."""

from typing import Any

from sqlalchemy import update

from adapters.db.database import Database
from adapters.db.schema import orders
from adapters.db.statements import Statement
from paywall_core.order import Order
from paywall_core.ports.operations import ACCESS_WITHOUT_PAYMENT, PAID_WITHOUT_ACCESS
from paywall_core.testing.contract.samples import NOW
from paywall_core.testing.contract.watching import broken, paid


async def plant(database: Database, order: Order, **values: Any) -> None:
    """Write into an order's columns what the core never would."""
    async with database.pool.writing() as connection:
        await connection.change(Statement(update(orders).where(orders.c.id == order.id).values(values)))


async def test_columns_written_by_a_strange_hand_are_noticed(database: Database) -> None:
    """Access with an end and without a payment; access for life of an order that is over."""
    unpaid = await paid(database, "cs_1")
    over = await paid(database, "cs_2")
    await plant(database, unpaid, first_paid_at=None)
    await plant(database, over, state="revoked")
    assert await broken(database.watch, NOW) == {
        PAID_WITHOUT_ACCESS: (1, {str(over.id)}),
        ACCESS_WITHOUT_PAYMENT: (1, {str(unpaid.id)}),
    }
