"""`paywall partition-events`: says what it did, and on SQLite why it cannot."""

from tests.integration.entrypoints.conftest import Terminal


async def test_months_are_made_and_told(terminal: Terminal, engine_name: str) -> None:
    """The second time there is nothing to do; where there are no such tables, exit code 1."""
    first, second = await terminal("partition-events", "--ahead", 3), await terminal("partition-events", "--ahead", 3)
    if engine_name == "sqlite":
        assert (first.code, first.out, first.err) == (1, "", "paywall: only PostgreSQL has tables in parts\n")
        return
    said = first.out.splitlines()
    assert (first.code, said[0]) == (0, "payment_events is in months from now on")
    assert all(line.startswith("made payment_events_2") for line in said[1:-1])
    assert said[-1].startswith("months are made until ")
    assert (second.code, second.out.splitlines()) == (0, said[-1:])


async def test_database_that_is_away_is_told_in_one_line(terminal: Terminal) -> None:
    """No traceback, no address."""
    terminal.environ["DATABASE_URL"] = "postgresql+asyncpg://postgres@127.0.0.1:9/none"
    answer = await terminal("partition-events")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "paywall: the database failed: ConnectionRefusedError\n"
