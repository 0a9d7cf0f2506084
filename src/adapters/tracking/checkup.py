"""Would the trackers take what we send? Meta is asked for the pixel, MobiSлон's host is rung at. No event is sent."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from adapters.tracking.graph_answers import failure_of
from adapters.tracking.outgoing import Answer, Outgoing
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.checkup import Checkup, Finding, Verdict
from paywall_core.ports.clock import Clock

_META: Final = "https://graph.facebook.com"
_TIMEOUT_SECONDS: Final = 10.0
_MAX_BODY_BYTES: Final = 64 * 1024
_MAX_NAME_CHARACTERS: Final = 80
_OK: Final = 200
_PERMISSIONS: Final = frozenset({3, 10, *range(200, 300)})
_INVALID_PARAMETER: Final = 100
_SOON: Final = timedelta(days=90)
_PORTS: Final = {"http": 80, "https": 443}

_AVAILABLE_UNTIL: Final = {
    (17, 0): date(2025, 9, 12),
    (18, 0): date(2026, 1, 26),
    (19, 0): date(2026, 5, 21),
    (20, 0): date(2026, 9, 24),
    (21, 0): date(2027, 1, 21),
    (22, 0): date(2027, 5, 20),
    (23, 0): date(2027, 10, 8),
    (24, 0): date(2028, 2, 18),
    (25, 0): date(2028, 7, 29),
    (26, 0): date(2028, 11, 4),
    (27, 0): date(2028, 11, 4),
}
"""Until when Meta serves a version of the Graph API; what came before the first of them is gone, v2.x and all.

