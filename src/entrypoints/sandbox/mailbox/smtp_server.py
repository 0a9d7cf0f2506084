"""The SMTP side of the mailbox: takes mails for anybody, in the running event loop. Knows no pages.

"Mail is down" is what it is in life: a new connection is greeted with 421 and closed; a client that is in already gets
451 at its next mail or at the end of its data.
"""

import asyncio
import hmac
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from entrypoints.sandbox.troubles import Troubles

HOSTNAME: Final = "mail.sandbox.test"
_OK: Final = "250 OK"
_CLOSED: Final = b"421 4.3.2 Service not available, closing transmission channel\r\n"
_LATER: Final = "451 4.3.0 Requested action aborted: local error in processing"

Keep = Callable[[Envelope], None]


class SmtpLogin:
    """The name and password that the server asks for."""

    def __init__(self, username: str, password: str) -> None:
        self._expected = (username.encode(), password.encode())

    def check(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, auth_data: object
    ) -> AuthResult:
        """Whether LOGIN or PLAIN gave them (aiosmtpd calls it)."""
        if not isinstance(auth_data, LoginPassword):
            return AuthResult(success=False, handled=False)
        names = hmac.compare_digest(auth_data.login, self._expected[0])
        secrets = hmac.compare_digest(auth_data.password, self._expected[1])
        return AuthResult(success=names and secrets, handled=False)


class _Hooks:
    """What the server does with each command; the names are aiosmtpd's."""

    def __init__(self, keep: Keep, troubles: Troubles, login: SmtpLogin | None) -> None:
        self._keep = keep
        self._troubles = troubles
        self._login = login

    async def handle_MAIL(  # noqa: N802  - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The sender; where a login is asked for, nobody sends without."""
        if self._troubles.smtp_down:
            return _LATER
        if self._login is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return _OK

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  - as above
        """The mail."""
        if self._troubles.smtp_down:
            return _LATER
        self._keep(envelope)
        return "250 2.0.0 OK: queued"


class _Connection(SMTP):
    """One client; known to the server while it is there, so that the server can hang up."""

    def __init__(
        self, hooks: _Hooks, live: set["_Connection"], login: SmtpLogin | None, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(
            hooks,
            enable_SMTPUTF8=True,
            hostname=HOSTNAME,
            ident="Paywall sandbox",
            tls_context=tls,
            auth_require_tls=login is None,  # without a login to ask for, AUTH is not offered
            auth_exclude_mechanism=() if login is not None else ("LOGIN", "PLAIN"),
            authenticator=login.check if login is not None else None,
            loop=asyncio.get_running_loop(),
        )
        self._live = live
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client, or the same one again after STARTTLS."""
        self._live.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone."""
        super().connection_lost(error)
        self._live.discard(self)
        self.gone.set()

    def hang_up(self) -> None:
        """Close the connection."""
        if self.transport is not None:
            self.transport.close()


class _Closed(asyncio.Protocol):
    """A server that is down: it says so and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet and close."""
        # Cast, not asked: uvloop's transports write, but are no `WriteTransport` by name.
        cast("asyncio.WriteTransport", transport).write(_CLOSED)
        transport.close()


@asynccontextmanager
async def smtp_serving(
    keep: Keep, *, troubles: Troubles, port: int = 0, login: SmtpLogin | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve SMTP on 127.0.0.1 while the block runs; gives the port. `keep` gets each mail; `tls` offers STARTTLS.

    Raises:
        OSError: the port is taken.
    """
    # aiosmtpd tells every command, and so every address, at a lower level.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    live: set[_Connection] = set()
    hooks = _Hooks(keep, troubles, login)

    def connect() -> asyncio.BaseProtocol:
        return _Closed() if troubles.smtp_down else _Connection(hooks, live, login, tls)

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        leaving = list(live)
        for connection in leaving:
            connection.hang_up()
        for connection in leaving:
            await connection.gone.wait()
        await server.wait_closed()
