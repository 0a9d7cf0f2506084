"""The mails, in the customer's language, as text and as HTML. Pure: knows no server and no clock.

Python's library would parse each header of each part anew, and look through the bodies for a boundary that is not in
them: half of a mail's price. Here what all mails have alike is parsed once, and the rest is said outright.
"""

import base64
import binascii
import hashlib
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from adapters.i18n import Translate, translator
from adapters.i18n.notices import action_of, notice_words
from paywall_core.ports.delivery import AccessMessage, CodeMessage, NoticeAction, NoticeMessage
from paywall_core.restore_challenge import CODE_LIFETIME

_MULTIPART: Final = 'multipart/alternative; boundary="=_paywall"'
"""With `=_` no line of a body begins: neither quoted-printable nor base64 can write it."""

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
)


def access_mail(message: AccessMessage, *, sender: str, public_base_url: str, now: datetime) -> EmailMessage:
    """The way in, and how to get a new one.

    Raises:
        ValueError: the address cannot stand in a header.
    """
    t = translator(message.locale)
    restore_url = f"{public_base_url}/pay/restore?{urlencode({'locale': t.locale})}"
    mail = _headers(message, sender=sender, subject=t("Your access is ready"), now=now)
    return _with_bodies(mail, "access", t, {"link": message.activation_link, "restore_url": restore_url})


def code_mail(message: CodeMessage, *, sender: str, now: datetime) -> EmailMessage:
    """The one-time code. Not in the subject: a locked phone shows that to everybody.

    Raises:
        ValueError: the address cannot stand in a header.
    """
    t = translator(message.locale)
    mail = _headers(message, sender=sender, subject=t("Your code to get back in"), now=now)
    minutes = int(CODE_LIFETIME.total_seconds()) // 60
    return _with_bodies(mail, "code", t, {"code": message.code, "minutes": minutes})


def notice_mail(message: NoticeMessage, *, sender: str, public_base_url: str, now: datetime) -> EmailMessage:
    """What became of a payment, and what can be done.

    Raises:
        ValueError: the address cannot stand in a header.
    """
    t = translator(message.locale)
    words = notice_words(message, t)
    action = action_of(message)
    link = message.url
    if action is NoticeAction.PAY:
        link = f"{public_base_url}/pay?{urlencode({'plan': message.plan, 'locale': t.locale})}"
    mail = _headers(message, sender=sender, subject=words.title, now=now)
    personal = action is NoticeAction.ACTIVATE
    return _with_bodies(mail, "notice", t, {"words": words, "link": link, "personal": personal})


def _headers(
    message: AccessMessage | CodeMessage | NoticeMessage, *, sender: str, subject: str, now: datetime
) -> EmailMessage:
    """What all have. The same delivery has the same `Message-ID` each time, so that a repeat can be told."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _parsed("From", sender)
    mail["To"] = _with_ascii_domain(message.to)
    mail["Subject"] = _parsed("Subject", subject)
    mail["Date"] = format_datetime(now)
    domain = parseaddr(sender)[1].rpartition("@")[2]
    mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:32]}@{domain}>"
    mail["Auto-Submitted"] = _parsed("Auto-Submitted", "auto-generated")
    return mail


def _with_bodies(mail: EmailMessage, template: str, t: Translate, words: dict[str, object]) -> EmailMessage:
    mail["MIME-Version"] = _parsed("MIME-Version", "1.0")
    mail["Content-Type"] = _parsed("Content-Type", _MULTIPART)
    mail["Content-Language"] = _parsed("Content-Language", t.locale)
    mail.attach(_body("plain", _templates.get_template(f"{template}.txt").render(words, t=t)))
    mail.attach(_body("html", _templates.get_template(f"{template}.html").render(words, t=t)))
    return mail


def _body(subtype: str, text: str) -> EmailMessage:
    """One of the two, in the shorter of the codes that every server takes."""
    raw = text.encode()
    quoted, based = binascii.b2a_qp(raw, istext=True), base64.encodebytes(raw)
    code, written = ("quoted-printable", quoted) if len(quoted) <= len(based) else ("base64", based)
    part = EmailMessage(policy=SMTP)
    part["Content-Type"] = _parsed("Content-Type", f'text/{subtype}; charset="utf-8"')
    part["Content-Transfer-Encoding"] = _parsed("Content-Transfer-Encoding", code)
    part.set_payload(written.decode("ascii"))
    return part


@lru_cache(maxsize=64)
def _parsed(name: str, value: str) -> str:
    """A header that many mails have; the library takes it as it is."""
    header: str = SMTP.header_store_parse(name, value)[1]
    return header


def _with_ascii_domain(address: str) -> str:
    """The address with its domain as the name system spells it, so that any mail server can take it (RFC 5890)."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.encode('idna').decode()}" if not domain.isascii() else address
