"""What operators did, on SQL."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db.rows import act_row
from adapters.db.schema import operator_acts
from paywall_core.ports.unit_of_work import OperatorAct, OperatorLog


class SqlOperatorLog(OperatorLog):
    """Acts in one transaction; `archive.py` reads them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, act: OperatorAct) -> None:
        """Write it down."""
        await self._connection.execute(insert(operator_acts), act_row(act))
