"""Customers who buy, pay, walk in, restore and are refunded, and who try again whenever nobody answers."""

import asyncio
import random
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Self

from tests.integration.crashes.town import Town

_PLANS: Final = {"one_time": "one_time_basic", "subscription": "sub_monthly"}
_TOKEN: Final = re.compile(r"start=([\w-]{62})\b")
_CODE: Final = re.compile(r"\b(\d{6})\b")
_AGAIN_SECONDS: Final = 3.0
_STRANGERS: Final = 900_000


class Way(Enum):
    """How the link is redeemed."""

    BOT = "in the bot's chat"
    API = "by the API"
    NOT_YET = "not yet: it lies in the mailbox"


@dataclass(kw_only=True)
class Customer:
    """One of them, and what is known to have come of it.

    Attributes:
        holder: the Telegram user who was let in last, by the product's own answer.
        outside: Telegram users who must not have access.
        session_id: the checkout that was paid.
    """

    number: int
    mode: str
    way: Way
    has_chat: bool
    refund: str
    restores: bool
    arrives_after: float
    holder: int | None = None
    outside: list[int] = field(default_factory=list)
    session_id: str = ""

    @property
    def email(self) -> str:
        """Nobody else's."""
        return f"customer-{self.number}@mail.example"

    @property
    def user(self) -> int:
        """Their Telegram account."""
        return 10_000 + self.number

    @property
    def stranger(self) -> int:
        """Somebody who got hold of their link."""
        return _STRANGERS + self.number

    @classmethod
    def who_only_pays(cls, number: int) -> Self:
        """A customer without a story."""
        return cls(
            number=number, mode="one_time", way=Way.NOT_YET, has_chat=False, refund="", restores=False, arrives_after=0
        )

    def order_form(self) -> dict[str, str]:
        """What they send to begin."""
        form = {
            "mode": self.mode,
            "plan": _PLANS[self.mode],
            "email": self.email,
            "clickid": f"click-{self.number}",
            "locale": "en",
        }
        return {**form, "telegram_chat_id": str(self.user)} if self.has_chat else form


