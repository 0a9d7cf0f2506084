"""The activation token: a capability that finds its own order, and that no database holds.

    token = base64url( order_id (16 bytes) ‖ HMAC-SHA256(secret, order_id ‖ token_version (4 bytes, big-endian))[:30] )

62 characters of `A-Za-z0-9_-`: Telegram's `start` parameter takes 64. Rotating is `token_version + 1`. Several secrets
may be listed, newest first: the first signs, all verify, so that a secret can be replaced without breaking a link.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from paywall_core.errors import ActivationTokenInvalid

_ID_BYTES: Final = 16
_MAC_BYTES: Final = 30
_TOKEN_CHARACTERS: Final = 62
_MIN_SECRET_BYTES: Final = 16


class ParsedToken(Struct, frozen=True, kw_only=True):
    """A token taken apart; whether it is genuine is only known beside its order's version.

    Attributes:
        order_id: the order that it claims.
        mac: 30 bytes that prove the claim.
    """

    order_id: UUID
    mac: bytes

    def __repr__(self) -> str:
        return f"ParsedToken(order_id={self.order_id})"


class AccessTokens:
    """Issues and verifies activation tokens.

    Args:
        secrets: newest first, at least one, each of at least 16 bytes.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        if not secrets or any(len(secret) < _MIN_SECRET_BYTES for secret in secrets):
            raise ValueError(f"at least one secret, each of {_MIN_SECRET_BYTES} bytes or more")
        self._secrets = tuple(secrets)

    def issue(self, order_id: UUID, token_version: int) -> str:
        """The token of this order's version, under the newest secret."""
        raw = order_id.bytes
        mac = _mac(self._secrets[0], raw, token_version)
        return urlsafe_b64encode(raw + mac).rstrip(b"=").decode("ascii")

    @staticmethod
    def parse(token: str) -> ParsedToken:
        """Take a token apart.

        Raises:
            ActivationTokenInvalid: it has not the shape of one.
        """
        if len(token) != _TOKEN_CHARACTERS or not token.isascii():
            raise ActivationTokenInvalid
        try:
            raw = urlsafe_b64decode(token + "==")
        except Base64Error as error:
            raise ActivationTokenInvalid from error
        if urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != token:
            raise ActivationTokenInvalid  # letters outside the alphabet, or another spelling of the same bytes
        return ParsedToken(order_id=UUID(bytes=raw[:_ID_BYTES]), mac=raw[_ID_BYTES:])

    def verify(self, token: ParsedToken, token_version: int) -> None:
        """Check, in constant time, that a token is genuine and of the order's present version.

        Raises:
            ActivationTokenInvalid: it is forged, or was rotated away.
        """
        genuine = False
        for secret in self._secrets:
            expected = _mac(secret, token.order_id.bytes, token_version)
            genuine |= hmac.compare_digest(expected, token.mac)
        if not genuine:
            raise ActivationTokenInvalid


def _mac(secret: bytes, order_id: bytes, token_version: int) -> bytes:
    return hmac.digest(secret, order_id + token_version.to_bytes(4, "big"), "sha256")[:_MAC_BYTES]
