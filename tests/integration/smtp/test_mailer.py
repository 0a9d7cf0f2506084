"""The access e-mail through a real SMTP server: what arrives, and what its refusals mean."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.smtp.mailer import SmtpAccessMailer
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage

LINK = "https://t.me/paywall_bot?start=" + "x" * 62


class Mailbox:
    """Keeps what arrives; answers RCPT as it was told."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answer = "250 OK"

    async def handle_RCPT(  # noqa: N802  - aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take the address, or refuse it."""
        envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802  - as above
        """Keep the mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
async def mailbox() -> Mailbox:
    """An empty mailbox."""
    return Mailbox()


@pytest.fixture
async def mailer(mailbox: Mailbox) -> AsyncIterator[SmtpAccessMailer]:
    """The adapter, pointed at a running server."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield SmtpAccessMailer(
            host="127.0.0.1",
            port=port,
            starttls=False,
            username=None,
            password=None,
            sender="Paywall <access@pay.example.com>",
        )


def message(locale: str = "ru", to: str = "anna@example.com") -> AccessMessage:
    """A message to send."""
    return AccessMessage(
        key="access_email:1:1", order_id=UUID(int=1), plan="one_time_basic", locale=locale, to=to, activation_link=LINK
    )


@pytest.mark.parametrize(
    ("locale", "subject", "words"),
    [("ru", "Ваш доступ готов", "Спасибо за оплату!"), ("en", "Your access is ready", "Thank you for your payment!")],
)
async def test_mail_arrives_in_the_order_s_language_with_the_link(
    mailer: SmtpAccessMailer, mailbox: Mailbox, locale: str, subject: str, words: str
) -> None:
    """As text and as HTML, whole and unbroken; the same delivery again has the same Message-ID."""
    await mailer.send_access(message(locale))
    await mailer.send_access(message(locale))
    mail, again = mailbox.mails
    assert mail["Subject"] == subject
    assert mail["To"] == "anna@example.com"
    assert mail["Message-ID"] == again["Message-ID"]
    assert mail["Message-ID"].endswith("@pay.example.com>")
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        content = part.get_content()
        assert words in content
        assert LINK in content


@pytest.mark.parametrize(
    ("answer", "permanent"), [("550 no such user", True), ("450 busy", False), ("421 going down", False)]
)
async def test_refusals_decide_about_a_retry(
    mailer: SmtpAccessMailer, mailbox: Mailbox, answer: str, *, permanent: bool
) -> None:
    """5xx is final, 4xx is not; the reason names no address."""
    mailbox.answer = answer
    with pytest.raises(DeliveryFailed) as raised:
        await mailer.send_access(message())
    assert raised.value.permanent is permanent
    assert "anna" not in raised.value.reason


async def test_server_that_is_away_is_tried_again() -> None:
    """Nobody listens: not final."""
    mailer = SmtpAccessMailer(
        host="127.0.0.1", port=9, starttls=False, username=None, password=None, sender="access@pay.example.com"
    )
    with pytest.raises(DeliveryFailed) as raised:
        await mailer.send_access(message())
    assert not raised.value.permanent


async def test_address_cannot_smuggle_a_header(mailer: SmtpAccessMailer, mailbox: Mailbox) -> None:
    """A line break in an address ends the delivery, for good."""
    with pytest.raises(DeliveryFailed) as raised:
        await mailer.send_access(message(to="anna@example.com\r\nBcc: bob@example.com"))
    assert raised.value.permanent
    assert not mailbox.mails
