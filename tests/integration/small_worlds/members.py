"""What a script is made of: each member is an act on the real use cases, and what it does to the truth."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from paywall_core.errors import PaywallError
from paywall_core.facts import Terms
from paywall_core.lifecycle import State
from paywall_core.operator import Operator
from paywall_core.use_cases.activate_access import ActivateAccessCommand
from paywall_core.use_cases.confirm_restore import ConfirmRestoreCommand

from .house import EMAIL, ORDER_ID, House
from .truth import Truth, Word, Words, account, connected, true_state

OPERATOR: Final = Operator(by="vera", why="a test")
_LIVE: Final = (State.TOKEN_ISSUED, State.ACTIVE)


class Member(Struct, frozen=True, kw_only=True):
    """One member of a script.

    Attributes:
        name: for the story of a failure.
        commits: how many transactions it may commit; its process may die before and after each.
        act: does it; what it answers, or the name of the error that it raises.
        foresee: what it does to the truth, and what it must answer.
        word: the provider's word that it brings; None: it is somebody's act.
        moves_to: the clock stands here afterwards, at least; None: no time passes.
    """

    name: str
    commits: int
    act: Callable[[House], Awaitable[str]]
    foresee: Callable[[Words, Truth], tuple[Truth, str]]
    word: Word | None = None
    moves_to: datetime | None = None


class Script(Struct, frozen=True, kw_only=True):
    """A set of members for one order, and where the clock may stand."""

    name: str
    terms: Terms
    clocks: tuple[datetime, ...]
    members: tuple[Member, ...]

    @property
    def words(self) -> Words:
        """The provider's words in it, by their ids."""
        return {member.word.id: member.word for member in self.members if member.word is not None}


async def _answer(awaitable: Awaitable[object]) -> str:
    try:
        await awaitable
    except PaywallError as error:
        return type(error).__name__
    return "done"


def said(name: str, word: Word) -> Member:
    """The provider says something."""

    async def act(house: House) -> str:
        recorded = await house.record_payment(word.notification)
        if recorded.duplicate:
            return "duplicate"
        return "parked" if recorded.parked else "recorded"

    def foresee(words: Words, truth: Truth) -> tuple[Truth, str]:
        if word.id in truth.heard:
            return truth, "duplicate"
        after = structs.replace(truth, heard=truth.heard | {word.id})
        return after, "recorded" if word.id in connected(words, after) else "parked"

    return Member(name=name, commits=1, act=act, foresee=foresee, word=word)


def redeems(user: int, *, version: int = 1) -> Member:
    """A Telegram user presses the activation link of that version."""

    async def act(house: House) -> str:
        token = house.tokens.issue(ORDER_ID, version)
        return await _answer(house.activate(ActivateAccessCommand(activation_token=token, telegram_user_id=user)))

    def foresee(words: Words, truth: Truth) -> tuple[Truth, str]:
        sums = account(words, truth)
        state = true_state(sums, truth)
        if version != truth.version:
            return truth, "ActivationTokenInvalid"
        if state is State.REVOKED:
            return truth, "AccessRevokedError"
        if state not in _LIVE:
            return truth, "ActivationTokenExpired" if sums.paid else "ActivationTokenInvalid"
        if truth.held == version:
            return truth, "done" if truth.holder == user else "ActivationTokenUsed"
        return structs.replace(truth, holder=user, held=version), "done"

    return Member(name=f"user {user} redeems version {version}", commits=1, act=act, foresee=foresee)


def restores(user: int | None) -> Member:
    """The customer answers with the one-time code; a named account is let in at once."""

    async def act(house: House) -> str:
        async with house.confirm_restore._unit_of_work() as uow:  # the code is in the mail: whoever reads it knows it
            challenge = await uow.restore_challenges.hold(EMAIL)
        code = "" if challenge is None else house.codes.derive(challenge.id)
        command = ConfirmRestoreCommand(email=EMAIL, code=code, telegram_user_id=user)
        return await _answer(house.confirm_restore(command))

    def foresee(words: Words, truth: Truth) -> tuple[Truth, str]:
        if truth.proven or truth.now >= truth.code_until:
            return truth, "OneTimeCodeInvalid"
        proven = structs.replace(truth, proven=True)
        if true_state(account(words, truth), truth) not in _LIVE:
            return proven, "NoRestorableOrder"
        rotated = structs.replace(proven, version=truth.version + 1)
        return rotated if user is None else structs.replace(rotated, holder=user, held=rotated.version), "done"

    return Member(name=f"restore for {user}", commits=2, act=act, foresee=foresee)


def revokes() -> Member:
    """The operator takes access away."""

    async def act(house: House) -> str:
        return await _answer(house.revoke(ORDER_ID, OPERATOR))

    def foresee(_words: Words, truth: Truth) -> tuple[Truth, str]:
        return structs.replace(truth, revoked=True, said=truth.said + 1), "done"

    return Member(name="operator revokes", commits=1, act=act, foresee=foresee)


def reinstates() -> Member:
    """The operator takes that back."""

    async def act(house: House) -> str:
        return await _answer(house.reinstate(ORDER_ID, OPERATOR))

    def foresee(words: Words, truth: Truth) -> tuple[Truth, str]:
        if true_state(account(words, truth), truth) is not State.REVOKED:
            return truth, "IllegalTransition"
        return structs.replace(truth, revoked=False, said=truth.said + 1), "done"

    return Member(name="operator reinstates", commits=1, act=act, foresee=foresee)


def sweeps() -> Member:
    """The worker records what has lapsed."""

    async def act(house: House) -> str:
        await house.sweep()
        return "done"

    return Member(name="sweep", commits=1, act=act, foresee=lambda _words, truth: (truth, "done"))


def time_passes(to: datetime) -> Member:
    """The clock moves on. No process takes part in it, so that none can die of it."""

    async def act(_house: House) -> str:
        return "done"

    def foresee(_words: Words, truth: Truth) -> tuple[Truth, str]:
        return structs.replace(truth, now=max(to, truth.now)), "done"

    return Member(name=f"time passes to {to:%d.%m.}", commits=0, act=act, foresee=foresee, moves_to=to)
