"""One order of each kind and age, made by the product itself; the fill copies them, so that all rows are real ones.

A template's ids end in a tag of its own (see `stripe_events.py`), by which a copy's ids are put in their place.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from benchmarks import settings, stripe_events
from entrypoints.container import Container
from entrypoints.processes import opened
from entrypoints.settings import Role, load_settings
from paywall_core.order import apply
from paywall_core.ports.payments import CheckoutRequest, OpenedCheckout
from paywall_core.testing import FakeClock, FakeGateway
from paywall_core.use_cases.activate_access import ActivateAccessCommand
from paywall_core.use_cases.start_checkout import StartCheckoutCommand


class Kind(StrEnum):
    """What became of an order."""

    ACTIVE = "active"  # paid once, redeemed, still good
    SUBSCRIBED = "subscribed"  # redeemed, every month paid so far
    LAPSED = "lapsed"  # redeemed, its time is over
    UNREDEEMED = "unredeemed"  # paid in the last half hour, the link not pressed yet
    REFUNDED = "refunded"
    ABANDONED = "abandoned"  # the checkout ran out
    OPEN = "open"  # somebody is at the checkout, or has left it today
    PENDING_ONCE = "pending_once"  # the load's webhooks pay these two
    PENDING_SUBSCRIPTION = "pending_subscription"


MIXTURE: Final = (
    *(Kind.ACTIVE,) * 7,
    *(Kind.SUBSCRIBED,) * 4,
    *(Kind.LAPSED,) * 4,
    *(Kind.ABANDONED,) * 2,
    Kind.UNREDEEMED,
    Kind.REFUNDED,
    Kind.OPEN,
)
"""Twenty orders of the fill, each a twentieth of it."""

AGES: Final = 10
"""Each kind is there in so many ages, the oldest first."""

PENDING: Final = (Kind.PENDING_ONCE, Kind.PENDING_ONCE, Kind.PENDING_ONCE, Kind.PENDING_SUBSCRIPTION)
"""The orders that the load's webhooks pay: three of four are one-time purchases."""

FIRST_PENDING_SLOT: Final = AGES * len(MIXTURE)
_WITH_CHAT: Final = (0, 1)  # of five customers these came from the bot
_TAG_BASE: Final = 9 * 10**10
_DAY: Final = 86_400.0


class Template(Struct, frozen=True, kw_only=True):
    """One of them: its place, its tag, its id."""

    slot: int
    tag: str
    order_id: UUID


class _Gateway(FakeGateway):
    """Opens checkouts whose ids end in the tag of the moment."""

    tag = ""

    async def open_checkout(self, _request: CheckoutRequest) -> OpenedCheckout:
        """Open one."""
        session_id = stripe_events.SESSION_PREFIX + self.tag
        return OpenedCheckout(session_id=session_id, url=f"https://checkout.stripe.com/c/pay/{session_id}")


async def write_templates(database_url: str) -> list[Template]:
    """Make all of them on a database with our schema and nothing in it."""
    started = time.time()
    clock = FakeClock(datetime.fromtimestamp(started, UTC))
    loaded = load_settings(settings.environment(database_url, 8000), Role.SERVE)
    async with opened(loaded, clock) as container:
        gateway = _Gateway(clock)
        container.gateway.override(gateway)
        maker = _Maker(container, clock, gateway, started)
        kinds = [kind for age in range(AGES) for kind in MIXTURE]
        made = [await maker.make(slot, kind, 1 - slot / len(kinds)) for slot, kind in enumerate(kinds)]
        return made + [await maker.make(len(kinds) + place, kind, 0.0) for place, kind in enumerate(PENDING)]


