"""Statements: written by SQLAlchemy Core, and worked out once for each database into the text that its driver takes.

SQLAlchemy knows both dialects, the types and what may be left out; what it does anew at each execution (build, look up,
adapt) costs more than the statement itself. Here that is done at the first use. Nothing is executed here.
"""

import json
from collections import namedtuple
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias
from typing import cast as as_type

import msgspec
from sqlalchemy import (
    ARRAY,
    JSON,
    ClauseElement,
    ColumnElement,
    DateTime,
    Dialect,
    Executable,
    Integer,
    LargeBinary,
    String,
    Table,
    TableValuedAlias,
    Text,
    TypeDecorator,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import Grouping
from sqlalchemy.types import TypeEngine

Row: TypeAlias = Any
"""A named tuple of what a statement gives; its names are those of the columns."""

Values: TypeAlias = Mapping[str, object]
_Convert: TypeAlias = Callable[[Any], Any] | None

_ROWS: Final = "given_rows"
_BYTES: Final = "given_bytes"
_encode: Final = msgspec.json.Encoder().encode


@cache
def dialect_of(name: str) -> Dialect:
    """SQLAlchemy's dialect of a database. A process speaks one of them, and loads no other."""
    if name == "postgresql":
        from sqlalchemy.dialects.postgresql import asyncpg  # noqa: PLC0415  - the other one is not loaded

        return asyncpg.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy's
    from sqlalchemy.dialects.sqlite import aiosqlite  # noqa: PLC0415  - as above

    return aiosqlite.dialect(paramstyle="qmark")


class Statement:
    """One statement on either database.

    Args:
        clause: what SQLAlchemy Core wrote; or what writes it, given the dialect's name. Its `bindparam`s are the values
            that an execution gives; literals in it stay what they are. A list is asked for by `among`.
        columns: of an INSERT or UPDATE without values of its own, the columns that an execution gives.

    A statement about `Rows` is executed for many at once, by `Connection.each`.
    """

    def __init__(
        self, clause: Executable | Callable[[str], Executable], *, columns: Collection[str] | None = None
    ) -> None:
        self._clause = clause
        self._columns = None if columns is None else list(columns)
        self._written: dict[str, Written] = {}

    def on(self, dialect: str) -> "Written":
        """As this database's driver takes it."""
        written = self._written.get(dialect)
        if written is None:
            clause = self._clause(dialect) if callable(self._clause) else self._clause
            written = self._written[dialect] = Written(clause, dialect_of(dialect), self._columns)
        return written


class Written:
    """A statement's text, the order of its values, and what its columns become.

    Attributes:
        sql: the text.
        columns: what it gives: names and types.
        gives_rows: it has columns to give.
        takes: how many values it takes.
    """

    def __init__(self, clause: Executable, dialect: Dialect, columns: list[str] | None) -> None:
        compiled: SQLCompiler = as_type("ClauseElement", clause).compile(  # type: ignore[assignment]  # DDL is never given
            dialect=dialect, column_keys=columns
        )
        self.sql = compiled.string
        self._values: list[tuple[str, bool, object, _Convert]] = []
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            fixed = None if bind.required else bind.effective_value
            self._values.append((name, bind.required, fixed if convert is None else convert(fixed), convert))
        self.takes = len(self._values)
        given = list(getattr(clause, "exported_columns", ()))
        self.gives_rows = bool(given)
        names = [_name(column) for column in given]
        self.columns = [(name, column.type) for name, column in zip(names, given, strict=True)]
        self._row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024  - names come later
        converts = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in given]
        self._converts: list[tuple[int, Callable[[Any], Any]]] = [
            (place, convert) for place, convert in enumerate(converts) if convert is not None
        ]

    def arguments(self, values: Values) -> list[object]:
        """The values in the order of the text, as the driver takes them.

        Raises:
            KeyError: one is missing.
        """
        return [
            (values[name] if convert is None else convert(values[name])) if required or name in values else fixed
            for name, required, fixed, convert in self._values
        ]

    @property
    def takes_rows(self) -> bool:
        """Whether one execution takes all the rows that it is executed for."""
        return any(name == _ROWS for name, *_ in self._values)

    def all_of(self, rows: Sequence[Values]) -> list[object]:
        """The arguments of one execution for many rows.

        Raises:
            KeyError: a row has not the columns that the statement takes.
        """
        return self.arguments({_ROWS: rows, _BYTES: rows})

    def row(self, raw: Iterable[Any]) -> Row:
        """A row of the driver's as the core's values."""
        if not self._converts:
            return self._row._make(raw)
        row = list(raw)
        for place, convert in self._converts:
            if row[place] is not None:
                row[place] = convert(row[place])
        return self._row._make(row)


