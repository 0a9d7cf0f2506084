"""Who may call: the bot's calls are for those who know the internal token."""

import hmac
from collections.abc import Sequence
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from adapters.http.problems import ProblemError


def internal_only(tokens: Sequence[str]) -> Guard:
    """Let only callers in that know one of the internal tokens; compared in constant time, all of them."""
    accepted = [token.encode() for token in tokens]

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        given = connection.headers.get("x-internal-token", "").encode("utf-8", "surrogatepass")
        known = False
        for token in accepted:
            known |= hmac.compare_digest(token, given)
        if not known:
            raise ProblemError("internal_token_invalid")

    return guard
