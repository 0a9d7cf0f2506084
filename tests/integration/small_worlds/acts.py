"""Everything that may happen to one order at the same time: seventeen acts, each on the real use cases."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from adapters.db.database import Database
from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import NoticeKind
from paywall_core.errors import Conflict, RuleBroken
from paywall_core.notification import PaymentNotification
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.operator import Operator
from paywall_core.testing import (
    FakeClickTracker,
    FakeClock,
    FakeCodeMailer,
    FakeCustomerPortal,
    FakeGateway,
    FakeLedger,
    FakeMessenger,
    FakeNoticeMessenger,
    SeededRandomness,
)
from paywall_core.use_cases.activate_access import ActivateAccess, ActivateAccessCommand
from paywall_core.use_cases.confirm_restore import ConfirmRestore, ConfirmRestoreCommand
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.deliver_outbox import DeliverOutbox, RetryPolicy
from paywall_core.use_cases.deliveries import Channels, Deliveries
from paywall_core.use_cases.forget_challenges import ForgetChallenges
from paywall_core.use_cases.look_up_parked import LookUpParked
from paywall_core.use_cases.operate_order import ReinstateAccess, ResendLink, RevokeAccess
from paywall_core.use_cases.prepare_notices import NoticeChannels, Notices
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.request_restore import RequestRestore, RequestRestoreCommand
from paywall_core.use_cases.retry_deliveries import RetryDeliveries
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.sweep_lapsed import SweepLapsed

from .house import CHALLENGE_ID, EMAIL, ORDER_ID, SECRET
from .scenes import PARKED_ID, SESSION_ID, STORED_ALREADY, Scene
from .scripts import ANNA, BORIS

_OPERATOR: Final = Operator(by="vera", why="a test")
_BATCH: Final = 10


class Outside:
    """The far side of everything, shared by both actors of a race."""

    def __init__(self, scene: Scene) -> None:
        self.clock = FakeClock(scene.now)
        self.mailer = FakeMessenger()
        self.chat = FakeMessenger()
        self.codes = FakeCodeMailer()
        self.notices = FakeNoticeMessenger()
        self.tracker = FakeClickTracker()
        self.gateway = FakeGateway(self.clock)
        self.gateway.answers[SESSION_ID] = scene.read
        self.ledger = FakeLedger()
        self.ledger.traces["ch_9"] = PaymentNotification(
            event_id=None,
            event_type="charge",
            occurred_at=scene.now,
            payload=b"{}",
            order_id=ORDER_ID,
            references=("ch_9", SESSION_ID),
        )

    @property
    def received(self) -> tuple[str, ...]:
        """Keys of what went out, sorted: at least once each."""
        keys = [message.key for message in (*self.mailer.sent, *self.chat.sent)]
        keys += [code.key for code in self.codes.sent]
        keys += [notice.key for notice in self.notices.sent]
        return tuple(sorted(keys + [report.key for report in self.tracker.reports]))


class Hands:
    """The use cases of one actor: a process's own, with chance of its own."""

    def __init__(self, database: Database, scene: Scene, outside: Outside, *, seed: int) -> None:
        uow, clock = database.unit_of_work, outside.clock
        tokens, codes = AccessTokens([SECRET]), OneTimeCodes([SECRET])
        links = ActivationLinks(tokens=tokens, bot_username="paywall_bot")
        randomness = SeededRandomness(seed)
        self.scene = scene
        self.unit_of_work = uow
        self.token = tokens.issue(ORDER_ID, 1)
        self.code = codes.derive(CHALLENGE_ID)
        self.record = RecordPayment(unit_of_work=uow, clock=clock)
        self.session_status = GetSessionStatus(
            directory=database.directory,
            gateway=outside.gateway,
            record_payment=self.record,
            links=links,
            clock=clock,
        )
        self.activate = ActivateAccess(unit_of_work=uow, tokens=tokens, clock=clock)
        self.confirm_restore = ConfirmRestore(unit_of_work=uow, codes=codes, links=links, clock=clock)
        self.request_restore = RequestRestore(unit_of_work=uow, clock=clock, randomness=randomness)
        self.sweep = SweepLapsed(unit_of_work=uow, clock=clock)
        self.revoke = RevokeAccess(unit_of_work=uow, clock=clock)
        self.reinstate = ReinstateAccess(unit_of_work=uow, clock=clock)
        self.resend = ResendLink(unit_of_work=uow, clock=clock)
        self.retry = RetryDeliveries(unit_of_work=uow, clock=clock)
        self.look_up = LookUpParked(unit_of_work=uow, ledger=outside.ledger, record_payment=self.record, clock=clock)
        self.forget = ForgetChallenges(unit_of_work=uow, clock=clock)
        notices = Notices(
            channels=NoticeChannels(mailer=outside.notices, chat=outside.notices),
            enabled=tuple(NoticeKind),
            links=links,
            open_portal=OpenCustomerPortal(portal=FakeCustomerPortal()),
        )
        channels = Channels(
            access_mailer=outside.mailer,
            code_mailer=outside.codes,
            chat_messenger=outside.chat,
            click_tracker=outside.tracker,
        )
        self.outbox = DeliverOutbox(
            unit_of_work=uow,
            deliveries=Deliveries(channels=channels, notices=notices, look_up=self.look_up, links=links, codes=codes),
            clock=clock,
            randomness=randomness,
            policy=RetryPolicy(),
        )


