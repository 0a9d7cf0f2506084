"""Where histories run: a directory in memory if there is one, and a database file with our schema to copy."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from adapters.db.migrate import migrate

from .simulation import Machine


def make_machine(directory: Path) -> Machine:
    """A machine with a database of our schema."""
    template = directory / "template.db"
    with ThreadPoolExecutor(1) as pool:  # a loop of its own: a test's loop may be running here
        pool.submit(asyncio.run, migrate(f"sqlite+aiosqlite:///{template}")).result()
    return Machine(directory, template)
