"""Are we where we say we are, and is the Redis there that several processes share? Asked from this machine."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from paywall_core.ports.checkup import Checkup, Finding, Verdict

_TIMEOUT_SECONDS: Final = 10.0
_MAX_BODY_BYTES: Final = 1024
_OK, _REDIRECT, _CLIENT_ERROR, _SERVER_ERROR = 200, 300, 400, 500
_HEALTHY: Final = {"status": "ok"}
_NO_ADDRESS: Final = "an address that is none"


class HealthCheckup(Checkup):
    """Asks `GET {base_url}/health`, which our API answers with `{"status":"ok"}`.

    Being out of reach is a warning: many a machine cannot see its own public address, and the API may be stopped just
    now. Another answer than ours is a failure: customers would go to it too.

    Args:
        subject: the setting that the address comes from.
        base_url: without a slash at the end.
        timeout_seconds: for the question.
        tls_context: which certificates to believe; None: those that httpx believes.
    """

    def __init__(
        self,
        *,
        subject: str,
        base_url: str,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._subject = subject
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._tls_context = tls_context

    async def check(self) -> Sequence[Finding]:
        """Whether it is our API that answers there."""
        verdict, detail = await self._asked()
        return [Finding(subject=self._subject, verdict=verdict, detail=detail)]

    async def _asked(self) -> tuple[Verdict, str]:
        where = _origin(self._base_url)
        if where == _NO_ADDRESS:
            return Verdict.FAILED, "is no address: is its port a number up to 65535?"
        context = self._tls_context or httpx.create_ssl_context()
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                httpx.AsyncClient(verify=context, follow_redirects=False) as client,
                client.stream("GET", f"{self._base_url}/health", headers={"Accept-Encoding": "identity"}) as response,
            ):
                body = await _beginning(response)
        except TimeoutError:
            detail = f"{where} did not answer within {self._timeout_seconds:g} s, asked from this machine"
            return Verdict.WARNING, detail
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            bad = _certificate_error(error)
            if bad is not None:
                return Verdict.FAILED, f"the certificate of {where} is not good: {bad.verify_message}"
            detail = f"{where} is out of reach from this machine ({type(error).__name__}): does the API run?"
            return Verdict.WARNING, detail
        return _judged(where, response, body)


def _judged(where: str, response: httpx.Response, body: bytes) -> tuple[Verdict, str]:
    status = response.status_code
    if status == _OK and _decoded(body) == _HEALTHY:
        return Verdict.OK, f"{where} is our API"
    if _REDIRECT <= status < _CLIENT_ERROR:
        target = _origin(response.headers.get("location", ""))
        detail = (
            f"{where} sends us on to {target} ({status}): set the address that answers by itself; Stripe follows none"
        )
        return Verdict.FAILED, detail
    if status >= _SERVER_ERROR:
        return Verdict.FAILED, f"{where} answers {status}: a proxy without the API behind it? Does the API run?"
    return Verdict.FAILED, f"{where} answers {status}, and not as our API does: is it another site?"


class RedisCheckup(Checkup):
    """Says PING.

    Args:
        url: `redis://` or `rediss://`; it may hold a password.
        timeout_seconds: for all of it.
    """

    def __init__(self, url: str, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds

    async def check(self) -> Sequence[Finding]:
        """Whether it answers."""
        verdict, detail = await self._asked()
        return [Finding(subject="REDIS_URL", verdict=verdict, detail=detail)]

    async def _asked(self) -> tuple[Verdict, str]:
        try:
            redis = Redis.from_url(self._url, retry=Retry(NoBackoff(), 0))
        except ValueError:
            return Verdict.FAILED, "is none that Redis knows: it should be redis://host:6379/0"
        where = _origin(self._url)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await redis.ping()
        except (AuthenticationError, NoPermissionError):
            return Verdict.FAILED, f"{where} refuses the user or the password"
        except ResponseError:
            return (
                Verdict.FAILED,
                f"{where} answers, but does not serve us: is it starting, or the number behind / wrong?",
            )
        except TimeoutError:
            return Verdict.FAILED, f"{where} did not answer within {self._timeout_seconds:g} s"
        except (RedisError, OSError, ValueError) as error:
            return Verdict.FAILED, f"{where} is out of reach: {type(error).__name__}"
        finally:
            await redis.aclose()
        return Verdict.OK, f"{where} answers"


async def _beginning(response: httpx.Response) -> bytes:
    """Not unpacked, and no more than our own answer could be."""
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) >= _MAX_BODY_BYTES:
            break
    return bytes(body)


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The reason beneath httpx's own error, where a certificate is it."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _origin(url: str) -> str:
    """Where an address leads, without its path, and without a login."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return _NO_ADDRESS
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else "another path"
