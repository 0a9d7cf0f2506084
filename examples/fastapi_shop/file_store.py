"""Orders in a file that each commit replaces: a repository of one's own, for one process. The contracts prove it."""

import pickle
from pathlib import Path

from paywall_core import UnitOfWork
from paywall_core.testing import InMemoryStore, InMemoryUnitOfWork


class FileStore(InMemoryStore):
    """What is committed is in the file; it is read once, at the start."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        if path.exists():
            self.tables, self.provider_reads = pickle.loads(path.read_bytes())  # noqa: S301  - we alone write it

    def unit_of_work(self) -> UnitOfWork:
        """A transaction that ends in the file."""
        return FileUnitOfWork(self)


class FileUnitOfWork(InMemoryUnitOfWork):
    """Durable before it is visible: the new file takes the old one's place in one step."""

    def __init__(self, store: FileStore) -> None:
        super().__init__(store)
        self._file = store

    async def commit(self) -> None:
        """Write everything anew."""
        new = self._file.path.with_suffix(".new")
        new.write_bytes(pickle.dumps((self._tables, self._file.provider_reads)))
        new.replace(self._file.path)
        await super().commit()
