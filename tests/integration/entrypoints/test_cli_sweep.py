"""`paywall sweep`: the census changes nothing; after the breaker, only an operator's word records a mass ending."""

import json
from uuid import UUID

import pytest

from adapters.db.database import Database
from entrypoints.processes import opened
from entrypoints.settings import Role, load_settings
from paywall_core.errors import SweepHalted
from paywall_core.lifecycle import State
from paywall_core.ports.operations import OrderQuery
from tests.integration.entrypoints.conftest import Terminal
from tests.integration.entrypoints.shop import ENVIRON, Past, shop_on

LAPSED = 120


async def many_lapse(database_url: str) -> list[UUID]:
    """More customers than one batch takes, and all their access ended a while ago."""
    async with shop_on(database_url) as shop:
        shop.at(days_ago=40)
        return [await shop.buy(f"customer{number}@example.com", name=f"c{number}") for number in range(LAPSED)]


async def states(database: Database) -> set[State]:
    """As recorded."""
    return {order.state for order in await database.archive.search(OrderQuery(limit=1000))}


async def test_few_are_left_to_the_worker(terminal: Terminal, database: Database, past: Past) -> None:
    """Said, and nothing is done."""
    counted = await terminal("sweep")
    assert (counted.code, counted.err) == (0, "")
    assert "1 of 4 orders that are recorded as giving access have lapsed." in counted.out
    assert "the worker records them by itself" in counted.out
    dossier = await database.archive.dossier(past.carl[0])
    assert dossier is not None
    assert dossier.order.state is State.ACTIVE


async def test_breaker_stops_and_an_operator_goes_on(terminal: Terminal, database: Database, database_url: str) -> None:
    """What the worker refuses is told with the way out of it; each order keeps who said that it is true, and why."""
    order_ids = await many_lapse(database_url)
    async with opened(load_settings({**ENVIRON, "DATABASE_URL": database_url}, Role.WORKER)) as container:
        with pytest.raises(SweepHalted):
            await container.sweep_lapsed()()
    counted = await terminal("sweep", "--json")
    document = json.loads(counted.out)
    assert document | {"at": ""} == {
        "lapsed": LAPSED,
        "live": LAPSED,
        "believable": False,
        "recorded": 0,
        "at": "",
    }
    assert 'paywall sweep --yes --why "…"' in counted.err
    assert await states(database) == {State.TOKEN_ISSUED}
    done = await terminal("sweep", "--yes", "--why", "a promotion of a month ends")
    assert (done.code, done.out.splitlines()[-1]) == (0, f"{LAPSED} recorded.")
    assert await states(database) == {State.EXPIRED}
    for order_id in (order_ids[0], order_ids[-1]):
        dossier = await database.archive.dossier(order_id)
        assert dossier is not None
        assert dossier.history[-1].cause == "operator:kate"
        assert [(act.by, act.why, act.act) for act in dossier.acts] == [
            ("kate", "a promotion of a month ends", "sweep")
        ]
    nothing = json.loads((await terminal("sweep", "--yes", "--why", "again", "--json")).out)
    assert (nothing["lapsed"], nothing["recorded"]) == (0, 0)


async def test_dry_run_is_stronger_than_yes(terminal: Terminal, database: Database, past: Past) -> None:
    """Nothing is recorded."""
    dry = json.loads((await terminal("sweep", "--yes", "--dry-run", "--why", "x", "--json")).out)
    assert (dry["lapsed"], dry["recorded"], dry["believable"]) == (1, 0, True)
    assert State.ACTIVE in await states(database)


async def test_yes_without_why_is_refused(terminal: Terminal) -> None:
    """It would leave no trace of the reason."""
    refused = await terminal("sweep", "--yes")
    assert (refused.code, refused.out) == (2, "")
    assert "--yes needs --why" in refused.err
