"""The doors, opened once for the whole folder: a check puts everything back before it begins."""

import asyncio
from collections.abc import Iterator

import pytest

from .telegram_side import TelegramSide
from .worlds import Api


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """A loop that the examples of a property share."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def api(runner: asyncio.Runner) -> Api:
    """The service, with an order that nobody has paid for."""
    return Api(runner)


@pytest.fixture(scope="module")
def paid(runner: asyncio.Runner) -> Api:
    """The service, with an order that is paid for."""
    api = Api(runner)
    api.pay()
    return api


@pytest.fixture(scope="module")
def telegram(runner: asyncio.Runner) -> TelegramSide:
    """The bot, which nobody may pass."""
    return TelegramSide(runner, Api(runner))
