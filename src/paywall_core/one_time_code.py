"""One-time codes: six digits that prove an e-mail address, and that no database holds.

    code = int(HMAC-SHA256(TOKEN_SECRET, "one-time-code" ‖ challenge_id (16 bytes))) mod 10^6, as six digits

The challenge's random id is stored; the code is derived when the mail is written and when an answer is compared. Not
even a hash of it is at rest: six digits are run through in no time.
"""

import hmac
from collections.abc import Sequence
from typing import Final
from uuid import UUID

CODE_DIGITS: Final = 6
_PURPOSE: Final = b"one-time-code"  # the same secret signs activation tokens, over other bytes
_MIN_SECRET_BYTES: Final = 16


class OneTimeCodes:
    """Derives and compares codes.

    Args:
        secrets: newest first, at least one, each of at least 16 bytes: those of the activation tokens.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        if not secrets or any(len(secret) < _MIN_SECRET_BYTES for secret in secrets):
            raise ValueError(f"at least one secret, each of {_MIN_SECRET_BYTES} bytes or more")
        self._secrets = tuple(secrets)

    def derive(self, challenge_id: UUID) -> str:
        """The code of a challenge, under the newest secret. Secret: it goes into one mail and nowhere else."""
        return _code(self._secrets[0], challenge_id)

    def matches(self, challenge_id: UUID, answer: str) -> bool:
        """Whether an answer is the code, compared in constant time; a code under an older secret is one too."""
        given = answer.encode("utf-8", "surrogatepass")
        genuine = False
        for secret in self._secrets:
            genuine |= hmac.compare_digest(_code(secret, challenge_id).encode(), given)
        return genuine


def _code(secret: bytes, challenge_id: UUID) -> str:
    digest = hmac.digest(secret, _PURPOSE + challenge_id.bytes, "sha256")
    return f"{int.from_bytes(digest, 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
