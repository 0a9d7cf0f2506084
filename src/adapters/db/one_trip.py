"""Several statements in one trip to PostgreSQL: each is an expression of one statement's WITH.

Knows no table, and no connection. Who asks at the same moment is another matter: `paywall_core/use_cases/together.py`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, TypeAlias

from adapters.db.statements import Row, Statement, Values, Written, dialect_of

Given: TypeAlias = Values | Sequence[Values]
"""What a statement is executed by: the values that its text takes, or the rows that it is executed for."""

_VALUE: Final = re.compile(r"\$(\d+)")


class OneTrip:
    """Statements that belong together, none of which needs to see what another one does.

    Where a trip costs they are one statement. They then are executed in the order in which they are given, but for
    those that give no rows, which come last; all of them see the moment at which the first one began, and a row that
    another transaction has changed since is seen, where they lock or change it, as that left it.

    Args:
        statements: in their order; the first one gives rows.
    """

    def __init__(self, *statements: Statement) -> None:
        self.statements = statements
        self._written: WrittenTrip | None = None

    def on_postgresql(self) -> "WrittenTrip":
        """As one statement."""
        if self._written is None:
            self._written = WrittenTrip([statement.on("postgresql") for statement in self.statements])
        return self._written


class WrittenTrip:
    """The one statement's text, and whose its rows are.

    Attributes:
        sql: the text.
        takes: how many values it takes.
    """

    def __init__(self, parts: Sequence[Written]) -> None:
        self._parts = parts
        self._dialect = dialect_of("postgresql")
        ends = list(accumulate((len(part.columns) for part in parts), initial=1))  # what comes first is whose it is
        self._places = [slice(begin, end) for begin, end in pairwise(ends)]
        heads, rows, values = list[str](), list[str](), 0
        for number, part in enumerate(parts):
            heads.append(f"part_{number} AS ({_renumbered(part.sql, values)})")
            values += part.takes
            if part.gives_rows:
                rows.append(f"SELECT {number}, {', '.join(self._columns(number))} FROM part_{number}")  # noqa: S608  - ours
        self.takes = values
        self.sql = f"WITH {', '.join(heads)} {' UNION ALL '.join(rows)}"

    def arguments(self, given: Sequence[Given]) -> list[object]:
        """The values of all, in the order of the text.

        Raises:
            KeyError: one is missing.
        """
        return [
            value
            for part, values in zip(self._parts, given, strict=True)
            for value in (part.arguments(values) if isinstance(values, Mapping) else part.all_of(values))
        ]

    def rows(self, raws: Iterable[Any]) -> list[list[Row]]:
        """The rows of each."""
        found: list[list[Row]] = [[] for _ in self._parts]
        for raw in raws:
            number = raw[0]
            found[number].append(self._parts[number].row(raw[self._places[number]]))
        return found

    def _columns(self, of: int) -> Iterable[str]:
        """The columns of all parts, empty but for those of this one."""
        for number, part in enumerate(self._parts):
            for name, type_ in part.columns:
                yield name if number == of else f"NULL::{type_.compile(self._dialect)}"


def _renumbered(sql: str, by: int) -> str:
    """A text whose values are numbered from there on."""
    return _VALUE.sub(lambda found: f"${int(found[1]) + by}", sql)
