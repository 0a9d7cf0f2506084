"""A mailbox on loopback: an SMTP server that keeps what it gets, and pages that show it. See `mailbox.Mailbox`."""

from entrypoints.sandbox.mailbox.mailbox import Mailbox
from entrypoints.sandbox.mailbox.message import Mail

__all__ = ["Mail", "Mailbox"]