class _Maker:
    def __init__(self, container: Container, clock: FakeClock, gateway: _Gateway, now: float) -> None:
        self._container = container
        self._clock = clock
        self._gateway = gateway
        self._now = now
        self._lives: Mapping[Kind, Callable[[Template, float], Awaitable[None]]] = {
            Kind.ACTIVE: self._active,
            Kind.SUBSCRIBED: self._subscribed,
            Kind.LAPSED: self._lapsed,
            Kind.UNREDEEMED: self._unredeemed,
            Kind.REFUNDED: self._refunded,
            Kind.ABANDONED: self._abandoned,
        }

    async def make(self, slot: int, kind: Kind, age: float) -> Template:
        """One order of a kind; `age` is a part of the kind's longest, from 0 to 1."""
        tag = self._gateway.tag = str(_TAG_BASE + slot)
        begun = self._begun(kind, age)
        self._at(begun)
        subscription = kind in (Kind.SUBSCRIBED, Kind.PENDING_SUBSCRIPTION)
        started = await self._container.start_checkout()(
            StartCheckoutCommand(
                mode="subscription" if subscription else "one_time",
                plan="sub_monthly" if subscription else "one_time_basic",
                email=f"customer-{tag}@example.com",
                clickid=f"w8h2f5k{tag}",
                locale="en" if slot % 3 == 0 else "ru",
                telegram_chat_id=tag if slot % 5 in _WITH_CHAT and kind not in PENDING else None,
            )
        )
        template = Template(slot=slot, tag=tag, order_id=started.order_id)
        if live := self._lives.get(kind):
            await live(template, begun + 240)
        return template

    def _begun(self, kind: Kind, age: float) -> float:
        """When its customer came."""
        youngest, oldest = {
            Kind.ACTIVE: (1.0, 29.0),
            Kind.SUBSCRIBED: (1.0, 300.0),
            Kind.LAPSED: (35.0, 400.0),
            Kind.UNREDEEMED: (0.003, 0.02),
            Kind.REFUNDED: (20.0, 300.0),
            Kind.ABANDONED: (2.0, 300.0),
            Kind.OPEN: (0.01, 0.9),
        }.get(kind, (0.003, 0.003))
        return self._now - _DAY * (youngest + age * (oldest - youngest))

    def _at(self, moment: float) -> None:
        self._clock.advance(datetime.fromtimestamp(moment, UTC) - self._clock.now())

    async def _hear(self, event: dict[str, Any], moment: float) -> None:
        self._at(moment)
        body = stripe_events.encode(event)
        signature = stripe_events.sign(body, int(moment))
        await self._container.record_payment()(self._container.webhook().read(body, signature, now=self._clock.now()))

    async def _pay(self, template: Template, moment: float) -> None:
        await self._hear(
            stripe_events.checkout_completed(str(template.order_id), template.tag, int(moment)), moment + 1
        )

    async def _redeem(self, template: Template, moment: float) -> None:
        self._at(moment)
        token = self._container.tokens().issue(template.order_id, 1)
        await self._container.activate_access()(
            ActivateAccessCommand(activation_token=token, telegram_user_id=int(template.tag))
        )

    async def _unredeemed(self, template: Template, paid: float) -> None:
        await self._pay(template, paid)

    async def _active(self, template: Template, paid: float) -> None:
        await self._pay(template, paid)
        await self._redeem(template, paid + 60)

    async def _subscribed(self, template: Template, paid: float) -> None:
        months = int((self._now - paid) // stripe_events.MONTH_SECONDS) + 1
        for month in range(months):
            at = int(paid) + month * stripe_events.MONTH_SECONDS
            event = stripe_events.invoice_paid(str(template.order_id), template.tag, at, month=month)
            await self._hear(event, at + 1)
            if month == 0:
                await self._redeem(template, at + 60)

    async def _lapsed(self, template: Template, paid: float) -> None:
        await self._active(template, paid)
        self._at(paid + (settings.ONE_TIME_DAYS + 1) * _DAY)
        async with self._container.database().unit_of_work() as uow:  # as the sweep does it, for this order alone
            order = await uow.orders.get(template.order_id, for_update=True)
            if order is None:
                raise LookupError(template.order_id)
            change = apply(order, now=self._clock.now(), cause="sweep")
            await uow.orders.save(change)
            await uow.commit()

    async def _refunded(self, template: Template, paid: float) -> None:
        await self._active(template, paid)
        await self._hear(
            stripe_events.refund_created(template.tag, int(paid + 5 * _DAY)), paid + timedelta(days=5).total_seconds()
        )

    async def _abandoned(self, template: Template, begun: float) -> None:
        over = begun + _DAY
        await self._hear(stripe_events.session_expired(str(template.order_id), template.tag, int(over)), over)
