"""What the texts of settings mean: a parser for each kind of value, whose docstring says what it should be.

A parser raises `ValueError` for a text that it does not take; the text is never repeated, for it may be a secret.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from paywall_core.effects import NoticeKind
from paywall_core.use_cases.forget_records import LEAST_KEPT

_MIN_SECRET_CHARACTERS: Final = 16
_MAX_PORT: Final = 65535

Network: TypeAlias = IPv4Network | IPv6Network
Unit: TypeAlias = Literal["second", "minute", "hour", "day"]


class RateSetting(Struct, frozen=True, kw_only=True):
    """So many requests of one client address in a unit of time: `second`, `minute`, `hour` or `day`."""

    requests: int
    unit: Unit


def _require(condition: object) -> None:
    if not condition:
        raise ValueError


def url(text: str) -> str:
    """An http(s) URL such as https://pay.example.com, without a query."""
    parts = urlsplit(text)
    _require(parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment)
    return text.rstrip("/")


def database_url(text: str) -> str:
    """sqlite+aiosqlite:///file.db or postgresql+asyncpg://user:password@host/name."""
    _require(re.match(r"(sqlite\+aiosqlite:///.+|postgresql\+asyncpg://.+)", text))
    return text


def secrets(text: str) -> tuple[str, ...]:
    """One or more secrets of at least 16 characters each, comma-separated, newest first."""
    secrets = tuple(part.strip() for part in text.split(","))
    _require(all(len(secret) >= _MIN_SECRET_CHARACTERS for secret in secrets))
    return secrets


def webhook_secrets(text: str) -> tuple[str, ...]:
    """One or more of Stripe's endpoint secrets (whsec_...), comma-separated, newest first."""
    secrets = tuple(part.strip() for part in text.split(","))
    _require(all(secret.startswith("whsec_") for secret in secrets))
    return secrets


def origins(text: str) -> tuple[str, ...]:
    """Origins such as https://quiz.example.com, comma-separated."""
    origins = tuple(url(part.strip()) for part in text.split(","))
    _require(all(not urlsplit(origin).path for origin in origins))
    return origins


def networks(text: str) -> tuple[Network, ...]:
    """Addresses or networks such as 10.0.0.0/8, comma-separated."""
    return tuple(ip_network(part.strip()) for part in text.split(","))


def rate(text: str) -> RateSetting | None:
    """A number of requests in a time, such as 20/minute (second, minute, hour or day), or off."""
    if text.lower() == "off":
        return None
    requests, _, wanted = (part.strip() for part in text.partition("/"))
    units: dict[str, Unit] = {unit: unit for unit in get_args(Unit)}
    _require(re.fullmatch(r"[1-9][0-9]{0,8}", requests) and wanted in units)
    return RateSetting(requests=int(requests), unit=units[wanted])


def names(text: str) -> tuple[str, ...]:
    """Names, comma-separated."""
    names = tuple(part.strip() for part in text.split(","))
    _require(all(names))
    return names


