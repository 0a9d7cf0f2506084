"""From the click to the bot's welcome: one trace, told by three processes of which two are killed in between."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.crashes import member as members
from tests.integration.crashes.customers import Customer, Life, Way, link_of
from tests.integration.crashes.town import Town, town
from tests.integration.otel.collector import Collector
from tests.integration.otel.waterfall import picture

_OWED = {"access_email", "activation_message", "report_sale"}
_LEASE_SECONDS = 60.0  # none runs out while a slow machine mails: each try is a span
_HEADERS = "api-key=a%20key%20of%20tests"
_AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # the processes are killed, and would keep for seconds what they know


@pytest.mark.timeout(180)
@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_purchase_is_one_trace_through_all_processes(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id is the order's; nothing in it opens a door or names a person."""
    monkeypatch.setattr(members, "LEASE_SECONDS", _LEASE_SECONDS)
    customer = Customer(
        number=1, mode="one_time", way=Way.BOT, has_chat=True, refund="", restores=False, arrives_after=0
    )
    async with (
        Collector.running() as collector,
        town(
            database_url,
            tmp_path,
            ("api", "worker", "bot"),
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.origin,
            OTEL_EXPORTER_OTLP_HEADERS=_HEADERS,
            **_AT_ONCE,
        ) as place,
    ):
        place.world.telegram.add_user("Anna", language_code="en", user_id=customer.user)
        await place.world.telegram.start(customer.user)
        life = Life(place, customer)
        await life.check_out()
        await collector.until("checkout", "open checkout")
        for member in place.members:
            if member.command != "bot":
                member.kill()
        await place.all_up()
        life.pay()
        token = await place.insist(lambda: _link(place, customer), "the link")
        await place.world.telegram.start(customer.user, token)
        await place.world.telegram.wait_for_message(customer.user, containing="Welcome", timeout_seconds=60)
        await collector.until("record", "outbox", "redeem")
        worker = next(member for member in place.members if member.command == "worker")
        async with asyncio.timeout(60):
            while {span.about["paywall.effect"] for span in collector.named("deliver")} != _OWED or len(
                worker.said("delivery.done")
            ) < len(_OWED):
                await asyncio.sleep(0.05)
        mails = place.world.mailbox.messages(to=customer.email)
        (told,) = [line for line in worker.said("delivery.done") if line["key"].startswith("access_email")]

    (checkout,) = collector.named("checkout")
    assert UUID(checkout.trace_id) == UUID(checkout.about["paywall.order_id"])
    assert {span.trace_id for span in collector.spans} == {checkout.trace_id}
    assert {span.parent_id for span in collector.spans if span is not checkout} == {checkout.span_id}
    assert (checkout.parent_id, checkout.service, checkout.error) == ("", "paywall-api", "")
    (moved,) = collector.named("record", moved="pending -> token_issued")
    assert (moved.service, moved.about["paywall.way"]) == ("paywall-api", "webhook")
    assert moved.about["stripe.event_type"] == "checkout.session.completed"
    (lay,) = collector.named("outbox", effect="access_email")
    (mailed,) = collector.named("deliver", effect="access_email", outcome="delivered")
    assert (mailed.service, mailed.about["paywall.lane"], mailed.about["paywall.attempt"]) == (
        "paywall-worker",
        "mail",
        1,
    )
    assert checkout.ended <= moved.begun <= lay.ended == mailed.begun <= mailed.ended
    (redeemed,) = collector.named("redeem")
    assert redeemed.service == "paywall-api"
    assert all(headers["api-key"] == "a key of tests" for headers in collector.headers)
    assert mails
    assert (told["order_id"], told["trace_id"]) == (checkout.about["paywall.order_id"], checkout.trace_id)
    for secret in (token, customer.email, place.world.keys.internal_api_token):
        assert secret.encode() not in collector.raw
    if album := os.environ.get("PAYWALL_SCREENSHOTS"):
        (Path(album) / "trace.svg").write_text(picture(collector.spans))


async def _link(place: Town, customer: Customer) -> str | None:
    return link_of(place, customer)


async def test_checkout_that_stripe_refuses_is_told_with_its_error(database_url: str, tmp_path: Path) -> None:
    """The order's id is in the log then, too: there is a trace to look at."""
    customer = Customer.who_only_pays(1)
    async with (
        Collector.running() as collector,
        town(database_url, tmp_path, ("api",), OTEL_EXPORTER_OTLP_ENDPOINT=collector.origin, **_AT_ONCE) as place,
    ):
        place.world.troubles.stripe_down = True
        assert await place.call("/api/payment/checkout-session", customer.order_form()) is None
        await collector.until("checkout", "open checkout")
        (checkout,) = collector.named("checkout")
        (asked,) = collector.named("open checkout")
        assert asked.error == checkout.error == "PaymentProviderUnavailable"
        log = place.members[0].last_words()
        assert f'"trace_id":"{checkout.trace_id}"' in log
        assert f'"order_id":"{UUID(checkout.trace_id)}"' in log
