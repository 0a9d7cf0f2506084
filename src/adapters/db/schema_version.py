"""Which schema this code was written for, told without Alembic: readiness is asked often, and by every process."""

from functools import cache
from pathlib import Path
from typing import Final

SCRIPTS: Final = Path(__file__).parent / "migrations"
"""Where the migrations are."""


@cache
def head_revision() -> str:
    """The newest schema that this code knows: the number in the name of the last migration."""
    return max(path.name[1:5] for path in (SCRIPTS / "versions").glob("v[0-9]*.py"))
