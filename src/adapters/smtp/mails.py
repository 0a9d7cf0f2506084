"""The mails, in the customer's language, as text and as HTML. Pure: knows no server and no clock.

Python's library would parse each header of each part anew, fold it, and look through the bodies for a boundary that is
not in them: most of a mail's price. Here it writes what all mails have alike, once; the rest is written outright.
"""

import base64
import binascii
import hashlib
import re
from datetime import datetime
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from adapters.i18n import Translate, translator
from adapters.i18n.notices import action_of, notice_words
from adapters.smtp.mail import Mail
from paywall_core.ports.delivery import AccessMessage, CodeMessage, NoticeAction, NoticeMessage
from paywall_core.restore_challenge import CODE_LIFETIME

_BOUNDARY: Final = "=_paywall"
"""With `=_` no line of a body begins: neither quoted-printable nor base64 can write it."""

_LONGEST_LINE: Final = 78  # RFC 5322, 2.1.1
_PLAIN_ADDRESS: Final = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
"""Stands in a header and in an envelope as it is; most addresses do. The others are read by the library."""

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    auto_reload=False,  # they lie in the package: nobody changes them, and each mail would look at the files
)


def access_mail(message: AccessMessage, *, sender: str, public_base_url: str, now: datetime) -> Mail:
    """The way in, and how to get a new one.

    Raises:
        ValueError: the address cannot stand in a header.
    """
    t = translator(message.locale)
    restore_url = f"{public_base_url}/pay/restore?{urlencode({'locale': t.locale})}"
    bodies = _bodies("access", t, {"link": message.activation_link, "restore_url": restore_url})
    return _mail(message, bodies, sender=sender, subject=t("Your access is ready"), language=t.locale, now=now)


def code_mail(message: CodeMessage, *, sender: str, now: datetime) -> Mail:
    """The one-time code. Not in the subject: a locked phone shows that to everybody.

    Raises:
        ValueError: the address cannot stand in a header.
    """
    t = translator(message.locale)
    bodies = _bodies("code", t, {"code": message.code, "minutes": int(CODE_LIFETIME.total_seconds()) // 60})
    return _mail(message, bodies, sender=sender, subject=t("Your code to get back in"), language=t.locale, now=now)


def notice_mail(message: NoticeMessage, *, sender: str, public_base_url: str, now: datetime) -> Mail:
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
    bodies = _bodies("notice", t, {"words": words, "link": link, "personal": action is NoticeAction.ACTIVATE})
    return _mail(message, bodies, sender=sender, subject=words.title, language=t.locale, now=now)


def _mail(
    message: AccessMessage | CodeMessage | NoticeMessage,
    bodies: bytes,
    *,
    sender: str,
    subject: str,
    language: str,
    now: datetime,
) -> Mail:
    """With the headers that all have. The same delivery has the same `Message-ID` each time: a repeat can be told."""
    to, author = _with_ascii_domain(message.to), _author(sender)
    is_plain = _PLAIN_ADDRESS.fullmatch(to) is not None
    recipients = (to,) if is_plain else _addresses("To", to)
    utf8 = not all(address.isascii() for address in (author, *recipients))
    domain = author.rpartition("@")[2]
    message_id = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:32]}@{domain}>"
    headers = (
        _common("From", sender, utf8=utf8),
        _own("To", to, is_plain=is_plain, utf8=utf8),
        _common("Subject", subject, utf8=utf8),
        _own("Date", format_datetime(now), is_plain=True, utf8=utf8),
        _own("Message-ID", message_id, is_plain=domain.isascii(), utf8=utf8),
        _common("Auto-Submitted", "auto-generated", utf8=utf8),
        _common("MIME-Version", "1.0", utf8=utf8),
        _common("Content-Type", f'multipart/alternative; boundary="{_BOUNDARY}"', utf8=utf8),
        _common("Content-Language", language, utf8=utf8),
    )
    return Mail(sender=author, recipients=recipients, content=b"".join((*headers, b"\r\n", bodies)))


def _bodies(template: str, t: Translate, words: dict[str, object]) -> bytes:
    """As text and as HTML; the last one is preferred (RFC 2046, 5.1.4)."""
    begin = f"--{_BOUNDARY}\r\n".encode()
    text = _body("plain", _templates.get_template(f"{template}.txt").render(words, t=t))
    html = _body("html", _templates.get_template(f"{template}.html").render(words, t=t))
    return b"".join((begin, text, b"\r\n", begin, html, f"\r\n--{_BOUNDARY}--\r\n".encode()))


def _body(subtype: str, text: str) -> bytes:
    """One of the two, in the shorter of the codes that every server takes."""
    raw = text.encode()
    quoted, based = binascii.b2a_qp(raw, istext=True), base64.encodebytes(raw)
    code, written = ("quoted-printable", quoted) if len(quoted) <= len(based) else ("base64", based)
    kind = _common("Content-Type", f'text/{subtype}; charset="utf-8"', utf8=False)
    encoding = _common("Content-Transfer-Encoding", code, utf8=False)
    return b"".join((kind, encoding, b"\r\n", written.replace(b"\n", b"\r\n")))


def _own(name: str, value: str, *, is_plain: bool, utf8: bool) -> bytes:
    """A header that no other mail has; a plain one that fits into a line is written as it is."""
    line = f"{name}: {value}"
    if is_plain and len(line) <= _LONGEST_LINE:
        return f"{line}\r\n".encode("ascii")
    return _written(name, value, utf8=utf8)


def _written(name: str, value: str, *, utf8: bool) -> bytes:
    """A header as the library writes it, in as many lines as it takes.

    Raises:
        ValueError: it has a line break.
    """
    policy = SMTPUTF8 if utf8 else SMTP
    return policy.fold_binary(*policy.header_store_parse(name, value))


@lru_cache(maxsize=128)
def _common(name: str, value: str, *, utf8: bool) -> bytes:
    """A header that many mails have."""
    return _written(name, value, utf8=utf8)


@lru_cache(maxsize=8)
def _author(sender: str) -> str:
    """The address of whoever sends all mails."""
    return _addresses("From", sender)[0]


def _addresses(name: str, value: str) -> tuple[str, ...]:
    """The addresses in a header, as an envelope has them.

    Raises:
        ValueError: there are none.
    """
    header: Any = SMTP.header_store_parse(name, value)[1]
    if not header.addresses:
        raise ValueError("no address")
    return tuple(one.addr_spec for one in header.addresses)


def _with_ascii_domain(address: str) -> str:
    """The address with its domain as the name system spells it, so that any mail server can take it (RFC 5890)."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.encode('idna').decode()}" if not domain.isascii() else address
