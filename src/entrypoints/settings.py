"""Settings: read from the environment (and a `.env` file), checked once, before anything is opened.

A missing or malformed setting is one line that names it and says what it should be. A group that is wholly unset
(mail, bot, tracker) is off. Each role needs only what it uses. Nothing here opens a connection.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar, get_args
from urllib.parse import urlsplit

from dotenv import dotenv_values
from msgspec import Struct

from adapters.i18n import spoken
from paywall_core.errors import InvalidInput
from paywall_core.locales import Locales

_T = TypeVar("_T")
_MIN_SECRET_CHARACTERS: Final = 16
_MAX_PORT: Final = 65535

Network: TypeAlias = IPv4Network | IPv6Network
Unit: TypeAlias = Literal["second", "minute", "hour", "day"]


class SettingError(Exception):
    """A setting is missing or malformed. Its text is one line that names the setting; it never holds a value."""


class Role(StrEnum):
    """What a process is for."""

    API = "api"
    WORKER = "worker"
    BOT = "bot"
    SERVE = "serve"
    MIGRATE = "migrate"


class StripeSettings(Struct, frozen=True, kw_only=True):
    """Stripe's keys and prices; see the README."""

    secret_key: str
    webhook_secrets: tuple[str, ...]
    api_base: str | None
    prices: Mapping[str, str]


class SmtpSettings(Struct, frozen=True, kw_only=True):
    """The mail server; see the README."""

    host: str
    port: int
    starttls: bool
    username: str | None
    password: str | None
    sender: str


class BotSettings(Struct, frozen=True, kw_only=True):
    """The Telegram bot; see the README. `token` None: this process runs no bot and sends no messages."""

    token: str | None
    username: str
    mode: str
    webhook_secret: str | None
    pay_url: str | None
    router: str | None
    http_host: str
    http_port: int
    api_base: str | None
    link_base: str


class RateSetting(Struct, frozen=True, kw_only=True):
    """So many requests of one client address in a unit of time: `second`, `minute`, `hour` or `day`."""

    requests: int
    unit: Unit


class RateLimitSettings(Struct, frozen=True, kw_only=True):
    """A limit for each group of calls; None: off."""

    checkout: RateSetting | None
    status: RateSetting | None
    activation: RateSetting | None
    restore: RateSetting | None
    tracking: RateSetting | None


class MetaSettings(Struct, frozen=True, kw_only=True):
    """Meta's Conversions API; see the README. `event_names` empty: any name is taken."""

    pixel_id: str
    access_token: str
    api_version: str
    api_base: str | None
    event_names: tuple[str, ...]


class Settings(Struct, frozen=True, kw_only=True):
    """All settings of one process. What its role does not use may be empty."""

    database_url: str
    public_base_url: str
    internal_api_url: str
    internal_tokens: tuple[str, ...]
    token_secrets: tuple[bytes, ...]
    http_host: str
    http_port: int
    trusted_proxies: tuple[Network, ...]
    cors_origins: tuple[str, ...]
    rate_limits: RateLimitSettings
    locales: Locales
    one_time_basic_days: int | None
    grace_hours: int
    stripe: StripeSettings
    smtp: SmtpSettings | None
    bot: BotSettings
    meta: MetaSettings | None
    mobi_slon_url: str | None
    redis_url: str | None
    log_format: str

    def __repr__(self) -> str:
        return "Settings(...)"  # almost every field is a secret


def read_environment(environ: Mapping[str, str], env_file: Path) -> dict[str, str]:
    """The environment, over the `.env` file where there is one."""
    from_file = {key: value for key, value in dotenv_values(env_file).items() if value is not None}
    return {**from_file, **environ}


def load_settings(environ: Mapping[str, str], role: Role) -> Settings:
    """Read and check the settings that a role needs.

    Raises:
        SettingError: one is missing or malformed.
    """
    return _Reader(environ, role).settings()


