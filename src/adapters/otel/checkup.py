"""Would the collector take what we tell? It is sent a message without a span in it, by the road that spans go."""

import asyncio
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

import httpx

from paywall_core.ports.checkup import Checkup, Finding, Verdict

_TIMEOUT_SECONDS: Final = 10.0
_NEEDED: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_SUBJECT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_REFUSED: Final = frozenset((401, 403))
_NOBODY: Final = frozenset((404, 405))


class CollectorCheckup(Checkup):
    """Asks a collector of traces.

    One that is away is a warning: it costs spans, and keeps nobody out. What will never work is a failure.

    Args:
        endpoint: its base URL, without a slash at the end; it may hold a login.
        headers: sent along.
        timeout_seconds: for the question.
    """

    def __init__(self, *, endpoint: str, headers: Mapping[str, str], timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._endpoint = endpoint
        self._headers = {**headers, "content-type": "application/x-protobuf"}
        self._timeout_seconds = timeout_seconds

    async def check(self) -> Sequence[Finding]:
        """Whether it takes traces."""
        verdict, detail = await self._asked()
        return [Finding(subject=_SUBJECT, verdict=verdict, detail=detail)]

    async def _asked(self) -> tuple[Verdict, str]:
        missing = next((name for name in _NEEDED if not _is_installed(name)), None)
        if missing is not None:
            return Verdict.FAILED, f"is set and {missing} is not there: install `paywall[tracing]`"
        try:
            url = httpx.URL(f"{self._endpoint}/v1/traces")
            urlsplit(self._endpoint).port  # noqa: B018  - to read it is to check it
        except (httpx.InvalidURL, ValueError):
            return Verdict.FAILED, "is no address: is its port a number up to 65535?"
        where = f"{url.scheme}://{url.netloc.decode()}"  # without a login
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                httpx.AsyncClient(follow_redirects=False) as client,
                # Nothing is what protobuf makes of a message without anything in it.
                client.stream("POST", url, content=b"", headers=self._headers) as answer,
            ):
                return _judged(where, answer)  # the body is of no interest
        except (httpx.HTTPError, TimeoutError) as error:
            return Verdict.WARNING, f"{where} is out of reach ({type(error).__name__}): spans are lost meanwhile"


def _judged(where: str, answer: httpx.Response) -> tuple[Verdict, str]:
    status = answer.status_code
    if answer.is_success:
        return Verdict.OK, f"{where} takes traces"
    if status in _REFUSED:
        return Verdict.FAILED, f"{where} answers {status}: is the key in OTEL_EXPORTER_OTLP_HEADERS right?"
    if answer.is_redirect:
        return Verdict.FAILED, f"{where} sends us on to another address ({status}): set that one; spans follow none"
    if status in _NOBODY:
        return Verdict.FAILED, f"{where} answers {status}: nobody takes OTLP by HTTP there, at /v1/traces"
    return Verdict.WARNING, f"{where} answers {status}: spans are lost, should it stay so"


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
