"""Connections to a mail server that are kept open from one mail to the next.

A greeting, an encryption and a login cost more than a mail. All here belongs to one event loop.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeAlias

import aiosmtplib

from adapters.smtp.mail import Mail

_GOODBYE_SECONDS: Final = 2.0
_GOING_AWAY: Final = 421  # RFC 5321, 3.8: the server says it before it closes, in answer to whatever it was asked
_REFUSALS: Final = (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError)
"""After which the next mail may go on the same connection: the envelope was taken back."""


class Client(aiosmtplib.SMTP):
    """One connection.

    Attributes:
        mails: that it was given.
        content_begun: of the mail that it has now, the content may have gone out: the server may have taken it.
        until: closes it when it has been idle for long.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mails = 0
        self.content_begun = False
        self.until: asyncio.TimerHandle | None = None

    async def data(self, *arguments: Any, **further: Any) -> aiosmtplib.SMTPResponse:
        """Say the content."""
        self.content_begun = True
        return await super().data(*arguments, **further)

    async def rset(self, **further: Any) -> aiosmtplib.SMTPResponse:
        """Take the envelope back. What cannot be taken back would stand in the next mail's way."""
        try:
            return await super().rset(**further)
        except aiosmtplib.SMTPException:
            self.close()
            raise

    async def send(self, mail: Mail) -> None:
        """Hand a mail over."""
        self.mails += 1
        self.content_begun = False
        # An address beyond ASCII takes headers of eight bits with it (RFC 6531, 3.1); nothing else of ours has any.
        options = () if mail.is_ascii else ("SMTPUTF8", "BODY=8BITMIME")
        await self.sendmail(mail.sender, mail.recipients, mail.content, mail_options=options)


Connect: TypeAlias = Callable[[Client], Coroutine[Any, Any, object]]


class Connections:
    """Sends mails on them.

    Args:
        connect: connects one, up to where it takes mails.
        most: open at once.
        idle_seconds: after so long without a mail one is closed.
        mails_each: after so many mails one is closed.
    """

    def __init__(self, connect: Connect, *, most: int, idle_seconds: float, mails_each: int) -> None:
        self._connect = connect
        self._permits = asyncio.Semaphore(most)
        self._idle_seconds = idle_seconds
        self._mails_each = mails_each
        self._idle: list[Client] = []
        self._goodbyes: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def send(self, mail: Mail) -> None:
        """Hand a mail over, on a connection that is open where there is one.

        If the server has hung up on that one meanwhile, a new one is tried, once; but never after the content may have
        gone out: the server may have the mail, and whether it is sent again is not for us to decide.

        Raises:
            aiosmtplib.SMTPException, OSError, ValueError: what came of it.
        """
        async with self._permits:
            kept = self._take()
            if kept is not None:
                try:
                    await self._send(kept, mail)
                except (aiosmtplib.SMTPException, OSError) as error:
                    if kept.content_begun or not _has_hung_up(error):
                        raise
                else:
                    return
            await self._send(Client(), mail)

    async def close(self) -> None:
        """Say goodbye on all; those that have a mail now are closed after it."""
        self._is_closed = True
        while (client := self._take()) is not None:
            self._part_from(client)
        await asyncio.gather(*self._goodbyes)

    async def _send(self, client: Client, mail: Mail) -> None:
        keep = False
        try:
            if not client.is_connected:
                await self._connect(client)
            await client.send(mail)
            keep = True
        except _REFUSALS as error:
            keep = not _has_hung_up(error)
            raise
        finally:
            if keep:
                self._keep(client)
            else:
                client.close()  # a timeout, a cancellation: nobody knows what would be heard on it next

    def _take(self) -> Client | None:
        """The one that was used last and is still open."""
        while self._idle:
            client = self._idle.pop()
            if client.until is not None:
                client.until.cancel()
            if client.is_connected:
                return client
        return None

    def _keep(self, client: Client) -> None:
        if not client.is_connected:
            return
        if self._is_closed or client.mails >= self._mails_each:
            self._part_from(client)
            return
        client.until = asyncio.get_running_loop().call_later(self._idle_seconds, self._let_go, client)
        self._idle.append(client)

    def _let_go(self, client: Client) -> None:
        self._idle.remove(client)
        self._part_from(client)

    def _part_from(self, client: Client) -> None:
        """Beside what is sent: no mail waits for a goodbye."""
        task = asyncio.create_task(_say_goodbye(client))
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)


async def _say_goodbye(client: Client) -> None:
    try:
        with suppress(aiosmtplib.SMTPException, OSError):  # all has been said: how it ends is nothing
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await client.quit()
    finally:
        client.close()


def _has_hung_up(error: Exception) -> bool:
    """Whether the server is done with this connection."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return any(refusal.code == _GOING_AWAY for refusal in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code == _GOING_AWAY
    return isinstance(error, ConnectionError)
