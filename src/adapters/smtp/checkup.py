"""Does the mail server take us as the settings say? Asked step by step, as a mail would be sent; none is sent."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Final, TypeAlias

import aiosmtplib

from paywall_core.ports.checkup import Checkup, Finding, Verdict

_TIMEOUT_SECONDS: Final = 10.0
_PERMANENT: Final = 500
_LOGIN_WANTED: Final = 530
_IMPLICIT_TLS_PORT: Final = 465
_Found: TypeAlias = tuple[Verdict, str]


class SmtpCheckup(Checkup):
    """Connects, encrypts, logs in, names our sender, takes it back (RSET) and says goodbye.

    What the server says is never repeated: it may quote a login or an address. Only its codes are.

    Args:
        host, port, starttls, username, password, tls_context: as `SmtpServer` takes them.
        sender: the `From` header.
        timeout_seconds: for all of it.
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
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._starttls = starttls
        self._username = username
        self._password = password
        self._sender = parseaddr(sender)[1]
        self._timeout_seconds = timeout_seconds
        self._tls_context = tls_context

    async def check(self) -> Sequence[Finding]:
        """A finding for each step, up to the first that failed."""
        client = aiosmtplib.SMTP(
            start_tls=False,  # each step is taken by itself here, so that what fails has a name
            timeout=self._timeout_seconds,
            tls_context=self._tls_context,
        )
        steps: Sequence[tuple[str, Callable[[aiosmtplib.SMTP], Awaitable[_Found]]]] = (
            ("SMTP_HOST", self._connect),
            ("SMTP_STARTTLS", self._encrypt),
            ("SMTP_USERNAME, SMTP_PASSWORD", self._log_in),
            ("SMTP_FROM", self._name_sender),
        )
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        findings: list[Finding] = []
        try:
            for subject, step in steps:
                findings.append(await self._tried(subject, step(client), deadline))
                if findings[-1].verdict is Verdict.FAILED:
                    return findings
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):  # all has been said: how it ends is nothing
                async with asyncio.timeout_at(deadline):
                    await client.quit()
        finally:
            client.close()
        return findings

    async def _tried(self, subject: str, step: Awaitable[_Found], deadline: float) -> Finding:
        """What a step found, or how it went wrong."""
        try:
            async with asyncio.timeout_at(deadline):
                verdict, detail = await step
                return Finding(subject=subject, verdict=verdict, detail=detail)
        except aiosmtplib.SMTPResponseException as error:
            detail = f"{self._where} refuses us: {error.code}"
        except TimeoutError:
            detail = f"{self._where} did not answer within {self._timeout_seconds:g} s"
            if self._port == _IMPLICIT_TLS_PORT:
                detail += "; it wants encryption from the first byte there, and we speak STARTTLS: set SMTP_PORT=587"
        except ssl.SSLError:
            detail = f"{self._where} does not encrypt as it should"
        except (aiosmtplib.SMTPException, OSError) as error:
            detail = f"{self._where} is out of reach: {_cause(error)}"
        except ValueError:
            detail = "holds characters that cannot be said to a mail server"
        return Finding(subject=subject, verdict=Verdict.FAILED, detail=detail)

    async def _connect(self, client: aiosmtplib.SMTP) -> _Found:
        await client.connect(hostname=self._host, port=self._port)
        await client.ehlo()
        return Verdict.OK, f"{self._where} answers"

    async def _encrypt(self, client: aiosmtplib.SMTP) -> _Found:
        if not self._starttls:
            if _is_this_machine(self._host):
                return Verdict.OK, "off, as it may be on this machine"
            at_stake = "activation links" if self._username is None else "the login and activation links"
            return Verdict.WARNING, f"off: {at_stake} cross the network in the clear; set SMTP_STARTTLS=true"
        if not client.supports_extension("starttls"):
            return Verdict.FAILED, f"{self._where} offers no STARTTLS, and nothing is sent without"
        try:
            await client.starttls()
        except ssl.SSLCertVerificationError as error:
            return Verdict.FAILED, f"the certificate of {self._where} is not good: {error.verify_message}"
        return Verdict.OK, "encrypted, and the certificate is good"

    async def _log_in(self, client: aiosmtplib.SMTP) -> _Found:
        if self._username is None:
            return Verdict.OFF, "not set: we send without a login"
        await client.ehlo()  # after STARTTLS a server may offer more
        if not client.supports_extension("auth") or not client.supported_auth_methods:
            detail = f"{self._where} offers no login that we speak"
            if not self._starttls:
                detail += "; many offer it only over an encrypted connection: set SMTP_STARTTLS=true"
            return Verdict.FAILED, detail
        try:
            await client.login(self._username, self._password or "")
        except aiosmtplib.SMTPAuthenticationError as error:
            detail = f"the server refuses the login: {error.code}"
            if "gmail" in self._host or "google" in self._host:
                detail += "; Google takes an app password here, not that of the account"
            return Verdict.FAILED, detail
        return Verdict.OK, "the server takes the login"

    async def _name_sender(self, client: aiosmtplib.SMTP) -> _Found:
        """Begin a mail and take it back: whether we may send at all, and in this name, is only said here."""
        plain = self._sender.isascii()
        if not plain and not client.supports_extension("smtputf8"):
            return Verdict.FAILED, "has letters beyond ASCII, which this server does not take"
        try:
            if plain:
                await client.mail(self._sender)
            else:
                await client.mail(self._sender, options=["SMTPUTF8"], encoding="utf-8")
        except aiosmtplib.SMTPSenderRefused as error:
            if error.code == _LOGIN_WANTED:
                detail = f"the server wants a login ({error.code}): set SMTP_USERNAME and SMTP_PASSWORD"
                return Verdict.FAILED, detail
            final = error.code >= _PERMANENT
            detail = (
                f"the server {'takes no mail' if final else 'takes no mail just now'} from this sender: {error.code}"
            )
            return Verdict.FAILED if final else Verdict.WARNING, detail
        await client.rset()
        return Verdict.OK, "the server takes mail from this sender"

    @property
    def _where(self) -> str:
        return f"{self._host}:{self._port}"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _cause(error: BaseException) -> str:
    """The type of what lies beneath: aiosmtplib wraps what the system said."""
    return type(error.__cause__ or error).__name__
