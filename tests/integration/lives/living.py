"""A life, lived by several customers at once: the same moves at Stripe, but each hears of them in a way of its own.

The punctual hear of each event when it happens, so their access can be looked at on every day of the table. The late
hear of everything at the very end, in another order. Of those who miss an event, the product hears only when it
reconciles: it then asks Stripe for what happened since the day before.
"""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

import msgspec

from adapters.stripe.translate import USED_EVENT_TYPES
from paywall_core.effects import NoticeKind, SendNotice
from paywall_core.explanation import explain
from paywall_core.notices import unwanted_because
from tests.integration.lives.life import Life
from tests.integration.lives.moves import Customer
from tests.integration.lives.world import World, day

_SOON: Final = timedelta(minutes=5)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC|\+00:00)")


class Arrival(Enum):
    """How a customer's events arrive."""

    NATURAL = "as they happen, those that nobody uses too"
    DOUBLED = "as they happen, each twice"
    REVERSED = "at the end, the last one first"
    SHUFFLED = "at the end, in a random order"
    MISSING = "as they happen, but for one"


LATE: Final = (Arrival.REVERSED, Arrival.SHUFFLED)


@dataclass
class Witness:
    """One customer of a life, how the product hears of them, and what it did not do as it should."""

    customer: Customer
    arrival: Arrival
    missing: frozenset[int] = frozenset()
    redeemed: set[int] = field(default_factory=set)
    heard: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if not self.missing:
            return self.arrival.name.lower()
        missed = (f"{at} ({event['type']})" for at, event in enumerate(self.used) if at in self.missing)
        return f"without event {', '.join(missed)}"

    @property
    def used(self) -> list[dict[str, Any]]:
        """The events so far that the product uses."""
        return [event for event in self.customer.events if event["type"] in USED_EVENT_TYPES]

    def fresh(self) -> list[dict[str, Any]]:
        """The events since it was last asked, in the order and the number in which they arrive now."""
        events = self.customer.events if self.arrival is Arrival.NATURAL else self.used
        new, self.heard = events[self.heard :], len(events)
        if self.arrival is Arrival.DOUBLED:
            return [event for event in new for _ in range(2)]
        first = len(events) - len(new)
        return [event for at, event in enumerate(new, start=first) if at not in self.missing]


