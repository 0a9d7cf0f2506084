"""The alert rules: each real fault is made on a running product, fires its rule, and no other; mended, it is silent."""

import re
import shutil
import subprocess
from typing import Final

import pytest
from sqlalchemy import text

from adapters.db.database import Database
from paywall_core.errors import DeliveryFailed
from paywall_core.operator import Operator
from paywall_core.ports.operations import INVARIANTS, OutboxQuery
from paywall_core.ports.unit_of_work import DeliveryStatus
from tests.integration.http.rows.service import METRICS
from tests.integration.http.service import INTERNAL, running
from tests.integration.http.test_every_call import Away

from .expressions import NotKnown, parse, selectors
from .town import Town
from .watching import OBSERVABILITY, Prometheus, rules

PROMTOOL: Final = shutil.which("promtool")


def test_each_invariant_has_its_rule_and_each_rule_its_command() -> None:
    """None is forgotten, and whoever is woken knows what to run."""
    watched = {
        value
        for rule in rules().values()
        for selector in selectors(parse(rule["expr"]))
        for label, _, value in selector.matchers
        if label == "invariant"
    }
    assert watched == set(INVARIANTS)
    for rule in rules().values():
        assert re.search(r"Run: paywall [a-z -]+$", rule["annotations"]["summary"])
        assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.skipif(PROMTOOL is None, reason="there is no promtool: our own reading of the rules is what is tried")
