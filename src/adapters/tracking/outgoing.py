"""One request to a tracker and its answer: no cookies, no redirects, a deadline, and only the beginning of a body.

A far side that is slow, endless or odd costs one delivery its time and nothing else. What was sent is in no error.
"""

import asyncio
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx
from msgspec import Struct

from paywall_core.errors import DeliveryFailed

_LONGEST_WAIT_SECONDS: Final = 86_400.0  # a tracker that asks for more is asked again after a day
_MAX_WAIT_DIGITS: Final = 9


class Answer(Struct, frozen=True, kw_only=True):
    """What a tracker said.

    Attributes:
        status: HTTP status.
        body: at most as much as was asked for, as it came over the wire.
        retry_after_seconds: the tracker's own word on when to try again, or None.
    """

    status: int
    body: bytes
    retry_after_seconds: float | None


class Outgoing:
    """Sends requests to one tracker. Connects at the first one.

    Args:
        who: the tracker's name, for errors.
        max_body_bytes: as much of an answer's body is read; 0: none.
        timeout_seconds: for a whole request, and for each part of it.
    """

    def __init__(self, *, who: str, max_body_bytes: int, timeout_seconds: float) -> None:
        self._who = who
        self._max_body_bytes = max_body_bytes
        self._timeout_seconds = timeout_seconds
        self._client: httpx.AsyncClient | None = None

    async def send(
        self, method: str, url: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send it, once.

        Raises:
            DeliveryFailed: there was no answer; final only if the URL is not valid.
        """
        if self._client is None:
            # One customer's answer is not the next one's request: no cookie is ever kept.
            no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
            self._client = httpx.AsyncClient(timeout=self._timeout_seconds, follow_redirects=False, cookies=no_cookies)
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._client.stream(method, url, content=content, headers=headers) as response,
            ):
                body = await self._beginning(response)
        except httpx.InvalidURL:
            raise DeliveryFailed(f"{self._who}'s URL is not valid", permanent=True) from None
        except (httpx.HTTPError, TimeoutError) as error:
            raise DeliveryFailed(f"{self._who} did not answer: {type(error).__name__}") from None
        return Answer(
            status=response.status_code, body=body, retry_after_seconds=_retry_after_seconds(response.headers)
        )

    async def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _beginning(self, response: httpx.Response) -> bytes:
        """Not unpacked: a small body could become a large one."""
        body = bytearray()
        if self._max_body_bytes:
            async for part in response.aiter_raw():
                body += part
                if len(body) >= self._max_body_bytes:
                    break
        return bytes(body[: self._max_body_bytes])


def _retry_after_seconds(headers: httpx.Headers) -> float | None:
    """The tracker's own word: seconds, or a date, which is read by the tracker's own clock (RFC 9110, 10.2.3)."""
    wait = headers.get("Retry-After", "").strip()
    if wait.isascii() and wait.isdigit():
        return min(float(wait[:_MAX_WAIT_DIGITS]), _LONGEST_WAIT_SECONDS)
    try:
        seconds = (parsedate_to_datetime(wait) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
    except (ValueError, TypeError):  # absent, no date, or one of the two without a zone
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)
