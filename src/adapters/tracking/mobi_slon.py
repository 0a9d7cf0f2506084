"""MobiSлон's postback: a GET that says how far a click has come.

MobiSлон publishes no documents; the form is Binom's, whose tracker it runs on:
`GET …/index.php?cnv_id=<clickid>&payout=0&cnv_status=<status>`. Neither the click id nor the URL that holds it is
ever in an error or a log of ours.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, quote, unquote_plus, urlsplit

import httpx

from adapters.tracking.outgoing import Outgoing
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import ClickReport, ClickTracker

MAX_URL_CHARACTERS: Final = 6000
"""Of the whole URL: web servers refuse longer ones, most at 8 KB of request line and headers."""

_RETRYABLE: Final = frozenset({408, 425, 429})
_OK, _REDIRECT, _CLIENT_ERROR, _SERVER_ERROR = 200, 300, 400, 500
_PLACEHOLDERS: Final = ("{clickid}", "{status}")


class MobiSlonTracker(ClickTracker):
    """Reports to MobiSлон. Connects at the first report.

    Args:
        url_template: the postback's URL with `{clickid}` and `{status}` in its path or query.
        timeout_seconds: for one report.

    Raises:
        ValueError: the template cannot lead to a postback; says why.
    """

    def __init__(self, url_template: str, *, timeout_seconds: float = 10) -> None:
        _check(url_template)
        self._url_template = url_template
        # The body of an answer says nothing, however long it is.
        self._outgoing = Outgoing(who="the tracker", max_body_bytes=0, timeout_seconds=timeout_seconds)

    async def report(self, report: ClickReport) -> None:
        """Send it, as `postback_url` writes it. A refusal (4xx) is final, anything else but 2xx is tried again.

        Raises:
            DeliveryFailed: the tracker did not say yes.
        """
        answer = await self._outgoing.send("GET", postback_url(self._url_template, report))
        if _OK <= answer.status < _REDIRECT:
            return
        raise DeliveryFailed(
            f"the tracker answered {answer.status}",
            permanent=_CLIENT_ERROR <= answer.status < _SERVER_ERROR and answer.status not in _RETRYABLE,
            retry_after_seconds=answer.retry_after_seconds,
        )

    async def close(self) -> None:
        """Close the connections; a later report opens new ones."""
        await self._outgoing.close()


def postback_url(template: str, report: ClickReport) -> str:
    """The template filled in, and the report's further parameters after its own.

    Whatever the values hold, they cannot change the URL's shape. A further parameter is left out if a server might
    take it for one of the template's own (`cnv_id`, `payout`, …), or if the URL would have more than
    `MAX_URL_CHARACTERS` with it.
    """
    url = _filled(template, clickid=report.clickid, status=report.status)
    own = {read for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True) for read in _readings(name)}
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    for name, value in report.params.items():
        pair = f"{joint}{_quoted(name)}={_quoted(value)}"
        if name and own.isdisjoint(_readings(name)) and len(url) + len(pair) <= MAX_URL_CHARACTERS:
            url, joint = url + pair, "&"
    return url


def _readings(name: str) -> Iterator[str]:
    """What servers may read a parameter's name as.

    It may be decoded more than once; and PHP reads `cnv.id` and `cnv id` as `cnv_id`, and `cnv_id[x]` as a part of it.
    """
    while (decoded := unquote_plus(name)) != name:
        name = decoded
    yield _bare(name)
    yield _bare(name.partition("[")[0])


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _filled(template: str, *, clickid: str, status: str) -> str:
    """The URL; whatever the values hold, they cannot change its shape."""
    values = {"{clickid}": _quoted(clickid), "{status}": _quoted(status)}
    return re.sub(r"\{(?:clickid|status)\}", lambda found: values[found[0]], template)


def _check(template: str) -> None:
    """Refuse what would fail at every report, or silently report nothing."""
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
