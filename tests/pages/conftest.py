"""The sandbox as its user starts it, fresh for each test, and a real browser, once for all of them.

The browser lives as long as the test run, so every test here runs in the run's own event loop: the module says so by
`pytestmark = pytest.mark.asyncio(loop_scope="session")`.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from entrypoints.sandbox.run import DATABASE, RunningSandbox, SandboxOptions, running_sandbox
from entrypoints.sandbox.stripe import WebhookTiming
from tests.pages.walk import PICTURES, Console, Phone

_SCALE: Final = 1.5 if os.environ.get(PICTURES) else 1
_TIMEOUT_MS: Final = 20_000
_QUICK: Final = WebhookTiming(late_seconds=0.5, out_of_order_window_seconds=0.3, retry_after_seconds=(0.2, 0.5, 1, 2))

Outbox = Callable[[str], Awaitable[tuple[str, int]]]
NewPhone = Callable[..., Awaitable[Phone]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, without its own windows: each page would have one, and nobody sees it."""
    arguments = ["--no-sandbox", "--disable-background-networking"]
    if _SCALE != 1:  # a mail's frame is a process of its own, which does not hear of the scale
        arguments.append("--disable-features=IsolateSandboxedIframes")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium-headless-shell", args=arguments)
        yield browser
        await browser.close()


@pytest.fixture
def bot_mode() -> str:
    """How the bot gets its updates; a test that wants `webhook` parametrizes it."""
    return "polling"


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(tmp_path: Path, bot_mode: str) -> AsyncIterator[RunningSandbox]:
    """Product and outside world, up and led to each other."""
    options = SandboxOptions(port=0, product_port=0, bot_mode=bot_mode, data=tmp_path, webhook_timing=_QUICK)
    async with running_sandbox(options) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(loop_scope="session")
async def new_phone(sandbox: RunningSandbox, browser: Browser) -> AsyncIterator[NewPhone]:
    """Gives further customers, each with a phone of their own."""
    async with AsyncExitStack() as stack:

        async def unpack(email: str = "anna@example.com", *, javascript: bool = True, language: str = "en") -> Phone:
            context = await browser.new_context(
                viewport={"width": 390, "height": 844},
                java_script_enabled=javascript,
                locale=language,
                device_scale_factor=_SCALE,
            )
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(_TIMEOUT_MS)
            return Phone(sandbox, page, email)

        yield unpack


@pytest_asyncio.fixture(loop_scope="session")
async def phone(new_phone: NewPhone) -> Phone:
    """A customer."""
    return await new_phone()


@pytest_asyncio.fixture(loop_scope="session")
async def console(sandbox: RunningSandbox, browser: Browser) -> AsyncIterator[Console]:
    """Somebody at the console, who has it open."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(_TIMEOUT_MS)
    await page.goto(sandbox.world.origin)
    yield Console(sandbox, page)
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def outbox(tmp_path: Path, sandbox: RunningSandbox) -> Outbox:
    """Gives status and number of tries of the first delivery whose key begins so."""

    def read(prefix: str) -> tuple[str, int]:
        with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
            found = database.execute(
                "SELECT status, attempts FROM outbox WHERE key LIKE ? || '%'", (prefix,)
            ).fetchone()
        return ("", 0) if found is None else (found[0], found[1])

    async def ask(prefix: str) -> tuple[str, int]:
        return await asyncio.to_thread(read, prefix)

    return ask
