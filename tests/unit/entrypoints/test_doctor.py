"""The doctor's own part: all checkups at once and in order, none takes down another, and what settings alone tell."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from msgspec import structs

from entrypoints.doctor import examine, is_healthy, outside_checkups, settings_findings
from entrypoints.settings import Role, Settings, load_settings
from paywall_core.ports.checkup import Checkup, Finding, Verdict
from paywall_core.testing import FakeClock

OK, OFF, WARNING, FAILED = Verdict.OK, Verdict.OFF, Verdict.WARNING, Verdict.FAILED
GOOD = {
    "APP_PUBLIC_BASE_URL": "https://pay.example.com",
    "INTERNAL_API_TOKEN": "an-internal-token-that-is-long-enough",
    "TOKEN_SECRET": "a-token-secret-that-is-long-enough-too",
    "STRIPE_SECRET_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
    "STRIPE_PRICE_SUB_MONTHLY": "price_2",
    "BOT_USERNAME": "paywall_bot",
    "TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::1",
}
EVERYTHING = {
    **GOOD,
    "DATABASE_URL": "postgresql+asyncpg://paywall:pass%2Fword%21@127.0.0.1:1/paywall",
    "REDIS_URL": "redis://:redis-password@127.0.0.1:1/0",
    "STRIPE_API_BASE": "http://127.0.0.1:1",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_PORT": "1",
    "SMTP_USERNAME": "access@example.com",
    "SMTP_PASSWORD": "smtp-password",
    "BOT_TOKEN": "123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "BOT_WEBHOOK_SECRET": "a-webhook-secret-that-is-long-enough",
    "TELEGRAM_API_BASE": "http://127.0.0.1:1",
    "API_INTERNAL_BASE_URL": "http://127.0.0.1:1",
    "META_PIXEL_ID": "77",
    "META_ACCESS_TOKEN": "EAAG-access-token",
    "META_API_BASE": "http://127.0.0.1:1",
    "MOBI_SLON_POSTBACK_URL": "http://127.0.0.1:1/?cnv_id={clickid}&s={status}",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:login-password@127.0.0.1:1",
    "OTEL_EXPORTER_OTLP_HEADERS": "api-key=collector-key",
}


def settings_of(environ: dict[str, str] | None = None, /, **changes: str) -> Settings:
    """Good settings, with some changed."""
    return load_settings({**(environ or GOOD), **changes}, Role.SERVE)


def told(settings: Settings) -> dict[str, Finding]:
    """What the settings alone tell, by subject."""
    found = settings_findings(settings)
    assert len({finding.subject for finding in found}) == len(found)
    return {finding.subject: finding for finding in found}


class Fixed(Checkup):
    """Finds what it is told to, once it is let go."""

    def __init__(self, *details: str, wait_for: asyncio.Event | None = None, sets: asyncio.Event | None = None) -> None:
        self._details, self._wait_for, self._sets = details, wait_for, sets

    async def check(self) -> Sequence[Finding]:
        """The findings."""
        if self._sets is not None:
            self._sets.set()
        if self._wait_for is not None:
            await self._wait_for.wait()
        return [Finding(subject="X", verdict=OK, detail=detail) for detail in self._details]


class Broken(Checkup):
    """Raises, against its word."""

    async def check(self) -> Sequence[Finding]:
        """It never gets to."""
        raise RuntimeError("with smtp-password in its words")


def own(findings: Sequence[Finding], settings: Settings) -> Sequence[Finding]:
    """What came from the checkups."""
    return findings[len(settings_findings(settings)) :]


async def test_checkups_run_at_once_and_keep_their_order() -> None:
    """The first waits for the last to have begun, and still comes first."""
    begun, settings = asyncio.Event(), settings_of()
    checkups = [Fixed("one", "two", wait_for=begun), Fixed("three"), Fixed("four", sets=begun)]
    async with asyncio.timeout(10):
        found = await examine(settings, checkups)
    assert [finding.detail for finding in own(found, settings)] == ["one", "two", "three", "four"]
    assert list(found[: len(settings_findings(settings))]) == list(settings_findings(settings))


async def test_broken_checkup_is_a_finding_without_its_words() -> None:
    """The others' findings stay; an exception's text may hold anything."""
    settings = settings_of()
    found = own(await examine(settings, [Fixed("before"), Broken(), Fixed("after")]), settings)
    assert [(finding.verdict, finding.detail) for finding in found] == [
        (OK, "before"),
        (FAILED, "broke off: RuntimeError"),
        (OK, "after"),
    ]
    assert found[1].subject == "Broken"


async def test_endless_checkup_is_cut_off() -> None:
    """Seconds, not for ever."""
    settings = settings_of()
    found = await examine(settings, [Fixed("never", wait_for=asyncio.Event())], timeout_seconds=0.05)
    assert own(found, settings)[0].detail == "did not come to an end within 0.05 s"
    assert not is_healthy(found)


async def test_secret_in_a_finding_is_masked() -> None:
    """The second wall, for each secret among the settings, and for what looks like one."""
    settings = settings_of(EVERYTHING)
    secrets = [
        GOOD["INTERNAL_API_TOKEN"],
        GOOD["TOKEN_SECRET"],
        EVERYTHING["BOT_TOKEN"],
        EVERYTHING["BOT_WEBHOOK_SECRET"],
        "smtp-password",
        "EAAG-access-token",
        "redis-password",
        "login-password",
        "collector-key",
        "pass%2Fword%21",
        "pass/word!",
        "sk_live_abc123",
        "anna@example.com",
    ]
    found = own(await examine(settings, [Fixed(*(f"it was {secret} at last" for secret in secrets))]), settings)
    assert [finding.detail for finding in found[:11]] == ["it was *** at last"] * 11
    assert [secret for secret in secrets if any(secret in finding.detail for finding in found)] == []


@pytest.mark.parametrize(("verdicts", "healthy"), [((), True), ((OK, OFF, WARNING), True), ((OK, FAILED), False)])
def test_only_a_failure_is_an_illness(verdicts: Sequence[Verdict], *, healthy: bool) -> None:
    """What is off or wants a look ends a checkup well."""
    assert is_healthy([Finding(subject="X", verdict=verdict, detail="") for verdict in verdicts]) is healthy


async def test_everything_configured_is_asked_and_tells_no_secret() -> None:
    """With nobody at home anywhere, each setting has its line, and none holds a secret."""
    settings = settings_of({**EVERYTHING, "APP_PUBLIC_BASE_URL": "http://127.0.0.1:1"})
    async with asyncio.timeout(60):
        found = own(await examine(settings, outside_checkups(settings, FakeClock())), settings)
    assert [(finding.subject, finding.verdict) for finding in found] == [
        ("DATABASE_URL", FAILED),
        ("STRIPE_API_BASE", FAILED),
        ("STRIPE_WEBHOOK_SECRET", OK),  # it is set; more is not known of it
        ("REDIS_URL", FAILED),
        ("APP_PUBLIC_BASE_URL", WARNING),
        ("API_INTERNAL_BASE_URL", WARNING),
        ("TELEGRAM_API_BASE", FAILED),
        ("SMTP_HOST", FAILED),
        ("META_API_BASE", FAILED),
        ("META_GRAPH_API_VERSION", WARNING),  # the default
        ("MOBI_SLON_POSTBACK_URL", FAILED),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", WARNING),
    ]
    raw = [await checkup.check() for checkup in outside_checkups(settings, FakeClock())]
    text = "".join(finding.detail for findings in raw for finding in findings)
    for secret in (
        "password",
        "pass%2Fword",
        "pass/word",
        "AAHdq",
        "EAAG",
        "webhook-secret",
        "access@",
        "collector-key",
    ):
        assert secret not in text


def test_what_is_off_is_not_asked() -> None:
    """Only the database, Stripe and our own address always are."""
    names = [type(checkup).__name__ for checkup in outside_checkups(settings_of(), FakeClock())]
    assert names == ["DatabaseCheckup", "StripeCheckup", "HealthCheckup"]


def test_good_settings_tell_nothing_bad() -> None:
    """All that is unset is off, and says what that means."""
    found = told(settings_of())
    assert {subject: finding.verdict for subject, finding in found.items()} == {
        "INTERNAL_API_TOKEN": OK,
        "TOKEN_SECRET": OK,
        "TRUSTED_PROXIES": OK,
        "SMTP_HOST": OFF,
        "BOT_TOKEN": OFF,
        "META_PIXEL_ID": OFF,
        "MOBI_SLON_POSTBACK_URL": OFF,
        "REDIS_URL": OFF,
    }
    assert found["SMTP_HOST"].detail == "mail is off: customers get no activation link by e-mail"
    assert found["TRUSTED_PROXIES"].detail == "X-Forwarded-For is believed of 10.0.0.0/8, 2001:db8::1/128"
    assert {finding.verdict for finding in told(settings_of(EVERYTHING)).values()} == {OK}


@pytest.mark.parametrize("name", ["INTERNAL_API_TOKEN", "TOKEN_SECRET", "BOT_WEBHOOK_SECRET"])
@pytest.mark.parametrize(("characters", "verdict"), [(31, WARNING), (32, OK)])
def test_short_secret_is_a_warning(name: str, characters: int, verdict: Verdict) -> None:
    """From 32 characters on nobody guesses it; an older one that is still valid counts too."""
    assert told(settings_of(**{name: "x" * characters}))[name].verdict is verdict
    if name != "BOT_WEBHOOK_SECRET":
        found = told(settings_of(**{name: f"{'y' * 40},{'x' * characters}"}))
        assert found[name].verdict is verdict


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"INTERNAL_API_TOKEN": GOOD["TOKEN_SECRET"]}, "INTERNAL_API_TOKEN, TOKEN_SECRET"),
        ({"TOKEN_SECRET": f"{'n' * 40},{GOOD['INTERNAL_API_TOKEN']}"}, "INTERNAL_API_TOKEN, TOKEN_SECRET"),
        ({"BOT_WEBHOOK_SECRET": GOOD["TOKEN_SECRET"]}, "TOKEN_SECRET, BOT_WEBHOOK_SECRET"),
        ({"BOT_WEBHOOK_SECRET": GOOD["INTERNAL_API_TOKEN"]}, "INTERNAL_API_TOKEN, BOT_WEBHOOK_SECRET"),
    ],
)
def test_one_secret_for_two_purposes_is_a_warning(changes: dict[str, str], subject: str) -> None:
    """The webhook's secret is known to Telegram, the internal token to every bot; TOKEN_SECRET opens every door."""
    found = told(settings_of(**changes))
    assert found[subject].verdict is WARNING
    assert not any(value in found[subject].detail for value in changes.values())


