"""The product's use cases in one process that may die, over a store that can be looked at and set back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from msgspec import Struct

from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.facts import Terms
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.order import HistoryEntry, Order
from paywall_core.ports.clock import Clock
from paywall_core.ports.directory import OrderDirectory
from paywall_core.ports.unit_of_work import UnitOfWork
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess
from paywall_core.use_cases.confirm_restore import ConfirmRestore
from paywall_core.use_cases.operate_order import ReinstateAccess, RevokeAccess
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.sweep_lapsed import SweepLapsed

from .dying import Doom, mortal

ORDER_ID: Final = UUID("0b1e5f00-0000-4000-8000-000000000001")
CHALLENGE_ID: Final = UUID("0b1e5f00-0000-4000-8000-000000000002")
EMAIL: Final = "anna@example.com"
CHAT: Final = "700"
SECRET: Final = b"a secret of the small worlds"


class Seen(Struct, frozen=True, kw_only=True):
    """What is stored, for the checks.

    Attributes:
        order: the order.
        history: its history.
        events: the provider's events, each with the order that it was applied to; None: parked.
        outbox: the keys of what is owed, with their statuses.
    """

    order: Order
    history: tuple[HistoryEntry, ...]
    events: Mapping[str, UUID | None]
    outbox: Mapping[str, str]


class Transactions(Protocol):
    """Whatever has units of work."""

    def unit_of_work(self) -> UnitOfWork:
        """A fresh transaction."""


class Store(Transactions, Protocol):
    """A database of one order that a walk takes back to where it was."""

    @property
    def directory(self) -> OrderDirectory:
        """The gate's reads."""

    async def save(self) -> tuple[bytes, object]:
        """What is stored now: an identity that is equal exactly for equal contents, and what `set_back` takes.

        The history's entries are not in the identity, but their number is: nothing ever reads them, so that the future
        of two stores that differ in nothing else is the same. The checks read them after every step.
        """
        ...

    async def set_back(self, saved: object) -> None:
        """Store exactly that."""

    async def look(self) -> Seen:
        """What is stored now."""
        ...


class WalkClock(Clock):
    """Stands where the walk puts it."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        """The moment."""
        return self.time


class House:
    """The use cases of one process."""

    def __init__(self, store: Store, clock: WalkClock) -> None:
        self.doom = Doom()
        self.tokens = AccessTokens([SECRET])
        self.codes = OneTimeCodes([SECRET])
        unit_of_work = mortal(store.unit_of_work, self.doom)
        self.record_payment = RecordPayment(unit_of_work=unit_of_work, clock=clock)
        self.activate = ActivateAccess(unit_of_work=unit_of_work, tokens=self.tokens, clock=clock)
        self.confirm_restore = ConfirmRestore(
            unit_of_work=unit_of_work,
            codes=self.codes,
            links=ActivationLinks(tokens=self.tokens, bot_username="paywall_bot"),
            clock=clock,
        )
        self.revoke = RevokeAccess(unit_of_work=unit_of_work, clock=clock)
        self.reinstate = ReinstateAccess(unit_of_work=unit_of_work, clock=clock)
        self.sweep = SweepLapsed(unit_of_work=unit_of_work, clock=clock)
        self.access_status = GetAccessStatus(directory=store.directory, clock=clock)


async def lay_foundation(store: Transactions, terms: Terms, now: datetime) -> None:
    """A placed order, and a one-time code on its way to its address."""
    async with store.unit_of_work() as uow:
        await uow.orders.add(
            Order.place(
                order_id=ORDER_ID,
                email=EMAIL,
                plan="plan",
                terms=terms,
                clickid="click",
                locale="en",
                telegram_chat_id=CHAT,
                now=now,
            )
        )
        await uow.restore_challenges.put(RestoreChallenge(address=EMAIL, id=CHALLENGE_ID, issued=(now,)))
        await uow.commit()
