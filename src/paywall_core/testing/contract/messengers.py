"""The contracts of what brings words to customers: the way in, a one-time code, and what became of a payment.

What they say, and how it looks, is yours; that it arrives once and whole, and that nothing secret stays behind in an
error, is asked here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from paywall_core.effects import NoticeKind
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import (
    AccessMessage,
    AccessMessenger,
    CodeMessage,
    CodeMessenger,
    NoticeAction,
    NoticeMessage,
    NoticeMessenger,
)
from paywall_core.testing.contract.base import EachOnItsOwnLoop
from paywall_core.testing.contract.samples import NOW

ORDER = UUID(int=1)
_AT_ONCE = 5


def link(number: int = 0) -> str:
    """An activation link; each number has its own."""
    return "https://t.me/our_bot?start=" + f"{number:02}" + "aB3_-x" * 10


class MessengerContract(EachOnItsOwnLoop):
    """What all of them must do. Inherit one of those below, and say how your far side is read and broken.

    Attributes:
        to: whom it writes to: an e-mail address, or a chat's id.
        locales: the languages that it speaks.
    """

    to: str = "anna@example.com"
    locales: tuple[str, ...] = ("en",)

    async def arrived(self) -> Sequence[str]:
        """What has arrived for `to` so far, each message as one readable text with its links, in any order."""
        raise NotImplementedError

    async def refuse(self, *, permanent: bool) -> None:
        """From now on the far side takes nothing: for good (no such address), or for the moment (it is busy)."""
        raise NotImplementedError


async def _fails(send: Callable[[], Awaitable[None]], *secrets: str) -> bool:
    """Whether it failed for good; what it says of it names none of these."""
    with pytest.raises(DeliveryFailed) as raised:
        await send()
    assert [secret for secret in secrets if secret in raised.value.reason or secret in str(raised.value)] == []
    return raised.value.permanent


class AccessMessengerContract(MessengerContract):
    """What an `AccessMessenger` must do."""

    messenger: AccessMessenger
    """Yours; put it there in `set_up`."""

    def access(self, locale: str, number: int = 0) -> AccessMessage:
        """The way in."""
        return AccessMessage(
            key=f"access_email:{ORDER}:{number}",
            order_id=ORDER,
            plan="a plan",
            locale=locale,
            to=self.to,
            activation_link=link(number),
        )

    async def test_link_arrives_whole_in_every_language(self) -> None:
        """Once for each message that was sent, and not broken by a line's end or an encoding."""
        for count, locale in enumerate(self.locales, start=1):
            await self.messenger.send_access(self.access(locale, count))
            texts = await self.arrived()
            assert len(texts) == count
            assert sum(link(count) in text for text in texts) == 1

    async def test_links_sent_at_once_do_not_mix(self) -> None:
        """Each message has its own and no other."""
        messages = [self.access(self.locales[0], number) for number in range(_AT_ONCE)]
        await asyncio.gather(*map(self.messenger.send_access, messages))
        texts = await self.arrived()
        found = [[number for number in range(_AT_ONCE) if link(number) in text] for text in texts]
        assert sorted(found) == [[number] for number in range(_AT_ONCE)]

    @pytest.mark.parametrize("permanent", [False, True])
    async def test_refusal_says_whether_trying_again_can_help(self, *, permanent: bool) -> None:
        """Nothing arrives, and the reason, which the operator's log keeps, names neither link nor address."""
        await self.refuse(permanent=permanent)
        message = self.access(self.locales[0])
        assert await _fails(lambda: self.messenger.send_access(message), link(), self.to) is permanent
        assert list(await self.arrived()) == []


class CodeMessengerContract(MessengerContract):
    """What a `CodeMessenger` must do."""

    code_messenger: CodeMessenger
    """Yours; put it there in `set_up`."""

    def code(self, locale: str, number: int = 0) -> CodeMessage:
        """A code; each number has its own."""
        return CodeMessage(key=f"restore_code:{number}", locale=locale, to=self.to, code=f"4{number}8213")

    async def test_code_arrives_in_every_language(self) -> None:
        """Its six digits in a row."""
        for count, locale in enumerate(self.locales, start=1):
            await self.code_messenger.send_code(self.code(locale, count))
            texts = await self.arrived()
            assert len(texts) == count
            assert sum(f"4{count}8213" in text for text in texts) == 1

    @pytest.mark.parametrize("permanent", [False, True])
    async def test_refused_code_says_whether_trying_again_can_help(self, *, permanent: bool) -> None:
        """And the reason names neither code nor address."""
        await self.refuse(permanent=permanent)
        message = self.code(self.locales[0])
        failed_for_good = await _fails(lambda: self.code_messenger.send_code(message), message.code, self.to)
        assert failed_for_good is permanent
        assert list(await self.arrived()) == []


class NoticeMessengerContract(MessengerContract):
    """What a `NoticeMessenger` must do."""

    notice_messenger: NoticeMessenger
    """Yours; put it there in `set_up`."""

    def notice(self, kind: NoticeKind, locale: str) -> NoticeMessage:
        """A word of this kind, with a link to press."""
        return NoticeMessage(
            key=f"notice:{kind}",
            order_id=ORDER,
            plan="a plan",
            locale=locale,
            to=self.to,
            kind=kind,
            has_access=True,
            access_until=NOW + timedelta(days=30),
            action=NoticeAction.ACTIVATE,
            url=link(),
        )

    @pytest.mark.parametrize("kind", list(NoticeKind))
    async def test_every_kind_of_notice_arrives_in_every_language(self, kind: NoticeKind) -> None:
        """With what can be done about it."""
        for count, locale in enumerate(self.locales, start=1):
            await self.notice_messenger.send_notice(self.notice(kind, locale))
            texts = await self.arrived()
            assert len(texts) == count
            assert all(link() in text for text in texts)

    @pytest.mark.parametrize("permanent", [False, True])
    async def test_refused_notice_says_whether_trying_again_can_help(self, *, permanent: bool) -> None:
        """And the reason names neither link nor address."""
        await self.refuse(permanent=permanent)
        message = self.notice(NoticeKind.RESTORED, self.locales[0])
        assert await _fails(lambda: self.notice_messenger.send_notice(message), link(), self.to) is permanent
        assert list(await self.arrived()) == []
