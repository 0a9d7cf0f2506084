"""A far side for the tests beside this file."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.tracking.far_side import FarSide


@pytest.fixture
async def far_side() -> AsyncIterator[FarSide]:
    """It, running; it says 200 until it is told otherwise."""
    async with FarSide.start() as far_side:
        yield far_side
