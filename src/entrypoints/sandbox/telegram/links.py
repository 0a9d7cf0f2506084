"""Addresses: what Telegram takes for a link, and the links that lead to the bot itself. Pure."""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?!\d)")
_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TELEGRAM_HOSTS: Final = ("t.me", "telegram.me", "telegram.dog")
_LOOPBACK: Final = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine."""
    return _LOOPBACK.fullmatch(host.lower()) is not None


def clean_url(url: str) -> str | None:
    """The address as Telegram stores it, or None where Telegram refuses it.

    Telegram takes http, https and tg, adds a missing `http://`, and wants a host with a dot. It would refuse
    `http://127.0.0.1` and `http://localhost` as well; the sandbox takes them, because there the product lives on
    loopback.
    """
    url = url.strip()
    if not url or any(character.isspace() for character in url):
        return None
    if not _SCHEME.match(url):
        url = f"http://{url}"
    parts = _split(url)
    if parts is None:
        return None
    host = parts.hostname or ""
    if parts.scheme == "tg":
        return url if host else None
    if parts.scheme not in ("http", "https"):
        return None
    return url if is_loopback(host) or re.fullmatch(r"[^.]+(\.[^.]+)+", host) else None


def clean_payload(start: str) -> str:
    """The `start` parameter of a deep link; empty where Telegram would not pass it on."""
    return start if _PAYLOAD.fullmatch(start) else ""


def local_link(url: str, bot_username: str, person_id: int | None = None) -> str:
    """The same address, but a link to our bot (`https://t.me/…`, `tg://resolve?…`) leads to the sandbox's own page.

    Telegram's app does the same: it opens such a link by itself and asks no server.
    """
    parts = _split(url)
    if parts is None:
        return url
    query = parse_qs(parts.query)
    if parts.scheme == "tg" and parts.hostname == "resolve":
        name = query.get("domain", [""])[0]
    elif parts.scheme in ("http", "https") and parts.hostname in _TELEGRAM_HOSTS:
        name = parts.path.strip("/")
    else:
        return url
    if name.lower() != bot_username.lower():
        return url
    wanted = {"start": query["start"][0]} if "start" in query else {}
    if person_id is not None:
        wanted["as"] = str(person_id)
    path = f"/t.me/{quote(bot_username)}"
    return f"{path}?{urlencode(wanted)}" if wanted else path


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port out of range is only noticed here
    except ValueError:
        return None
    return parts
