"""What the mail server has against us, not against the customer, must not end the customer's mail."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.smtp.mailer import SmtpAccessMailer
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage


class Handler:
    """Answers MAIL and DATA as it was told; keeps who the mails were for."""

    def __init__(self, *, mail: str = "250 OK", data: str = "250 OK") -> None:
        self._mail = mail
        self._data = data
        self.recipients: list[str] = []

    async def handle_MAIL(  # noqa: N802  - aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """The sender."""
        envelope.mail_from = address
        return self._mail

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802  - as above
        """The mail."""
        self.recipients += envelope.rcpt_tos
        return self._data


async def send(server: asyncio.Server, to: str = "anna@example.com", *, starttls: bool = False) -> None:
    """Send one mail through a server."""
    mailer = SmtpAccessMailer(
        host="127.0.0.1",
        port=server.sockets[0].getsockname()[1],
        starttls=starttls,
        username=None,
        password=None,
        sender="Paywall <access@pay.example.com>",
        timeout_seconds=1.0,
    )
    link = "https://t.me/paywall_bot?start=x"
    async with server:
        await mailer.send_access(
            AccessMessage(key="k", order_id=UUID(int=1), plan="p", locale="en", to=to, activation_link=link)
        )


async def smtp_server(handler: Handler, *, utf8: bool = False) -> asyncio.Server:
    """A real SMTP server."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=utf8, loop=loop), "127.0.0.1", 0)


@pytest.mark.parametrize(
    ("handler", "permanent"),
    [
        (Handler(mail="530 5.7.0 Authentication required"), False),
        (Handler(mail="451 later"), False),
        (Handler(data="554 no such content here"), True),
        (Handler(data="451 later"), False),
    ],
)
async def test_refused_sender_is_tried_again_and_refused_mail_is_not(handler: Handler, *, permanent: bool) -> None:
    """A setting of ours can be mended; a mail that is refused as such stays refused."""
    with pytest.raises(DeliveryFailed) as raised:
        await send(await smtp_server(handler))
    assert raised.value.permanent is permanent


async def test_server_that_does_not_talk_to_us_is_tried_again() -> None:
    """A block of our address, or a full server, ends one day."""

    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 no service\r\n")
        await writer.drain()
        writer.close()

    with pytest.raises(DeliveryFailed) as raised:
        await send(await asyncio.start_server(refuse, "127.0.0.1", 0))
    assert not raised.value.permanent


async def test_server_that_drips_is_cut_off() -> None:
    """The time is for the whole conversation: a server that answers a little now and then cannot outlast a lease."""
    closed = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220-hello\r\n")
        while await reader.read(0) == b"" and not writer.is_closing():
            writer.write(b"220-still here\r\n")
            try:
                await asyncio.wait_for(reader.read(1024), 0.2)
                break
            except TimeoutError:
                continue
        writer.close()
        closed.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with asyncio.timeout(5):
        with pytest.raises(DeliveryFailed) as raised:
            await send(server)
        await closed.wait()
    assert not raised.value.permanent


async def test_mail_is_not_sent_in_the_clear_when_encryption_is_wanted() -> None:
    """A server that offers no STARTTLS gets nothing."""
    handler = Handler()
    with pytest.raises(DeliveryFailed) as raised:
        await send(await smtp_server(handler), starttls=True)
    assert not raised.value.permanent
    assert handler.recipients == []


@pytest.mark.parametrize("utf8", [True, False])
async def test_russian_domain_reaches_any_server(*, utf8: bool) -> None:
    """Spelled as the name system spells it."""
    handler = Handler()
    await send(await smtp_server(handler, utf8=utf8), "anna@почта.рф")
    assert handler.recipients == ["anna@xn--80a1acny.xn--p1ai"]


async def test_russian_name_needs_a_server_that_takes_it() -> None:
    """With SMTPUTF8 it arrives; without, that is final and said so, without the address."""
    handler = Handler()
    await send(await smtp_server(handler, utf8=True), "анна@example.com")
    assert handler.recipients == ["анна@example.com"]
    with pytest.raises(DeliveryFailed, match="SMTPUTF8") as raised:
        await send(await smtp_server(handler), "анна@example.com")
    assert raised.value.permanent
    assert "анна" not in raised.value.reason
