"""A real SMTP server that answers as it is told, and a mailer that is pointed at it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from adapters.smtp.mailer import SmtpMailer
from adapters.smtp.server import SmtpServer
from paywall_core.ports.delivery import AccessMessage, CodeMessage

LINK = "https://t.me/paywall_bot?start=" + "aB3_" * 15 + "-x"
CODE = "048213"
ADDRESS = "anna@example.com"
RESTORE_PAGE = "https://pay.example.com/pay/restore"
LOGIN = ("mailer@pay.example.com", "a login of ours")


class PostOffice:
    """Answers each command as it was told; keeps what arrives and for whom.

    Attributes:
        sender, recipient, data: the answers.
        mails, recipients: what was taken.
        encrypted: for each mail, whether it came over an encrypted connection.
        logins: the names that were tried.
        connections: how many there were.
        open_connections, most_open: how many there are, and were at once.
        farewells: how many ended with a QUIT.
    """

    def __init__(self, *, sender: str = "250 OK", recipient: str = "250 OK", data: str = "250 OK") -> None:
        self.sender = sender
        self.recipient = recipient
        self.data = data
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.encrypted: list[bool] = []
        self.logins: list[str] = []
        self.connections = 0
        self.most_open = 0
        self.farewells = 0
        self._conversations: set[_Conversation] = set()

    async def handle_MAIL(  # noqa: N802  - aiosmtpd's name
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """The sender."""
        envelope.mail_from = address
        return self.sender

    async def handle_RCPT(  # noqa: N802  - as above
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """The address."""
        envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, _server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802  - as above
        """The mail."""
        if self.data.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            self.recipients += envelope.rcpt_tos
            self.encrypted.append(session.ssl is not None)
        return self.data

    async def handle_QUIT(self, _server: Any, _session: Session, _envelope: Envelope) -> str:  # noqa: N802  - as above
        """A goodbye."""
        self.farewells += 1
        return "221 Bye"

    @property
    def open_connections(self) -> int:
        """How many are open."""
        return len(self._conversations)

    def came(self, conversation: "_Conversation") -> None:
        """Somebody is there; once more after STARTTLS."""
        self._conversations.add(conversation)
        self.most_open = max(self.most_open, self.open_connections)

    def went(self, conversation: "_Conversation") -> None:
        """Somebody has gone."""
        self._conversations.discard(conversation)

    async def hang_up(self) -> None:
        """Close all connections without a word."""
        self._abort_all()
        await until(lambda: not self._conversations)

    def _abort_all(self) -> None:
        for conversation in self._conversations:
            conversation.hang_up()

    def log_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        """Whether it is the login that was agreed upon."""
        assert isinstance(given, LoginPassword)
        self.logins.append(given.login.decode())
        agreed = (given.login.decode(), given.password.decode()) == LOGIN
        return AuthResult(success=agreed, handled=agreed)  # not handled: the server itself says no

    @asynccontextmanager
    async def open(self, *, utf8: bool = True, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        """Serve on a free port. With `tls`, STARTTLS is offered, and a login asked for."""
        loop = asyncio.get_running_loop()

        def protocol() -> SMTP:
            self.connections += 1
            return _Conversation(
                self,
                enable_SMTPUTF8=utf8,
                loop=loop,
                tls_context=tls,
                auth_required=tls is not None,
                authenticator=self.log_in if tls else None,
            )

        server = await loop.create_server(protocol, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]
            self._abort_all()  # what a client keeps open would hold the server up


class _Conversation(SMTP):
    """One connection, of which the office knows."""

    event_handler: PostOffice

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It begins."""
        self.event_handler.came(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        super().connection_lost(error)
        self.event_handler.went(self)

    def hang_up(self) -> None:
        """End it."""
        transport: Any = self.transport  # uvloop's can be aborted, but is no `WriteTransport` by name
        transport.abort()


async def until(is_true: Callable[[], bool]) -> None:
    """Until something holds."""
    async with asyncio.timeout(10):
        while not is_true():
            await asyncio.sleep(0.005)


def mailer(
    port: int,
    *,
    starttls: bool = False,
    login: tuple[str, str] | tuple[None, None] = (None, None),
    timeout_seconds: float = 10.0,
    tls_context: ssl.SSLContext | None = None,
    connections: int = 8,
    idle_seconds: float = 60.0,
    mails_each: int = 100,
    sender: str = "Paywall <access@pay.example.com>",
) -> SmtpMailer:
    """The adapter, pointed at a port of this machine."""
    server = SmtpServer(
        host="127.0.0.1",
        port=port,
        starttls=starttls,
        username=login[0],
        password=login[1],
        timeout_seconds=timeout_seconds,
        tls_context=tls_context,
        connections=connections,
        idle_seconds=idle_seconds,
        mails_each=mails_each,
    )
    return SmtpMailer(server=server, sender=sender, public_base_url="https://pay.example.com")


def access(locale: str = "ru", to: str = ADDRESS) -> AccessMessage:
    """The way in."""
    return AccessMessage(
        key="access_email:1:1", order_id=UUID(int=1), plan="one_time_basic", locale=locale, to=to, activation_link=LINK
    )


def code(locale: str = "ru", to: str = ADDRESS) -> CodeMessage:
    """A one-time code."""
    return CodeMessage(key="restore_code:2", locale=locale, to=to, code=CODE)


async def send(sender: SmtpMailer, message: AccessMessage | CodeMessage) -> None:
    """Send either mail."""
    if isinstance(message, AccessMessage):
        await sender.send_access(message)
    else:
        await sender.send_code(message)