From https://developers.facebook.com/docs/graph-api/changelog/versions, as it was in November 2026. Meta had not yet
said it of v26.0 and v27.0; it promises two years from the next version's release, so not before that day. The
Conversions API follows this schedule and not the shorter one of the Marketing API:
https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api.
"""

_NEWEST: Final = max(_AVAILABLE_UNTIL)
_Shape = TypeVar("_Shape")


class _Pixel(msgspec.Struct, frozen=True):
    id: str
    name: str = ""


class _Error(msgspec.Struct, frozen=True):
    code: int


class _Refused(msgspec.Struct, frozen=True):
    error: _Error


class MetaCheckup(Checkup):
    """Reads the pixel with the token, and looks the version up.

    The pixel is asked for by a version that is served, whatever is set: reading one belongs to the Marketing API, whose
    versions die sooner, and a dead one would say nothing of the token.

    Args:
        pixel_id, access_token, api_version, api_base: as `MetaConversions` takes them. The token goes in a header.
        clock: for what is retired by now.
        timeout_seconds: for the question.
    """

    def __init__(
        self,
        *,
        pixel_id: str,
        access_token: str,
        api_version: str,
        api_base: str | None,
        clock: Clock,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._pixel_id = pixel_id
        self._access_token = access_token
        self._api_version = api_version
        self._api_base = api_base
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    async def check(self) -> Sequence[Finding]:
        """The token and the pixel, then the version."""
        return [await self._pixel(), version_finding(self._api_version, today=self._clock.now().date())]

    async def _pixel(self) -> Finding:
        subject = "META_API_BASE" if self._api_base else "META_ACCESS_TOKEN, META_PIXEL_ID"
        if not _has_good_port(self._api_base or _META):
            detail = "is no address: is its port a number up to 65535?"
            return Finding(subject=subject, verdict=Verdict.FAILED, detail=detail)
        version = _shown_version(max(_number(self._api_version), _NEWEST))
        url = f"{(self._api_base or _META).rstrip('/')}/{version}/{quote(self._pixel_id, safe='')}?fields=name"
        headers = {"Authorization": f"Bearer {self._access_token}", "Accept-Encoding": "identity"}
        outgoing = Outgoing(who="Meta", max_body_bytes=_MAX_BODY_BYTES, timeout_seconds=self._timeout_seconds)
        try:
            answer = await outgoing.send("GET", url, headers=headers)
        except DeliveryFailed as error:
            return Finding(subject=subject, verdict=Verdict.FAILED, detail=error.reason)
        finally:
            await outgoing.close()
        verdict, detail = self._judged(answer)
        return Finding(subject="META_ACCESS_TOKEN, META_PIXEL_ID", verdict=verdict, detail=detail)

    def _judged(self, answer: Answer) -> tuple[Verdict, str]:
        pixel = _decoded(answer.body, _Pixel) if answer.status == _OK else None
        if pixel is not None and pixel.id == self._pixel_id:
            return Verdict.OK, f"the token reads the pixel{_named(pixel)}"
        refused = _decoded(answer.body, _Refused)
        if refused is not None and refused.error.code in _PERMISSIONS:
            return Verdict.WARNING, (
                "Meta knows the token, but does not let it read the pixel: it may send events to it, or not; "
                "to be sure, assign the pixel to the token's system user in Meta's business settings"
            )
        if refused is not None and refused.error.code == _INVALID_PARAMETER:
            return Verdict.FAILED, "Meta has no such META_PIXEL_ID, or META_ACCESS_TOKEN has no right to it"
        failure = failure_of(answer)
        return Verdict.FAILED, "Meta answered with another pixel" if failure is None else failure.reason


def version_finding(version: str, *, today: date) -> Finding:
    """Whether Meta still serves a version of the Graph API (`v18.0`). Pure."""
    number, newest = _number(version), _shown_version(_NEWEST)
    until = _AVAILABLE_UNTIL.get(number)
    advice = f"set META_GRAPH_API_VERSION={newest}"
    if number < min(_AVAILABLE_UNTIL):
        verdict, detail = Verdict.WARNING, f"Meta has retired {version}: {advice}"
    elif until is None and number < _NEWEST:
        verdict, detail = Verdict.WARNING, f"Meta has never had {version}: {advice}"
    elif until is None:
        verdict, detail = Verdict.OK, f"{version} is newer than all that this program knows of"
    elif until <= today:
        verdict, detail = Verdict.WARNING, f"Meta served {version} until {until:%Y-%m-%d}"
        detail += (
            f": {advice}" if number < _NEWEST else ", by what this program knows: see Meta's changelog for a newer"
        )
    elif until - today <= _SOON and number < _NEWEST:
        verdict, detail = Verdict.WARNING, f"Meta serves {version} until {until:%Y-%m-%d} only: {advice}"
    else:
        verdict, detail = Verdict.OK, f"Meta serves {version} until {until:%Y-%m-%d} at least"
    return Finding(subject="META_GRAPH_API_VERSION", verdict=verdict, detail=detail)


class MobiSlonCheckup(Checkup):
    """Connects to the postback's host, encrypted where the postback is, and hangs up.

    No request is made. A tracker counts whatever comes to its address, and many answer HEAD by running the very script
    that GET does: with a made-up click it would be a conversion that nobody made.

    Args:
        url_template: the postback's URL, which may hold secrets of its own; only its host is told.
        timeout_seconds: for the connection.
        tls_context: which certificates to believe; None: those that a postback believes.
    """

    def __init__(
        self,
        url_template: str,
        *,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._url_template = url_template
        self._timeout_seconds = timeout_seconds
        self._tls_context = tls_context

    async def check(self) -> Sequence[Finding]:
        """Whether the host is there."""
        verdict, detail = await self._rung()
        return [Finding(subject="MOBI_SLON_POSTBACK_URL", verdict=verdict, detail=detail)]

    async def _rung(self) -> tuple[Verdict, str]:
        try:
            parts = urlsplit(self._url_template)
            host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            return Verdict.FAILED, "is no http(s) URL"
        context = (self._tls_context or httpx.create_ssl_context()) if parts.scheme == "https" else None
        where = f"{host}:{port}"
        try:
            async with asyncio.timeout(self._timeout_seconds):
                _, writer = await asyncio.open_connection(host, port, ssl=context)
            writer.transport.abort()  # all has been seen: there is nobody to say goodbye to
        except TimeoutError:
            return Verdict.FAILED, f"{where} did not answer within {self._timeout_seconds:g} s"
        except ssl.SSLCertVerificationError as error:
            return Verdict.FAILED, f"the certificate of {where} is not good: {error.verify_message}"
        except (OSError, ValueError) as error:  # a host that is no host's name is a UnicodeError
            return Verdict.FAILED, f"{where} is out of reach: {type(error).__name__}"
        return Verdict.OK, f"{where} is there; no postback was sent"


def _has_good_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _number(version: str) -> tuple[int, int]:
    """`v18.0` as two numbers that compare; (0, 0): it is no version."""
    major, _, minor = version.removeprefix("v").partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)


def _shown_version(number: tuple[int, int]) -> str:
    return f"v{number[0]}.{number[1]}"


def _named(pixel: _Pixel) -> str:
    name = "".join(character for character in pixel.name if character.isprintable())[:_MAX_NAME_CHARACTERS]
    return f" “{name}”" if name else ""


def _decoded(body: bytes, shape: type[_Shape]) -> _Shape | None:
    """The body as Meta writes it; None: it is something else."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
