"""MobiSлон's postback: a GET that says which click became a sale.

MobiSлон publishes no documents; the form is Binom's, whose tracker it runs on:
`GET …/index.php?cnv_id=<clickid>&payout=0&cnv_status=<status>`.
"""

from typing import Final
from urllib.parse import quote

import httpx

from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import SaleReport, SaleTracker

_TIMEOUT_SECONDS: Final = 10.0
_RETRYABLE: Final = frozenset({408, 425, 429})
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


class MobiSlonTracker(SaleTracker):
    """Reports sales to MobiSлон.

    Args:
        url_template: the postback's URL with `{clickid}` and `{status}` in it.
    """

    def __init__(self, url_template: str) -> None:
        self._url_template = url_template
        self._client: httpx.AsyncClient | None = None

    async def report_sale(self, report: SaleReport) -> None:
        """Send `pay_success`. A refusal (4xx) is final, anything else is tried again."""
        url = self._url_template.replace("{clickid}", quote(report.clickid, safe="")).replace("{status}", "pay_success")
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_TIMEOUT_SECONDS)
        try:
            response = await self._client.get(url)
        except httpx.InvalidURL:
            raise DeliveryFailed("the postback's URL is not valid", permanent=True) from None
        except httpx.HTTPError as error:
            raise DeliveryFailed(f"the tracker did not answer: {type(error).__name__}") from None
        if response.is_success:
            return
        code = response.status_code
        refused = _CLIENT_ERROR <= code < _SERVER_ERROR and code not in _RETRYABLE
        wait = response.headers.get("Retry-After", "")
        raise DeliveryFailed(
            f"the tracker answered {code}",
            permanent=refused,
            retry_after_seconds=float(wait) if wait.isascii() and wait.isdigit() else None,
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
