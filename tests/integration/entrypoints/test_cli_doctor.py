"""`paywall doctor`: a line for each finding, an exit code for what is broken, and `--live` asks the orders."""

import json
import sys
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from adapters.db.database import Database
from adapters.db.engine import create_engine
from adapters.db.schema import orders
from entrypoints.sandbox.world import OutsideWorld
from tests.integration.entrypoints.conftest import Terminal
from tests.integration.entrypoints.shop import Past

PRODUCT = "http://127.0.0.1:1"  # nobody listens: the product does not run here

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
async def world(terminal: Terminal) -> AsyncIterator[OutsideWorld]:
    """The whole outside world; the terminal's settings lead to it."""
    async with OutsideWorld.start() as world, world.webhooks_to(PRODUCT):
        terminal.environ |= world.product_environment(product_url=PRODUCT)
        terminal.environ["META_GRAPH_API_VERSION"] = "v25.0"
        yield world


async def test_all_is_well(terminal: Terminal, world: OutsideWorld) -> None:
    """A mark, what was looked at, and what was found; nothing of the orders, which nobody asked about."""
    done = await terminal("doctor")
    lines = done.out.splitlines()
    assert any(line.startswith("✓  BOT_TOKEN ") for line in lines)
    assert any(line.startswith("–  REDIS_URL ") for line in lines)
    assert any(line.startswith("!  APP_PUBLIC_BASE_URL ") for line in lines)
    assert [line for line in lines if line.startswith("✗")] == []
    assert done.code == 0
    assert "What must always hold" not in done.out
    for secret in (world.keys.bot_token, world.keys.token_secret, world.keys.stripe_secret_key):
        assert secret not in done.out + done.err


async def test_what_is_broken_fails_the_command(terminal: Terminal, world: OutsideWorld) -> None:
    """By a line of its own, and by the exit code."""
    world.troubles.smtp_down = True
    done = await terminal("doctor")
    assert done.code == 1
    assert any(line.startswith("✗  SMTP_HOST ") for line in done.out.splitlines())
    document = json.loads((await terminal("doctor", "--json")).out)
    assert document["healthy"] is False
    assert ("SMTP_HOST", "failed") in [(one["subject"], one["verdict"]) for one in document["findings"]]
    assert document["invariants"] == document["audit"] == []


async def test_orders_are_asked_too(
    terminal: Terminal, world: OutsideWorld, past: Past, database: Database, database_url: str
) -> None:
    """An order whose record was tampered with, and a dead letter: each is named, and the exit code is 1."""
    await terminal("sweep", "--yes", "--why", "they have lapsed")
    engine = create_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(update(orders).where(orders.c.id == past.dora).values(state="active"))
    await engine.dispose()
    done = await terminal("doctor", "--live")
    assert done.code == 1
    by_database, by_facts = done.out.split("What must always hold, by the database")[1].split(
        "by each order's own facts"
    )
    assert by_facts.startswith(" (6 read)")
    for part in (by_database, by_facts):
        (line,) = [line for line in part.splitlines() if line.startswith("✗  access_without_payment ")]
        assert line.split()[2] == "1"
        assert line.endswith(str(past.dora))
    assert "✓  two_live_subscriptions" in by_database
    assert "A delivery was given up and waits for a human." in by_database
    document = json.loads((await terminal("doctor", "--live", "--json")).out)
    assert document["orders_read"] == 6
    assert [(one["invariant"], one["count"]) for one in document["audit"]] == [
        ("paid_without_access", 0),
        ("access_without_payment", 1),
    ]
    assert document["audit"][1]["examples"] == [str(past.dora)]
    assert {one["invariant"]: one["count"] for one in document["invariants"]}["dead_letters"] == 2


@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_database_that_is_away_is_a_finding(terminal: Terminal, world: OutsideWorld) -> None:
    """Not a traceback, and the other findings are there."""
    terminal.environ["DATABASE_URL"] = "postgresql+asyncpg://paywall:hunter2@127.0.0.1:9/paywall"
    done = await terminal("doctor", "--live", "--json")
    assert done.code == 1
    findings = {(one["subject"], one["verdict"]): one["detail"] for one in json.loads(done.out)["findings"]}
    assert ("DATABASE_URL", "failed") in findings
    assert findings["invariants", "failed"].startswith("could not be asked: DATABASE_URL: ")
    assert ("BOT_TOKEN", "ok") in findings
    assert "hunter2" not in done.out + done.err


@pytest.mark.parametrize("engine_name", ["sqlite"])
async def test_package_that_a_setting_needs_is_missed_in_a_line(
    terminal: Terminal, world: OutsideWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the doctor as a finding, by every other command as a setting that is wrong."""
    terminal.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
    package = "opentelemetry.exporter.otlp.proto.http"
    for name in ("adapters.otel.export", f"{package}.trace_exporter"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    done = await terminal("doctor", "--live", "--json")
    assert done.code == 1
    findings = {one["subject"]: one["detail"] for one in json.loads(done.out)["findings"]}
    for subject in ("OTEL_EXPORTER_OTLP_ENDPOINT", "invariants"):
        assert "install `paywall[tracing]`" in findings[subject]
    done = await terminal("orders", "list")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith("paywall: OTEL_EXPORTER_OTLP_ENDPOINT is set and ")
