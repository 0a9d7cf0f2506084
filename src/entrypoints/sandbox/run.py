"""The sandbox as one process: the outside world first, then the product beside it, led to each other.

Nothing of the user's own settings comes in: the product gets what the world tells it, a database of its own, and no
proxy. Nothing is left behind: without `data` the database is in a directory that is removed at the end.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import msgspec
from sqlalchemy import URL

from adapters.db.database import Database
from entrypoints.processes import run_serve
from entrypoints.sandbox.clock import MovableClock
from entrypoints.sandbox.orders import orders_feed
from entrypoints.sandbox.stripe import WebhookTiming
from entrypoints.sandbox.world import HOST, OutsideWorld, WorldKeys
from entrypoints.settings import Role, Settings, load_settings

DATABASE: Final = "paywall.db"
KEYS: Final = "sandbox-keys.json"
CLOCK: Final = "sandbox-clock.json"
_READY_SECONDS: Final = 60.0
_UNUSABLE: Final = (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL)


class SandboxOptionError(Exception):
    """The sandbox cannot run with these options. Its text is one line that names the option."""


class SandboxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may choose; a port of 0 is any free one.

    Attributes:
        port: of the console and everything else of the outside world.
        product_port: of the product's pages and API.
        bot_mode: `polling` or `webhook`.
        data: where the database is kept; None: nowhere.
        log_format: `console` or `json`.
        webhook_timing: of Stripe's webhooks; None: so slow that a person can watch.
        settings_file: gets the settings that lead a product here, and no product is run; None: it is.
    """

    port: int = 8400
    product_port: int = 8000
    bot_mode: str = "polling"
    data: Path | None = None
    log_format: str = "console"
    webhook_timing: WebhookTiming | None = None
    settings_file: Path | None = None


class _KeptClock(msgspec.Struct, frozen=True, kw_only=True):
    """How far ahead of the machine a kept sandbox is."""

    ahead_seconds: Annotated[float, msgspec.Meta(ge=0)]


