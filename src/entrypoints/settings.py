"""Settings: read from the environment (and a `.env` file), checked once, before anything is opened.

A missing or malformed setting is one line that names it and says what it should be. A group that is wholly unset
(mail, bot, tracker) is off. Each role needs only what it uses. Nothing here opens a connection.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from dotenv import dotenv_values
from msgspec import Struct

from adapters.i18n import spoken
from entrypoints import setting_values as values
from entrypoints.setting_values import Network, RateSetting
from paywall_core.effects import NoticeKind
from paywall_core.errors import InvalidInput
from paywall_core.locales import Locales

_T = TypeVar("_T")


class SettingError(Exception):
    """A setting is missing or malformed. Its text is one line that names the setting; it never holds a value."""


class Role(StrEnum):
    """What a process is for."""

    API = "api"
    WORKER = "worker"
    BOT = "bot"
    SERVE = "serve"
    MIGRATE = "migrate"
    OPERATOR = "operator"
    RECONCILE = "reconcile"
    DOCTOR = "doctor"


class StripeSettings(Struct, frozen=True, kw_only=True):
    """Stripe's keys and prices; see docs/settings.md."""

    secret_key: str
    webhook_secrets: tuple[str, ...]
    api_base: str | None
    prices: Mapping[str, str]


class SmtpSettings(Struct, frozen=True, kw_only=True):
    """The mail server; see docs/settings.md."""

    host: str
    port: int
    starttls: bool
    username: str | None
    password: str | None
    sender: str


class BotSettings(Struct, frozen=True, kw_only=True):
    """The Telegram bot; see docs/settings.md. `token` None: this process runs no bot and sends no messages."""

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


class RateLimitSettings(Struct, frozen=True, kw_only=True):
    """A limit for each group of calls; None: off."""

    checkout: RateSetting | None
    status: RateSetting | None
    activation: RateSetting | None
    restore: RateSetting | None
    tracking: RateSetting | None


class MetaSettings(Struct, frozen=True, kw_only=True):
    """Meta's Conversions API; see docs/settings.md. `event_names` empty: any name is taken."""

    pixel_id: str
    access_token: str
    api_version: str
    api_base: str | None
    event_names: tuple[str, ...]


class SweepSettings(Struct, frozen=True, kw_only=True):
    """How many endings at once the sweep believes; `max_share` is a part of 1."""

    max_share: float
    max_orders: int