class _Reader:
    def __init__(self, environ: Mapping[str, str], role: Role) -> None:
        self._environ = environ
        self._role = role

    def settings(self) -> Settings:
        """Everything, in the README's order, so that the first mistake named is the first one to mend."""
        core = (Role.API, Role.WORKER, Role.SERVE)
        web = (Role.API, Role.SERVE)
        talks = (*web, Role.BOT)
        return Settings(
            database_url=self._get("DATABASE_URL", _database_url, default="sqlite+aiosqlite:///paywall.db"),
            public_base_url=self._get("APP_PUBLIC_BASE_URL", _url, needed_by=(*core, Role.BOT)),
            internal_api_url=self._get("API_INTERNAL_BASE_URL", _url, default="http://127.0.0.1:8000"),
            internal_tokens=self._get("INTERNAL_API_TOKEN", _secrets, needed_by=talks),
            token_secrets=tuple(s.encode() for s in self._get("TOKEN_SECRET", _secrets, needed_by=core)),
            http_host=self._get("HTTP_HOST", str, default="127.0.0.1"),
            http_port=self._get("HTTP_PORT", _port, default="8000"),
            trusted_proxies=self._get("TRUSTED_PROXIES", _networks, default=""),
            cors_origins=self._get("CORS_ORIGINS", _origins, default=""),
            rate_limits=RateLimitSettings(
                checkout=self._get("RATE_LIMIT_CHECKOUT", _rate, default="20/minute"),
                status=self._get("RATE_LIMIT_STATUS", _rate, default="240/minute"),
                activation=self._get("RATE_LIMIT_ACTIVATION", _rate, default="20/minute"),
                restore=self._get("RATE_LIMIT_RESTORE", _rate, default="20/hour"),
                tracking=self._get("RATE_LIMIT_TRACKING", _rate, default="120/minute"),
            ),
            locales=Locales(supported=spoken(), default=self._get("DEFAULT_LOCALE", _one_of(*spoken()), default="ru")),
            one_time_basic_days=self._get("ONE_TIME_BASIC_DAYS", _days, default=""),
            grace_hours=self._get("SUBSCRIPTION_GRACE_HOURS", _whole_number, default="72"),
            stripe=self._stripe(web),
            smtp=self._smtp(),
            bot=self._bot(core),
            meta=self._meta(),
            mobi_slon_url=self._get("MOBI_SLON_POSTBACK_URL", _postback, default="") or None,
            redis_url=self._get("REDIS_URL", _redis_url, default="") or None,
            log_format=self._get("LOG_FORMAT", _one_of("console", "json"), default="console"),
        )

    def _stripe(self, needed_by: tuple[Role, ...]) -> StripeSettings:
        return StripeSettings(
            secret_key=self._get("STRIPE_SECRET_KEY", _prefixed("sk_", "rk_"), needed_by=needed_by),
            webhook_secrets=self._get("STRIPE_WEBHOOK_SECRET", _webhook_secrets, needed_by=needed_by),
            api_base=self._get("STRIPE_API_BASE", _url, default="") or None,
            prices={
                "one_time_basic": self._get("STRIPE_PRICE_ONE_TIME_BASIC", _prefixed("price_"), needed_by=needed_by),
                "sub_monthly": self._get("STRIPE_PRICE_SUB_MONTHLY", _prefixed("price_"), needed_by=needed_by),
            },
        )

    def _smtp(self) -> SmtpSettings | None:
        names = ("SMTP_HOST", "SMTP_PORT", "SMTP_STARTTLS", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_FROM")
        if not any(self._environ.get(name, "").strip() for name in names):
            return None
        username = self._get("SMTP_USERNAME", str, default="") or None
        return SmtpSettings(
            host=self._get("SMTP_HOST", str, default="smtp.gmail.com"),
            port=self._get("SMTP_PORT", _port, default="587"),
            starttls=self._get("SMTP_STARTTLS", _boolean, default="true"),
            username=username,
            password=self._get("SMTP_PASSWORD", str, default="" if username is None else None) or None,
            sender=self._get("SMTP_FROM", _sender, default=username),
        )

    def _meta(self) -> MetaSettings | None:
        """On when the pixel or its token is there; then both must be."""
        if not any(self._environ.get(name, "").strip() for name in ("META_PIXEL_ID", "META_ACCESS_TOKEN")):
            return None
        return MetaSettings(
            pixel_id=self._get("META_PIXEL_ID", _digits),
            access_token=self._get("META_ACCESS_TOKEN", _one_word),
            api_version=self._get("META_GRAPH_API_VERSION", _graph_version, default="v18.0"),
            api_base=self._get("META_API_BASE", _url, default="") or None,
            event_names=self._get("META_EVENT_NAMES", _names, default=""),
        )

    def _bot(self, needed_by: tuple[Role, ...]) -> BotSettings:
        token_needed = (Role.BOT,)
        token = self._get("BOT_TOKEN", _bot_token, needed_by=token_needed) or None
        mode = self._get("BOT_MODE", _one_of("polling", "webhook"), default="polling")
        hooked = token is not None and mode == "webhook" and self._role in (Role.BOT, Role.SERVE)
        secret = self._get("BOT_WEBHOOK_SECRET", _webhook_path_secret, needed_by=(self._role,) if hooked else ())
        return BotSettings(
            token=token,
            username=self._get("BOT_USERNAME", _bot_username, needed_by=needed_by),
            mode=mode,
            webhook_secret=secret or None,
            pay_url=self._get("BOT_PAY_URL", _url, default="") or None,
            router=self._get("BOT_ROUTER", str, default="") or None,
            http_host=self._get("BOT_HTTP_HOST", str, default="127.0.0.1"),
            http_port=self._get("BOT_HTTP_PORT", _port, default="8081"),
            api_base=self._get("TELEGRAM_API_BASE", _url, default="") or None,
            link_base=self._get("TELEGRAM_LINK_BASE", _url, default="https://t.me"),
        )

    def _get(
        self,
        name: str,
        parse: Callable[[str], _T],
        *,
        default: str | None = None,
        needed_by: tuple[Role, ...] | None = None,
    ) -> _T:
        """Read one setting. With `needed_by`, other roles may leave it out (it is then parsed from an empty text)."""
        text = self._environ.get(name, "").strip()
        if not text and needed_by is not None and self._role not in needed_by:
            return _empty(parse)
        text = text or default or ""
        if not text and default is None:
            raise SettingError(f"{name} is not set: it should be {_meaning(parse)}")
        if not text:
            return _empty(parse)
        try:
            return parse(text)
        except (ValueError, InvalidInput):
            raise SettingError(f"{name} is malformed: it should be {_meaning(parse)}") from None


def _meaning(parse: Callable[[str], object]) -> str:
    """What a setting should be: the parser's docstring."""
    if parse is str:
        return "a text"
    meaning = (parse.__doc__ or "").strip().rstrip(".")
    return meaning[:1].lower() + meaning[1:]


def _empty(parse: Callable[[str], _T]) -> _T:
    """The value of a setting that may be left out."""
    empty: dict[object, object] = {
        _secrets: (), _webhook_secrets: (), _origins: (), _networks: (), _names: (), _days: None
    }  # fmt: skip
    return empty.get(parse, "")  # type: ignore[return-value]  # texts are empty, lists are empty, days are unlimited


def _require(condition: object) -> None:
    if not condition:
        raise ValueError


def _url(text: str) -> str:
    """An http(s) URL such as https://pay.example.com, without a query."""
    parts = urlsplit(text)
    _require(parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment)
    return text.rstrip("/")


def _database_url(text: str) -> str:
    """sqlite+aiosqlite:///file.db or postgresql+asyncpg://user:password@host/name."""
    _require(re.match(r"(sqlite\+aiosqlite:///.+|postgresql\+asyncpg://.+)", text))
    return text


def _secrets(text: str) -> tuple[str, ...]:
    """One or more secrets of at least 16 characters each, comma-separated, newest first."""
    secrets = tuple(part.strip() for part in text.split(","))
    _require(all(len(secret) >= _MIN_SECRET_CHARACTERS for secret in secrets))
    return secrets


def _webhook_secrets(text: str) -> tuple[str, ...]:
    """One or more of Stripe's endpoint secrets (whsec_...), comma-separated, newest first."""
    secrets = tuple(part.strip() for part in text.split(","))
    _require(all(secret.startswith("whsec_") for secret in secrets))
    return secrets


def _origins(text: str) -> tuple[str, ...]:
    """Origins such as https://quiz.example.com, comma-separated."""
    origins = tuple(_url(part.strip()) for part in text.split(","))
    _require(all(not urlsplit(origin).path for origin in origins))
    return origins


def _networks(text: str) -> tuple[Network, ...]:
    """Addresses or networks such as 10.0.0.0/8, comma-separated."""
    return tuple(ip_network(part.strip()) for part in text.split(","))


def _rate(text: str) -> RateSetting | None:
    """A number of requests in a time, such as 20/minute (second, minute, hour or day), or off."""
    if text.lower() == "off":
        return None
    requests, _, wanted = (part.strip() for part in text.partition("/"))
    units: dict[str, Unit] = {unit: unit for unit in get_args(Unit)}
    _require(re.fullmatch(r"[1-9][0-9]{0,8}", requests) and wanted in units)
    return RateSetting(requests=int(requests), unit=units[wanted])


def _names(text: str) -> tuple[str, ...]:
    """Names, comma-separated."""
    names = tuple(part.strip() for part in text.split(","))
    _require(all(names))
    return names


def _digits(text: str) -> str:
    """A number, such as 123456789012345."""
    _require(re.fullmatch(r"[0-9]{1,32}", text))
    return text


def _one_word(text: str) -> str:
    """A token without spaces."""
    _require(re.fullmatch(r"[!-~]+", text))
    return text


def _graph_version(text: str) -> str:
    """A version of Meta's Graph API, such as v18.0."""
    _require(re.fullmatch(r"v\d{1,3}\.\d{1,2}", text))
    return text


def _redis_url(text: str) -> str:
    """A Redis URL such as redis://host:6379/0 (rediss:// for TLS)."""
    parts = urlsplit(text)
    _require(parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0)
    return text


def _port(text: str) -> int:
    """A port number from 0 to 65535."""
    port = int(text)
    _require(0 <= port <= _MAX_PORT)
    return port


def _days(text: str) -> int | None:
    """A whole number of days, 1 or more; empty for life."""
    days = int(text)
    _require(1 <= days <= 366 * 100)
    return days


def _whole_number(text: str) -> int:
    """A whole number, 0 or more."""
    number = int(text)
    _require(0 <= number <= 24 * 366)
    return number


def _boolean(text: str) -> bool:
    """True or false."""
    _require(text.lower() in ("true", "false", "1", "0", "yes", "no"))
    return text.lower() in ("true", "1", "yes")


def _sender(text: str) -> str:
    """The sender's address, such as Paywall <access@example.com>."""
    _require(re.fullmatch(r"[^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+", text))
    return text


def _bot_token(text: str) -> str:
    """The token that @BotFather gave, such as 123456:ABC."""
    _require(re.fullmatch(r"\d+:[A-Za-z0-9_-]+", text))
    return text


def _bot_username(text: str) -> str:
    """The bot's name without @, such as my_paywall_bot."""
    _require(re.fullmatch(r"@?[A-Za-z][A-Za-z0-9_]{3,31}", text))
    return text.removeprefix("@")


def _webhook_path_secret(text: str) -> str:
    """16 to 256 characters of A-Z, a-z, 0-9, _ and -."""
    _require(re.fullmatch(r"[A-Za-z0-9_-]{16,256}", text))
    return text


def _postback(text: str) -> str:
    """An http(s) URL with {clickid} and {status} in it."""
    _url(text.split("?", maxsplit=1)[0])
    _require("{clickid}" in text and "{status}" in text)
    return text


def _prefixed(*prefixes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        _require(text.startswith(prefixes))
        return text

    parse.__doc__ = f"an id of Stripe's that begins with {' or '.join(prefixes)}"
    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        _require(text in words)
        return text

    parse.__doc__ = f"one of {', '.join(words)}"
    return parse
