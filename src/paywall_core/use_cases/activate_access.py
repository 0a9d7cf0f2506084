"""The customer presses the activation link: bind the order to a Telegram account."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from paywall_core.access_token import AccessTokens
from paywall_core.errors import ActivationTokenInvalid, InvalidInput
from paywall_core.lifecycle import State
from paywall_core.order import redeem
from paywall_core.policy import FOREVER
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWorkFactory
from paywall_core.telegram_user import MAX_TELEGRAM_ID


class ActivateAccessCommand(Struct, frozen=True, kw_only=True):
    """Who wants in, and by which token. The token is secret: never logged."""

    activation_token: str
    telegram_user_id: int

    def __repr__(self) -> str:
        return f"ActivateAccessCommand(telegram_user_id={self.telegram_user_id})"


class GrantedAccess(Struct, frozen=True, kw_only=True):
    """Access was granted (or had been, to the same user).

    Attributes:
        access_expires_at: end of the paid time, grace not counted; None: for life.
        locale: the order's language.
    """

    order_id: UUID
    plan: str
    access_status: State
    access_expires_at: datetime | None
    locale: str


class ActivateAccess:
    """Redeem an activation token for a Telegram user: exactly one account gets in by it.

    Again for the same user is the same answer. When the token was rotated (restore by e-mail), the account that had
    access before loses it here, and not earlier.
    """

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, tokens: AccessTokens, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._tokens = tokens
        self._clock = clock

    async def __call__(self, command: ActivateAccessCommand) -> GrantedAccess:
        """Redeem it.

        Raises:
            InvalidInput: the Telegram id is none.
            ActivationTokenInvalid: unknown, forged or rotated away.
            AccessRevokedError: refunded, disputed or revoked.
            ActivationTokenExpired: the paid time is over.
            ActivationTokenUsed: another user redeemed it.
        """
        if not 0 < command.telegram_user_id <= MAX_TELEGRAM_ID:
            raise InvalidInput("telegram_user_id", "must be a positive Telegram user id")
        token = self._tokens.parse(command.activation_token)
        async with self._unit_of_work() as uow:
            order = await uow.orders.get(token.order_id, for_update=True)
            if order is None:
                raise ActivationTokenInvalid
            self._tokens.verify(token, order.facts.token_version)
            now = self._clock.now()
            change = redeem(order, telegram_user_id=command.telegram_user_id, now=now)
            if change.history:
                await uow.orders.save(change)
                await uow.commit()
        paid_until = change.order.entitlement.paid_until
        return GrantedAccess(
            order_id=change.order.id,
            plan=change.order.plan,
            access_status=change.order.state_at(now),
            access_expires_at=None if paid_until == FOREVER else paid_until,
            locale=change.order.locale,
        )