Act: TypeAlias = Callable[[Hands], Awaitable[str]]


async def _recorded(hands: Hands, notification: PaymentNotification) -> str:
    recorded = await hands.record(notification)
    return "duplicate" if recorded.duplicate else f"parked={recorded.parked} after={recorded.after}"


async def _activated(hands: Hands, user: int) -> str:
    granted = await hands.activate(ActivateAccessCommand(activation_token=hands.token, telegram_user_id=user))
    return str(granted.access_status)


async def _session_status(hands: Hands) -> str:
    status = await hands.session_status(SESSION_ID)
    return f"{status.access_status} link={status.activation_link is not None}"


async def _confirm_restore(hands: Hands) -> str:
    restored = await hands.confirm_restore(ConfirmRestoreCommand(email=EMAIL, code=hands.code, telegram_user_id=BORIS))
    return f"granted={restored.access_granted}"


async def _request_restore(hands: Hands) -> str:
    await hands.request_restore(RequestRestoreCommand(email=EMAIL))
    return "done"


async def _operated(act: Awaitable[object]) -> str:
    await act
    return "done"


async def _deliver(hands: Hands) -> str:
    leased = await hands.outbox.lease(_BATCH)
    return ", ".join([f"{one.key}={await hands.outbox.deliver(one)}" for one in leased])


async def _retry(hands: Hands) -> str:
    """Everything that an operator sees: all that this order's life may have put into the outbox by then."""
    keys = (
        f"access_email:{ORDER_ID}:1",
        f"activation_message:{ORDER_ID}:1",
        f"mobi_slon:pay_success:{ORDER_ID}",
        f"look_up:{PARKED_ID}",
    )
    return ", ".join(row.key for row in await hands.retry(keys, _OPERATOR))


async def _look_up(hands: Hands) -> str:
    async with hands.unit_of_work() as uow:
        parked = await uow.payment_events.find_parked(PARKED_ID)
    if parked is None:
        return "nothing waits"
    await hands.look_up(parked)
    return "looked up"


async def _counted(chore: Awaitable[int]) -> str:
    return str(await chore)


_ACTS: Final[dict[str, Act]] = {
    "record payment": lambda hands: _recorded(hands, hands.scene.pay),
    "record refund": lambda hands: _recorded(hands, hands.scene.refund),
    "record dispute": lambda hands: _recorded(hands, hands.scene.dispute),
    "record duplicate": lambda hands: _recorded(hands, STORED_ALREADY),
    "session status": _session_status,
    "activate by user 1": lambda hands: _activated(hands, ANNA),
    "activate by user 2": lambda hands: _activated(hands, BORIS),
    "confirm restore": _confirm_restore,
    "request restore": _request_restore,
    "sweep": lambda hands: _counted(hands.sweep()),
    "revoke": lambda hands: _operated(hands.revoke(ORDER_ID, _OPERATOR)),
    "reinstate": lambda hands: _operated(hands.reinstate(ORDER_ID, _OPERATOR)),
    "resend link": lambda hands: _operated(hands.resend(ORDER_ID, _OPERATOR)),
    "deliver outbox": _deliver,
    "retry deliveries": _retry,
    "look up parked": _look_up,
    "forget": lambda hands: _counted(hands.forget()),
}
ACTS: Final = tuple(_ACTS)

PASSES_OVER: Final = frozenset({"sweep", "deliver outbox"})
"""Chores that pass over what somebody else has locked (`SKIP LOCKED`), and find it when they come again."""

NOTHING_TO_DO: Final = frozenset({"", "0"})
"""What those answer then."""

REFUSED: Final = "refused: "


async def perform(name: str, hands: Hands) -> str:
    """Do it; what it answers, the rule that forbids it, or that somebody else was faster."""
    try:
        return await _ACTS[name](hands)
    except RuleBroken as error:
        return type(error).__name__
    except Conflict as error:
        return f"{REFUSED}{type(error).__name__}"
