"""The whole doctor in the whole outside world: well when all is well, and each trouble has its line."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.db.migrate import migrate
from entrypoints.doctor import examine, is_healthy, outside_checkups
from entrypoints.sandbox.world import OutsideWorld
from entrypoints.settings import Role, Settings, load_settings
from paywall_core.ports.checkup import Finding, Verdict
from paywall_core.testing import FakeClock

PRODUCT = "http://127.0.0.1:1"  # nobody listens: the product does not run here


async def prepared(world: OutsideWorld, tmp_path: Path) -> Settings:
    """The sandbox's own settings, with a database of our schema."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'paywall.db'}"
    await migrate(url)
    environ = world.product_environment(product_url=PRODUCT)
    return load_settings({**environ, "DATABASE_URL": url, "META_GRAPH_API_VERSION": "v999.0"}, Role.SERVE)


async def examined(settings: Settings) -> Sequence[Finding]:
    """Everything that the doctor says."""
    return await examine(settings, outside_checkups(settings, FakeClock(datetime.now(UTC))))  # Stripe's clock is real


def subjects(found: Sequence[Finding], verdict: Verdict) -> set[str]:
    """Which ended so."""
    return {finding.subject for finding in found if finding.verdict is verdict}


async def test_sandbox_is_well(tmp_path: Path) -> None:
    """Only the product itself, which does not run, wants a look; nothing is sent to anybody."""
    async with OutsideWorld.start() as world, world.webhooks_to(PRODUCT):
        settings = await prepared(world, tmp_path)
        found = await examined(settings)
        assert is_healthy(found)
        assert subjects(found, Verdict.WARNING) == {
            "APP_PUBLIC_BASE_URL",
            "API_INTERNAL_BASE_URL",
            "Stripe customer portal",  # its login page is made at first use
        }
        assert subjects(found, Verdict.OK) >= {
            "DATABASE_URL",
            "database durability",
            "database writing",
            "database schema",
            "STRIPE_SECRET_KEY",
            "STRIPE_PRICE_ONE_TIME_BASIC",
            "STRIPE_PRICE_SUB_MONTHLY",
            "STRIPE_WEBHOOK_SECRET",
            "Stripe webhook endpoint",
            "Stripe webhook events",
            "Stripe webhook API version",
            "clock",
            "BOT_TOKEN",
            "BOT_USERNAME",
            "BOT_MODE",
            "SMTP_HOST",
            "SMTP_FROM",
            "META_ACCESS_TOKEN, META_PIXEL_ID",
            "MOBI_SLON_POSTBACK_URL",
        }
        assert world.trackers.received() == []
        assert world.mailbox.messages() == []
        keys = world.keys
        text = "".join(finding.detail for finding in found)
        stripe = (keys.stripe_secret_key, keys.stripe_webhook_secret)
        for secret in (*stripe, keys.bot_token, keys.token_secret, keys.internal_api_token, keys.meta_access_token):
            assert secret not in text


async def test_each_trouble_has_its_line(tmp_path: Path) -> None:
    """All at once; the database is none of theirs."""
    async with OutsideWorld.start() as world:
        settings = await prepared(world, tmp_path)
        world.troubles.stripe_down = world.troubles.telegram_down = world.troubles.smtp_down = (
            world.troubles.trackers_down
        ) = True
        found = await examined(settings)
        assert not is_healthy(found)
        assert subjects(found, Verdict.FAILED) == {
            "STRIPE_API_BASE",
            "TELEGRAM_API_BASE",
            "SMTP_HOST",
            "META_ACCESS_TOKEN, META_PIXEL_ID",
        }
