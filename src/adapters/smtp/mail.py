"""A mail as a server takes it."""

from msgspec import Struct


class Mail(Struct, frozen=True, kw_only=True):
    """An envelope, and what is in it.

    Attributes:
        sender, recipients: addresses.
        content: headers and bodies; of seven bits, unless an address is not.
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def is_ascii(self) -> bool:
        """Whether any server can take it; else it must know SMTPUTF8 (RFC 6531)."""
        return all(address.isascii() for address in (self.sender, *self.recipients))
