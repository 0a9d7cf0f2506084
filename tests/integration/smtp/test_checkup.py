"""The doctor at the mail server: each step has its finding, no mail is sent, and nothing secret is told."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme

from adapters.smtp.checkup import SmtpCheckup
from paywall_core.ports.checkup import Finding, Verdict
from tests.integration.smtp.post_office import LOGIN, PostOffice

SENDER = "Paywall <access@pay.example.com>"
OK, OFF, WARNING, FAILED = Verdict.OK, Verdict.OFF, Verdict.WARNING, Verdict.FAILED


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who certifies servers."""
    return trustme.CA()


@pytest.fixture
def server_side(authority: trustme.CA) -> ssl.SSLContext:
    """A certificate for this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def our_side(authority: trustme.CA) -> ssl.SSLContext:
    """What we believe: the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def examined(
    port: int,
    *,
    host: str = "127.0.0.1",
    starttls: bool = False,
    login: tuple[str, str] | tuple[None, None] = (None, None),
    sender: str = SENDER,
    timeout_seconds: float = 10,
    tls_context: ssl.SSLContext | None = None,
) -> list[Finding]:
    """What the doctor finds at a port."""
    checkup = SmtpCheckup(
        host=host,
        port=port,
        starttls=starttls,
        username=login[0],
        password=login[1],
        sender=sender,
        timeout_seconds=timeout_seconds,
        tls_context=tls_context,
    )
    return list(await checkup.check())


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    """By the first setting of each subject."""
    return {finding.subject.partition(",")[0]: finding.verdict for finding in findings}


@asynccontextmanager
async def speaking(*lines: str) -> AsyncIterator[int]:
    """Something that says these lines, whatever it hears, and then nothing more; gives its port."""
    conversations: list[asyncio.Task[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation
        conversations.append(conversation)
        try:
            for line in lines:
                writer.write(f"{line}\r\n".encode())
                await writer.drain()
                await reader.readline()
            await reader.read()
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait_for(asyncio.gather(*conversations), 10)  # each ends with the caller's hanging up


async def test_server_that_takes_us_is_well(server_side: ssl.SSLContext, our_side: ssl.SSLContext) -> None:
    """Connection, encryption, login and sender, each with a line; no mail was sent."""
    office = PostOffice()
    async with office.open(tls=server_side) as port:
        found = await examined(port, starttls=True, login=LOGIN, tls_context=our_side)
    assert verdicts(found) == {"SMTP_HOST": OK, "SMTP_STARTTLS": OK, "SMTP_USERNAME": OK, "SMTP_FROM": OK}
    assert office.logins == [LOGIN[0]]
    assert (office.mails, office.recipients) == ([], [])


async def test_server_without_a_login_is_well() -> None:
    """On this machine neither encryption nor a login is needed."""
    office = PostOffice()
    async with office.open() as port:
        found = await examined(port)
    assert verdicts(found) == {"SMTP_HOST": OK, "SMTP_STARTTLS": OK, "SMTP_USERNAME": OFF, "SMTP_FROM": OK}
    assert office.recipients == []


async def test_refused_login_is_found(server_side: ssl.SSLContext, our_side: ssl.SSLContext) -> None:
    """With the server's code; what comes after it is not tried."""
    async with PostOffice().open(tls=server_side) as port:
        found = await examined(port, starttls=True, login=(LOGIN[0], "not our login"), tls_context=our_side)
    assert verdicts(found) == {"SMTP_HOST": OK, "SMTP_STARTTLS": OK, "SMTP_USERNAME": FAILED}
    assert found[-1].subject == "SMTP_USERNAME, SMTP_PASSWORD"
    assert "535" in found[-1].detail


async def test_login_that_is_wanted_and_not_given_is_found(
    server_side: ssl.SSLContext, our_side: ssl.SSLContext
) -> None:
    """The server says so only when a mail begins."""
    async with PostOffice().open(tls=server_side) as port:
        found = await examined(port, starttls=True, tls_context=our_side)
    assert verdicts(found)["SMTP_FROM"] is FAILED
    assert "set SMTP_USERNAME" in found[-1].detail


async def test_login_that_the_server_does_not_offer_is_found() -> None:
    """Many offer it over an encrypted connection alone."""
    async with PostOffice().open() as port:
        found = await examined(port, login=LOGIN)
    assert verdicts(found)["SMTP_USERNAME"] is FAILED
    assert "SMTP_STARTTLS=true" in found[-1].detail


async def test_missing_starttls_is_found() -> None:
    """Nothing would be sent in the clear."""
    async with PostOffice().open() as port:
        found = await examined(port, starttls=True)
    assert verdicts(found) == {"SMTP_HOST": OK, "SMTP_STARTTLS": FAILED}
    assert "no STARTTLS" in found[-1].detail


@pytest.mark.parametrize("name", ["127.0.0.1", "mail.example.com"], ids=["unknown authority", "another name"])
async def test_bad_certificate_is_found(authority: trustme.CA, our_side: ssl.SSLContext, name: str) -> None:
    """Whoever has signed it, and whoever it is for; the reason is the one that OpenSSL gives."""
    signed_by = trustme.CA() if name == "127.0.0.1" else authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    signed_by.issue_cert(name).configure_cert(context)
    office = PostOffice()
    async with office.open(tls=context) as port:
        found = await examined(port, starttls=True, login=LOGIN, tls_context=our_side)
    assert verdicts(found) == {"SMTP_HOST": OK, "SMTP_STARTTLS": FAILED}
    assert "certificate" in found[-1].detail
    assert office.logins == []


async def test_encryption_that_is_off_is_a_warning_beyond_this_machine() -> None:
    """What crosses a network in the clear can be read on it."""
    async with PostOffice().open() as port:
        found = await examined(port, host="0.0.0.0")  # noqa: S104  - this machine, by a name that does not say so
    assert verdicts(found)["SMTP_STARTTLS"] is WARNING
    assert "in the clear" in found[1].detail


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        ("550 not yours", FAILED, "takes no mail from this sender: 550"),
        ("451 greylisted", WARNING, "just now from this sender: 451"),
    ],
)
async def test_refused_sender_is_found(answer: str, verdict: Verdict, words: str) -> None:
    """For good, or only now."""
    async with PostOffice(sender=answer).open() as port:
        found = await examined(port)
    assert verdicts(found)["SMTP_FROM"] is verdict
    assert words in found[-1].detail


