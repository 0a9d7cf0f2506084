"""The doctor: what the settings alone tell, and what each outside service says, side by side, one line each.

Every checkup runs at the same time as the others. None may raise, take long or tell a secret; one that does all the
same costs its own line and nothing else.
"""

import asyncio
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import structs

from adapters.bot.checkup import TelegramCheckup
from adapters.db.checkup import DatabaseCheckup
from adapters.http.checkup import HealthCheckup, RedisCheckup
from adapters.otel.checkup import CollectorCheckup
from adapters.smtp.checkup import SmtpCheckup
from adapters.stripe.checkup import StripeCheckup
from adapters.tracking.checkup import MetaCheckup, MobiSlonCheckup
from entrypoints.logs import mask
from entrypoints.settings import Settings
from paywall_core.ports.checkup import Checkup, Finding, Verdict
from paywall_core.ports.clock import Clock

_LONGEST_SECONDS: Final = 30.0
_GOOD_SECRET_CHARACTERS: Final = 32
_SHORTEST_MASKED_CHARACTERS: Final = 6  # a shorter one would black out words that have nothing to do with it
_LIVE: Final = ("sk_live_", "rk_live_")


async def examine(
    settings: Settings, checkups: Sequence[Checkup], *, timeout_seconds: float = _LONGEST_SECONDS
) -> Sequence[Finding]:
    """What the settings alone tell, then each checkup's findings, in the checkups' order.

    Args:
        settings: those that the checkups were made of; no secret among them is in a finding.
        checkups: asked all at once.
        timeout_seconds: a checkup that is not done by then has failed.
    """
    found = await asyncio.gather(*(_asked(checkup, timeout_seconds) for checkup in checkups))
    secrets = sorted(set(_secret_values(settings)), key=len, reverse=True)
    return [_without_secrets(finding, secrets) for group in (settings_findings(settings), *found) for finding in group]


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed. What is off, or only wants a look, is no illness."""
    return all(finding.verdict is not Verdict.FAILED for finding in findings)


def outside_checkups(settings: Settings, clock: Clock) -> Sequence[Checkup]:
    """A checkup of each outside service that is configured. Connects to nothing."""
    smtp, bot, meta = settings.smtp, settings.bot, settings.meta
    checkups: list[Checkup] = [
        DatabaseCheckup(settings.database_url, clock=clock),
        StripeCheckup(
            api_key=settings.stripe.secret_key,
            api_base=settings.stripe.api_base,
            prices=settings.stripe.prices,
            public_base_url=settings.public_base_url,
            webhook_secrets=len(settings.stripe.webhook_secrets),
            clock=clock,
        ),
    ]
    if settings.redis_url is not None:
        checkups.append(RedisCheckup(settings.redis_url))
    if settings.public_base_url:
        checkups.append(HealthCheckup(subject="APP_PUBLIC_BASE_URL", base_url=settings.public_base_url))
    if bot.token is not None:
        checkups.append(HealthCheckup(subject="API_INTERNAL_BASE_URL", base_url=settings.internal_api_url))
        checkups.append(
            TelegramCheckup(
                token=bot.token,
                username=bot.username,
                mode=bot.mode,
                webhook_secret=bot.webhook_secret,
                public_base_url=settings.public_base_url,
                api_base=bot.api_base,
                clock=clock,
            )
        )
    if smtp is not None:
        checkups.append(
            SmtpCheckup(
                host=smtp.host,
                port=smtp.port,
                starttls=smtp.starttls,
                username=smtp.username,
                password=smtp.password,
                sender=smtp.sender,
            )
        )
    if meta is not None:
        checkups.append(
            MetaCheckup(
                pixel_id=meta.pixel_id,
                access_token=meta.access_token,
                api_version=meta.api_version,
                api_base=meta.api_base,
                clock=clock,
            )
        )
    if settings.mobi_slon_url is not None:
        checkups.append(MobiSlonCheckup(settings.mobi_slon_url))
    if settings.collector is not None:
        checkups.append(CollectorCheckup(endpoint=settings.collector.endpoint, headers=settings.collector.headers))
    return checkups


def settings_findings(settings: Settings) -> Sequence[Finding]:
    """What needs no network: secrets, our address, proxies, and what is off. Pure."""
    return [*_secrets(settings), *_address(settings), *_off(settings)]


def _secrets(settings: Settings) -> Iterator[Finding]:
    """Long enough, and each for one purpose: whoever learns one must not have the other."""
    given = {
        "INTERNAL_API_TOKEN": settings.internal_tokens,
        "TOKEN_SECRET": tuple(secret.decode(errors="replace") for secret in settings.token_secrets),
        "BOT_WEBHOOK_SECRET": tuple(filter(None, [settings.bot.webhook_secret])),
    }
    for name, secrets in given.items():
        if any(len(secret) < _GOOD_SECRET_CHARACTERS for secret in secrets):
            detail = (
                f"shorter than {_GOOD_SECRET_CHARACTERS} characters: make one by "
                "`python3 -c 'import secrets; print(secrets.token_urlsafe(32))'`"
            )
            yield Finding(subject=name, verdict=Verdict.WARNING, detail=detail)
        elif secrets:
            detail = f"long enough ({len(secrets)}, newest first)" if len(secrets) > 1 else "long enough"
            yield Finding(subject=name, verdict=Verdict.OK, detail=detail)
    names = list(given)
    for at, name in enumerate(names):
        for other in names[at + 1 :]:
            if set(given[name]) & set(given[other]):
                detail = "the same secret in both: whoever learns the one has the other; give each its own"
                yield Finding(subject=f"{name}, {other}", verdict=Verdict.WARNING, detail=detail)


def _address(settings: Settings) -> Iterator[Finding]:
    """Where customers come to, and whose word we take for where they come from."""
    if not settings.public_base_url:
        return
    parts = urlsplit(settings.public_base_url)
    live = settings.stripe.secret_key.startswith(_LIVE)
    encrypted = parts.scheme == "https"
    subject = "APP_PUBLIC_BASE_URL"
    if _is_this_machine(parts.hostname or ""):
        verdict = Verdict.FAILED if live else Verdict.OK
        detail = "leads to this machine alone" + (", and STRIPE_SECRET_KEY is a live one" if live else "")
        yield Finding(subject=subject, verdict=verdict, detail=detail)
    elif not encrypted:
        verdict = Verdict.FAILED if live else Verdict.WARNING
        detail = "is not https: addresses, links and tokens of customers cross the network in the clear"
        yield Finding(subject=subject, verdict=verdict, detail=detail)
    yield _proxies(settings, encrypted=encrypted)


def _proxies(settings: Settings, *, encrypted: bool) -> Finding:
    subject, proxies = "TRUSTED_PROXIES", settings.trusted_proxies
    if any(network.prefixlen == 0 for network in proxies):
        detail = "everybody is believed: a customer can claim any address, and so has no rate limit"
        return Finding(subject=subject, verdict=Verdict.WARNING, detail=detail)
    if proxies:
        detail = f"X-Forwarded-For is believed of {', '.join(map(str, proxies))}"
        return Finding(subject=subject, verdict=Verdict.OK, detail=detail)
    if encrypted:
        # We serve plain HTTP, so something else encrypts, and it is what connects to us.
        detail = (
            "APP_PUBLIC_BASE_URL is https, so a proxy stands before us, and all customers seem to come from it: "
            "they share one rate limit; set the proxy's address"
        )
        return Finding(subject=subject, verdict=Verdict.WARNING, detail=detail)
    return Finding(subject=subject, verdict=Verdict.OFF, detail="no proxy is believed")


def _off(settings: Settings) -> Iterator[Finding]:
    """What is wholly unset, and what that means."""
    off = (
        ("SMTP_HOST", settings.smtp, "mail is off: customers get no activation link by e-mail"),
        ("BOT_TOKEN", settings.bot.token, "the bot is off: `paywall serve` runs none, and no message goes to Telegram"),
        ("META_PIXEL_ID", settings.meta, "Meta is off: it is told of no event"),
        ("MOBI_SLON_POSTBACK_URL", settings.mobi_slon_url, "MobiSлон is off: it is told of no click"),
        ("REDIS_URL", settings.redis_url, "off: each process counts rate limits by itself, which suits one process"),
    )
    for subject, value, detail in off:
        if value is None:
            yield Finding(subject=subject, verdict=Verdict.OFF, detail=detail)


async def _asked(checkup: Checkup, timeout_seconds: float) -> Sequence[Finding]:
    """Its findings, or one that says how it broke its word; never what its exception says, which may be anything."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await checkup.check()
    except TimeoutError:
        detail = f"did not come to an end within {timeout_seconds:g} s"
    except Exception as error:  # noqa: BLE001  - one broken checkup must not take the others' findings along
        detail = f"broke off: {type(error).__name__}"
    return [Finding(subject=type(checkup).__name__, verdict=Verdict.FAILED, detail=detail)]


def _without_secrets(finding: Finding, secrets: Sequence[str]) -> Finding:
    """The second wall: a checkup tells no secret in the first place."""
    detail = finding.detail
    for secret in secrets:
        detail = detail.replace(secret, "***")
    return structs.replace(finding, detail=mask(detail))


def _secret_values(settings: Settings) -> Iterator[str]:
    smtp, bot, meta, stripe = settings.smtp, settings.bot, settings.meta, settings.stripe
    collector = settings.collector
    given = [
        *settings.internal_tokens,
        *(secret.decode(errors="replace") for secret in settings.token_secrets),
        stripe.secret_key,
        *stripe.webhook_secrets,
        bot.token,
        bot.webhook_secret,
        smtp and smtp.password,
        meta and meta.access_token,
        *(collector.headers.values() if collector else ()),
    ]
    for url in (settings.database_url, settings.redis_url or "", collector.endpoint if collector else ""):
        login = url.partition("://")[2].rpartition("@")[0]  # urlsplit would stumble over an odd password
        password = login.partition(":")[2]
        given += [password, unquote(password)]
    return (secret for secret in given if secret and len(secret) >= _SHORTEST_MASKED_CHARACTERS)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
