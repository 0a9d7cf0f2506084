"""What Meta and MobiSлон received: kept in memory, newest shown first. Knows no HTTP."""

import asyncio
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from litestar import Router

from entrypoints.sandbox.trackers.meta import INVALID_TOKEN, GraphError, check_events, remarks
from entrypoints.sandbox.trackers.routes import trackers_router
from entrypoints.sandbox.troubles import Troubles

PIXEL_NAME: Final = "Sandbox pixel"
"""What the pixel is called."""

_SAME_EVENT_FOR: Final = timedelta(hours=48)
"""So long Meta knows an event again by its name and id."""


class TrackerKind(StrEnum):
    """Whose receiver it is."""

    META = "meta"
    MOBI_SLON = "mobi_slon"


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One event that arrived.

    `name` is Meta's `event_name` or MobiSлон's `cnv_status`; `subject` Meta's `event_id` or the click id;
    `duplicate` tells that Meta would count it as one with an earlier event; `fields` is everything that was sent;
    `remarks` is what Meta's diagnostics would say of it.
    """

    number: int
    received_at: datetime
    kind: TrackerKind
    name: str
    subject: str
    duplicate: bool
    fields: dict[str, Any]
    remarks: tuple[str, ...] = ()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Trackers:
    """Both receivers.

        trackers = Trackers(pixel_id="123", access_token="secret", troubles=troubles)
        app = Litestar([trackers.router])   # /trackers
        hit = await trackers.wait_for(kind=TrackerKind.MOBI_SLON, name="pay_success")

    Args:
        pixel_id, access_token: the only ones that Meta's receiver takes.
        troubles: the shared switches.
        clock: when an event arrived, and what counts as too old.
    """

    def __init__(
        self,
        *,
        pixel_id: str,
        access_token: str,
        troubles: Troubles | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._pixel_id = pixel_id
        self._access_token = access_token
        self._clock = clock
        self._hits: list[Hit] = []
        self._arrived = asyncio.Condition()
        self.troubles = troubles or Troubles()

    @property
    def router(self) -> Router:
        """A new router with the receivers and their page, under `/trackers`."""
        return trackers_router(self)

    def received(self, *, kind: TrackerKind | str | None = None) -> list[Hit]:
        """What arrived, oldest first; of one kind where it is given."""
        return [hit for hit in self._hits if kind is None or hit.kind == kind]

    async def wait_for(
        self, *, kind: TrackerKind | str | None = None, name: str = "", subject: str = "", timeout_seconds: float = 10
    ) -> Hit:
        """The first event that fits, now or as soon as it arrives.

        Raises:
            TimeoutError: none came in time.
        """

        def found() -> Hit | None:
            fitting = (h for h in self.received(kind=kind) if name in ("", h.name) and subject in ("", h.subject))
            return next(fitting, None)

        try:
            async with asyncio.timeout(timeout_seconds), self._arrived:
                while (hit := found()) is None:
                    await self._arrived.wait()
                return hit
        except TimeoutError:
            names = [f"{hit.kind}: {hit.name}" for hit in self._hits]
            raise TimeoutError(f"no such event within {timeout_seconds} s; there are {names}") from None

    async def take_meta(self, *, pixel_id: str, access_token: str, data: object) -> int:
        """Take the events of one call; gives their number.

        Raises:
            GraphError: Meta would refuse the call; nothing of it is kept.
        """
        self._admit("post", pixel_id, access_token)
        events = check_events(data, now=self._clock())
        for event in events:
            name, event_id = str(event["event_name"]), str(event.get("event_id") or "")
            since = self._clock() - _SAME_EVENT_FOR
            twin = any(
                hit.name == name and hit.subject == event_id and hit.received_at > since
                for hit in self.received(kind=TrackerKind.META)
            )
            await self._keep(
                TrackerKind.META, name, event_id, event, duplicate=bool(event_id) and twin, remarks=remarks(event)
            )
        return len(events)

    def read_meta(self, *, pixel_id: str, access_token: str, fields: str) -> dict[str, str]:
        """The pixel, with the fields that are asked for (comma-separated names) and always its id.

        Raises:
            GraphError: Meta would not show it.
        """
        self._admit("get", pixel_id, access_token)
        pixel = {"name": PIXEL_NAME, "id": pixel_id}
        wanted = [name.strip() for name in fields.split(",") if name.strip()]
        unknown = [name for name in wanted if name not in pixel]
        if unknown:
            raise GraphError(f"(#100) Tried accessing nonexisting field ({unknown[0]}) on node type (AdsPixel)")
        return {name: value for name, value in pixel.items() if name in wanted or name == "id"}

    def _admit(self, method: str, pixel_id: str, access_token: str) -> None:
        """Refuse a wrong token, and another pixel than ours."""
        if not hmac.compare_digest(access_token.encode(), self._access_token.encode()):
            raise GraphError("Invalid OAuth access token - Cannot parse access token", code=INVALID_TOKEN)
        if pixel_id != self._pixel_id:
            raise GraphError(
                f"Unsupported {method} request. Object with ID '{pixel_id}' does not exist, cannot be loaded due to "
                "missing permissions, or does not support this operation",
                subcode=33,
            )

    async def take_mobi_slon(self, fields: dict[str, str]) -> None:
        """Take one postback."""
        await self._keep(TrackerKind.MOBI_SLON, fields.get("cnv_status", ""), fields.get("cnv_id", ""), fields)

    async def _keep(
        self,
        kind: TrackerKind,
        name: str,
        subject: str,
        fields: dict[str, Any],
        *,
        duplicate: bool = False,
        remarks: tuple[str, ...] = (),
    ) -> None:
        hit = Hit(
            number=len(self._hits) + 1,
            received_at=self._clock(),
            kind=kind,
            name=name,
            subject=subject,
            duplicate=duplicate,
            fields=fields,
            remarks=remarks,
        )
        self._hits.append(hit)
        async with self._arrived:
            self._arrived.notify_all()