@pytest.mark.parametrize(
    ("base", "key", "verdict"),
    [
        ("https://pay.example.com", "sk_live_1", None),
        ("http://pay.example.com", "sk_live_1", FAILED),
        ("http://pay.example.com", "rk_live_1", FAILED),
        ("http://pay.example.com", "sk_test_1", WARNING),
        ("http://127.0.0.1:8000", "sk_test_1", OK),
        ("http://[::1]:8000", "sk_test_1", OK),
        ("http://localhost:8000", "sk_test_1", OK),
        ("http://localhost:8000", "sk_live_1", FAILED),
    ],
)
def test_live_money_wants_a_public_https_address(base: str, key: str, verdict: Verdict | None) -> None:
    """With a test key all may be tried; what is as it should be is left to the checkup that asks there."""
    found = told(settings_of(APP_PUBLIC_BASE_URL=base, STRIPE_SECRET_KEY=key)).get("APP_PUBLIC_BASE_URL")
    assert (found and found.verdict) == verdict


@pytest.mark.parametrize(
    ("base", "proxies", "verdict"),
    [
        ("https://pay.example.com", "", WARNING),
        ("https://pay.example.com", "10.1.2.3", OK),
        ("https://pay.example.com", "10.1.2.3, 0.0.0.0/0", WARNING),
        ("https://pay.example.com", "::/0", WARNING),
        ("http://127.0.0.1:8000", "", OFF),
    ],
)
def test_proxies_are_believed_neither_too_little_nor_too_much(base: str, proxies: str, verdict: Verdict) -> None:
    """Behind a proxy that is not believed all customers are one; where all are believed, none can be limited."""
    found = told(settings_of(APP_PUBLIC_BASE_URL=base, TRUSTED_PROXIES=proxies))["TRUSTED_PROXIES"]
    assert found.verdict is verdict


def test_settings_of_a_smaller_role_are_looked_at_too() -> None:
    """What a role leaves out is no mistake."""
    found = settings_findings(load_settings({}, Role.MIGRATE))
    assert {finding.verdict for finding in found} == {OFF}
    changes: dict[str, Any] = {"trusted_proxies": (ip_network("10.0.0.0/8"),)}
    assert settings_findings(structs.replace(load_settings({}, Role.MIGRATE), **changes)) == found
