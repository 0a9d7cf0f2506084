"""The script decides by Stripe's own documents, in any order and twice; run as a script, it prints a line for each."""

import asyncio
import itertools
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from access import access

from paywall_core import Mode, Terms
from paywall_core.testing import FakeClock

PAID, REFUNDED = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
BOUGHT = datetime(2026, 1, 1, tzinfo=UTC)
WHEN = int(BOUGHT.timestamp())


def event(name: str, kind: str, subject: dict[str, object]) -> dict[str, object]:
    """One of Stripe's."""
    return {"id": f"evt_{name}", "object": "event", "type": kind, "created": WHEN, "data": {"object": subject}}


def completed(order_id: str, payment: str) -> dict[str, object]:
    """A checkout was paid."""
    session = {
        "id": f"cs_{payment}",
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": payment,
        "amount_total": 1500,
        "currency": "eur",
        "metadata": {"order_id": order_id},
    }
    return event(payment, "checkout.session.completed", session)


REFUND = {
    "id": "re_1",
    "object": "refund",
    "amount": 1500,
    "currency": "eur",
    "status": "succeeded",
    "payment_intent": "pi_2",
    "charge": "ch_2",
}
EVENTS = [
    completed(PAID, "pi_1"),
    completed(REFUNDED, "pi_2"),
    event("refund", "refund.created", REFUND),
    event("other", "customer.created", {"id": "cus_1", "object": "customer"}),
]


def test_who_paid_has_access_and_who_got_it_back_has_none() -> None:
    """Whatever the order of the list, and each event twice; until the time that was bought is over."""
    terms, clock = Terms(mode=Mode.ONE_TIME, duration_days=30), FakeClock(BOUGHT)
    for events in itertools.permutations(EVENTS):
        found = asyncio.run(access([*events, *events], terms, clock))
        assert found == {PAID: "token_issued", REFUNDED: "revoked"}
    clock.advance(timedelta(days=30))
    assert asyncio.run(access(EVENTS, terms, clock))[PAID] == "expired"


def test_script_prints_each_order(tmp_path: Path) -> None:
    """For life, when no number of days is given."""
    listed = tmp_path / "events.json"
    listed.write_text(json.dumps(EVENTS), encoding="utf-8")
    script = Path(__file__).with_name("access.py")
    done = subprocess.run([sys.executable, script, listed], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.splitlines()) == [f"{PAID} token_issued", f"{REFUNDED} revoked"]
