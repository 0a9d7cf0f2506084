"""`paywall reconcile` against the sandbox's Stripe: what the webhooks never told comes in, once."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from adapters.db.database import Database
from entrypoints.processes import opened
from entrypoints.sandbox.world import OutsideWorld
from entrypoints.settings import Role, load_settings
from paywall_core.lifecycle import State
from paywall_core.use_cases.start_checkout import StartCheckoutCommand
from tests.integration.entrypoints.conftest import Terminal
from tests.integration.entrypoints.shop import Past

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
async def world(terminal: Terminal) -> AsyncIterator[OutsideWorld]:
    """Stripe, whose webhooks lead nowhere; the terminal's settings lead to it."""
    async with OutsideWorld.start() as world:
        terminal.environ |= world.product_environment(product_url="http://127.0.0.1:1")
        yield world


async def buy(terminal: Terminal, email: str) -> UUID:
    """Somebody pays on Stripe's page, and nobody tells us."""
    settings = load_settings(terminal.environ, Role.API)
    async with opened(settings) as container, httpx.AsyncClient(trust_env=False) as browser:
        command = StartCheckoutCommand(mode="one_time", plan="one_time_basic", email=email, clickid="", locale="en")
        started = await container.start_checkout()(command)
        await browser.post(started.checkout_url, data={"choice": "card"})
        return started.order_id


async def state_of(database: Database, order_id: UUID) -> State:
    """As recorded."""
    dossier = await database.archive.dossier(order_id)
    assert dossier is not None
    return dossier.order.state


async def test_missing_events_are_brought_in_once(terminal: Terminal, database: Database, world: OutsideWorld) -> None:
    """The table says what was missing and what moved; a second run finds nothing."""
    orders = [await buy(terminal, f"customer{number}@example.com") for number in range(3)]
    done = await terminal("reconcile")
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert ["missing", "event", "checkout.session.completed", "3"] in lines
    assert ["orders", "pending", "->", "token_issued", "3"] in lines
    assert [await state_of(database, order_id) for order_id in orders] == [State.TOKEN_ISSUED] * 3
    again = await terminal("reconcile", "--since", (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d"))
    assert again.code == 0
    assert again.out.splitlines()[-1] == "Nothing had drifted."
    document = json.loads((await terminal("reconcile", "--json")).out)
    assert document["missing"] == document["moves"] == {}
    assert document["unapplied"] == []
    assert document["listed"] >= 3


async def test_stripe_that_does_not_answer_is_one_line(terminal: Terminal, world: OutsideWorld) -> None:
    """Exit code 1, and no document."""
    world.troubles.stripe_down = True
    failed = await terminal("reconcile", "--json")
    assert (failed.code, failed.out) == (1, "")
    assert failed.err.splitlines()[-1].startswith("paywall: Stripe did not answer as it should: ")
    assert "sk_test" not in failed.err


async def test_what_cannot_be_brought_in_is_told(terminal: Terminal, world: OutsideWorld, past: Past) -> None:
    """A checkout that Stripe does not know: the table names it, one line counts it, and the exit code is 1."""
    done = await terminal("reconcile")
    assert done.code == 1
    (told,) = [line for line in done.out.splitlines() if line.startswith("cs_test_")]
    assert "checkout.session" in told
    assert "resource_missing" in told
    assert done.err.splitlines()[-1] == "paywall: 1 could not be brought in; the next run tries again"


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "2999-01-01"])
async def test_since_is_a_moment_of_the_past(terminal: Terminal, since: str) -> None:
    """Else it is refused with exit code 2."""
    refused = await terminal("reconcile", "--since", since)
    assert (refused.code, refused.out) == (2, "")
    assert "--since" in refused.err
