"""One received mail, parsed for people and for tests. Pure: knows no network and no storage."""

from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses

import msgspec


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as it arrived.

    `number` counts from 1; `recipients` are the envelope's bare addresses, `to` and `sender` the headers as written;
    `text` and `html` are the decoded parts, empty where there is none; `source` is the mail as sent, replaced where it
    is not UTF-8.
    """

    number: int
    received_at: datetime
    envelope_from: str
    recipients: tuple[str, ...]
    sender: str
    to: str
    subject: str
    date: str
    message_id: str
    text: str
    html: str
    source: str

    def is_to(self, address: str) -> bool:
        """Whether it was sent to an address (case does not matter)."""
        wanted = address.casefold()
        named = [found for _, found in getaddresses([self.to])]
        return any(wanted == one.casefold() for one in (*self.recipients, *named))


def parse_mail(
    content: bytes, *, number: int, received_at: datetime, envelope_from: str, recipients: tuple[str, ...]
) -> Mail:
    """Read a mail's source; a broken one is still shown, with what can be read of it."""
    message = message_from_bytes(content, policy=policy.default)
    return Mail(
        number=number,
        received_at=received_at,
        envelope_from=envelope_from,
        recipients=recipients,
        sender=_header(message, "From"),
        to=_header(message, "To"),
        subject=_header(message, "Subject"),
        date=_header(message, "Date"),
        message_id=_header(message, "Message-ID"),
        text=_body(message, "plain"),
        html=_body(message, "html"),
        source=content.decode("utf-8", "replace"),
    )


def _header(message: EmailMessage, name: str) -> str:
    return str(message.get(name, ""))


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, UnicodeError):  # an unknown or wrong charset: show what can be read
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