def crowd(rng: random.Random, count: int, seconds: float, *, bot: bool = True) -> list[Customer]:
    """So many customers, who come within so many seconds; each kind of life is among eight of them.

    Args:
        rng: chooses what they do when.
        count: how many.
        seconds: within which they come.
        bot: whether there is one; else all redeem by the API, and none writes in a chat.
    """
    kinds = [
        (Way.BOT, "", False),
        (Way.API, "after", False),
        (Way.API, "", True),
        (Way.NOT_YET, "", False),
        (Way.BOT, "after", False),
        (Way.NOT_YET, "before", False),
        (Way.API, "", False),
        (Way.BOT, "", True),
    ]
    offset = rng.randrange(2)
    return [
        Customer(
            number=number,
            mode=("one_time", "subscription")[(number + number // 8 + offset) % 2],
            way=kinds[number % 8][0] if bot or kinds[number % 8][0] is Way.NOT_YET else Way.API,
            has_chat=rng.random() < 0.5,
            refund=kinds[number % 8][1],
            restores=kinds[number % 8][2],
            arrives_after=rng.uniform(0, seconds),
        )
        for number in range(count)
    ]


class Life:
    """One customer's doings in a town."""

    def __init__(self, town: Town, customer: Customer) -> None:
        self._town, self._customer = town, customer
        self._telegram = town.world.telegram

    async def live(self) -> None:
        """From the first click to the end of the story."""
        one = self._customer
        await asyncio.sleep(one.arrives_after)
        self._telegram.add_user("Anna", language_code="en", user_id=one.user)
        if one.has_chat:
            await self._telegram.start(one.user)
        await self.check_out()
        self.pay()
        if one.refund == "before":
            self._refund()
        if one.way is Way.NOT_YET:
            return
        token = await self._town.insist(self._link, f"a link for customer {one.number}")
        await self._redeem(token)
        await self._lend(token)
        if one.restores:
            await self._restore()
        if one.refund == "after":
            self._refund()

    async def check_out(self) -> None:
        """On to Stripe's page; each lost answer leaves an order behind that nobody pays."""
        self._customer.session_id = (await self._town.insist(self._checkout, "a checkout session"))["session_id"]

    def pay(self) -> None:
        """By a card that is good."""
        self._town.world.stripe.engine.pay(self._customer.session_id)

    async def _checkout(self) -> dict[str, Any] | None:
        answer = await self._town.call("/api/payment/checkout-session", self._customer.order_form())
        return None if answer is None else answer.raise_for_status().json()

    async def _link(self) -> str | None:
        return link_of(self._town, self._customer)

    async def _redeem(self, token: str) -> None:
        one = self._customer
        if one.way is Way.API:
            answer = await self._town.insist(lambda: activate(self._town, token, one.user), "an activation")
            assert answer == 200, f"customer {one.number} was refused with {answer}"
        else:
            await self._town.insist(lambda: self._press_start(token), "the bot's welcome")
        one.holder = one.user

    async def _press_start(self, token: str) -> bool | None:
        """Press START, and once more if the bot is silent."""
        await self._telegram.start(self._customer.user, token)
        try:
            await self._telegram.wait_for_message(
                self._customer.user, containing="Welcome", timeout_seconds=_AGAIN_SECONDS
            )
        except TimeoutError:
            return None
        return True

    async def _lend(self, token: str) -> None:
        """Somebody else tries the same link."""
        one = self._customer
        one.outside.append(one.stranger)
        answer = await self._town.insist(lambda: activate(self._town, token, one.stranger), "a refusal")
        assert answer == 409, f"a stranger with the link of customer {one.number} was answered {answer}"

    async def _restore(self) -> None:
        """A new telephone: the code goes to the address, and the new account takes the place of the old one."""
        one = self._customer
        new = one.user + 1_000
        await self._town.insist(lambda: self._restored(new), "a restored access")
        one.outside.append(one.user)
        one.holder = new

    async def _restored(self, new: int) -> bool | None:
        email = self._customer.email
        asked = await self._town.call("/api/auth/restore/request", {"email": email})
        if asked is None:
            return None
        assert asked.status_code in (200, 429), asked.text  # 429: an answer that was lost had sent a code
        codes = [
            found[1]
            for mail in self._town.world.mailbox.messages(to=email)
            if "code" in mail.subject and (found := _CODE.search(mail.text))
        ]
        for code in codes[-1:]:
            body = {"email": email, "otp": code, "telegram_user_id": new}
            answer = await self._town.call("/api/auth/restore/confirm", body)
            if answer is not None and answer.status_code == 200:
                return True
        # A code whose answer was lost is spent, and did its work.
        return True if codes and await self._town.access(new) else None

    def _refund(self) -> None:
        for payment in payments_of(self._town, self._customer.session_id):
            self._town.world.stripe.engine.refund(payment["id"])


async def activate(town: Town, token: str, user: int) -> int | None:
    """Redeem a link by the API; the status of the answer."""
    answer = await town.call("/api/access/activate", {"activation_token": token, "telegram_user_id": user})
    return None if answer is None else answer.status_code


def link_of(town: Town, customer: Customer) -> str | None:
    """The token of the newest link that came by mail."""
    mails = reversed(town.world.mailbox.messages(to=customer.email))
    return next((found[1] for mail in mails if (found := _TOKEN.search(mail.text))), None)


def payments_of(town: Town, session_id: str) -> list[dict[str, Any]]:
    """Stripe's payment intents of a checkout: its own, or those of its subscription's invoices."""
    world = town.world.stripe.engine.world
    session = world.get("checkout.session", session_id)
    if session["mode"] == "payment":
        return [world.get("payment_intent", session["payment_intent"])]
    bills = {
        bill["id"]
        for bill in world.all("invoice")
        if bill["parent"]["subscription_details"]["subscription"] == session["subscription"]
    }
    paid = [one for one in world.all("invoice_payment") if one["invoice"] in bills]
    return [world.get("payment_intent", one["payment"]["payment_intent"]) for one in paid]


async def all_live(town: Town, customers: list[Customer]) -> None:
    """All of their lives at once."""
    async with asyncio.TaskGroup() as tasks:
        for one in customers:
            tasks.create_task(Life(town, one).live())
