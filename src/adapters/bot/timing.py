"""How long each update takes, and whether it went well."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, TypeAlias

from aiogram.types import TelegramObject

from adapters.metrics.instruments import Histogram

_Handler: TypeAlias = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


def timing(updates: Histogram) -> Callable[[_Handler, TelegramObject, dict[str, Any]], Awaitable[Any]]:
    """The middleware that times all that is done for an update; by its outcome, `handled` or `failed`."""

    async def timed(handler: _Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        began, outcome = perf_counter(), "failed"
        try:
            answer = await handler(event, data)
            outcome = "handled"
        finally:
            updates.of(outcome).observe(perf_counter() - began)
        return answer

    return timed
