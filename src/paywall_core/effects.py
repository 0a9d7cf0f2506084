"""What the world outside is owed, as data: each effect is a row of the outbox, written with the change that caused it.

An effect names the order, the challenge or the logged event, and nothing personal or secret: who to write to, the token
and the code themselves are looked up or derived at the moment of delivery. Its key is deterministic, so that one cause
has one effect.
"""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final, TypeAlias
from uuid import UUID

from msgspec import Struct

MAX_KEY_CHARACTERS: Final = 255
"""The longest key; a store may reserve as much for it."""


class NoticeKind(StrEnum):
    """What a customer is told after the payment; an operator may switch each off."""

    PAYMENT_FAILED = "payment_failed"  # a renewal or a delayed payment did not go through
    ENDS_SOON = "ends_soon"  # the paid time runs out and nothing renews it
    ENDED = "ended"  # it has run out
    REFUNDED = "refunded"  # money goes back, in whole or in part
    SUSPENDED = "suspended"  # the payment is disputed: no access until that is decided
    RESTORED = "restored"  # what took access away was taken back


class NoticeChannel(StrEnum):
    """How a notice travels."""

    EMAIL = "email"
    CHAT = "chat"


class Lane(StrEnum):
    """What travels side by side. However long one lane's far side takes, the others' deliveries go on.

    What somebody waits for has a lane of its own: a thousand reminders, or notices that have to ask the provider first,
    stand in nobody's way in.
    """

    MAIL = "mail"  # the way in and codes, by e-mail
    MAIL_NOTICE = "mail_notice"
    CHAT = "chat"  # the way in, by Telegram
    CHAT_NOTICE = "chat_notice"
    CLICK_TRACKER = "click_tracker"
    AD_PLATFORM = "ad_platform"
    PROVIDER = "provider"  # questions to the payment provider


def _key(*parts: object) -> str:
    """The parts, joined; where a provider's ids make that too long, their digest stands for the end of it."""
    whole = ":".join(str(part) for part in parts)
    if len(whole) <= MAX_KEY_CHARACTERS:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()
    return f"{whole[: MAX_KEY_CHARACTERS - len(digest) - 1]}:{digest}"


class SendAccessEmail(Struct, frozen=True, kw_only=True, tag_field="effect", tag="access_email"):
    """The e-mail with the activation link."""

    lane: ClassVar[Lane] = Lane.MAIL
    order_id: UUID
    token_version: int
    resend: int = 0

    @property
    def key(self) -> str:
        """One e-mail for one version of the token, and one more for each time that an operator sends it again."""
        return _resendable(f"access_email:{self.order_id}:{self.token_version}", self.resend)


class SendActivationMessage(Struct, frozen=True, kw_only=True, tag_field="effect", tag="activation_message"):
    """The Telegram message with the activation button, to the chat that asked for it at checkout."""

    lane: ClassVar[Lane] = Lane.CHAT
    order_id: UUID
    token_version: int
    resend: int = 0

    @property
    def key(self) -> str:
        """As the e-mail's."""
        return _resendable(f"activation_message:{self.order_id}:{self.token_version}", self.resend)


class ReportSale(Struct, frozen=True, kw_only=True, tag_field="effect", tag="report_sale"):
    """The `pay_success` postback to the tracker that sent the customer."""

    lane: ClassVar[Lane] = Lane.CLICK_TRACKER
    order_id: UUID

    @property
    def key(self) -> str:
        """One per order in all, whoever reports it."""
        return f"mobi_slon:pay_success:{self.order_id}"


class SendNotice(Struct, frozen=True, kw_only=True, tag_field="effect", tag="notice", omit_defaults=True):
    """A word to the customer about what became of the payment.

    Attributes:
        kind: what it is about.
        channel: how it travels.
        cause: what it was that happened: the provider's id of the invoice, refund or dispute, or the moment of an end.
        not_before: when it may go out at the earliest; None: at once.
    """

    order_id: UUID
    kind: NoticeKind
    channel: NoticeChannel
    cause: str
    not_before: datetime | None = None

    @property
    def key(self) -> str:
        """One for one cause, on each channel."""
        return _key("notice", self.kind, self.channel, self.order_id, self.cause)

    @property
    def lane(self) -> Lane:
        """By the channel."""
        return Lane.MAIL_NOTICE if self.channel is NoticeChannel.EMAIL else Lane.CHAT_NOTICE


class LookUpEvent(Struct, frozen=True, kw_only=True, tag_field="effect", tag="look_up"):
    """Ask the provider which order a parked event belongs to.

    Attributes:
        event_id: the parked event.
        not_before: what makes its order known mostly comes by itself within seconds.
    """

    lane: ClassVar[Lane] = Lane.PROVIDER
    event_id: str
    not_before: datetime | None = None

    @property
    def key(self) -> str:
        """One for each parked event."""
        return _key("look_up", self.event_id)


class SendRestoreCode(Struct, frozen=True, kw_only=True, tag_field="effect", tag="restore_code"):
    """The e-mail with the one-time code, if the challenge's address ever paid."""

    lane: ClassVar[Lane] = Lane.MAIL
    challenge_id: UUID

    @property
    def key(self) -> str:
        """One e-mail for one challenge."""
        return f"restore_code:{self.challenge_id}"


class ForwardTrackedEvent(
    Struct, frozen=True, kw_only=True, tag_field="effect", tag="tracked_event", omit_defaults=True
):
    """A logged event, to its tracker.

    Attributes:
        attempt_id: the event in the log.
        lane: of which tracker.
    """

    attempt_id: UUID
    lane: Lane = Lane.CLICK_TRACKER

    @property
    def key(self) -> str:
        """Each attempt by itself; the far side knows repeats by the event's own id."""
        return f"tracked_event:{self.attempt_id}"


OrderEffect: TypeAlias = SendAccessEmail | SendActivationMessage | ReportSale | SendNotice
"""What an order owes; `order_id` names it."""

Effect: TypeAlias = OrderEffect | SendRestoreCode | ForwardTrackedEvent | LookUpEvent
"""All effects. `key` is unique in the outbox, `lane` says beside what it travels."""


def due_at(effect: Effect, now: datetime) -> datetime:
    """When an effect that is owed since `now` may go out."""
    earliest = effect.not_before if isinstance(effect, SendNotice | LookUpEvent) else None
    return now if earliest is None else max(now, earliest)


REMINDER_KEYS: Final = f"notice:{NoticeKind.ENDS_SOON}:"
"""How the keys of reminders begin: they alone are meant for a day to come, and may rightly be due far ahead."""


REMEMBERED_KEYS: Final = ("access_email:", "activation_message:", "mobi_slon:pay_success:")
"""How the keys of what an order owes once and for all begin: only that they are remembered keeps them from a second."""


def due_after_all(effect: Effect, now: datetime) -> datetime:
    """When an effect may go out that a clock that ran ahead has put off: a reminder on its day, all else now.

    A look-up's `not_before` came from that same clock; a reminder's follows from what was paid for.
    """
    return due_at(effect, now) if effect.key.startswith(REMINDER_KEYS) else now


def _resendable(key: str, resend: int) -> str:
    return f"{key}:resend-{resend}" if resend else key