class Several(TypeDecorator[Sequence[Any]]):
    """A list as one value, so that the statement's text is the same however long it is: an array, or JSON on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An array where there are arrays."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        # Not of the column's own length: a cast to that would cut what is too long, and find what was not asked for.
        return dialect.type_descriptor(ARRAY(Text() if isinstance(self.item, String) else self.item))

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> Any:
        """Each item as its own type has it."""
        convert = self.item.dialect_impl(dialect).bind_processor(dialect)
        items = [item if convert is None else convert(item) for item in value or ()]
        return json.dumps(items) if dialect.name == "sqlite" else items


def each_of(dialect: str, like: ColumnElement[Any], name: str) -> TableValuedAlias:
    """The list that an execution gives under this name as a table, its one column `value` of the type of `like`."""
    items = bindparam(name, type_=Several(like.type))
    table = column("value", like.type)
    if dialect == "sqlite":
        return func.json_each(items).table_valued(table)
    return func.unnest(items).table_valued(table).render_derived()


def among(dialect: str, wanted: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column is one of the list that an execution gives under this name."""
    items = bindparam(name, type_=Several(wanted.type))
    if dialect == "sqlite":
        return wanted.in_(select(func.json_each(items).table_valued("value").c.value))
    return wanted == any_(items)


class Document(TypeDecorator[Sequence[Values]]):
    """Rows as one JSON document, which both ends read and write faster than an array of each column.

    Bytes, which JSON has not, are in a list beside it (`Bytes`); a row has their place in that, from 1 on.

    Args:
        columns: what each row has; their names and types.
    """

    impl = Text
    cache_ok = False  # it is compiled once, and never looked up

    def __init__(self, *columns: ColumnElement[Any]) -> None:
        super().__init__()
        self.columns = columns
        self._names = {_name(one) for one in columns}
        self._moments = [_name(one) for one in columns if _is_moment(one.type)]
        self._bytes = [_name(one) for one in columns if isinstance(one.type, LargeBinary)]

    def process_bind_param(self, value: Sequence[Values] | None, _dialect: Dialect) -> str:
        """The document.

        Raises:
            KeyError: a row has other columns.
            ValueError: a time without a zone: nobody knows whose clock it means.
        """
        for row in value or ():
            if row.keys() != self._names:
                raise KeyError(*sorted(row.keys() ^ self._names))
            for name in self._moments:
                moment = row[name]
                if moment is not None and moment.tzinfo is None:  # type: ignore[attr-defined]  # a datetime
                    raise ValueError("a time without a zone")
        if self._bytes:
            value = [{**row, **dict.fromkeys(self._bytes, place)} for place, row in enumerate(value or (), 1)]
        return _encode(value).decode()


class Bytes(TypeDecorator[Sequence[Values]]):
    """One column's bytes, those of all rows: as a list, in their order.

    Args:
        name: the column's.
    """

    impl = ARRAY(LargeBinary)
    cache_ok = False  # as `Document`

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def process_bind_param(self, value: Sequence[Values] | None, _dialect: Dialect) -> list[object]:
        """The list.

        Raises:
            KeyError: a row has no such column.
        """
        return [row[self.name] for row in value or ()]


class Rows:
    """The rows that a statement is executed for, as it speaks of them: all in one execution on PostgreSQL.

    They then are one value, a JSON document, in the order in which they are given. On SQLite, which needs no trip, the
    statement is executed row by row.

    Args:
        dialect: the database's.
        columns: what each row has; their names and types. One of them at most is of bytes.

    Attributes:
        c: a row's values, by the columns' names.
    """

    def __init__(self, dialect: str, *columns: ColumnElement[Any]) -> None:
        self._dialect = dialect
        self.c: dict[str, ColumnElement[Any]]
        if dialect == "sqlite":
            self.c = {_name(one): bindparam(_name(one), type_=one.type) for one in columns}
            return
        document = cast(bindparam(_ROWS, type_=Document(*columns)), JSON)
        sent = func.json_to_recordset(document).table_valued(*(column(_name(one), _sent(one.type)) for one in columns))
        given = sent.render_derived(name="given", with_types=True).c
        self.c = {_name(one): _received(given[_name(one)], one) for one in columns}

    def insert_into(self, table: Table, **instead: ColumnElement[Any]) -> Any:
        """An INSERT of these rows, with other values for some of their columns; it knows ON CONFLICT."""
        values = {**self.c, **instead}
        if self._dialect == "sqlite":
            return insert_into(self._dialect, table).values(values)
        return insert_into(self._dialect, table).from_select(list(values), select(*values.values()))


def _name(of: ColumnElement[Any]) -> str:
    return of.key or ""


def _is_moment(type_: TypeEngine[Any]) -> bool:
    return isinstance(type_.impl_instance if isinstance(type_, TypeDecorator) else type_, DateTime)


def _sent(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """What a column's values are in a document. A text has no length there: the table refuses what is too long."""
    if isinstance(type_, LargeBinary):
        return Integer()
    return Text() if isinstance(type_, String) else type_


def _received(sent: ColumnElement[Any], column_: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value of it; bytes are in the list beside it."""
    if not isinstance(column_.type, LargeBinary):
        return sent
    listed: Any = Grouping(bindparam(_BYTES, type_=Bytes(_name(column_))))
    return as_type("ColumnElement[Any]", listed[sent])


def insert_into(dialect: str, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT; both dialects write it alike, and SQLAlchemy has one for each."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_postgresql  # noqa: PLC0415  - see `dialect_of`

        return insert_postgresql(table)
    from sqlalchemy.dialects.sqlite import insert as insert_sqlite  # noqa: PLC0415  - see `dialect_of`

    return insert_sqlite(table)
