"""Which schema this code was written for, and which code a schema serves.

Told without Alembic: readiness is asked often.

A database says of each revision that it was brought to from which version of the code on it serves (the table
`schema_compatibility`, written as each migration declares it). Code that is older than the schema goes on as long as
it is served, so that a new version can be rolled out while the old one runs (docs/adr/0020). Versions of the code are
named by the newest revision that they know.
"""

from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlalchemy import column, select, table

from adapters.db.schema import schema_compatibility
from adapters.db.statements import Statement

SCRIPTS: Final = Path(__file__).parent / "migrations"
"""Where the migrations are."""

FIRST_THAT_SAYS: Final = "0009"
"""The first schema that says whom it serves."""

_VERSION: Final = table("alembic_version", column("version_num"))
_SAID: Final = schema_compatibility.c
_SCHEMA: Final = (
    select(_VERSION.c.version_num, _SAID.serves_from)
    .select_from(_VERSION)
    .outerjoin(schema_compatibility, _SAID.revision == _VERSION.c.version_num)
)
SCHEMA: Final = Statement(_SCHEMA)
"""What a database says of its schema, in one trip; fails where it is older than the first that says anything."""


class Schema(Struct, frozen=True, kw_only=True):
    """What a database says of its schema.

    Attributes:
        revision: the one it was brought to last; None: it has none.
        serves_from: the oldest version of the code that this revision serves; None: it does not say.
    """

    revision: str | None
    serves_from: str | None = None

    def serves(self, code: str) -> bool:
        """Whether a version of the code may run on it: its own, or an older one that it still serves."""
        if self.revision is None or self.revision == code:
            return self.revision == code
        return self.serves_from is not None and self.serves_from <= code < self.revision


@cache
def revisions() -> tuple[str, ...]:
    """The schemas that this code knows, oldest first: the numbers in the names of the migrations."""
    return tuple(sorted(path.name[1:5] for path in (SCRIPTS / "versions").glob("v[0-9]*.py")))


def head_revision() -> str:
    """The newest schema that this code knows."""
    return revisions()[-1]
