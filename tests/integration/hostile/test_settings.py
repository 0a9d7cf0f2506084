"""Settings: any environment gives settings or one line, and a secret is in no line."""

from hypothesis import given
from hypothesis import strategies as st

from entrypoints.settings import Role

from .raw import GOOD_SETTINGS
from .shapes import BOUNDED
from .worlds import check_settings

_NAMES = st.sampled_from(
    [
        *GOOD_SETTINGS, "DATABASE_URL", "HTTP_PORT", "TRUSTED_PROXIES", "CORS_ORIGINS", "RATE_LIMIT_STATUS",
        "BOT_TOKEN", "BOT_MODE", "BOT_WEBHOOK_SECRET", "SMTP_HOST", "SMTP_PORT", "SMTP_USERNAME", "SMTP_PASSWORD",
        "SMTP_FROM", "META_PIXEL_ID", "META_ACCESS_TOKEN", "META_GRAPH_API_VERSION", "MOBI_SLON_POSTBACK_URL",
        "REDIS_URL", "CUSTOMER_NOTICES", "SWEEP_MAX_PERCENT", "SWEEP_MAX_ORDERS", "RECONCILE_MINUTES", "RETENTION_DAYS",
        "SUBSCRIPTION_GRACE_HOURS", "ONE_TIME_BASIC_DAYS", "DEFAULT_LOCALE", "LOG_FORMAT", "STRIPE_API_BASE",
        "TELEGRAM_API_BASE", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME",
        "METRICS_ADDRESS",
    ]
)  # fmt: skip
_ODD = [
    "http://[",
    "http://a:b",
    "http://\udcff",
    "nan",
    "inf",
    "9" * 5000,
    "\u0661\u0662",
    "\x00",
    "1/0",
    "x" * 9999,
    ",",
]
_VALUES = st.text(st.characters(), max_size=30) | st.sampled_from([*_ODD, *GOOD_SETTINGS.values(), "sk_\udc80", "1%"])


@BOUNDED
@given(st.dictionaries(_NAMES, _VALUES, max_size=6), st.sampled_from(Role))
def test_any_environment_is_settings_or_one_line(changes: dict[str, str], role: Role) -> None:
    """Over a good environment, for every role."""
    check_settings({**GOOD_SETTINGS, **changes}, role)


def test_secret_that_is_no_utf8_is_named() -> None:
    """Its bytes come out of the environment as surrogates, which no signature can be made with."""
    for name in ("TOKEN_SECRET", "INTERNAL_API_TOKEN", "STRIPE_WEBHOOK_SECRET"):
        assert check_settings({**GOOD_SETTINGS, name: "whsec_0123456789abcdef\udcff"}, Role.SERVE) is None
