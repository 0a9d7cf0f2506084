"""What the world outside is owed, as data: each effect is a row of the outbox, written with the change that caused it.

An effect names the order, the challenge or the logged event, and nothing personal or secret: who to write to, the token
and the code themselves are looked up or derived at the moment of delivery. Its key is deterministic, so that one cause
has one effect.
"""

from typing import TypeAlias
from uuid import UUID

from msgspec import Struct


class SendAccessEmail(Struct, frozen=True, kw_only=True, tag_field="effect", tag="access_email"):
    """The e-mail with the activation link."""

    order_id: UUID
    token_version: int

    @property
    def key(self) -> str:
        """One e-mail for one version of the token."""
        return f"access_email:{self.order_id}:{self.token_version}"


class SendActivationMessage(Struct, frozen=True, kw_only=True, tag_field="effect", tag="activation_message"):
    """The Telegram message with the activation button, to the chat that asked for it at checkout."""

    order_id: UUID
    token_version: int

    @property
    def key(self) -> str:
        """One message for one version of the token."""
        return f"activation_message:{self.order_id}:{self.token_version}"


class ReportSale(Struct, frozen=True, kw_only=True, tag_field="effect", tag="report_sale"):
    """The `pay_success` postback to the tracker that sent the customer."""

    order_id: UUID

    @property
    def key(self) -> str:
        """One per order in all, whoever reports it."""
        return f"mobi_slon:pay_success:{self.order_id}"


class SendRestoreCode(Struct, frozen=True, kw_only=True, tag_field="effect", tag="restore_code"):
    """The e-mail with the one-time code, if the challenge's address ever paid."""

    challenge_id: UUID

    @property
    def key(self) -> str:
        """One e-mail for one challenge."""
        return f"restore_code:{self.challenge_id}"


class ForwardTrackedEvent(Struct, frozen=True, kw_only=True, tag_field="effect", tag="tracked_event"):
    """A logged event, to its tracker."""

    attempt_id: UUID

    @property
    def key(self) -> str:
        """Each attempt by itself; the far side knows repeats by the event's own id."""
        return f"tracked_event:{self.attempt_id}"


OrderEffect: TypeAlias = SendAccessEmail | SendActivationMessage | ReportSale
"""What an order owes; `order_id` names it."""

Effect: TypeAlias = OrderEffect | SendRestoreCode | ForwardTrackedEvent
"""All effects. `key` is unique in the outbox."""
