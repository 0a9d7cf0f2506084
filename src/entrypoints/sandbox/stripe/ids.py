"""Ids and secrets that look like Stripe's. Knows nothing of what they name."""

import random
import string
from typing import Final

_ALPHABET: Final = string.ascii_letters + string.digits


class Ids:
    """Makes ids from a source of randomness: the machine's by default, a seeded one in tests."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.SystemRandom()

    def new(self, prefix: str, length: int = 24) -> str:
        """`prefix_` and `length` random letters and digits."""
        return f"{prefix}_{self.text(length)}"

    def text(self, length: int) -> str:
        """Random letters and digits."""
        return "".join(self._rng.choices(_ALPHABET, k=length))

    def uuid(self) -> str:
        """A key as the hosted page makes one for its own requests (version 4 UUID)."""
        digits = f"{self._rng.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
