"""The mailbox: keeps every mail that was sent to anybody; people and tests look into it. Knows no socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiosmtpd.smtp import Envelope
from litestar import Router

from entrypoints.sandbox.mailbox.message import Mail, parse_mail
from entrypoints.sandbox.mailbox.routes import mailbox_router
from entrypoints.sandbox.mailbox.smtp_server import SmtpLogin, smtp_serving
from entrypoints.sandbox.troubles import Troubles


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Mailbox:
    """All mail of the sandbox, in memory.

        mailbox = Mailbox(troubles=troubles)
        app = Litestar([mailbox.router])          # /mail
        async with mailbox.receiving() as port:   # SMTP on 127.0.0.1
            mail = await mailbox.wait_for(to="anna@example.com")

    Args:
        troubles: the shared switches.
        username, password: what SMTP's AUTH asks for; None: no login.
        tls: offers STARTTLS; None: plain.
        clock: when a mail arrived.
    """

    def __init__(
        self,
        *,
        troubles: Troubles | None = None,
        username: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._troubles = troubles or Troubles()
        self._login = SmtpLogin(username, password or "") if username is not None else None
        self._tls = tls
        self._clock = clock
        self._mails: list[Mail] = []
        self._arrived = asyncio.Condition()
        self._notifying: set[asyncio.Task[None]] = set()

    @property
    def router(self) -> Router:
        """A new router with the pages and the JSON, under `/mail`."""
        return mailbox_router(self.messages, self.message)

    @asynccontextmanager
    async def receiving(self, port: int = 0) -> AsyncIterator[int]:
        """Take mail while the block runs; gives the port of SMTP on 127.0.0.1."""
        async with smtp_serving(
            self._keep, troubles=self._troubles, port=port, login=self._login, tls=self._tls
        ) as bound:
            yield bound
        await asyncio.gather(*self._notifying)

    def messages(self, *, to: str | None = None) -> list[Mail]:
        """The mails, oldest first; those to one address where it is given."""
        return [mail for mail in self._mails if to is None or mail.is_to(to)]

    def message(self, number: int) -> Mail | None:
        """One mail by its number, or None."""
        return self._mails[number - 1] if 0 < number <= len(self._mails) else None

    async def wait_for(
        self, *, to: str | None = None, subject_contains: str = "", timeout_seconds: float = 10, after: int = 0
    ) -> Mail:
        """The first mail with a number above `after` that fits, now or as soon as it arrives.

        Raises:
            TimeoutError: none came in time.
        """

        def found() -> Mail | None:
            fitting = (m for m in self.messages(to=to) if m.number > after and subject_contains in m.subject)
            return next(fitting, None)

        try:
            async with asyncio.timeout(timeout_seconds), self._arrived:
                while (mail := found()) is None:
                    await self._arrived.wait()
                return mail
        except TimeoutError:
            subjects = [mail.subject for mail in self._mails]
            raise TimeoutError(f"no such mail within {timeout_seconds} s; there are {subjects}") from None

    def _keep(self, envelope: Envelope) -> None:
        content = envelope.content or b""
        mail = parse_mail(
            content.encode() if isinstance(content, str) else content,
            number=len(self._mails) + 1,
            received_at=self._clock(),
            envelope_from=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
        )
        self._mails.append(mail)
        task = asyncio.get_running_loop().create_task(self._notify())
        self._notifying.add(task)
        task.add_done_callback(self._notifying.discard)

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()
