"""What a database holds of a code that is under way."""

import hashlib

from sqlalchemy import select

from adapters.db.database import Database
from adapters.db.schema import outbox, restore_challenges
from adapters.db.statements import Statement
from paywall_core.testing.contract.restoring import Restoring


async def test_neither_code_nor_hash_of_it_is_at_rest(database: Database) -> None:
    """Whoever reads a live challenge and what is owed for it learns an id, worth nothing without the secret."""
    restoring = Restoring(database)
    code = await restoring.code()
    async with database.pool.reading() as connection:
        rows = [row for table in (restore_challenges, outbox) for row in await connection.all(Statement(select(table)))]
    assert len(rows) == 2
    stored = " ".join(str(value) for row in rows for value in row)
    assert str(restoring.challenge_id) in stored
    hashes = [hashlib.new(name, code.encode()).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")]
    assert [text for text in (code, *hashes) if text in stored] == []