def misses(witness: Witness, *, one_each: bool) -> list[frozenset[int]]:
    """Which events each of those who miss some will miss, so that each event is missed once.

    Args:
        witness: one who has lived the life.
        one_each: everybody misses a single event; else the first one misses the first event of each day, and so on: as
            the product reconciles every day, each is as good as missed alone.
    """
    events = witness.used
    if one_each:
        return [frozenset({at}) for at in range(len(events))]
    days: dict[int, list[int]] = {}
    for at, event in enumerate(events):
        days.setdefault(event["created"], []).append(at)
    longest = max(map(len, days.values()))
    return [frozenset(places[turn] for places in days.values() if turn < len(places)) for turn in range(longest)]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a life has ended for one order, in words that are the same for every customer who lived it.

    Attributes:
        facts: all that is known, but for who redeemed.
        state: the state now.
        recorded: the state on record, after the worker's sweep.
        access_until: until when access is good.
        because: the explanation's verdict.
        ids: Stripe's ids in it.
        strangers: ids in the explanation that are not this customer's.
        told: the keys of everything that went out.
    """

    facts: str
    state: str
    recorded: str
    access_until: str
    because: str
    ids: frozenset[str]
    strangers: frozenset[str]
    told: tuple[str, ...]


class Living:
    """Lets customers live a life in a world, from one begin."""

    def __init__(self, world: World, life: Life, begin: datetime, *, first_user: int) -> None:
        self._world, self._life, self._begin = world, life, begin
        self._first_user = first_user
        self.witnesses: list[Witness] = []

    def join(self, arrival: Arrival, missing: Iterable[int] = ()) -> None:
        """One more customer; `missing` are the places of the events that do not arrive, among those that are used."""
        user = self._first_user + len(self.witnesses)
        customer = Customer(self._world.stripe, email=f"customer-{user}@mail.example", user=user)
        self.witnesses.append(Witness(customer, arrival, frozenset(missing)))

    async def run(self) -> None:
        """The whole life, day by day; what differs from the table is written down by its witness."""
        reconciles = any(witness.missing for witness in self.witnesses)
        for number in _days(self._life):
            self._world.move_to(day(number, self._begin))
            with self._silence():
                self._world.stripe.engine.world.settle_time()
            for witness in self.witnesses:
                await self._pass_day(witness, number)
            self._world.clock.advance(_SOON)
            await self._world.work()
            if reconciles:
                await self._reconcile(number)
                await self._world.work()
            for witness in self.witnesses:
                if witness.arrival not in LATE:
                    await self._look(witness, number)
        await self._tell_the_late()
        last = self._life.moments[-1][0]
        for witness in self.witnesses:
            if witness.arrival in LATE:
                await self._look(witness, last)

    async def outcomes(self, witness: Witness) -> list[Outcome]:
        """How it ended, order by order."""
        return [await self._outcome(witness, started.order_id) for started in witness.customer.bought]

    async def still_true(self, witness: Witness) -> set[str]:
        """Of what this customer was told, the keys of what still stands and is to be told however late one hears."""
        found: set[str] = set()
        for started in witness.customer.bought:
            dossier = await self._world.dossier(started.order_id)
            state = dossier.order.state_at(self._world.clock.now())
            for line in dossier.outbox:
                effect = line.effect
                if not isinstance(effect, SendNotice) or effect.kind not in _STANDING or line.status != "delivered":
                    continue
                if unwanted_because(effect, dossier.order.facts, state) is None:
                    found.add(self._plain(witness, line.key))
        return found

    async def _pass_day(self, witness: Witness, number: float) -> None:
        customer, life = witness.customer, self._life
        for _ in range(life.buys.count(number)):
            customer.buys(await self._world.checkout(life.mode, customer.email, chat=str(customer.user)))
        with customer.acting():
            for at, move in life.steps:
                if at == number:
                    move(customer)
        if witness.arrival not in LATE:
            await self._tell(witness, witness.fresh())
            await self._redeem(witness, number)

    async def _tell(self, witness: Witness, events: Iterable[dict[str, Any]]) -> None:
        seen: set[str] = set()
        for event in events:
            said = await self._world.webhook(event)
            if said != {"received": True, **({"duplicate": True} if event["id"] in seen else {})}:
                witness.wrong.append(f"{event['type']} was answered {said}")
            seen.add(event["id"])

    async def _tell_the_late(self) -> None:
        last = _days(self._life)[-1]
        for witness in self.witnesses:
            if witness.arrival not in LATE:
                continue
            events = list(reversed(witness.fresh()))
            if witness.arrival is Arrival.SHUFFLED:
                random.Random(self._life.name).shuffle(events)  # noqa: S311  - repeatable on purpose
            for event in events:
                await self._tell(witness, [event])
                await self._redeem(witness, last)
        self._world.clock.advance(_SOON)
        await self._world.work()
        for witness in self.witnesses:
            await self._redeem(witness, last)

    async def _redeem(self, witness: Witness, number: float) -> None:
        """The customer tries every link that did not let them in yet."""
        if self._life.redeems is None or number < self._life.redeems:
            return
        for at, started in enumerate(witness.customer.bought):
            if at not in witness.redeemed and await self._world.redeem(started.order_id, witness.customer.user):
                witness.redeemed.add(at)

    async def _reconcile(self, number: float) -> None:
        """As an operator who says since when; then everybody who missed something today has it."""
        found = await self._world.container.reconcile()(since=day(number, self._begin) - timedelta(days=0.01))
        missed = sum(self._missed_today(witness, number) for witness in self.witnesses)
        if sum(found.missing.values()) != missed or found.unapplied:
            self.witnesses[0].wrong.append(f"day {number}: {missed} events were missing, and reconcile found {found}")
        for witness in self.witnesses:
            await self._redeem(witness, number)

    def _missed_today(self, witness: Witness, number: float) -> int:
        today = int(day(number, self._begin).timestamp())
        return sum(event["created"] == today for at, event in enumerate(witness.used) if at in witness.missing)

    async def _look(self, witness: Witness, number: float) -> None:
        """Access as the bot hears it, and the state on record, against the table."""
        customer = witness.customer
        for at, expected, state in self._life.moments:
            if at != number:
                continue
            said = await self._world.access(customer.user)
            order = await self._world.order(customer.bought[0].order_id)
            now = order.state_at(self._world.clock.now())
            if said["is_paid"] is not expected or now is not state or order.state is not state:
                witness.wrong.append(
                    f"day {number}: is_paid {said['is_paid']} and {now} (recorded {order.state}), "
                    f"expected {expected} and {state}"
                )
            if said["is_paid"] and said["access_status"] != "active":
                witness.wrong.append(f"day {number}: is_paid, but {said['access_status']}")

    async def _outcome(self, witness: Witness, order_id: Any) -> Outcome:
        order = await self._world.order(order_id)
        explanation = explain(order, self._world.clock.now())
        facts = msgspec.to_builtins(msgspec.structs.replace(order.facts, redemption=None), str_keys=True)
        plain = msgspec.json.decode(self._plain(witness, msgspec.json.encode(facts).decode()))
        said = self._plain(witness, explanation.because)
        because = _SEVERAL.sub(lambda found: f"({', '.join(sorted(found[1].split(', ')))})", said)
        return Outcome(
            facts=msgspec.json.encode(plain, order="sorted").decode(),
            state=explanation.state,
            recorded=order.state,
            access_until=self._plain(witness, _iso(order.entitlement.access_until)),
            because=because,
            ids=frozenset(_SHORT.findall(because)),
            strangers=frozenset(one for one in explanation.references if not witness.customer.has(one)),
            told=tuple(self._plain(witness, key) for key in self._world.postbox.keys if str(order_id) in key),
        )

    def _plain(self, witness: Witness, text: str) -> str:
        """With short names for ids, and days of the life for moments."""
        named = witness.customer.named(text)
        for at, started in enumerate(
            witness.customer.bought, start=1
        ):  # first: an id may hold the user's number by chance
            named = named.replace(str(started.order_id), f"order {at}")
        named = named.replace(str(witness.customer.user), "the customer")
        named = named.replace("cs_2", "cs_1")  # an expired session and its recovery: either may stand for the checkout
        return _MOMENT.sub(lambda found: _day_of(found[0], self._begin), named)

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Nothing happens at Stripe that the table does not say."""
        said: list[dict[str, Any]] = []
        listeners = self._world.stripe.engine.world.listeners
        listeners.append(said.append)
        yield
        listeners.remove(said.append)
        mine = [event["type"] for event in said]
        assert not mine, f"time alone brought {mine}: the table must say so"


_STANDING: Final = (NoticeKind.PAYMENT_FAILED, NoticeKind.REFUNDED, NoticeKind.SUSPENDED, NoticeKind.ENDS_SOON)
_SHORT: Final = re.compile(r"\b(?:cs|pi|in|sub|ch|re|dp)_\d+\b")
_SEVERAL: Final = re.compile(r"\((re_\d+(?:, re_\d+)+)\)")


def _days(life: Life) -> Sequence[float]:
    """Every day on which something happens, or is looked at."""
    return sorted({*life.buys, *(at for at, _ in life.steps), *(at for at, _, _ in life.moments)})


def _iso(moment: datetime | None) -> str:
    return "never" if moment is None else moment.isoformat()


def _day_of(text: str, begin: datetime) -> str:
    moment = datetime.fromisoformat(text.replace(" UTC", "Z"))
    return "forever" if moment.year == 9999 else f"day {(moment - begin).total_seconds() / 86_400:g}"