def headers(text: str) -> Mapping[str, str]:
    """HTTP headers such as api-key=secret, comma-separated, percent-encoded where need be."""
    pairs = [part.strip().partition("=") for part in text.split(",")]
    read = {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
    _require(all(re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", name) for name in read))
    _require(all(re.fullmatch(r"[ -~]+", value) for value in read.values()))
    return read


def notices(text: str) -> tuple[NoticeKind, ...]:
    """All, off, or some of payment_failed, ends_soon, ended, refunded, suspended, restored, comma-separated."""
    if text.lower() in ("all", "off"):
        return tuple(NoticeKind) if text.lower() == "all" else ()
    return tuple(NoticeKind(part.strip()) for part in text.split(","))


def percent(text: str) -> float:
    """A percentage from 1 to 100."""
    number = float(text.removesuffix("%"))
    _require(1 <= number <= 100)  # noqa: PLR2004  - that is what percent means
    return number / 100


def listening(text: str) -> tuple[str, int] | None:
    """Where to listen, such as 127.0.0.1:9101 or [::1]:9101."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:]+):([0-9]{1,5})", text)
    if found is None:
        raise ValueError
    _require(int(found[2]) <= _MAX_PORT)
    return found[1].strip("[]"), int(found[2])


def count(text: str) -> int:
    """A whole number, 1 or more."""
    number = int(text)
    _require(1 <= number <= 10**9)
    return number


def minutes(text: str) -> int | None:
    """A whole number of minutes, 1 or more, or off."""
    if text.lower() == "off":
        return None
    number = int(text)
    _require(1 <= number <= 24 * 60)
    return number


def retention_days(text: str) -> int | None:
    """A whole number of days, 45 or more, or off."""
    if text.lower() == "off":
        return None
    number = int(text)
    _require(LEAST_KEPT.days <= number <= 100 * 366)
    return number


def digits(text: str) -> str:
    """A number, such as 123456789012345."""
    _require(re.fullmatch(r"[0-9]{1,32}", text))
    return text


def one_word(text: str) -> str:
    """A token without spaces."""
    _require(re.fullmatch(r"[!-~]+", text))
    return text


def graph_version(text: str) -> str:
    """A version of Meta's Graph API, such as v18.0."""
    _require(re.fullmatch(r"v\d{1,3}\.\d{1,2}", text))
    return text


def redis_url(text: str) -> str:
    """A Redis URL such as redis://host:6379/0 (rediss:// for TLS)."""
    parts = urlsplit(text)
    _require(parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0)
    return text


def port(text: str) -> int:
    """A port number from 0 to 65535."""
    port = int(text)
    _require(0 <= port <= _MAX_PORT)
    return port


def days(text: str) -> int | None:
    """A whole number of days, 1 or more; empty for life."""
    days = int(text)
    _require(1 <= days <= 366 * 100)
    return days


def whole_number(text: str) -> int:
    """A whole number, 0 or more."""
    number = int(text)
    _require(0 <= number <= 24 * 366)
    return number


def boolean(text: str) -> bool:
    """True or false."""
    _require(text.lower() in ("true", "false", "1", "0", "yes", "no"))
    return text.lower() in ("true", "1", "yes")


def sender(text: str) -> str:
    """The sender's address, such as Paywall <access@example.com>."""
    _require(re.fullmatch(r"[^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+", text))
    return text


def bot_token(text: str) -> str:
    """The token that @BotFather gave, such as 123456:ABC."""
    _require(re.fullmatch(r"\d+:[A-Za-z0-9_-]+", text))
    return text


def bot_username(text: str) -> str:
    """The bot's name without @, such as my_paywall_bot."""
    _require(re.fullmatch(r"@?[A-Za-z][A-Za-z0-9_]{3,31}", text))
    return text.removeprefix("@")


def webhook_path_secret(text: str) -> str:
    """16 to 256 characters of A-Z, a-z, 0-9, _ and -."""
    _require(re.fullmatch(r"[A-Za-z0-9_-]{16,256}", text))
    return text


def postback(text: str) -> str:
    """An http(s) URL with {clickid} and {status} in it."""
    url(text.split("?", maxsplit=1)[0])
    _require("{clickid}" in text and "{status}" in text)
    return text


def prefixed(*prefixes: str) -> Callable[[str], str]:
    """A parser of ids that begin in one of these ways."""

    def parse(text: str) -> str:
        _require(text.startswith(prefixes))
        return text

    parse.__doc__ = f"an id of Stripe's that begins with {' or '.join(prefixes)}"
    return parse


def one_of(*words: str) -> Callable[[str], str]:
    """A parser of these words and no others."""

    def parse(text: str) -> str:
        _require(text in words)
        return text

    parse.__doc__ = f"one of {', '.join(words)}"
    return parse
