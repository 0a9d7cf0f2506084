"""Where the customer redeems the token: a Telegram deep link."""

from uuid import UUID

from paywall_core.access_token import AccessTokens


class ActivationLinks:
    """Builds `https://t.me/<bot>?start=<token>`.

    Args:
        tokens: issues the token.
        bot_username: the bot's name, without `@`.
        base_url: Telegram's link host, without a slash at the end.
    """

    def __init__(self, *, tokens: AccessTokens, bot_username: str, base_url: str = "https://t.me") -> None:
        self._tokens = tokens
        self._prefix = f"{base_url}/{bot_username}?start="

    def link(self, order_id: UUID, token_version: int) -> str:
        """The link of this order's version. Secret: whoever has it can redeem it."""
        return self._prefix + self._tokens.issue(order_id, token_version)
