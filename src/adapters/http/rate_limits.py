"""How often one client may ask, for each group of calls. Every answer says how much of it is left."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import TooManyRequestsException
from litestar.types import ASGIApp, Message, Middleware, Receive, Scope, Send
from msgspec import Struct

from adapters.http.client_address import Address, Network, bucket, client_address
from adapters.http.rate_counters import RateCounter

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_COUNTED: Final = "paywall.rate_limit"
_PEERS: Final = 4096


class Rate(Struct, frozen=True, kw_only=True):
    """So many requests in a second, a minute, an hour or a day, counted from the first of them."""

    requests: int
    unit: Literal["second", "minute", "hour", "day"]


class RateLimits(Struct, frozen=True, kw_only=True):
    """The limit of each group of calls, for one client address; None: no limit.

    Attributes:
        checkout: starting one, by the call or the form of `/pay`.
        status: a session's status, by the call or the success page.
        activation: redeeming a token.
        restore: restoring access and the customer portal, by the calls or the forms of `/pay/restore`.
        tracking: events for the trackers.
    """

    checkout: Rate | None
    status: Rate | None
    activation: Rate | None
    restore: Rate | None
    tracking: Rate | None


class Callers:
    """Knows who is calling.

    Args:
        trusted_proxies: whose `X-Forwarded-For` is believed.
    """

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        self._trusted = tuple(trusted_proxies)
        self._bucket_of_peer = lru_cache(_PEERS)(lambda peer: bucket(client_address(peer, (), ())))

    def address(self, scope: Scope) -> Address | None:
        """The client's address, where it has one."""
        return client_address(_peer(scope), _forwarded(scope), self._trusted)

    def bucket(self, scope: Scope) -> str:
        """Whose requests are counted together."""
        if self._trusted and _forwarded(scope):
            return bucket(self.address(scope))
        known: str = self._bucket_of_peer(_peer(scope))
        return known


class Quota(Struct, frozen=True):
    """What is left to a client, as headers say it (draft-ietf-httpapi-ratelimit-headers).

    Attributes:
        is_exceeded: this request is one too many.
    """

    is_exceeded: bool
    raw_headers: Sequence[tuple[bytes, bytes]]

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers as texts."""
        return {name.decode(): value.decode() for name, value in self.raw_headers}


class Group:
    """The calls that are counted together."""

    def __init__(self, name: str, rate: Rate, *, callers: Callers, counter: RateCounter) -> None:
        self._name = name
        self._rate = rate
        self._seconds = _SECONDS[rate.unit]
        self._fixed = (
            (b"ratelimit-policy", b"%d; w=%d" % (rate.requests, self._seconds)),
            (b"ratelimit-limit", b"%d" % rate.requests),
        )
        self._callers = callers
        self._counter = counter

    async def count(self, scope: Scope) -> Quota:
        """Count a request, once, however often it is looked at."""
        known: Any = scope
        if _COUNTED not in known:
            count = await self._counter.count(f"{self._name}:{self._callers.bucket(scope)}", self._seconds)
            limit = self._rate.requests
            headers = (
                *self._fixed,
                (b"ratelimit-remaining", b"%d" % max(0, limit - count.requests)),
                (b"ratelimit-reset", b"%d" % math.ceil(count.seconds_left)),
            )
            known[_COUNTED] = Quota(count.requests > limit, headers)
        quota: Quota = known[_COUNTED]
        return quota


class Limiter:
    """Makes the groups."""

    def __init__(self, callers: Callers, counter: RateCounter) -> None:
        self._callers = callers
        self._counter = counter

    def group(self, name: str, rate: Rate | None) -> Group | None:
        """The group of this name; None without a limit."""
        return None if rate is None else Group(name, rate, callers=self._callers, counter=self._counter)

    def middleware(self, name: str, rate: Rate | None) -> list[Middleware]:
        """What every call of a group has around it; nothing without a limit."""
        group = self.group(name, rate)
        if group is None:
            return []

        def counting(app: ASGIApp) -> ASGIApp:  # a function: Litestar copies anything else deeply
            async def count(scope: Scope, receive: Receive, send: Send) -> None:
                quota = await group.count(scope)
                if quota.is_exceeded:
                    raise TooManyRequestsException(headers=dict(quota.headers))
                await app(scope, receive, _saying(quota, send))

            return count

        return [counting]


def _saying(quota: Quota, send: Send) -> Send:
    async def send_with_quota(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            for name, value in quota.headers.items():
                headers[name] = value
        await send(message)

    return send_with_quota


def _peer(scope: Scope) -> str | None:
    client = scope.get("client")
    return None if client is None else client[0]


def _forwarded(scope: Scope) -> list[str]:
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
