"""What we send by e-mail: the way in after a payment, the code that brings it back, and what becomes of the payment."""

from collections.abc import Callable
from datetime import UTC, datetime

from adapters.smtp.mail import Mail
from adapters.smtp.mails import access_mail, code_mail, notice_mail
from adapters.smtp.server import SmtpServer
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import (
    AccessMessage,
    AccessMessenger,
    CodeMessage,
    CodeMessenger,
    NoticeMessage,
    NoticeMessenger,
)


class SmtpMailer(AccessMessenger, CodeMessenger, NoticeMessenger):
    """Writes each mail and hands it to the server.

    Args:
        server: who takes the mails.
        sender: the `From` header.
        public_base_url: where our pages are, without a slash at the end.
    """

    def __init__(self, *, server: SmtpServer, sender: str, public_base_url: str) -> None:
        self._server = server
        self._sender = sender
        self._public_base_url = public_base_url

    async def send_access(self, message: AccessMessage) -> None:
        """Send the activation link, and how to get a new one."""
        await self._send(
            lambda now: access_mail(message, sender=self._sender, public_base_url=self._public_base_url, now=now)
        )

    async def send_code(self, message: CodeMessage) -> None:
        """Send the one-time code."""
        await self._send(lambda now: code_mail(message, sender=self._sender, now=now))

    async def send_notice(self, message: NoticeMessage) -> None:
        """Say what became of the payment."""
        await self._send(
            lambda now: notice_mail(message, sender=self._sender, public_base_url=self._public_base_url, now=now)
        )

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._server.close()

    async def _send(self, write: Callable[[datetime], Mail]) -> None:
        try:
            mail = write(datetime.now(UTC))
        except (ValueError, UnicodeError):
            raise DeliveryFailed("the address cannot be written into a mail", permanent=True) from None
        await self._server.send(mail)
