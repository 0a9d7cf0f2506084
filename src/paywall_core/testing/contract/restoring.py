"""The contract of restore challenges: an address is held by one transaction at a time, and a code counts once."""

import asyncio
from uuid import UUID

import pytest

from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.errors import OneTimeCodeInvalid
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.testing import FakeClock, SeededRandomness
from paywall_core.testing.contract.base import PortsContract
from paywall_core.testing.contract.samples import ADDRESS, MINUTE, NOW, Store, add, change, paid_event, place
from paywall_core.use_cases.confirm_restore import ConfirmRestore, ConfirmRestoreCommand, RestoredAccess
from paywall_core.use_cases.request_restore import RequestRestore, RequestRestoreCommand

SECRET = b"a token secret of the tests"


def challenge(address: str = ADDRESS, number: int = 1, minutes: int = 0) -> RestoreChallenge:
    """A challenge that was issued some minutes after now."""
    return RestoreChallenge(address=address, id=UUID(int=number), issued=(NOW - MINUTE, NOW + minutes * MINUTE))


async def put(store: Store, *challenges: RestoreChallenge) -> None:
    """Store them."""
    async with store.unit_of_work() as uow:
        for one in challenges:
            await uow.restore_challenges.hold(one.address)
            await uow.restore_challenges.put(one)
        await uow.commit()


