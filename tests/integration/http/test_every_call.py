"""Each call of the user's page: good input, each bad input, each problem. A row each, on both databases.

The rows are in `rows/`. What a call may answer is read from the API's own description: a problem that is described and
never seen fails the test, and so does one that is seen and not described.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import httpx
import pytest
import schemathesis
from schemathesis import APIOperation
from schemathesis.core.result import Ok

from adapters.db.database import Database
from adapters.http.app import create_app
from adapters.http.rate_limits import Rate, RateLimits
from paywall_core.ports.directory import AccessRecord, OrderDirectory, SessionRecord
from paywall_core.ports.operations import Backlog, OrderArchive, Violation, WatchLimits
from paywall_core.ports.unit_of_work import UnitOfWork
from paywall_core.testing import InMemoryStore

from .rows import access, payment, restore, service, tracking
from .rows.table import ANYTHING, Call, Row
from .service import Service, Watch, check_problem, http_dependencies, new_world, running

ONCE_A_DAY: Final = Rate(requests=1, unit="day")
LIMITED: Final = RateLimits(
    checkout=ONCE_A_DAY, status=ONCE_A_DAY, activation=ONCE_A_DAY, restore=ONCE_A_DAY, tracking=ONCE_A_DAY
)
TABLE: Final[Mapping[str, tuple[Call, Callable[[], Iterator[Row]]]]] = {
    **service.ROWS,
    **payment.ROWS,
    **access.ROWS,
    **restore.ROWS,
    **tracking.ROWS,
}


class Away(OrderDirectory, Watch):
    """A database that is not there."""

    def unit_of_work(self) -> UnitOfWork:
        """Nothing to write to."""
        raise OSError("the disk is full")

    @property
    def directory(self) -> OrderDirectory:
        """Nothing to read from."""
        return self

    @property
    def archive(self) -> OrderArchive:
        """Nobody goes through its orders here."""
        return InMemoryStore().archive

    @property
    def watch(self) -> Watch:
        """Nothing to count."""
        return self

    async def violations(self, now: datetime, limits: WatchLimits) -> Sequence[Violation]:
        """No answer."""
        raise OSError("the disk is full")

    async def backlog(self, now: datetime) -> Backlog:
        """No answer."""
        raise OSError("the disk is full")

    async def access_of(self, telegram_user_id: int) -> AccessRecord | None:
        """No answer."""
        raise OSError("the disk is full")

    async def session(self, session_id: str) -> SessionRecord | None:
        """No answer."""
        raise OSError("the disk is full")

    async def claim_provider_read(self, session_id: str, *, now: datetime, min_interval_seconds: float) -> bool:
        """No answer."""
        raise OSError("the disk is full")


async def away() -> bool:
    """Nobody can say whether it is ready."""
    raise OSError("the disk is full")


async def not_current() -> bool:
    """It answers, but its schema is not current."""
    return False


@asynccontextmanager
async def services(database: Database) -> AsyncIterator[Mapping[str, Service]]:
    """Each kind of service that a row may ask for."""
    async with (
        running(database) as usual,
        running(database, trackers=False, readiness=not_current) as untracked,
        running(database, rate_limits=LIMITED) as limited,
        running(database, storage=Away(), readiness=away) as down,
    ):
        yield {"usual": usual, "untracked": untracked, "limited": limited, "broken": down}


DOCUMENT: Final = create_app(http_dependencies(InMemoryStore(), new_world())).openapi_schema.to_schema()
DESCRIBED: Final[Mapping[str, APIOperation[Any, Any, Any, Any]]] = {
    operation.definition.raw["operationId"]: operation
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
    if isinstance(found, Ok)
    for operation in [found.ok()]
}


def described_problems(name: str) -> set[str]:
    """The codes of the problems that a call is said to answer."""
    return {
        code
        for response in DESCRIBED[name].definition.raw["responses"].values()
        for media_type, media in response.get("content", {}).items()
        if media_type == "application/problem+json"
        for code in media["examples"]
    }


def test_every_call_has_its_rows() -> None:
    """And the rows are of no other."""
    assert {name: (call.method, call.path) for name, (call, _) in TABLE.items()} == {
        name: (operation.method.upper(), operation.path) for name, operation in DESCRIBED.items()
    }


@pytest.mark.parametrize("name", TABLE)
async def test_each_row_of_a_call(name: str, database: Database) -> None:
    """The answer is as the row says; and every described problem of the call was seen."""
    _, rows = TABLE[name]
    seen = set()
    async with services(database) as asked:
        for row in rows():
            answer = await row.send(asked[row.on])
            try:
                check(row, answer)
                DESCRIBED[name].validate_response(answer)
            except AssertionError as error:
                raise AssertionError(f"{name}: {row.what}: {error}") from error
            seen.add(row.code)
    assert seen - {None} == described_problems(name)


def check(row: Row, answer: httpx.Response) -> None:
    """The answer is what the row says."""
    if row.code is None:
        media = answer.headers["content-type"].partition(";")[0]
        assert (answer.status_code, media) == (200, row.media), answer.text
        if row.answer is not ANYTHING:
            body = answer.json()
            assert row.answer is not None
            assert list(body) == list(row.answer)
            assert {key: value for key, value in body.items() if row.answer[key] is not ...} == {
                key: value for key, value in row.answer.items() if value is not ...
            }
    else:
        problem = check_problem(answer, answer.status_code, row.code)
        named = [error["field"] for error in problem.get("errors", [])]
        if row.among:
            assert row.among in named
        else:
            assert tuple(named) == row.fields
        assert all(error["message"] for error in problem.get("errors", []))
        assert "disk" not in answer.text
    if row.header is not None:
        header, value = row.header
        assert answer.headers.get(header) == (answer.headers[header] if value is ... else value)
