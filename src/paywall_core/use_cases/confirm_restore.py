"""The customer answers with the one-time code: give a new way in, and make the old one worthless."""

from uuid import UUID

from msgspec import Struct

from paywall_core.activation_link import ActivationLinks
from paywall_core.email_address import email_key, mask_email, parse_email
from paywall_core.errors import InvalidInput, NoRestorableOrder, OneTimeCodeInvalid
from paywall_core.lifecycle import State
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.order import Change, rotate
from paywall_core.ports.clock import Clock
from paywall_core.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from paywall_core.telegram_user import MAX_TELEGRAM_ID

_STANDING = (State.TOKEN_ISSUED, State.ACTIVE)
_ORDERS_LOOKED_AT = 20


class ConfirmRestoreCommand(Struct, frozen=True, kw_only=True):
    """An address, the code that was mailed to it, and perhaps who is to be let in at once. The code is secret."""

    email: str
    code: str
    telegram_user_id: int | None = None

    def __repr__(self) -> str:
        return f"ConfirmRestoreCommand(email={mask_email(self.email)!r}, telegram_user_id={self.telegram_user_id})"


class RestoredAccess(Struct, frozen=True, kw_only=True):
    """The way in.

    Attributes:
        order_id: the order that was restored.
        activation_link: the new link, or None when it was redeemed at once. Secret.
        access_granted: it was redeemed at once.
        locale: the order's language.
    """

    order_id: UUID
    activation_link: str | None
    access_granted: bool
    locale: str

    def __repr__(self) -> str:
        return f"RestoredAccess(order_id={self.order_id}, access_granted={self.access_granted})"


class ConfirmRestore:
    """Check the one-time code, rotate the token of the order that serves best, and redeem it at once if asked to.

    A try is counted, and committed, before the code is compared: however many answers come at once, five are compared.
    The account that had access keeps it until the new token is redeemed.
    """

    def __init__(
        self, *, unit_of_work: UnitOfWorkFactory, codes: OneTimeCodes, links: ActivationLinks, clock: Clock
    ) -> None:
        self._unit_of_work = unit_of_work
        self._codes = codes
        self._links = links
        self._clock = clock

    async def __call__(self, command: ConfirmRestoreCommand) -> RestoredAccess:
        """Answer the challenge.

        Raises:
            InvalidInput: the address or the Telegram id has not the shape of one.
            OneTimeCodeInvalid: wrong, expired, used, unknown address, or too many tries.
            NoRestorableOrder: the address is proven, but nothing that stands was paid with it.
        """
        if command.telegram_user_id is not None and not 0 < command.telegram_user_id <= MAX_TELEGRAM_ID:
            raise InvalidInput("telegram_user_id", "must be a positive Telegram user id")
        address = email_key(parse_email(command.email))
        challenge_id = await self._count_try(address)
        if not self._codes.matches(challenge_id, command.code.strip()):
            raise OneTimeCodeInvalid
        async with self._unit_of_work() as uow:
            await self._spend(uow, address, challenge_id)
            change = await self._restore(uow, address, command.telegram_user_id)
            await uow.commit()
        if change is None:
            raise NoRestorableOrder
        order = change.order
        granted = command.telegram_user_id is not None
        return RestoredAccess(
            order_id=order.id,
            activation_link=None if granted else self._links.link(order.id, order.facts.token_version),
            access_granted=granted,
            locale=order.locale,
        )

    async def _count_try(self, address: str) -> UUID:
        """Count a try, durably; the challenge to compare with."""
        async with self._unit_of_work() as uow:
            challenge = await uow.restore_challenges.hold(address)
            if challenge is None or not challenge.is_open(self._clock.now()):
                raise OneTimeCodeInvalid
            await uow.restore_challenges.put(challenge.tried())
            await uow.commit()
        return challenge.id

    async def _spend(self, uow: UnitOfWork, address: str, challenge_id: UUID) -> None:
        """The right answer counts once, and only while no newer code was asked for."""
        challenge = await uow.restore_challenges.hold(address)
        if challenge is None or challenge.id != challenge_id or challenge.spent:
            raise OneTimeCodeInvalid
        await uow.restore_challenges.put(challenge.solved())

    async def _restore(self, uow: UnitOfWork, address: str, telegram_user_id: int | None) -> Change | None:
        """Rotate the best standing order's token; None when there is no such order."""
        now = self._clock.now()
        for candidate in await uow.orders.paid_by(address, _ORDERS_LOOKED_AT):
            order = await uow.orders.get(candidate.id, for_update=True)
            if order is None or order.state_at(now) not in _STANDING:
                continue
            change = rotate(order, redeemed_by=telegram_user_id, now=now, cause="restore")
            await uow.orders.save(change)
            return change
        return None
