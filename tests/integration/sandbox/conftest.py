"""The whole outside world, running, and somebody who looks at its console, for the tests beside this file."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from entrypoints.sandbox.stripe import TestCard
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


class Console:
    """The page's buttons, found on the page before they are pressed."""

    def __init__(self, world: OutsideWorld, browser: httpx.AsyncClient) -> None:
        self.world, self.browser = world, browser

    async def open(self, *, subscription: bool = True) -> str:
        """A checkout; its id."""
        return await open_session(self.world, self.browser, subscription=subscription)

    async def buy(self, *, subscription: bool) -> None:
        """A purchase that is paid by card."""
        self.world.stripe.engine.pay(await self.open(subscription=subscription), card=TestCard.PAYS)

    async def buy_by_debit(self, *, subscription: bool = False) -> None:
        """A purchase whose money is on its way."""
        session = await open_session(self.world, self.browser, delayed=True, subscription=subscription)
        self.world.stripe.engine.pay_delayed(session)

    async def buttons(self) -> list[str]:
        """All of Stripe's that are on the page, as `kind-move`."""
        return re.findall(r'data-testid="((?:session|subscription|payment|refund|dispute)-[a-z-]+)"', await self.html())

    async def press(self, button: str) -> str:
        """Press the first button of that name; gives the page after it."""
        form = re.search(
            rf'<form class="actions" method="post" action="([^"]+)" data-live>(?:(?!</form>).)*?data-testid="{button}"',
            await self.html(),
            re.DOTALL,
        )
        assert form is not None, f"no button {button}; there are {await self.buttons()}"
        answer = await self.browser.post(form[1], data={"move": button.partition("-")[2]})
        assert answer.status_code == 200
        return answer.text

    async def html(self) -> str:
        """The page."""
        return (await self.browser.get("/")).text

    def events(self) -> list[str]:
        """What happened at Stripe, oldest first."""
        return [event["type"] for event in self.all("event")]

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Stripe's objects of one kind, oldest first."""
        return self.world.stripe.engine.world.all(kind)


@pytest.fixture
def console(world: OutsideWorld, browser: httpx.AsyncClient) -> Console:
    """It, with nothing bought yet."""
    return Console(world, browser)