class Restoring:
    """The two use cases of a restore, on one of the three stores."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FakeClock(NOW)
        self.codes = CountingCodes([SECRET])
        self.challenge_id: UUID | None = None
        links = ActivationLinks(tokens=AccessTokens([SECRET]), bot_username="bot")
        self.request = RequestRestore(unit_of_work=store.unit_of_work, clock=self.clock, randomness=SeededRandomness())
        self.confirm = ConfirmRestore(unit_of_work=store.unit_of_work, codes=self.codes, links=links, clock=self.clock)

    async def code(self) -> str:
        """Ask, and read the code from the challenge."""
        await self.request(RequestRestoreCommand(email=ADDRESS))
        async with self.store.unit_of_work() as uow:
            held = await uow.restore_challenges.hold(ADDRESS)
        assert held is not None
        self.challenge_id = held.id
        return self.codes.derive(held.id)

    async def answers(self, codes: list[str]) -> list[RestoredAccess | BaseException]:
        """Answer with all of them at once."""
        commands = [ConfirmRestoreCommand(email=ADDRESS, code=code, telegram_user_id=7) for code in codes]
        return await asyncio.gather(*map(self.confirm, commands), return_exceptions=True)


class CountingCodes(OneTimeCodes):
    """Counts comparisons."""

    compared = 0

    def matches(self, challenge_id: UUID, answer: str) -> bool:
        """Compare, and count."""
        self.compared += 1
        return super().matches(challenge_id, answer)


class RestoreChallengesContract(PortsContract):
    """What a `RestoreChallengeRepository` must do."""

    async def test_challenge_is_read_back_whole_and_replaced(self) -> None:
        """By its address and by its id; the one that it replaced is not found any more."""
        first, second = challenge(), challenge(number=2, minutes=3).tried().solved()
        await put(self.ports, first)
        async with self.ports.unit_of_work() as uow:
            assert await uow.restore_challenges.hold(ADDRESS) == first
            assert await uow.restore_challenges.find(first.id) == first
            assert await uow.restore_challenges.hold("nobody@example.com") is None
        await put(self.ports, second)
        async with self.ports.unit_of_work() as uow:
            assert await uow.restore_challenges.hold(ADDRESS) == second
            assert await uow.restore_challenges.find(second.id) == second
            assert await uow.restore_challenges.find(first.id) is None

    @pytest.mark.parametrize("known", [True, False])
    async def test_address_is_held_by_one_transaction_at_a_time(self, *, known: bool) -> None:
        """Also one that was never seen: each sees what the one before has written."""
        if known:
            await put(self.ports, challenge())
        tries = 8

        async def count() -> None:
            async with self.ports.unit_of_work() as uow:
                held = await uow.restore_challenges.hold(ADDRESS) or challenge()
                await asyncio.sleep(0)
                await uow.restore_challenges.put(held.tried())
                await uow.commit()

        await asyncio.gather(*(count() for _ in range(tries)))
        async with self.ports.unit_of_work() as uow:
            held = await uow.restore_challenges.hold(ADDRESS)
        assert held is not None
        assert held.tries == tries

    @pytest.mark.parametrize("known", [True, False])
    async def test_second_to_hold_an_address_reads_what_the_first_wrote(self, *, known: bool) -> None:
        """It waits for the end of the first, however late the first writes."""
        if known:
            await put(self.ports, challenge())
        written = challenge(number=2, minutes=1)

        async def second() -> RestoreChallenge | None:
            async with self.ports.unit_of_work() as uow:
                return await uow.restore_challenges.hold(ADDRESS)

        async with self.ports.unit_of_work() as uow:
            assert (await uow.restore_challenges.hold(ADDRESS) is not None) is known
            waiting = asyncio.create_task(second())
            await asyncio.sleep(0.05)
            assert not waiting.done()
            await uow.restore_challenges.put(written)
            await uow.commit()
        assert await waiting == written

    async def test_challenge_of_a_rolled_back_transaction_never_was(self) -> None:
        """And the address is free again."""
        async with self.ports.unit_of_work() as uow:
            await uow.restore_challenges.hold(ADDRESS)
            await uow.restore_challenges.put(challenge())
        async with self.ports.unit_of_work() as uow:
            assert await uow.restore_challenges.hold(ADDRESS) is None
            assert await uow.restore_challenges.find(challenge().id) is None

    async def test_old_challenges_are_forgotten_in_bounded_batches(self) -> None:
        """The oldest first, and none that is younger."""
        await put(self.ports, *(challenge(f"{number}@example.com", number, minutes=number) for number in range(5)))
        for expected in (2, 1, 0):
            async with self.ports.unit_of_work() as uow:
                assert await uow.restore_challenges.forget(NOW + 3 * MINUTE, 2) == expected
                await uow.commit()
        async with self.ports.unit_of_work() as uow:
            left = [await uow.restore_challenges.hold(f"{number}@example.com") for number in range(5)]
        assert [one is not None for one in left] == [False, False, False, True, True]

    async def test_fifty_answers_at_once_are_five_comparisons(self) -> None:
        """However many processes they come through."""
        await change(self.ports, await add(self.ports, place()), paid_event())
        restoring = Restoring(self.ports)
        code = await restoring.code()
        wrong = [text for number in range(51) if (text := f"{number:06}") != code][:50]
        results = await restoring.answers(wrong)
        assert all(isinstance(result, OneTimeCodeInvalid) for result in results)
        assert restoring.codes.compared == 5

    async def test_right_answer_many_times_at_once_counts_once(self) -> None:
        """One restores, the others find it spent."""
        await change(self.ports, await add(self.ports, place()), paid_event())
        restoring = Restoring(self.ports)
        results = await restoring.answers([await restoring.code()] * 5)
        assert sum(isinstance(result, RestoredAccess) for result in results) == 1
        assert sum(isinstance(result, OneTimeCodeInvalid) for result in results) == 4

    async def test_newer_code_makes_the_older_one_worthless(self) -> None:
        """One challenge is live; its right answer is taken, that of the one before is not."""
        await change(self.ports, await add(self.ports, place()), paid_event())
        restoring = Restoring(self.ports)
        older = await restoring.code()
        restoring.clock.advance(MINUTE)
        newer = await restoring.code()
        assert older != newer
        (refused,) = await restoring.answers([older])
        (restored,) = await restoring.answers([newer])
        assert isinstance(refused, OneTimeCodeInvalid)
        assert isinstance(restored, RestoredAccess)
