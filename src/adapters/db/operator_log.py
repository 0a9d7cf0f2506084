"""What operators did, on SQL."""

from typing import Final

from sqlalchemy import insert

from adapters.db.connection import Connection
from adapters.db.rows import act_row
from adapters.db.schema import operator_acts
from adapters.db.statements import Statement
from paywall_core.ports.unit_of_work import OperatorAct, OperatorLog

_ADD: Final = Statement(insert(operator_acts), columns=[*(c.name for c in operator_acts.c if c.name != "id")])


class SqlOperatorLog(OperatorLog):
    """Acts in one transaction; `archive.py` reads them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, act: OperatorAct) -> None:
        """Write it down."""
        await self._connection.change(_ADD, act_row(act))
