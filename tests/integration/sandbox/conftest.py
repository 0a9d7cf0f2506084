"""The whole outside world, running, and somebody who looks at its console, for the tests beside this file."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from entrypoints.sandbox.world import OutsideWorld

PRODUCT = "http://127.0.0.1:8123"
ORDER = {
    "order_id": "5b3c1d7e-0000-4000-8000-000000000001",
    "email": "anna@example.com",
    "plan": "one_time_basic",
    "state": "token_issued",
    "access_until": None,
    "created_at": "2026-11-24T12:00:00+00:00",
    "history": [
        {"at": "2026-11-24T12:00:05+00:00", "event": "PaymentSucceeded", "from": "pending", "to": "token_issued"}
    ],
}


async def orders() -> list[dict[str, Any]]:
    """One paid order, and one that is new."""
    new = {**ORDER, "order_id": "2", "email": "bob@example.com", "state": "pending", "history": []}
    return [ORDER, {**new, "created_at": "2026-11-24T12:01:00+00:00"}]


@pytest.fixture
async def world() -> AsyncIterator[OutsideWorld]:
    """It, running."""
    async with OutsideWorld.start(orders_feed=orders) as world:
        yield world


@pytest.fixture
async def browser(world: OutsideWorld) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who looks at the console."""
    async with httpx.AsyncClient(base_url=world.origin, follow_redirects=True, trust_env=False) as client:
        yield client


async def open_session(
    world: OutsideWorld, browser: httpx.AsyncClient, *, delayed: bool = False, subscription: bool = False
) -> str:
    """A checkout session, asked for over Stripe's API."""
    form = {
        "mode": "subscription" if subscription else "payment",
        "line_items[0][price]": "price_sandbox_sub_monthly" if subscription else "price_sandbox_one_time_basic",
        "line_items[0][quantity]": "1",
        "customer_email": "anna@example.com",
        "success_url": f"{PRODUCT}/pay/success",
        "payment_method_types[0]": "card",
        **({"payment_method_types[1]": "sepa_debit"} if delayed else {}),
    }
    key = world.keys.stripe_secret_key
    answer = await browser.post("/stripe/v1/checkout/sessions", data=form, auth=(key, ""))
    return str(answer.raise_for_status().json()["id"])
