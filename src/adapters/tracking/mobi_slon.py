"""MobiSлон's postback: a GET that says which click became a sale.

MobiSлон publishes no documents; the form is Binom's, whose tracker it runs on:
`GET …/index.php?cnv_id=<clickid>&payout=0&cnv_status=<status>`. Neither the click id nor the URL that holds it is
ever in an error or a log of ours.
"""

import re
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, urlsplit

import httpx

from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import SaleReport, SaleTracker

_TIMEOUT_SECONDS: Final = 10.0
_LONGEST_WAIT_SECONDS: Final = 86_400.0  # a tracker that asks for more is asked again after a day
_MAX_WAIT_DIGITS: Final = 9
_RETRYABLE: Final = frozenset({408, 425, 429})
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_PLACEHOLDERS: Final = ("{clickid}", "{status}")


class MobiSlonTracker(SaleTracker):
    """Reports sales to MobiSлон. Connects at the first report.

    Args:
        url_template: the postback's URL with `{clickid}` and `{status}` in its path or query.

    Raises:
        ValueError: the template cannot lead to a postback; says why.
    """

    def __init__(self, url_template: str) -> None:
        _check(url_template)
        self._url_template = url_template
        self._client: httpx.AsyncClient | None = None

    async def report_sale(self, report: SaleReport) -> None:
        """Send `pay_success`. A refusal (4xx) is final, anything else but 2xx is tried again.

        Raises:
            DeliveryFailed: the tracker did not say yes.
        """
        url = _filled(self._url_template, clickid=report.clickid, status="pay_success")
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_TIMEOUT_SECONDS)
        try:
            async with self._client.stream("GET", url) as response:  # its body says nothing, however long it is
                self._client.cookies.clear()  # one customer's answer is not the next one's request
        except httpx.InvalidURL:
            raise DeliveryFailed("the postback's URL is not valid", permanent=True) from None
        except httpx.HTTPError as error:
            raise DeliveryFailed(f"the tracker did not answer: {type(error).__name__}") from None
        if response.is_success:
            return
        code = response.status_code
        raise DeliveryFailed(
            f"the tracker answered {code}",
            permanent=_CLIENT_ERROR <= code < _SERVER_ERROR and code not in _RETRYABLE,
            retry_after_seconds=_retry_after_seconds(response.headers),
        )

    async def close(self) -> None:
        """Close the connections; a later report opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _filled(template: str, *, clickid: str, status: str) -> str:
    """The URL; whatever the values hold, they cannot change its shape."""
    return template.replace("{clickid}", quote(clickid, safe="")).replace("{status}", quote(status, safe=""))


def _check(template: str) -> None:
    """Refuse what would fail at every sale, or silently report none."""
    for name in _PLACEHOLDERS:
        if name not in template:
            raise ValueError(f"the postback's URL lacks {name}")
    unknown = [name for name in re.findall(r"\{[^{}]*\}", template) if name not in _PLACEHOLDERS]
    if unknown:
        raise ValueError(f"the postback's URL has {unknown[0]}, which is not known")
    try:
        parts = urlsplit(template)
        httpx.URL(_filled(template, clickid="click", status="pay_success"))
    except (ValueError, httpx.InvalidURL):
        raise ValueError("the postback's URL is malformed") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("the postback's URL must begin with http:// or https://")
    if not parts.hostname:
        raise ValueError("the postback's URL has no host")
    if "{" in parts.netloc:
        raise ValueError("the postback's URL has a placeholder in its host")
    if parts.fragment:
        raise ValueError("the postback's URL has a fragment (#), which is never sent")


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
