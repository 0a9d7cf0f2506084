"""Meta's Conversions API: one event, told by our server instead of the visitor's browser.

Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters. What is personal in an event is
sent plain, as Meta asks for it, and is in no error or log of ours; the access token is only ever in a body.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from adapters.tracking.graph_answers import failure_of
from adapters.tracking.outgoing import Outgoing
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AdPlatform, AdReport

_META: Final = "https://graph.facebook.com"
_MAX_BODY_BYTES: Final = 64 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Not packed: the answer is short, and is read as it comes.
_HEADERS: Final = {"Content-Type": "application/json", "Accept-Encoding": "identity"}


class MetaConversions(AdPlatform):
    """Sends events to Meta. Connects at the first event.

    Args:
        pixel_id: the pixel (data set) that the events are for.
        access_token: a token with the right to it. Secret.
        api_version: of the Graph API, `v25.0`.
        api_base: another address than Meta's own, or None.
        source_url: the page that the events are said to come from; Meta wants one, of the verified domain.
        timeout_seconds: for one event.

    Raises:
        ValueError: `api_base` is no address of an API.
    """

    def __init__(
        self,
        *,
        pixel_id: str,
        access_token: str,
        api_version: str,
        api_base: str | None,
        source_url: str,
        timeout_seconds: float = 10,
    ) -> None:
        self._url = f"{_base(api_base or _META)}/{quote(api_version, safe='')}/{quote(pixel_id, safe='')}/events"
        self._access_token = access_token
        self._source_url = source_url
        self._outgoing = Outgoing(who="Meta", max_body_bytes=_MAX_BODY_BYTES, timeout_seconds=timeout_seconds)

    async def send_event(self, report: AdReport) -> None:
        """Send it. A repeat within 48 hours is one event at Meta, by its name and id.

        Raises:
            DeliveryFailed: Meta did not take it; see `graph_answers.failure_of`.
        """
        call = {"data": [event_of(report, source_url=self._source_url)], "access_token": self._access_token}
        try:
            body = msgspec.json.encode(call)
        except UnicodeEncodeError:
            raise DeliveryFailed("the event holds half a character", permanent=True) from None
        answer = await self._outgoing.send("POST", self._url, content=body, headers=_HEADERS)
        failure = failure_of(answer)
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Close the connections; a later event opens new ones."""
        await self._outgoing.close()


def event_of(report: AdReport, *, source_url: str) -> dict[str, Any]:
    """The event in Meta's words. What is not known of the visitor is left out."""
    event = report.event
    milliseconds = (report.occurred_at - _EPOCH) // timedelta(milliseconds=1)
    user_data = {
        "fbc": event.fbclid and f"fb.1.{milliseconds}.{event.fbclid}",  # the click id's case matters
        "client_ip_address": event.ip,
        "client_user_agent": event.user_agent,
    }
    return {
        "event_name": event.name,
        "event_time": milliseconds // 1000,
        "event_id": event.event_id,
        "action_source": "website",
        "event_source_url": source_url,
        "user_data": {name: value for name, value in user_data.items() if value},
    }


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("Meta's address must be that of an API: https://graph.facebook.com")
    return url.rstrip("/")
