"""Settings: one line that names what is missing or malformed, and never a value."""

import sys
from pathlib import Path

import pytest

from entrypoints.container import Container
from entrypoints.logs import mask
from entrypoints.setting_values import RateSetting
from entrypoints.settings import (
    CollectorSettings,
    RateLimitSettings,
    Role,
    SettingError,
    SweepSettings,
    load_settings,
    read_environment,
)
from paywall_core.effects import NoticeKind
from paywall_core.ports.payments import CustomerPortal, PaymentGateway, PaymentLedger, PaymentWebhook

GOOD = {
    "APP_PUBLIC_BASE_URL": "https://pay.example.com/",
    "INTERNAL_API_TOKEN": "an-internal-token-of-tests",
    "TOKEN_SECRET": "a-newer-token-secret, an-older-token-secret",
    "STRIPE_SECRET_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1,whsec_2",
    "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
    "STRIPE_PRICE_SUB_MONTHLY": "price_2",
    "BOT_USERNAME": "@paywall_bot",
}


def test_defaults_are_the_documented_ones() -> None:
    """Only what has no sensible default must be set."""
    settings = load_settings(GOOD, Role.SERVE)
    assert settings.database_url == "sqlite+aiosqlite:///paywall.db"
    assert settings.public_base_url == "https://pay.example.com"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8000)
    assert settings.token_secrets == (b"a-newer-token-secret", b"an-older-token-secret")
    assert (settings.locales.supported, settings.locales.default) == (("ru", "en"), "ru")
    assert settings.rate_limits == RateLimitSettings(
        checkout=RateSetting(requests=20, unit="minute"),
        status=RateSetting(requests=240, unit="minute"),
        activation=RateSetting(requests=20, unit="minute"),
        restore=RateSetting(requests=20, unit="hour"),
        tracking=RateSetting(requests=120, unit="minute"),
    )
    assert (settings.trusted_proxies, settings.meta, settings.redis_url) == ((), None, None)
    assert (settings.one_time_basic_days, settings.grace_hours) == (None, 72)
    assert (settings.smtp, settings.bot.token, settings.mobi_slon_url) == (None, None, None)
    assert settings.notices == tuple(NoticeKind)
    assert settings.sweep == SweepSettings(max_share=0.1, max_orders=1000)
    assert settings.reconcile_minutes == 10
    assert settings.metrics_address is None
    assert settings.bot.username == "paywall_bot"
    assert "sk_test" not in repr(settings)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_missing_setting_is_named_in_one_line(name: str) -> None:
    """With what it should be."""
    environ = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(SettingError, match=f"^{name} is not set: it should be .+") as raised:
        load_settings(environ, Role.SERVE)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_PUBLIC_BASE_URL", "pay.example.com"),
        ("INTERNAL_API_TOKEN", "short"),
        ("TOKEN_SECRET", "long-enough-secret-1,short"),
        ("STRIPE_SECRET_KEY", "pk_live_oops"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1,other"),
        ("HTTP_PORT", "http"),
        ("HTTP_PORT", "70000"),
        ("DEFAULT_LOCALE", "de"),
        ("ONE_TIME_BASIC_DAYS", "0"),
        ("ONE_TIME_BASIC_DAYS", "ten"),
        ("DATABASE_URL", "mysql://user:hunter2@host/db"),
        ("BOT_TOKEN", "token"),
        ("CUSTOMER_NOTICES", "ended, everything"),
        ("SWEEP_MAX_PERCENT", "0"),
        ("SWEEP_MAX_PERCENT", "nan"),
        ("SWEEP_MAX_ORDERS", "0"),
        ("RECONCILE_MINUTES", "0"),
        ("METRICS_ADDRESS", "hunter2"),
        ("METRICS_ADDRESS", "127.0.0.1:99999"),
        ("METRICS_ADDRESS", "::1:9101"),
        ("RETENTION_DAYS", "44"),
        ("RETENTION_DAYS", "1e3"),
        ("BOT_USERNAME", "a b"),
        ("BOT_MODE", "carrier pigeon"),
        ("MOBI_SLON_POSTBACK_URL", "https://x.example/?id={clickid}"),
        ("SMTP_STARTTLS", "perhaps"),
        ("LOG_FORMAT", "xml"),
        ("CORS_ORIGINS", "https://quiz.example.com/path"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "the proxy"),
        ("RATE_LIMIT_CHECKOUT", "20"),
        ("RATE_LIMIT_STATUS", "0/minute"),
        ("RATE_LIMIT_RESTORE", "20/week"),
        ("META_PIXEL_ID", "pixel"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a key=hunter2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2%0a"),
        ("REDIS_URL", "hunter2"),
        ("REDIS_URL", "http://user:hunter2@host"),
    ],
)
def test_malformed_setting_is_named_without_its_value(name: str, value: str) -> None:
    """A value may be a secret: it is not repeated."""
    with pytest.raises(SettingError, match=f"^{name} is malformed: it should be .+") as raised:
        load_settings({**GOOD, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", name: value}, Role.SERVE)
    assert "hunter2" not in str(raised.value)


def test_collector_is_named_by_opentelemetrys_own_settings() -> None:
    """Off without an address; each role has a name of its own, unless it is given one."""
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": "Api-Key=hunter%202, x-scope=paywall"}
    assert load_settings({**GOOD, **headers}, Role.SERVE).collector is None
    there = {**GOOD, **headers, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318/"}
    assert load_settings(there, Role.WORKER).collector == CollectorSettings(
        endpoint="http://127.0.0.1:4318",
        headers={"api-key": "hunter 2", "x-scope": "paywall"},
        service_name="paywall-worker",
    )
    named = load_settings({**there, "OTEL_SERVICE_NAME": "shop"}, Role.API).collector
    assert named is not None
    assert named.service_name == "shop"


async def test_collector_without_its_packages_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install; where no collector is named, nobody misses them."""
    monkeypatch.delitem(sys.modules, "adapters.otel.export", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    await Container(settings=load_settings(GOOD, Role.SERVE)).traces().close()
    settings = load_settings({**GOOD, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, Role.SERVE)
    with pytest.raises(SettingError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT .*opentelemetry.*`paywall\[tracing\]`$"):
        Container(settings=settings).traces()


def test_group_that_is_begun_must_be_finished() -> None:
    """A mail server without a sender is a mistake; without anything it is off."""
    with pytest.raises(SettingError, match="SMTP_FROM"):
        load_settings({**GOOD, "SMTP_HOST": "mail.example.com"}, Role.SERVE)
    with pytest.raises(SettingError, match="SMTP_PASSWORD"):
        load_settings({**GOOD, "SMTP_USERNAME": "access@example.com"}, Role.SERVE)
    with pytest.raises(SettingError, match="BOT_WEBHOOK_SECRET"):
        load_settings({**GOOD, "BOT_TOKEN": "1:a", "BOT_MODE": "webhook"}, Role.SERVE)
    smtp = load_settings({**GOOD, "SMTP_USERNAME": "access@example.com", "SMTP_PASSWORD": "p"}, Role.SERVE).smtp
    assert smtp is not None
    assert (smtp.host, smtp.port, smtp.starttls, smtp.sender) == ("smtp.gmail.com", 587, True, "access@example.com")


def test_limits_proxies_and_trackers_are_read() -> None:
    """As the contract spells them."""
    environ = {
        "TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1",
        "RATE_LIMIT_TRACKING": "off",
        "RATE_LIMIT_STATUS": "5 / second",
        "META_PIXEL_ID": "123",
        "META_ACCESS_TOKEN": "EAAB",
        "META_EVENT_NAMES": "Lead, Purchase",
        "REDIS_URL": "redis://:pass@cache.example.com:6379/1",
        "CUSTOMER_NOTICES": "ended, refunded",
        "SWEEP_MAX_PERCENT": "2.5%",
        "SWEEP_MAX_ORDERS": "50",
        "RECONCILE_MINUTES": "off",
        "RETENTION_DAYS": "off",
    }
    settings = load_settings({**GOOD, **environ}, Role.SERVE)
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "2001:db8::1/128"]
    assert settings.rate_limits.tracking is None
    assert settings.rate_limits.status == RateSetting(requests=5, unit="second")
    assert settings.meta is not None
    assert (settings.meta.api_version, settings.meta.event_names) == ("v18.0", ("Lead", "Purchase"))
    assert settings.redis_url == "redis://:pass@cache.example.com:6379/1"
    assert settings.notices == (NoticeKind.ENDED, NoticeKind.REFUNDED)
    assert settings.sweep == SweepSettings(max_share=0.025, max_orders=50)
    assert settings.reconcile_minutes is None
    assert load_settings({**GOOD, "CUSTOMER_NOTICES": "off"}, Role.SERVE).notices == ()
    for missing in ("META_PIXEL_ID", "META_ACCESS_TOKEN"):
        with pytest.raises(SettingError, match=missing):
            load_settings({key: text for key, text in {**GOOD, **environ}.items() if key != missing}, Role.SERVE)


def test_each_role_needs_only_what_it_uses() -> None:
    """A bot knows no Stripe key, a migration nothing but the database; whoever asks Stripe needs its key."""
    assert load_settings({}, Role.MIGRATE).database_url
    assert load_settings({}, Role.OPERATOR).database_url
    for role in (Role.RECONCILE, Role.WORKER, Role.DOCTOR):
        without_key = {key: value for key, value in GOOD.items() if key != "STRIPE_SECRET_KEY"}
        with pytest.raises(SettingError, match=r"^STRIPE_SECRET_KEY"):
            load_settings(without_key, role)
    assert load_settings({"STRIPE_SECRET_KEY": "rk_test_1"}, Role.RECONCILE).stripe.secret_key == "rk_test_1"
    bot = {key: GOOD[key] for key in ("APP_PUBLIC_BASE_URL", "INTERNAL_API_TOKEN")}
    with pytest.raises(SettingError, match=r"^BOT_TOKEN"):
        load_settings(bot, Role.BOT)
    assert load_settings({**bot, "BOT_TOKEN": "1:a"}, Role.BOT).stripe.prices["sub_monthly"] == ""


def test_worker_that_shows_figures_needs_the_token_for_them() -> None:
    """Without an address it does without; an address may be of either kind."""
    worker = {key: value for key, value in GOOD.items() if key != "INTERNAL_API_TOKEN"}
    assert load_settings(worker, Role.WORKER).internal_tokens == ()
    for text, address in {"0.0.0.0:9101": ("0.0.0.0", 9101), "[::1]:9": ("::1", 9), "host:0": ("host", 0)}.items():  # noqa: S104  - only parsed
        with pytest.raises(SettingError, match=r"^INTERNAL_API_TOKEN"):
            load_settings({**worker, "METRICS_ADDRESS": text}, Role.WORKER)
        assert load_settings({**GOOD, "METRICS_ADDRESS": text}, Role.WORKER).metrics_address == address


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A `.env` file is read too."""
    file = tmp_path / ".env"
    file.write_text("HTTP_PORT=1\nDEFAULT_LOCALE=en\n", encoding="utf-8")
    assert read_environment({"HTTP_PORT": "2"}, file) == {"HTTP_PORT": "2", "DEFAULT_LOCALE": "en"}
    assert read_environment({}, tmp_path / "none") == {}


async def test_every_provider_builds_what_its_port_promises(tmp_path: Path) -> None:
    """The composition root is complete, and connects to nothing."""
    full = {
        **GOOD,
        "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'x.db'}",
        "SMTP_FROM": "a@example.com",
        "BOT_TOKEN": "1:a",
        "MOBI_SLON_POSTBACK_URL": "https://x.example/?{clickid}{status}",
        "META_PIXEL_ID": "123",
        "META_ACCESS_TOKEN": "EAAB",
    }
    container = Container(settings=load_settings(full, Role.SERVE))
    built = {name: provider() for name, provider in container.providers.items()}
    assert all(part is not None for part in built.values())
    assert isinstance(built["gateway"], PaymentGateway)
    assert isinstance(built["webhook"], PaymentWebhook)
    assert isinstance(built["portal"], CustomerPortal)
    assert isinstance(built["ledger"], PaymentLedger)
    assert not (tmp_path / "x.db").exists()
    await container.gateway().close()
    await container.database().close()


@pytest.mark.parametrize(
    "secret",
    [
        "anna@example.com",
        "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
        "sk_live_abc123",
        "whsec_abc123",
        "https://t.me/b?start=" + "aB3_" * 15 + "xy",
        "postgresql+asyncpg://user:hunter2@host/db",
        "/tg/webhook/secret-path-of-the-bot",
    ],
)
def test_what_looks_like_a_secret_is_masked_in_logs(secret: str) -> None:
    """The second wall."""
    masked = mask(f"it was {secret} at last")
    assert "***" in masked
    for part in ("anna@", "AAHdq", "abc123", "aB3_aB3_", "hunter2", "secret-path"):
        assert part not in masked