class RunningSandbox(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides, up and led to each other.

    Attributes:
        world: the outside.
        product_url: where the product is, `http://127.0.0.1:<port>`.
        product: ends only with the product.
        database_url: the product's.
    """

    world: OutsideWorld
    product_url: str
    product: asyncio.Task[None]
    database_url: str


async def run_sandbox(options: SandboxOptions, stop: asyncio.Event, ready: Callable[[str], None]) -> None:
    """Run it until `stop` is set; `ready` gets the one address to open once everything answers.

    Raises:
        SandboxOptionError: a port is taken, or the directory or the file cannot be used.
    """
    if options.settings_file is not None:
        async with _world_alone(options, options.settings_file) as world:
            ready(world.origin)
            await stop.wait()
        return
    async with running_sandbox(options) as sandbox:
        if not stop.is_set():
            ready(sandbox.world.origin)
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({stopping, sandbox.product}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()


@asynccontextmanager
async def running_sandbox(options: SandboxOptions) -> AsyncIterator[RunningSandbox]:
    """Run it while the block runs; the product ends first, then the world around it.

    Raises:
        SandboxOptionError: as `run_sandbox`.
    """
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(_directory(options.data))
        keys = WorldKeys.random() if options.data is None else _kept_keys(directory / KEYS)
        clock = MovableClock() if options.data is None else stack.enter_context(_kept_clock(directory / CLOCK))
        database_url = _url_of(directory / DATABASE)
        database = Database(database_url)
        stack.push_async_callback(database.close)  # after the console has stopped to read it
        with _naming("--port", options.port):
            world = await stack.enter_async_context(
                OutsideWorld.start(
                    http_port=options.port, keys=keys, clock=clock, webhook_timing=options.webhook_timing
                )
            )
        product_url = f"http://{HOST}:{options.product_port or _free_port()}"
        settings = _settings(world, product_url, database_url, options)
        await stack.enter_async_context(world.webhooks_to(product_url))
        with _naming("--product-port", options.product_port):
            product = await stack.enter_async_context(_product(settings, world, clock))
        world.show_orders(orders_feed(database))
        yield RunningSandbox(world=world, product_url=product_url, product=product, database_url=database_url)


@asynccontextmanager
async def _world_alone(options: SandboxOptions, settings_file: Path) -> AsyncIterator[OutsideWorld]:
    """The outside world, for a product that is run in another way: by the settings in the file, and by real time."""
    async with AsyncExitStack() as stack:
        keys = WorldKeys.random()
        if options.data is not None:
            keys = _kept_keys(stack.enter_context(_directory(options.data)) / KEYS)
        with _naming("--port", options.port):
            world = await stack.enter_async_context(
                OutsideWorld.start(http_port=options.port, keys=keys, webhook_timing=options.webhook_timing)
            )
        product_url = f"http://{HOST}:{options.product_port or _free_port()}"
        await stack.enter_async_context(world.webhooks_to(product_url))
        environ = world.product_environment(product_url=product_url)
        _write_new(settings_file, "".join(f"{name}={value}\n" for name, value in environ.items()))
        yield world


def _write_new(file: Path, text: str) -> None:
    """A file that only its owner reads. One that is there is left alone: it may be somebody's real settings."""
    try:
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(text, encoding="utf-8")
    except FileExistsError:
        raise SandboxOptionError(f"{file} is there already: name another file by --settings") from None
    except OSError as error:
        raise SandboxOptionError(
            f"{file} cannot be written ({error.strerror}): name another file by --settings"
        ) from None


def forget_proxies(environ: MutableMapping[str, str] = os.environ) -> None:
    """From here on this process talks to loopback directly, whatever proxy its user or their system has."""
    for name in [name for name in environ if name.lower().endswith("_proxy")]:
        del environ[name]
    environ["NO_PROXY"] = "*"


@asynccontextmanager
async def _product(settings: Settings, world: OutsideWorld, clock: MovableClock) -> AsyncIterator[asyncio.Task[None]]:
    """The product, at the world's time, entered once its pages answer and Telegram's updates reach its bot."""
    stop, serving = asyncio.Event(), asyncio.Event()
    product = asyncio.create_task(run_serve(settings, stop, lambda _: serving.set(), clock=clock))
    try:
        await _come_up(product, serving, world)
        yield product
    finally:
        stop.set()
        await product


async def _come_up(product: asyncio.Task[None], serving: asyncio.Event, world: OutsideWorld) -> None:
    deadline = asyncio.get_running_loop().time() + _READY_SECONDS
    while not (serving.is_set() and _bot_listens(world)):
        if product.done():
            await product
            raise SandboxOptionError("the product ended at its start: the log says why")
        if asyncio.get_running_loop().time() > deadline:
            raise SandboxOptionError(f"the product did not come up within {_READY_SECONDS:.0f} s: the log says why")
        await asyncio.sleep(0.02)  # there is no event for both


def _bot_listens(world: OutsideWorld) -> bool:
    telegram = world.telegram.snapshot()
    return bool(telegram["is_polled"] or telegram["webhook"]["is_set"])


def _settings(world: OutsideWorld, product_url: str, database_url: str, options: SandboxOptions) -> Settings:
    """The product's settings: all from here, none from the user's environment."""
    environ = {
        **world.product_environment(product_url=product_url),
        "DATABASE_URL": database_url,
        "BOT_MODE": options.bot_mode,
        "LOG_FORMAT": options.log_format,
    }
    return load_settings(environ, Role.SERVE)


def _url_of(file: Path) -> str:
    """The URL of a SQLite file, whatever is in its name."""
    return URL.create("sqlite+aiosqlite", database=str(file)).render_as_string(hide_password=False)


@contextmanager
def _directory(data: Path | None) -> Iterator[Path]:
    """Where the database is: kept, or gone afterwards."""
    if data is None:
        with TemporaryDirectory(prefix="paywall-sandbox-") as name:
            yield Path(name)
        return
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SandboxOptionError(
            f"{data} cannot be used ({error.strerror}): name another directory by --data"
        ) from None
    yield data


def _kept_keys(path: Path) -> WorldKeys:
    """The keys beside a kept database, so that the links in it stay good; made at the first run."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=WorldKeys)
    except FileNotFoundError:
        keys = WorldKeys.random()
    except (OSError, msgspec.MsgspecError):
        raise SandboxOptionError(f"{path} cannot be read: remove it, or name another directory by --data") from None
    try:
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.encode(keys))
    except OSError as error:
        raise SandboxOptionError(
            f"{path} cannot be written ({error.strerror}): name another directory by --data"
        ) from None
    return keys


@contextmanager
def _kept_clock(path: Path) -> Iterator[MovableClock]:
    """The clock that a kept database goes on by: it must not fall behind what is written there."""
    ahead_seconds = 0.0
    try:
        ahead_seconds = msgspec.json.decode(path.read_bytes(), type=_KeptClock).ahead_seconds
    except FileNotFoundError:
        pass
    except (OSError, msgspec.MsgspecError):
        raise SandboxOptionError(f"{path} cannot be read: remove it, or name another directory by --data") from None
    clock = MovableClock(ahead=timedelta(seconds=ahead_seconds))
    try:
        yield clock
    finally:
        path.write_bytes(msgspec.json.encode(_KeptClock(ahead_seconds=clock.ahead.total_seconds())))


@contextmanager
def _naming(option: str, port: int) -> Iterator[None]:
    """A port that cannot be had, told by the option that names it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNUSABLE:
            raise
        raise SandboxOptionError(
            f"port {port} cannot be used ({os.strerror(error.errno)}): choose another one by {option}"
        ) from None


def _free_port() -> int:
    """A port that nobody listens on at the moment; the product must know its address before it binds it."""
    with socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
