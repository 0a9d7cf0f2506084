"""The mailbox through a real SMTP client: what it keeps, how it refuses, and how its pages hold a stranger's HTML."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib
import httpx
import pytest
from litestar import Litestar

from entrypoints.sandbox.mailbox import Mailbox
from entrypoints.sandbox.troubles import Troubles
from entrypoints.server import serving


def a_mail(to: str = "anna@example.com", subject: str = "Доступ готов", *, html: bool = True) -> EmailMessage:
    """A mail with both parts."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Paywall <access@example.com>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = "Tue, 24 Nov 2026 12:00:00 +0000"
    mail["Message-ID"] = "<1@example.com>"
    mail.set_content("Здравствуйте! https://example.com/go?a=1&b=2\n")
    if html:
        mail.add_alternative(
            "<!doctype html><html><head><title>x</title></head><body><script>alert(1)</script>"
            '<a href="https://example.com/go">Войти</a></body></html>',
            subtype="html",
        )
    return mail


@pytest.fixture
def troubles() -> Troubles:
    """All switches off."""
    return Troubles()


@pytest.fixture
async def mailbox(troubles: Troubles) -> Mailbox:
    """An empty mailbox that asks for no login."""
    return Mailbox(troubles=troubles)


@pytest.fixture
async def port(mailbox: Mailbox) -> AsyncIterator[int]:
    """Its SMTP port."""
    async with mailbox.receiving() as port:
        yield port


@pytest.fixture
async def pages(mailbox: Mailbox) -> AsyncIterator[httpx.AsyncClient]:
    """Its pages."""
    app = Litestar([mailbox.router])
    async with (
        serving(app, host="127.0.0.1", port=0) as origin,
        httpx.AsyncClient(base_url=origin, follow_redirects=True, trust_env=False) as client,
    ):
        yield client


async def send(port: int, mail: EmailMessage, username: str | None = None, password: str | None = None) -> None:
    """Send it as the product would."""
    await aiosmtplib.send(
        mail, hostname="127.0.0.1", port=port, start_tls=False, username=username, password=password, timeout=5
    )


async def test_mail_arrives_parsed(mailbox: Mailbox, port: int) -> None:
    """Headers, both bodies and the source, readable."""
    await send(port, a_mail())
    (mail,) = mailbox.messages()
    assert (mail.number, mail.subject, mail.sender) == (1, "Доступ готов", "Paywall <access@example.com>")
    assert mail.recipients == ("anna@example.com",)
    assert mail.text == "Здравствуйте! https://example.com/go?a=1&b=2\n"
    assert "Войти" in mail.html
    assert mail.message_id == "<1@example.com>"
    assert mail.source.startswith("From: Paywall")


async def test_mails_are_found_by_address_whatever_its_case(mailbox: Mailbox, port: int) -> None:
    """Only the mails of that address."""
    await send(port, a_mail())
    await send(port, a_mail("bob@example.com", "For Bob"))
    assert [mail.subject for mail in mailbox.messages(to="BOB@example.com")] == ["For Bob"]
    assert mailbox.messages(to="carol@example.com") == []


async def test_waiting_ends_with_the_mail(mailbox: Mailbox, port: int) -> None:
    """Who waits before it is sent gets it; a later number is another mail."""
    waiting = asyncio.create_task(mailbox.wait_for(to="anna@example.com", subject_contains="готов"))
    await asyncio.sleep(0)
    await send(port, a_mail("anna@example.com", "Something else"))
    await send(port, a_mail())
    assert (await waiting).number == 2
    with pytest.raises(TimeoutError, match="Something else"):
        await mailbox.wait_for(after=2, timeout_seconds=0.05)


async def test_mail_that_is_down_greets_with_421(mailbox: Mailbox, port: int, troubles: Troubles) -> None:
    """Nothing is kept, and it works again afterwards."""
    troubles.smtp_down = True
    with pytest.raises(aiosmtplib.SMTPConnectError) as refused:
        await send(port, a_mail())
    assert "421" in str(refused.value)
    troubles.smtp_down = False
    await send(port, a_mail())
    assert len(mailbox.messages()) == 1


