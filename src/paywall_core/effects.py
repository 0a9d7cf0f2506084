"""What the world outside is owed, as data: each effect is a row of the outbox, written with the change that caused it.

An effect names the order and nothing personal or secret: who to write to and the token itself are looked up and
derived at the moment of delivery. Its key is deterministic, so that one cause has one effect.
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


Effect: TypeAlias = SendAccessEmail | SendActivationMessage | ReportSale
"""All effects. `key` is unique in the outbox."""
