"""What runs: the service and its parts, the schema, the sandbox; and what is drawn from the code."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import click

from entrypoints.cli.running import fail, refuse, settings_of
from entrypoints.lifetime import Ready, Stop, loading, log_ready, run_on_fast_loop, stop_on_signals
from entrypoints.logs import configure_logs
from entrypoints.settings import Role, SettingError, Settings
from paywall_core.lifecycle import diagram

_PORT: Final = click.IntRange(0, 65535)


@click.command()
def serve() -> None:
    """API, worker and bot in one process; the schema is brought up to date first."""
    with loading() as loaded:
        from entrypoints.processes import run_serve  # noqa: PLC0415  - `paywall --help` need not load a web framework

        _run(Role.SERVE, run_serve, loaded)


@click.command()
@click.option(
    "--drain",
    type=click.IntRange(0, 300),
    default=0,
    show_default=True,
    help="Seconds to answer on after SIGTERM, no longer ready, until a balancer has looked away.",
)
def api(*, drain: int) -> None:
    """The HTTP API and the pages."""
    with loading() as loaded:
        from entrypoints.processes import run_api  # noqa: PLC0415  - as in `serve`

        _run(Role.API, partial(run_api, drain_seconds=drain), loaded)


@click.command()
def worker() -> None:
    """Deliver the outbox and sweep what has lapsed."""
    with loading() as loaded:
        from entrypoints.processes import run_worker  # noqa: PLC0415  - as in `serve`

        _run(Role.WORKER, run_worker, loaded)


@click.command()
def bot() -> None:
    """The Telegram bot."""
    with loading() as loaded:
        from entrypoints.bot import run_bot  # noqa: PLC0415  - as in `serve`

        _run(Role.BOT, run_bot, loaded)


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when the schema does not serve this version.")
def migrate(*, check: bool) -> None:
    """Bring the database's schema up to date.

    The service may run meanwhile: older versions go on as long as the new schema serves them, and it says from which
    one on. A schema that is newer than this version and serves it is left as it is.
    """
    from adapters.db.migrate import CannotMigrate, schema_of, standing  # noqa: PLC0415  - as in `serve`
    from adapters.db.migrate import migrate as bring_up  # noqa: PLC0415  - as in `serve`

    settings = settings_of(Role.MIGRATE)
    configure_logs(settings.log_format)
    work = schema_of if check else bring_up
    try:
        schema = asyncio.run(work(settings.database_url))
    except CannotMigrate as error:
        fail(error)
    is_served, said = standing(schema)
    click.echo(said)
    sys.exit(0 if is_served else 1)


@click.command("partition-events")
@click.option("--ahead", type=click.IntRange(0, 120), default=12, show_default=True, help="Months to make after this.")
def partition_events(*, ahead: int) -> None:
    """PostgreSQL: keep payment events in a table for each month.

    The first time the table is turned, while the service runs; from then on months are made ahead of time, and those
    that are long over and empty are dropped. Run it once a month, or once a year: `paywall doctor` says when it is due.
    """
    from adapters.db.connection import database_errors  # noqa: PLC0415  - as in `serve`
    from adapters.db.partitions import CannotPartition, keep_months  # noqa: PLC0415  - as in `serve`

    settings = settings_of(Role.MIGRATE)
    configure_logs(settings.log_format)
    try:
        done = asyncio.run(keep_months(settings.database_url, now=datetime.now(UTC), ahead=ahead))
    except CannotPartition as error:
        fail(error)
    except database_errors() as error:
        fail(f"the database failed: {type(error).__name__}")
    if done.turned:
        click.echo("payment_events is in months from now on")
    for verb, names in (("made", done.made), ("dropped, because it was empty:", done.dropped)):
        for name in names:
            click.echo(f"{verb} {name}")
    click.echo(f"months are made until {done.until:%Y-%m}")


@click.command()
@click.option("--port", type=_PORT, default=8400, show_default=True, help="Of the console; 0: any free one.")
@click.option("--product-port", type=_PORT, default=8000, show_default=True, help="Of the pages and the API; 0: any.")
@click.option("--bot-mode", type=click.Choice(["polling", "webhook"]), default="polling", show_default=True)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the database in this directory. Without it nothing is left behind.",
)
@click.option(
    "--settings",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Run the outside world alone, and write into this new file what leads a product to it.",
)
def sandbox(*, port: int, product_port: int, bot_mode: str, data: Path | None, settings: Path | None) -> None:
    """The whole product on this machine with no account anywhere; prints one address to open."""
    with loading() as loaded:
        _play(port=port, product_port=product_port, bot_mode=bot_mode, data=data, settings_file=settings, loaded=loaded)


def _play(
    *,
    port: int,
    product_port: int,
    bot_mode: str,
    data: Path | None,
    settings_file: Path | None,
    loaded: Callable[[], None],
) -> None:
    try:
        from entrypoints.sandbox import run  # noqa: PLC0415  - as in `serve`
    except ModuleNotFoundError as error:
        refuse(f"the sandbox needs {error.name}: install `paywall[sandbox]`")
    log_format = os.environ.get("LOG_FORMAT", "").strip() or "console"
    options = run.SandboxOptions(
        port=port,
        product_port=product_port,
        bot_mode=bot_mode,
        data=data,
        log_format=log_format,
        settings_file=settings_file,
    )
    configure_logs(log_format)
    run.forget_proxies()

    def invite(url: str) -> None:
        loaded()
        if settings_file is None:
            click.echo(f'Open {url} and press "Open the pay page". Ctrl-C ends the sandbox.')
        else:
            click.echo(f"{url} is the world outside; {settings_file} leads a product to it. Ctrl-C ends it.")

    async def play() -> None:
        async with stop_on_signals() as stop:
            await run.run_sandbox(options, stop, invite)

    try:
        run_on_fast_loop(play())
    except (run.SandboxOptionError, SettingError) as error:
        refuse(error)


@click.command()
def lifecycle() -> None:
    """The order's state diagram (Mermaid), drawn from the code."""
    click.echo(diagram(), nl=False)


@click.command()
def openapi() -> None:
    """The API's OpenAPI document (JSON), made from the code; needs no settings."""
    from entrypoints.openapi import document  # noqa: PLC0415  - as in `serve`

    click.echo(document(), nl=False)


def _run(role: Role, start: Callable[[Settings, Stop, Ready], Awaitable[None]], loaded: Callable[[], None]) -> None:
    settings = settings_of(role)
    configure_logs(settings.log_format, traced=settings.collector is not None)

    def ready(what: str) -> None:
        loaded()
        log_ready(what)

    async def run() -> None:
        async with stop_on_signals() as stop:
            await start(settings, stop, ready)

    try:
        run_on_fast_loop(run())
    except* SettingError as errors:
        refuse(errors.exceptions[0])
    except* OSError as errors:
        refuse(errors.exceptions[0])


SERVICE_COMMANDS: Final[tuple[click.Command, ...]] = (
    serve,
    api,
    worker,
    bot,
    migrate,
    partition_events,
    sandbox,
    lifecycle,
    openapi,
)
