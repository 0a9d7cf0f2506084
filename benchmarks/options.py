"""What a run is asked to do."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from benchmarks.load import Wrk


class Options(Struct, frozen=True, kw_only=True):
    """What the command line says, and a directory that is gone afterwards."""

    directory: Path
    databases: tuple[str, ...]
    orders: tuple[int, ...]
    rounds: int
    seconds: float
    connections: int
    server: str
    service: str
    limits: bool
    starts: int
    ours: Mapping[str, str]
    postgresql: Mapping[str, str]

    def wrk(self) -> Wrk:
        """The load."""
        return Wrk(self.directory, self.connections)