class CollectorSettings(Struct, frozen=True, kw_only=True):
    """Where traces go, with OpenTelemetry's own names; see docs/settings.md."""

    endpoint: str
    headers: Mapping[str, str]
    service_name: str


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
    notices: tuple[NoticeKind, ...]
    sweep: SweepSettings
    reconcile_minutes: int | None
    retention_days: int | None
    metrics_address: tuple[str, int] | None
    log_format: str
    collector: CollectorSettings | None

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
        """Everything, in a fixed order, so that the first mistake named is the first one to mend."""
        web = (Role.API, Role.SERVE, Role.DOCTOR)
        core = (*web, Role.WORKER)
        measured = self._get("METRICS_ADDRESS", values.listening, default="")
        talks = (*web, Role.BOT, *((Role.WORKER,) if measured else ()))  # whoever is asked for figures knows the token
        return Settings(
            database_url=self._get("DATABASE_URL", values.database_url, default="sqlite+aiosqlite:///paywall.db"),
            public_base_url=self._get("APP_PUBLIC_BASE_URL", values.url, needed_by=(*core, Role.BOT)),
            internal_api_url=self._get("API_INTERNAL_BASE_URL", values.url, default="http://127.0.0.1:8000"),
            internal_tokens=self._get("INTERNAL_API_TOKEN", values.secrets, needed_by=talks),
            token_secrets=tuple(s.encode() for s in self._get("TOKEN_SECRET", values.secrets, needed_by=core)),
            http_host=self._get("HTTP_HOST", str, default="127.0.0.1"),
            http_port=self._get("HTTP_PORT", values.port, default="8000"),
            trusted_proxies=self._get("TRUSTED_PROXIES", values.networks, default=""),
            cors_origins=self._get("CORS_ORIGINS", values.origins, default=""),
            rate_limits=RateLimitSettings(
                checkout=self._get("RATE_LIMIT_CHECKOUT", values.rate, default="20/minute"),
                status=self._get("RATE_LIMIT_STATUS", values.rate, default="240/minute"),
                activation=self._get("RATE_LIMIT_ACTIVATION", values.rate, default="20/minute"),
                restore=self._get("RATE_LIMIT_RESTORE", values.rate, default="20/hour"),
                tracking=self._get("RATE_LIMIT_TRACKING", values.rate, default="120/minute"),
            ),
            locales=Locales(
                supported=spoken(), default=self._get("DEFAULT_LOCALE", values.one_of(*spoken()), default="ru")
            ),
            one_time_basic_days=self._get("ONE_TIME_BASIC_DAYS", values.days, default=""),
            grace_hours=self._get("SUBSCRIPTION_GRACE_HOURS", values.whole_number, default="72"),
            stripe=self._stripe(web, asks=(*core, Role.RECONCILE)),
            smtp=self._smtp(),
            bot=self._bot(core),
            meta=self._meta(),
            mobi_slon_url=self._get("MOBI_SLON_POSTBACK_URL", values.postback, default="") or None,
            redis_url=self._get("REDIS_URL", values.redis_url, default="") or None,
            notices=self._get("CUSTOMER_NOTICES", values.notices, default="all"),
            sweep=SweepSettings(
                max_share=self._get("SWEEP_MAX_PERCENT", values.percent, default="10"),
                max_orders=self._get("SWEEP_MAX_ORDERS", values.count, default="1000"),
            ),
            reconcile_minutes=self._get("RECONCILE_MINUTES", values.minutes, default="10"),
            retention_days=self._get("RETENTION_DAYS", values.retention_days, default="400"),
            metrics_address=measured,
            log_format=self._get("LOG_FORMAT", values.one_of("console", "json"), default="console"),
            collector=self._collector(),
        )

    def _collector(self) -> CollectorSettings | None:
        """On when an address is there."""
        endpoint = self._get("OTEL_EXPORTER_OTLP_ENDPOINT", values.url, default="")
        if not endpoint:
            return None
        return CollectorSettings(
            endpoint=endpoint,
            headers=self._get("OTEL_EXPORTER_OTLP_HEADERS", values.headers, default=""),
            service_name=self._get("OTEL_SERVICE_NAME", str, default=f"paywall-{self._role}"),
        )

    def _stripe(self, needed_by: tuple[Role, ...], *, asks: tuple[Role, ...]) -> StripeSettings:
        return StripeSettings(
            secret_key=self._get("STRIPE_SECRET_KEY", values.prefixed("sk_", "rk_"), needed_by=asks),
            webhook_secrets=self._get("STRIPE_WEBHOOK_SECRET", values.webhook_secrets, needed_by=needed_by),
            api_base=self._get("STRIPE_API_BASE", values.url, default="") or None,
            prices={
                "one_time_basic": self._get(
                    "STRIPE_PRICE_ONE_TIME_BASIC", values.prefixed("price_"), needed_by=needed_by
                ),
                "sub_monthly": self._get("STRIPE_PRICE_SUB_MONTHLY", values.prefixed("price_"), needed_by=needed_by),
            },
        )

    def _smtp(self) -> SmtpSettings | None:
        names = ("SMTP_HOST", "SMTP_PORT", "SMTP_STARTTLS", "SMTP_USERNAME", "SMTP_PASSWORD", "SMTP_FROM")
        if not any(self._environ.get(name, "").strip() for name in names):
            return None
        username = self._get("SMTP_USERNAME", str, default="") or None
        return SmtpSettings(
            host=self._get("SMTP_HOST", str, default="smtp.gmail.com"),
            port=self._get("SMTP_PORT", values.port, default="587"),
            starttls=self._get("SMTP_STARTTLS", values.boolean, default="true"),
            username=username,
            password=self._get("SMTP_PASSWORD", str, default="" if username is None else None) or None,
            sender=self._get("SMTP_FROM", values.sender, default=username),
        )

    def _meta(self) -> MetaSettings | None:
        """On when the pixel or its token is there; then both must be."""
        if not any(self._environ.get(name, "").strip() for name in ("META_PIXEL_ID", "META_ACCESS_TOKEN")):
            return None
        return MetaSettings(
            pixel_id=self._get("META_PIXEL_ID", values.digits),
            access_token=self._get("META_ACCESS_TOKEN", values.one_word),
            api_version=self._get("META_GRAPH_API_VERSION", values.graph_version, default="v18.0"),
            api_base=self._get("META_API_BASE", values.url, default="") or None,
            event_names=self._get("META_EVENT_NAMES", values.names, default=""),
        )

    def _bot(self, needed_by: tuple[Role, ...]) -> BotSettings:
        token_needed = (Role.BOT,)
        token = self._get("BOT_TOKEN", values.bot_token, needed_by=token_needed) or None
        mode = self._get("BOT_MODE", values.one_of("polling", "webhook"), default="polling")
        hooked = token is not None and mode == "webhook" and self._role in (Role.BOT, Role.SERVE)
        secret = self._get("BOT_WEBHOOK_SECRET", values.webhook_path_secret, needed_by=(self._role,) if hooked else ())
        return BotSettings(
            token=token,
            username=self._get("BOT_USERNAME", values.bot_username, needed_by=needed_by),
            mode=mode,
            webhook_secret=secret or None,
            pay_url=self._get("BOT_PAY_URL", values.url, default="") or None,
            router=self._get("BOT_ROUTER", str, default="") or None,
            http_host=self._get("BOT_HTTP_HOST", str, default="127.0.0.1"),
            http_port=self._get("BOT_HTTP_PORT", values.port, default="8081"),
            api_base=self._get("TELEGRAM_API_BASE", values.url, default="") or None,
            link_base=self._get("TELEGRAM_LINK_BASE", values.url, default="https://t.me"),
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
            text.encode()  # bytes of the environment that are no UTF-8 come as surrogates, which nothing can send on
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
        values.secrets: (),
        values.webhook_secrets: (),
        values.origins: (),
        values.networks: (),
        values.names: (),
        values.headers: {},
        values.days: None,
        values.listening: None,
    }
    return empty.get(parse, "")  # type: ignore[return-value]  # texts are empty, lists are empty, days are unlimited