def test_promtool_itself_finds_nothing() -> None:
    """Prometheus's own check of rules."""
    command = [PROMTOOL or "", "check", "rules", str(OBSERVABILITY / "alerts.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  - our own file
    assert done.returncode == 0, done.stdout + done.stderr


async def test_nothing_fires_while_all_is_well(town: Town) -> None:
    """Sales, refused requests of strangers, and a quiet half hour."""
    async with town.product() as world:
        for _ in range(12):
            started = await town.buy(world)
            assert await world.redeem(started.order_id, town._buyers)
            assert await town.prometheus.go_on(minutes=0.25) == set()
        for path in ("/api/nothing", "/wp-login.php", f"/api/payment/session-status?session_id={'x' * 20}"):
            assert (await world.client.get(path)).status_code in (400, 404)
        answer = await world.client.post("/api/stripe/webhook", content=b"{}", headers={"stripe-signature": "t=1,v1=1"})
        assert answer.status_code == 400
        assert await town.prometheus.go_on(minutes=30) == set()


async def test_wrong_webhook_secret_fires_until_it_is_right(town: Town) -> None:
    """As after a secret was rolled in Stripe's dashboard, and not here."""
    async with town.product() as world:
        await town.buy(world)
        assert await town.prometheus.go_on(minutes=20) == set()
    async with town.product(STRIPE_WEBHOOK_SECRET="whsec_of_another_endpoint") as world:
        assert await town.prometheus.go_on(minutes=1) == set()
        started, events = await town.order(world)
        for event in events:
            with pytest.raises(AssertionError, match="invalid_signature"):
                await world.webhook(event)
        assert await town.prometheus.go_on(minutes=2) == {"PaywallWebhookSignatures"}
    async with town.product() as world:
        for event in events:
            await world.webhook(event)
        assert await town.prometheus.go_on(minutes=20) == set()
        assert await world.redeem(started.order_id, 1)


async def test_stopped_worker_fires_and_then_its_stuck_outbox(town: Town) -> None:
    """A purchase whose effects nobody delivers; a worker makes up for it."""
    async with town.product() as world:
        await town.buy(world)
        assert await town.prometheus.go_on(minutes=10) == set()
    async with town.product(works=False) as world:
        await town.buy(world)
        assert await town.prometheus.go_on(minutes=1) == set()
        assert await town.prometheus.go_on(minutes=7) == {"PaywallWorkerNotRunning", "PaywallOutboxLag"}
        stuck = {"PaywallWorkerNotRunning", "PaywallOutboxLag", "PaywallOutboxStuck"}
        assert await town.prometheus.go_on(minutes=26) == stuck
    async with town.product() as world:
        assert await town.prometheus.go_on(minutes=1) == set()
        assert len(world.postbox.keys) == 3  # mail, chat and tracker


async def test_stripe_that_does_not_answer_the_worker_fires_until_it_does(town: Town) -> None:
    """Its list is asked every ten minutes, and was not had since the worker started."""
    async with town.product(STRIPE_API_BASE="http://127.0.0.1:9/stripe"):
        assert await town.prometheus.go_on(minutes=29) == set()
        assert await town.prometheus.go_on(minutes=2) == {"PaywallNotReconciled"}
    async with town.product():
        assert await town.prometheus.go_on(minutes=15) == set()


async def test_payment_whose_link_was_lost_fires_until_it_is_sent_again(town: Town) -> None:
    """What was owed is gone from the outbox, as after a restored backup: nobody would ever tell the customer."""
    async with town.product() as world:
        started = await town.buy(world)
        assert await town.prometheus.go_on(minutes=3) == set()
        async with world.engine.begin() as connection:
            await connection.execute(text("DELETE FROM outbox WHERE key LIKE 'access_email:%'"))
        assert await town.prometheus.go_on(minutes=1) == set()
        assert await town.prometheus.go_on(minutes=2) == {"PaywallPaidWithoutAccess"}
        await world.container.resend_link()(started.order_id, Operator.of("kate", "it was lost"))
        assert await town.prometheus.go_on(minutes=0.25) == set()
        assert f"access_email:{started.order_id}:1:resend-1" in world.postbox.keys


async def test_database_that_takes_no_payment_fires_until_it_does(town: Town) -> None:
    """A table is away, as in a migration that was begun by hand: Stripe hears 500, and sends again."""
    async with town.product() as world:
        await town.buy(world)
        assert await town.prometheus.go_on(minutes=6) == set()
        _, events = await town.order(world)
        async with world.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE payment_events RENAME TO elsewhere"))
        for event in events:
            with pytest.raises(AssertionError, match="internal_error"):
                await world.webhook(event)
        town.prometheus.works = None  # its watch cannot read either
        assert await town.prometheus.go_on(minutes=3) == {
            "PaywallWebhooksFailing",
            "PaywallErrors",
            "PaywallDatabaseAway",
        }
        async with world.engine.begin() as connection:
            await connection.execute(text("ALTER TABLE elsewhere RENAME TO payment_events"))
        for event in events:
            await world.webhook(event)
        town.prometheus.works = world.container
        assert await town.prometheus.go_on(minutes=20) == set()


async def test_events_that_come_late_fire_until_they_come_in_time(town: Town) -> None:
    """Stripe, or the way from there, holds them back for ten minutes."""
    async with town.product() as world:
        await town.buy(world)
        assert await town.prometheus.go_on(minutes=16) == set()
        _, events = await town.order(world)
        assert await town.prometheus.go_on(minutes=10) == set()
        for event in events:
            await world.webhook(event)
        assert await town.prometheus.go_on(minutes=3) == {"PaywallWebhooksOld"}
        for _ in range(30):
            await town.buy(world)
        assert await town.prometheus.go_on(minutes=16) == set()


async def test_delivery_that_was_given_up_fires_until_it_is_retried(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server that refuses for good."""
    async with town.product() as world:
        with monkeypatch.context() as patched:

            async def refuse(message: object) -> None:
                raise DeliveryFailed("550", permanent=True)

            patched.setattr(world.postbox, "send_access", refuse)
            await town.buy(world)
            assert await town.prometheus.go_on(minutes=3) == {"PaywallDeadLetters"}
        lines = await world.container.database().outbox_archive.lines(OutboxQuery(statuses=(DeliveryStatus.DEAD,)))
        await world.container.retry_deliveries()([line.key for line in lines], Operator.of("kate", "mended"))
        assert await town.prometheus.go_on(minutes=0.25) == set()


async def test_process_that_does_not_answer_fires(town: Town) -> None:
    """A second API, that has gone; and a worker that is not scraped at all."""
    async with town.product() as world:
        town.prometheus.targets["paywall:8001"] = world.client
        assert await town.prometheus.go_on(minutes=3) == set()
        town.prometheus.targets["paywall:8001"] = None
        assert await town.prometheus.go_on(minutes=3) == {"PaywallProcessDown"}
        town.prometheus.targets["paywall:8000"] = None
        assert await town.prometheus.go_on(minutes=3) == {"PaywallProcessDown", "PaywallWorkerNotRunning"}
        town.prometheus.targets = {"paywall:8000": world.client}
        assert await town.prometheus.go_on(minutes=6) == set()


async def test_database_that_is_away_fires_and_the_process_still_tells_its_own(database: Database) -> None:
    """What was counted is most wanted then."""
    async with running(database, storage=Away()) as service:
        prometheus = Prometheus(service.clock, token=INTERNAL["X-Internal-Token"])
        prometheus.targets["paywall:8000"] = service.client
        assert await prometheus.go_on(minutes=3) == {"PaywallDatabaseAway", "PaywallWorkerNotRunning"}
        answer = await service.client.get(METRICS.path, headers=METRICS.headers)
        assert "paywall_database_up 0.0" in answer.text
        assert "paywall_http_request_duration_seconds_count" in answer.text
        assert "paywall_invariant_violations" not in answer.text


def test_rule_in_a_language_that_is_not_known_is_an_error() -> None:
    """Nothing is taken for something else."""
    with pytest.raises(NotKnown):
        parse('predict_linear(m{a="b"}[5m], 60) > 0')
