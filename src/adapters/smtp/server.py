"""The conversation with a mail server, and what its refusals mean for a delivery. Knows no words of any mail."""

import asyncio
import ssl
from typing import Final

import aiosmtplib

from adapters.smtp.connections import Connections
from adapters.smtp.mail import Mail
from paywall_core.errors import DeliveryFailed

_TIMEOUT_SECONDS: Final = 60.0  # for the whole conversation: well within the lease of a delivery
_PERMANENT: Final = 500


class SmtpServer:
    """Takes mails, on connections that are kept open from one mail to the next.

    Args:
        host, port: the server.
        starttls: encrypt each connection after connecting, and refuse to go on without.
        username, password: None when the server asks for none.
        timeout_seconds: for the whole conversation with the server, the wait for a connection included.
        tls_context: which certificates to believe; None: those that the system believes.
        connections: open at once, at most.
        idle_seconds: after so long without a mail a connection is closed.
        mails_each: after so many mails a connection is closed; servers have limits of their own.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        starttls: bool,
        username: str | None,
        password: str | None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
        tls_context: ssl.SSLContext | None = None,
        connections: int = 8,
        idle_seconds: float = 30.0,
        mails_each: int = 100,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._connections = Connections(
            lambda client: client.connect(
                hostname=host,
                port=port,
                start_tls=starttls,
                username=username,
                password=password,
                timeout=timeout_seconds,
                tls_context=tls_context,
            ),
            most=connections,
            idle_seconds=idle_seconds,
            mails_each=mails_each,
        )

    async def send(self, mail: Mail) -> None:
        """Hand a mail over. A refused address or mail is final; a server that is away, busy or refuses *us* is not.

        What is wrong on our side (login, sender, a blocked address of ours) would else end every customer's mail for
        good before anyone can mend it.

        Raises:
            DeliveryFailed: its reason names no address.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._connections.send(mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refusal.code for refusal in error.recipients]
            final = all(code >= _PERMANENT for code in codes)
            raise DeliveryFailed(f"the mail server refused the address: {codes}", permanent=final) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise DeliveryFailed(f"the mail server refused our login: {error.code}") from None
        except aiosmtplib.SMTPNotSupported:
            if not all(address.isascii() for address in mail.recipients):
                reason = "the mail server takes no address with letters beyond ASCII (SMTPUTF8)"
                raise DeliveryFailed(reason, permanent=True) from None
            raise DeliveryFailed("the mail server does not offer what this mail needs") from None
        except aiosmtplib.SMTPDataError as error:
            raise DeliveryFailed(f"the mail server answered {error.code}", permanent=error.code >= _PERMANENT) from None
        except aiosmtplib.SMTPResponseException as error:
            raise DeliveryFailed(f"the mail server refused us: {error.code}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(f"the mail server is out of reach: {type(error).__name__}") from None
        except (ValueError, UnicodeError):
            raise DeliveryFailed("the address cannot be written into a mail", permanent=True) from None

    async def close(self) -> None:
        """Take leave of the server."""
        await self._connections.close()
