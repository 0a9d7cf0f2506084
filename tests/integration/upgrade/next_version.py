"""The next version of paywall, before there is one: a copy of the sources with an expanding change.

No version has been released that could play the old one, and an older commit would be a version that nobody runs. So
the sources play the old version as they are, and the new one is made of them: two migrations (a column, and an index
that is built beside the writers), the column and the index in the tables' description, and code that writes it. Once
there are releases, the same test may take the last one's sources for the old version.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import adapters
from adapters.db.schema_version import head_revision

COLUMN: Final = "written_by"
WORD: Final = "next"
_SOURCES: Final = Path(adapters.__file__).parents[1]
_FIRST, _SECOND = (f"{int(head_revision()) + step:04}" for step in (1, 2))
NEWEST: Final = _SECOND
"""The schema of the next version."""

_MIGRATION: Final = '''"""{what}"""

import sqlalchemy as sa
from alembic import op

from adapters.db.migrations import expanding

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None

serves_from = "{serves_from}"


def upgrade() -> None:
    """Up."""
    {up}


def downgrade() -> None:
    """Back."""
    {down}
'''

_ADD_COLUMN: Final = f'op.add_column("orders", sa.Column("{COLUMN}", sa.String(16)))'
RENAME_COLUMN: Final = 'op.alter_column("orders", "locale", new_column_name="language")'
"""A careless step: the version before asks for the column by its old name."""

_IN_SCHEMA: Final = '    Column("live_subscription_id", String(255)),\n'
_IN_ROWS: Final = '        "email_key": email_key(order.email),\n'
_CHANGES: Final[Mapping[str, tuple[str, str]]] = {
    "adapters/db/schema.py": (
        _IN_SCHEMA,
        f'    Column("{COLUMN}", String(16)),\n    Index("ix_orders_{COLUMN}", "{COLUMN}"),\n',
    ),
    "adapters/db/rows.py": (_IN_ROWS, f'        "{COLUMN}": "{WORD}",\n'),
}
"""After which line of a file, what."""


def make_next_version(place: Path, *, careless: str = "") -> Path:
    """Its sources, to be put on a process's path.

    Args:
        place: an empty directory.
        careless: what the first migration does as well, although it says that it serves the version before.
    """
    sources = place / "src"
    shutil.copytree(_SOURCES, sources)  # with what is compiled, and the times by which that is known to be good
    for name, (line, more) in _CHANGES.items():
        text = (sources / name).read_text(encoding="utf-8")
        assert text.count(line) == 1, f"{name} has changed: mend this test's next version"
        (sources / name).write_text(text.replace(line, line + more), encoding="utf-8")
    versions = sources / "adapters/db/migrations/versions"
    (versions / f"v{_FIRST}_column.py").write_text(
        _MIGRATION.format(
            what="A column.",
            revision=_FIRST,
            before=head_revision(),
            serves_from=head_revision(),
            up="\n    ".join(filter(None, (_ADD_COLUMN, careless))),
            down=f'op.drop_column("orders", "{COLUMN}")',
        ),
        encoding="utf-8",
    )
    (versions / f"v{_SECOND}_index.py").write_text(
        _MIGRATION.format(
            what="An index.",
            revision=_SECOND,
            before=_FIRST,
            serves_from=head_revision(),
            up=f'expanding.create_index("ix_orders_{COLUMN}", "orders", ["{COLUMN}"])',
            down=f'op.drop_index("ix_orders_{COLUMN}", "orders")',
        ),
        encoding="utf-8",
    )
    return sources
