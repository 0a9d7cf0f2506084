"""The shape of an e-mail address, and how two are compared."""

import re
from typing import Final

from paywall_core.errors import InvalidInput

_MAX_CHARACTERS: Final = 254  # RFC 5321, 4.5.3.1.3: a path has at most 256 octets, two of them brackets
_SHAPE: Final = re.compile(
    r"[^\s@<>(),;:\\\"\[\]\x00-\x1f\x7f\ud800-\udfff]{1,64}@(?=.{1,253}\Z)(?:[\w](?:[\w-]{0,61}[\w])?\.)+[^\W\d_][\w-]*[\w]",
    re.UNICODE,
)


def parse_email(text: str, *, field: str = "email") -> str:
    """The address without surrounding white space, otherwise as it was written.

    Checks the shape only: whether the address exists is the mail server's to say. Quoted local parts, which no
    provider gives out, are refused.

    Raises:
        InvalidInput: it is not shaped like an address.
    """
    address = text.strip()
    if (
        len(email_key(address)) > _MAX_CHARACTERS  # without case a letter may become three
        or _SHAPE.fullmatch(address) is None
        or ".." in address
        or address.startswith(".")
        or ".@" in address
    ):
        raise InvalidInput(field, "must be an e-mail address")
    return address


def email_key(address: str) -> str:
    """The form in which addresses are compared: without case."""
    return address.strip().casefold()


def mask_email(address: str) -> str:
    """An address that may be shown in a log or to support: `a***@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"
