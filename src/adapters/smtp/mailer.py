"""The access e-mail: built in the order's language as text and HTML, and handed to an SMTP server."""

import asyncio
import hashlib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Final

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.i18n import translator
from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage, AccessMessenger

_TIMEOUT_SECONDS: Final = 60.0  # for the whole conversation: well within the lease of a delivery
_PERMANENT: Final = 500
_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


class SmtpAccessMailer(AccessMessenger):
    """Sends the access e-mail, a connection a message.

    Args:
        host, port: the server.
        starttls: encrypt the connection after connecting, and refuse to go on without.
        username, password: None when the server asks for none.
        sender: the `From` header.
        timeout_seconds: for the whole conversation with the server.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        starttls: bool,
        username: str | None,
        password: str | None,
        sender: str,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._host = host
        self._port = port
        self._starttls = starttls
        self._username = username
        self._password = password
        self._sender = sender
        self._timeout_seconds = timeout_seconds

    async def send_access(self, message: AccessMessage) -> None:
        """Send it. A refused address or mail is final; a server that is away, busy or refuses *us* is not.

        What is wrong on our side (login, sender, a blocked address of ours) would else end every customer's mail for
        good before anyone can mend it.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await aiosmtplib.send(
                    build_mail(message, sender=self._sender, now=datetime.now(UTC)),
                    hostname=self._host,
                    port=self._port,
                    start_tls=self._starttls,
                    username=self._username,
                    password=self._password,
                    timeout=self._timeout_seconds,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refusal.code for refusal in error.recipients]
            final = all(code >= _PERMANENT for code in codes)
            raise DeliveryFailed(f"the mail server refused the address: {codes}", permanent=final) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise DeliveryFailed(f"the mail server refused our login: {error.code}") from None
        except aiosmtplib.SMTPNotSupported:
            if not message.to.rpartition("@")[0].isascii():
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


def build_mail(message: AccessMessage, *, sender: str, now: datetime) -> EmailMessage:
    """The mail itself. Pure. The same delivery always has the same `Message-ID`.

    Raises:
        ValueError: the address cannot stand in a header.
    """
    t = translator(message.locale)
    words = {"t": t, "link": message.activation_link, "locale": message.locale}
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = _with_ascii_domain(message.to)
    mail["Subject"] = t("Your access is ready")
    mail["Date"] = format_datetime(now)
    domain = parseaddr(sender)[1].rpartition("@")[2]
    mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:32]}@{domain}>"
    mail["Content-Language"] = message.locale
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_templates.get_template("access.txt").render(words))
    mail.add_alternative(_templates.get_template("access.html").render(words), subtype="html")
    return mail


def _with_ascii_domain(address: str) -> str:
    """The address with its domain as the name system spells it, so that any mail server can take it (RFC 5890)."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.encode('idna').decode()}" if not domain.isascii() else address
