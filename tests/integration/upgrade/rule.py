"""What a migration may do while the service runs on the schema before it: a list; whatever is not on it is a fault.

Read are the statements that PostgreSQL is really sent. Allowed is what takes no lock for long, and what the code of the
version before bears: it names its columns, knows nothing of new ones, and leaves them out when it writes.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from alembic.script import Script, ScriptDirectory
from sqlalchemy import Engine, event

from adapters.db.migrate import alembic_config
from adapters.db.schema_version import FIRST_THAT_SAYS

_TABLE: Final = r'"?(?P<table>\w+)"?'
_ADDED_COLUMN: Final = re.compile(rf'ALTER TABLE {_TABLE} ADD COLUMN "?\w+"? (?P<rest>.+)', re.IGNORECASE)
_CREATED_TABLE: Final = re.compile(rf"CREATE TABLE {_TABLE} ", re.IGNORECASE)
_CREATED_INDEX: Final = re.compile(
    rf'CREATE (UNIQUE )?INDEX (?P<beside>CONCURRENTLY )?(IF NOT EXISTS )?"?\w+"? ON (?P<only>ONLY )?{_TABLE} ',
    re.IGNORECASE,
)
_DROPPED: Final = re.compile(
    r'ALTER TABLE "?(?P<of>\w+)"? DROP COLUMN "?(?P<column>\w+)"?|DROP TABLE "?(?P<table>\w+)"?', re.IGNORECASE
)
_HARMLESS: Final = re.compile(
    r"(SELECT|SHOW|SET|COMMENT ON|DROP INDEX CONCURRENTLY) .*"
    r"|(INSERT INTO|UPDATE|DELETE FROM) (alembic_version|schema_compatibility) .*"
    r"|ALTER INDEX \S+ ATTACH PARTITION \S+"
    r"|ALTER TABLE \S+ (VALIDATE CONSTRAINT \S+|ADD CONSTRAINT .* NOT VALID)"
    r'|ALTER TABLE \S+ ALTER (COLUMN )?"?\w+"? (DROP NOT NULL|SET DEFAULT .*|SET STATISTICS .*)',
    re.IGNORECASE,
)
_LOOKS_THROUGH_ALL: Final = re.compile(
    r"\b(REFERENCES|UNIQUE|PRIMARY KEY|CHECK|GENERATED|SERIAL)\b|\(\)", re.IGNORECASE
)
_NEEDS_A_VALUE: Final = re.compile(r"\bNOT NULL\b", re.IGNORECASE)
_HAS_ONE: Final = re.compile(r"\bDEFAULT\b", re.IGNORECASE)


def faults(statements: Sequence[str], *, retired: Collection[str] = ()) -> list[str]:
    """The statements of one migration that may not be in it, each with the reason.

    Args:
        statements: as they were sent, in their order.
        retired: columns (`table.column`) and tables that no version uses which the new schema still serves.
    """
    made: set[str] = set()
    found = []
    for statement in (" ".join(one.split()) for one in statements):
        if created := _CREATED_TABLE.match(statement):
            made.add(created["table"].lower())
            continue
        reason = _fault(statement, made, retired)
        if reason:
            found.append(f"{reason}: {statement}")
    return found


def _fault(statement: str, made: Collection[str], retired: Collection[str]) -> str:
    if added := _ADDED_COLUMN.fullmatch(statement):
        if _NEEDS_A_VALUE.search(added["rest"]) and not _HAS_ONE.search(added["rest"]):
            return "old code leaves the column out, and it has no default"
        return "the whole table is looked through under a lock" if _LOOKS_THROUGH_ALL.search(added["rest"]) else ""
    if index := _CREATED_INDEX.match(statement):
        is_beside = index["beside"] or index["only"] or index["table"].lower() in made
        return "" if is_beside else "writers wait for the index: use `expanding.create_index`"
    if dropped := _DROPPED.match(statement):
        name = dropped["table"] or f"{dropped['of']}.{dropped['column']}"
        return "" if name.lower() in retired else "code that is served still uses it"
    return "" if _HARMLESS.fullmatch(statement) else "not on the list of what an old version bears"


@contextmanager
def sent() -> Iterator[list[str]]:
    """The statements that SQLAlchemy sends while the block runs."""
    heard: list[str] = []

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        heard.append(statement)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def migrations() -> list[Script]:
    """Those that say whom they serve, oldest first."""
    every = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    return sorted((one for one in every if one.revision >= FIRST_THAT_SAYS), key=lambda one: one.revision)


def retired_until(revision: str) -> set[str]:
    """What the migrations up to a revision retire: from there on no code uses it."""
    modules: list[ModuleType] = [one.module for one in migrations() if one.revision <= revision]
    return {name for module in modules for name in getattr(module, "retires", ())}