async def test_sender_with_other_letters_needs_a_server_that_takes_them() -> None:
    """SMTPUTF8."""
    async with PostOffice().open() as port:
        taken = await examined(port, sender="доступ@pay.example.com")
    async with PostOffice().open(utf8=False) as port:
        refused = await examined(port, sender="доступ@pay.example.com")
    assert (taken[-1].verdict, refused[-1].verdict) == (OK, FAILED)
    assert "beyond ASCII" in refused[-1].detail


async def test_setting_that_no_server_can_be_told_is_found() -> None:
    """A host name that is none is a finding, as all else is."""
    for found in (await examined(25, host="a" * 70 + ".example"), await examined(25, host="mail\nexample.com")):
        assert verdicts(found) == {"SMTP_HOST": FAILED}


async def test_server_that_is_away_is_found() -> None:
    """Nobody listens."""
    async with PostOffice().open() as port:
        pass
    found = await examined(port)
    assert verdicts(found) == {"SMTP_HOST": FAILED}
    assert f"127.0.0.1:{port} is out of reach" in found[0].detail


async def test_server_that_wants_nothing_of_us_is_found() -> None:
    """It answers, with a refusal."""
    async with speaking("554 no service for you") as port:
        found = await examined(port)
    assert (found[0].verdict, found[0].detail) == (FAILED, f"127.0.0.1:{port} refuses us: 554")


@pytest.mark.parametrize("lines", [(), ("220 hello",), ("220 hello", "250 localhost")], ids=["mute", "slow", "later"])
async def test_silent_server_costs_a_bounded_time(lines: tuple[str, ...]) -> None:
    """However far the conversation came."""
    async with asyncio.timeout(30), speaking(*lines) as port:
        found = await examined(port, timeout_seconds=0.3)
    assert found[-1].verdict is FAILED
    assert "did not answer within 0.3 s" in found[-1].detail


@pytest.mark.parametrize("reply", [f"535 {LOGIN[0]} {LOGIN[1]} is wrong", f"421 bye {LOGIN[1]}"])
async def test_no_secret_is_told(
    reply: str, server_side: ssl.SSLContext, our_side: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a finding, not in a log, even when the server repeats what it heard."""
    caplog.set_level(logging.DEBUG)
    async with PostOffice(sender=reply).open(tls=server_side) as port:
        found = await examined(port, starttls=True, login=LOGIN, tls_context=our_side)
        found += await examined(port, starttls=True, login=(LOGIN[0], LOGIN[1] + "!"), tls_context=our_side)
    async with speaking("220 hi", f"250-x\r\n250 AUTH PLAIN {LOGIN[1]}", reply) as port:
        found += await examined(port, login=LOGIN)
    assert {finding.verdict for finding in found} >= {OK, FAILED}
    told = "\n".join(
        [finding.detail for finding in found]
        # The far side's own server runs here too, and logs what it hears.
        + [logging.Formatter().format(record) for record in caplog.records if record.name != "mail.log"]
    )
    assert [secret for secret in (*LOGIN, "access@pay.example.com") if secret in told] == []
