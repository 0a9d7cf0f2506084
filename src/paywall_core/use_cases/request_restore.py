"""The customer lost the way in: mail a one-time code to the address that paid."""

from msgspec import Struct

from paywall_core.effects import SendRestoreCode
from paywall_core.email_address import email_key, mask_email, parse_email
from paywall_core.ports.clock import Clock, Randomness
from paywall_core.ports.unit_of_work import UnitOfWorkFactory
from paywall_core.restore_challenge import next_challenge


class RequestRestoreCommand(Struct, frozen=True, kw_only=True):
    """Who says to have paid."""

    email: str

    def __repr__(self) -> str:
        return f"RequestRestoreCommand(email={mask_email(self.email)!r})"


class RequestRestore:
    """Take a request for a one-time code, for a known and an unknown address alike.

    Both get a challenge, by the same statements in the same time; only the worker finds out whether the address ever
    paid, and mails a code if so. An address gets a code once in 60 seconds and five in an hour at most.
    """

    def __init__(self, *, unit_of_work: UnitOfWorkFactory, clock: Clock, randomness: Randomness) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._randomness = randomness

    async def __call__(self, command: RequestRestoreCommand) -> None:
        """Take it.

        Raises:
            InvalidInput: the address has not the shape of one.
            CodeRequestedTooSoon: the address was asked about too often.
        """
        address = email_key(parse_email(command.email))
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            previous = await uow.restore_challenges.hold(address)
            challenge = next_challenge(previous, address=address, challenge_id=self._randomness.new_id(), now=now)
            await uow.restore_challenges.put(challenge)
            await uow.outbox.enqueue([SendRestoreCode(challenge_id=challenge.id)], now=now)
            await uow.commit()
