"""A town for one scenario: the outside world in this process, the product's processes beside it, and its customers."""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import pytest

from entrypoints.sandbox.stripe import WebhookTiming
from entrypoints.sandbox.world import OutsideWorld
from tests.integration.crashes.front import Front
from tests.integration.crashes.member import Member

_T = TypeVar("_T")

EVERYTHING: Final = os.environ.get("PAYWALL_CRASHES") == "all"
"""Many customers and hundreds of kills; without it, what fits into a run of all checks."""

WITHOUT_BOT: Final = ("api", "worker")
"""The commands that are soon up: a process with a bot takes four times as long to start as one without."""

long_run_only = pytest.mark.skipif(not EVERYTHING, reason="only with PAYWALL_CRASHES=all")

PATIENCE_SECONDS: Final = 180.0 if EVERYTHING else 90.0
"""How long anything that is insisted on may take, from the last blow on: a slow machine under blows gets on slowly."""

# Longer and longer, as Stripe's own: hundreds of events a second would keep a product from getting up again.
_RETRIES: Final = WebhookTiming(retry_after_seconds=(0.2, 0.4, 0.8, 1.5, 3.0, *(5.0,) * 200), timeout_seconds=15)
_STEP_SECONDS: Final = 0.1
_LONGEST_STEP_SECONDS: Final = 1.0


def seed() -> int:
    """From which a scenario's kills and customers follow: `PAYWALL_CRASH_SEED`, else a new one."""
    given = os.environ.get("PAYWALL_CRASH_SEED")
    return random.SystemRandom().randrange(10**6) if given is None else int(given)


class Town:
    """Where customers live; made by `town`."""

    def __init__(self, world: OutsideWorld, front: Front, client: httpx.AsyncClient, database_url: str) -> None:
        self.world, self.front, self.client = world, front, client
        self.database_url = database_url
        self.members: Sequence[Member] = ()
        self._struck_at = 0.0

    def struck(self) -> None:
        """A blow: all that is insisted on has its time anew."""
        self._struck_at = time.monotonic()

    async def call(self, path: str, body: Mapping[str, object], *, internal: bool = False) -> httpx.Response | None:
        """One call of the API through the front; None where nobody answered, or the answer was a 5xx."""
        headers = {"X-Internal-Token": self.world.keys.internal_api_token} if internal else {}
        try:
            answer = await self.client.post(f"{self.front.origin}{path}", json=body, headers=headers)
        except httpx.TransportError:
            return None
        return None if answer.is_server_error else answer

    async def insist(self, attempt: Callable[[], Awaitable[_T | None]], what: str) -> _T:
        """Try until it gives something.

        Raises:
            AssertionError: it never did.
        """
        began, step = time.monotonic(), _STEP_SECONDS
        while (found := await attempt()) is None:
            assert time.monotonic() < max(began, self._struck_at) + PATIENCE_SECONDS, f"never came: {what}"
            await asyncio.sleep(step)
            step = min(step * 1.25, _LONGEST_STEP_SECONDS)
        return found

    async def all_up(self) -> None:
        """Until every process is up."""

        async def up() -> bool | None:
            return True if all(member.is_up for member in self.members) else None

        await self.insist(up, "every process up")

    async def one_of_each_up(self) -> None:
        """Until of each kind of process one is up."""

        async def up() -> bool | None:
            return True if {one.command for one in self.members if one.is_up} == commands else None

        commands = {one.command for one in self.members}
        await self.insist(up, "one of each kind up")

    async def access(self, user: int) -> bool:
        """Whether the bot would let a Telegram user in."""

        async def ask() -> dict[str, Any] | None:
            answer = await self.call("/api/bot/access/status", {"telegram_user_id": user}, internal=True)
            return None if answer is None else answer.raise_for_status().json()

        return bool((await self.insist(ask, "access/status"))["is_paid"])


@asynccontextmanager
async def town(
    database_url: str,
    directory: Path,
    commands: Sequence[str],
    *,
    defect: str = "none",
    **settings: str,
) -> AsyncIterator[Town]:
    """The product as these processes, all up; whatever happens, none is left at the end.

    Args:
        database_url: with our schema.
        directory: where the processes run.
        commands: of `paywall`; one process each. Without a bot among them, see `crowd`.
        defect: planted into each of them; a key of `launch.DEFECTS`.
        settings: more of them.
    """
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(OutsideWorld.start(webhook_timing=_RETRIES))
        front = Front()
        await stack.enter_async_context(front.running())
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=20))
        it = Town(world, front, client, database_url)
        environ = {
            **world.product_environment(product_url=front.origin),
            **{f"RATE_LIMIT_{name}": "off" for name in ("CHECKOUT", "STATUS", "ACTIVATION", "RESTORE", "TRACKING")},
            "DATABASE_URL": database_url,
            "HTTP_PORT": "0",
            "BOT_HTTP_PORT": "0",
            "RECONCILE_MINUTES": "off",  # else a lost webhook would be found, and hidden from this test
            **settings,
        }
        it.members = front.members = [
            Member(f"{command}-{number}", command, environ, directory, defect=defect)
            for number, command in enumerate(commands)
        ]
        for member in it.members:
            stack.push_async_callback(member.stop)
            member.start()
        await stack.enter_async_context(world.webhooks_to(front.origin))
        try:
            await it.all_up()
            yield it
        except BaseException:
            for member in it.members:
                print(member.last_words())  # noqa: T201  - pytest shows it beside the failure
            raise
