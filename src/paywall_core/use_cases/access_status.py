"""The gate's question, asked for every Telegram message: may this user in?"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from paywall_core.lifecycle import State
from paywall_core.ports.clock import Clock
from paywall_core.ports.directory import AccessRecord, OrderDirectory


class AccessStatus(Struct, frozen=True, kw_only=True):
    """The gate's answer.

    Attributes:
        is_paid: access is good now.
        order_id, plan, access_status, locale: the order that serves the user best, and its language; all None when
            there is none.
    """

    is_paid: bool
    order_id: UUID | None = None
    plan: str | None = None
    access_status: State | None = None
    locale: str | None = None


class GetAccessStatus:
    """Say whether a Telegram user has access now: a token redeemed, and a standing payment that covers this moment.

    Decided on read from the stored end of access and the clock, so that a late sweep never gives anyone a free day.
    """

    def __init__(self, *, directory: OrderDirectory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    async def __call__(self, telegram_user_id: int) -> AccessStatus:
        """Answer for one user; an unknown one is simply not paid."""
        record = await self._directory.access_of(telegram_user_id)
        if record is None:
            return AccessStatus(is_paid=False)
        state = _state_now(record, self._clock.now())
        return AccessStatus(
            is_paid=record.redeemed and state is State.ACTIVE,
            order_id=record.order_id,
            plan=record.plan,
            access_status=state,
            locale=record.locale,
        )


def _state_now(record: AccessRecord, now: datetime) -> State:
    """The recorded state, carried forward to `now`."""
    if record.access_until is not None and now < record.access_until:
        return State.ACTIVE if record.redeemed else State.TOKEN_ISSUED
    return State.EXPIRED if record.state in (State.TOKEN_ISSUED, State.ACTIVE) else record.state
