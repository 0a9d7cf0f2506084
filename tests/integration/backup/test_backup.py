"""A backup in the midst of purchases, more purchases, the loss of the database, and the way back."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from adapters.db.database import Database
from adapters.db.partitions import keep_months
from entrypoints.sandbox.trackers.trackers import TrackerKind
from tests.integration.backup.dump import Backups
from tests.integration.crashes import member as members
from tests.integration.crashes.customers import Customer, Life, Way, activate, crowd, link_of, payments_of
from tests.integration.crashes.oracle import judge, quiet
from tests.integration.crashes.town import WITHOUT_BOT, Town, town
from tests.integration.upgrade.replica import Replica
from tests.integration.upgrade.test_roll_over import EVERYTHING

_EACH = 8  # each kind of life is among eight
_LEASE_SECONDS = 30.0
"""None runs out while a slow machine mails, for each mail is counted; what is leased in the dump waits so long."""


def people(rng: random.Random, first: int, count: int, seconds: float = 0) -> list[Customer]:
    """So many, numbered from here on."""
    found = crowd(rng, count, seconds, bot=False)
    for one in found:
        one.number += first
    return found


async def live(here: Town, customers: Sequence[Customer]) -> None:
    """All of them, to the end of their stories."""
    async with asyncio.TaskGroup() as tasks:
        for one in customers:
            tasks.create_task(Life(here, one).live())


async def command(here: Town, place: Path, *words: str) -> tuple[int, str]:
    """`paywall` with these words, as an operator runs it."""
    environ = {**here.world.product_environment(product_url=here.front.origin), "DATABASE_URL": here.database_url}
    return await Replica(words, environ, place).run()


async def bar(here: Town, place: Path, customer: Customer) -> None:
    """An operator takes their access away."""
    code, said = await command(here, place, "orders", "revoke", customer.email, "--why", "sold it", "--yes")
    assert code == 0, said


async def delivered(here: Town) -> None:
    """Until all that was paid is known, and all that follows from it has gone out and is written down as gone."""
    database = Database(here.database_url)
    try:
        await quiet(here, database)
    finally:
        await database.close()


async def heard(here: Town) -> None:
    """Until Stripe has a 200 for everything that it said."""

    async def nothing_open() -> bool | None:
        events = here.world.stripe.engine.world.all("event")
        return None if any(event["pending_webhooks"] for event in events) else True

    await here.insist(nothing_open, "a 200 for each event")


def refund(here: Town, customer: Customer) -> None:
    """Whole."""
    for payment in payments_of(here, customer.session_id):
        here.world.stripe.engine.refund(payment["id"])


def is_refunded(here: Town, customer: Customer) -> bool:
    """Whether Stripe has given back the money."""
    charges = {charge["payment_intent"]: charge for charge in here.world.stripe.engine.world.all("charge")}
    return any(charges[payment["id"]]["refunded"] for payment in payments_of(here, customer.session_id))


def copies_to(here: Town, customer: Customer) -> list[int]:
    """How often each mail with the link came."""
    mails = here.world.mailbox.messages(to=customer.email)
    return sorted(Counter(mail.message_id for mail in mails if "start=" in mail.text).values())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("engine_name", ["postgresql"])
@pytest.mark.parametrize(
    "in_months",
    [
        pytest.param(False, id="plain"),
        pytest.param(
            True, id="in-months", marks=pytest.mark.skipif(not EVERYTHING, reason="only with PAYWALL_UPGRADE=all")
        ),
    ],
)
async def test_everyone_who_paid_gets_in_after_the_database_was_lost(  # noqa: PLR0915  - a story has its length
    *,
    database_url: str,
    engine_name: str,
    in_months: bool,
    postgresql_directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """What was paid comes back from Stripe; who was let in since the backup presses the link of the mail again."""
    monkeypatch.setattr(members, "LEASE_SECONDS", _LEASE_SECONDS)
    seed = random.SystemRandom().randrange(10**6)
    print(f"the customers' seed: {seed}")  # noqa: T201  - pytest shows it beside a failure
    rng = random.Random(seed)  # noqa: S311  - a schedule
    backups = Backups(postgresql_directory, database_url.partition("@/")[2].partition("?")[0])
    before, midst, after = (people(rng, 100 * group, _EACH, seconds) for group, seconds in enumerate((0, 0.5, 0)))
    late, returned, mover, barred = (Customer.who_only_pays(300 + number) for number in range(4))
    unhurried = Customer.who_only_pays(400)
    if in_months:
        await keep_months(database_url, now=datetime.now(UTC))
    async with town(database_url, tmp_path, WITHOUT_BOT) as here:
        await live(here, [*before, late, returned, mover, barred])
        await _redeem(here, mover)
        await _redeem(here, barred)
        await delivered(here)
        shopping = asyncio.create_task(live(here, midst))
        began = datetime.now(UTC) - timedelta(minutes=1)  # Stripe's clock and ours may differ
        await backups.dump(tmp_path / "paywall.dump")
        await shopping

        await live(here, after)
        await _redeem(here, late)
        refund(here, returned)
        await Life(here, mover)._restore()
        await bar(here, tmp_path, barred)
        assert not await here.access(barred.user)
        await Life(here, unhurried).check_out()  # and stays on Stripe's page
        await delivered(here)
        await asyncio.gather(*(member.stop() for member in here.members))
        await backups.lose()

        await backups.restore(tmp_path / "paywall.dump")
        code, said = await command(here, tmp_path, "migrate")
        assert code == 0, said
        code, said = await command(here, tmp_path, "reconcile", "--since", f"{began:%Y-%m-%dT%H:%MZ}", "--json")
        assert code == 0, said
        brought_in = msgspec.json.decode(said)
        assert len(after) <= brought_in["placed"] <= len(after) + len(midst), said
        assert brought_in["unapplied"] == []
        code, said = await command(here, tmp_path, "doctor", "--live")
        assert code == 0, said
        for member in here.members:
            member.start()
        await here.all_up()

        # Who was bound before the backup still is; who was bound since then is not, and has what it takes.
        for one in before:
            assert one.holder is None or await here.access(one.holder) is not is_refunded(here, one), one
        assert await here.access(mover.user)
        assert mover.holder is not None
        assert not await here.access(mover.holder)
        mover.holder, mover.outside = mover.user, [mover.user + 1_000]
        for one in (*midst, *after, late):
            if one.holder is not None and not await here.access(one.holder):
                one.holder, one.outside = None, [user for user in one.outside if user != one.user]
        bound_since = [one for one in (*after, late) if one.way is not Way.NOT_YET or one is late]
        assert {one.number for one in bound_since if one.holder is not None and not is_refunded(here, one)} == set()

        # Somebody pays whose order nobody knows: the webhook is kept, and the next run finds whose it is.
        Life(here, unhurried).pay()
        await heard(here)
        assert link_of(here, unhurried) is None
        code, said = await command(here, tmp_path, "reconcile", "--json")
        assert (code, msgspec.json.decode(said)["placed"]) == (0, 1), said

        everybody = [*before, *midst, *after, late, returned, mover, barred, unhurried]
        verdict = await judge(here, everybody, interruptions=len(everybody))
        assert verdict.wrong == ()
        code, said = await command(here, tmp_path, "doctor", "--live")
        assert code == 0, said
        # What an operator has done since the backup is forgotten, and to be done again.
        assert await here.access(barred.user)
        await bar(here, tmp_path, barred)
        assert not await here.access(barred.user)
        # What stands of the mails since the backup comes again, each the very same; those before it do not.
        assert {tuple(copies_to(here, one)) for one in before if not is_refunded(here, one)} == {(1,)}
        assert {tuple(copies_to(here, one)) for one in after if not is_refunded(here, one)} == {(2,)}
        assert {tuple(copies_to(here, one)) for one in after if is_refunded(here, one)} <= {(), (1,)}
        reports = Counter(
            hit.subject for hit in here.world.trackers.received(kind=TrackerKind.MOBI_SLON) if hit.name == "pay_success"
        )
        assert {reports[f"click-{one.number}"] for one in before} == {1}
        assert {reports[f"click-{one.number}"] for one in after if not is_refunded(here, one)} == {2}
    record_property(
        "evidence",
        f"a restored backup: {verdict.customers} customers, {verdict.events} events, {brought_in['placed']} orders "
        f"placed anew, {sum(brought_in['missing'].values())} events brought in, {len(verdict.wrong)} violations",
    )


async def _redeem(here: Town, customer: Customer) -> None:
    """By the link of the mail."""

    async def link() -> str | None:
        return link_of(here, customer)

    token = await here.insist(link, f"a link for customer {customer.number}")
    assert await activate(here, token, customer.user) == 200
    customer.holder = customer.user
