"""The product's orders as the console wants them: read from its database, made JSON-able. Reads only."""

from collections.abc import Sequence
from typing import Any, Final

from adapters.db.connection import database_errors
from adapters.db.database import Database
from entrypoints.sandbox.console.views import OrdersFeed
from paywall_core.order import HistoryEntry, Order

_NEWEST: Final = 20


def orders_feed(database: Database) -> OrdersFeed:
    """The newest orders of this database, asked for anew at each call."""

    async def feed() -> list[dict[str, Any]]:
        try:
            found = await database.recent_orders(_NEWEST)
        except database_errors() as error:
            raise ConnectionError(type(error).__name__) from error
        return [_order(order, history) for order, history in found]

    return feed


def _order(order: Order, history: Sequence[HistoryEntry]) -> dict[str, Any]:
    return {
        "order_id": str(order.id),
        "email": order.email,
        "plan": order.plan,
        "state": str(order.state),
        "access_until": order.entitlement.access_until,
        "telegram_user_id": order.telegram_user_id,
        "created_at": order.created_at,
        "history": [
            {
                "at": entry.at,
                "event": str(entry.event.type),
                "from": str(entry.from_state),
                "to": str(entry.to_state),
            }
            for entry in history
        ],
    }
