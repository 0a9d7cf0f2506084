"""Who may call: the bot's calls, and what is measured, are for those who know the internal token."""

import hmac
from collections.abc import Callable, Sequence
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from adapters.http.problems import ProblemError


def internal_only(tokens: Sequence[str]) -> Guard:
    """Let only callers in that send one of the internal tokens in `X-Internal-Token`."""
    is_known = one_of(tokens)

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        if not is_known(connection.headers.get("x-internal-token", "").encode("utf-8", "surrogatepass")):
            raise ProblemError("internal_token_invalid")

    return guard


def metrics_only(tokens: Sequence[str]) -> Guard:
    """Let only callers in that send one of the internal tokens as `Authorization: Bearer`, as Prometheus can."""
    is_known = one_of(tokens)

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not is_known(token.strip().encode("utf-8", "surrogatepass")):
            raise ProblemError("bearer_token_invalid")

    return guard


def one_of(tokens: Sequence[str]) -> Callable[[bytes], bool]:
    """Whether something is one of these; compared in constant time, with all of them."""
    accepted = [token.encode() for token in tokens]

    def is_known(given: bytes) -> bool:
        known = False
        for token in accepted:
            known |= hmac.compare_digest(token, given)
        return known

    return is_known