async def test_going_down_meanwhile_is_451(mailbox: Mailbox, port: int, troubles: Troubles) -> None:
    """A client that is connected already is told at its next mail, and at the end of its data."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=5) as client:
        await client.ehlo()
        troubles.smtp_down = True
        with pytest.raises(aiosmtplib.SMTPSenderRefused) as refused:
            await client.send_message(a_mail())
        assert refused.value.code == 451
        troubles.smtp_down = False
        await client.mail("access@example.com")
        await client.rcpt("anna@example.com")
        troubles.smtp_down = True
        with pytest.raises(aiosmtplib.SMTPDataError) as late:
            await client.data(a_mail().as_bytes())
        assert late.value.code == 451
    assert mailbox.messages() == []


async def test_login_is_asked_for_where_one_is_set(troubles: Troubles) -> None:
    """No login and a wrong one are refused, the right one sends."""
    mailbox = Mailbox(troubles=troubles, username="user", password="secret")
    async with mailbox.receiving() as port:
        with pytest.raises(aiosmtplib.SMTPSenderRefused) as refused:
            await send(port, a_mail())
        assert refused.value.code == 530
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await send(port, a_mail(), "user", "wrong")
        await send(port, a_mail(), "user", "secret")
    assert len(mailbox.messages()) == 1


async def test_no_login_is_offered_where_none_is_set(port: int) -> None:
    """AUTH is not in the answer to EHLO, nor is STARTTLS."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=5) as client:
        await client.ehlo()
        assert not client.supports_extension("auth")
        assert not client.supports_extension("starttls")


async def test_stopping_hangs_up_on_open_connections(mailbox: Mailbox) -> None:
    """The end does not wait for clients that stay."""
    async with asyncio.timeout(5):
        async with mailbox.receiving() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert (await reader.readline()).startswith(b"220 ")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_list_shows_newest_first(pages: httpx.AsyncClient, port: int) -> None:
    """On the page and in the JSON."""
    await send(port, a_mail(subject="First"))
    await send(port, a_mail(subject="Second <b>"))
    html = (await pages.get("/mail")).text
    assert html.index("Second &lt;b&gt;") < html.index("First")
    assert html.count('data-testid="mail-row"') == 2
    found = (await pages.get("/mail/messages.json")).json()["messages"]
    assert [one["subject"] for one in found] == ["Second <b>", "First"]


async def test_html_of_a_mail_is_locked_in(pages: httpx.AsyncClient, port: int) -> None:
    """A frame without scripts, by attribute and by header; its links open on top."""
    await send(port, a_mail())
    page = await pages.get("/mail/1")
    assert 'data-testid="mail-html"' in page.text
    assert "alert(1)" not in page.text
    assert "allow-scripts" not in page.text
    body = await pages.get("/mail/1/body.html")
    policy = body.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert '<head><base target="_top">' in body.text


async def test_text_and_source_have_pages_of_their_own(pages: httpx.AsyncClient, port: int) -> None:
    """The text's addresses are links; a mail without HTML opens as text."""
    await send(port, a_mail())
    await send(port, a_mail(html=False))
    text = (await pages.get("/mail/1?view=text")).text
    assert 'href="https://example.com/go?a=1&amp;b=2"' in text
    assert "Message-ID: &lt;1@example.com&gt;" in (await pages.get("/mail/1?view=source")).text
    assert 'data-testid="mail-text"' in (await pages.get("/mail/2")).text
    assert (await pages.get("/mail/3")).status_code == 404


async def test_unreadable_mail_is_shown_as_far_as_it_goes(
    mailbox: Mailbox, pages: httpx.AsyncClient, port: int
) -> None:
    """A wrong charset and bytes that are not UTF-8 break no page."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=5) as client:
        await client.ehlo()
        await client.mail("a@example.com", options=["BODY=8BITMIME"])
        await client.rcpt("anna@example.com")
        await client.data(
            b"Content-Type: text/plain; charset=no-such\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xff ok\r\n"
        )
    (mail,) = mailbox.messages()
    assert "ok" in mail.text
    assert (await pages.get("/mail/1")).status_code == 200
