"""A mail server that takes everything and writes down to whom: one address a line.

python -m benchmarks.sink PORT FILE
"""

import asyncio
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class _Sink:
    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    async def handle_DATA(  # noqa: N802  - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Taken."""
        for address in envelope.rcpt_tos:
            self._file.write(f"{address}\n")
        return "250 OK"


async def _run(port: int, path: Path) -> None:
    sink = _Sink(path)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(sink), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), Path(sys.argv[2])))
