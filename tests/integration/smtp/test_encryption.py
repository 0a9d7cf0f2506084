"""STARTTLS and the login, as Gmail wants them: nothing goes out in the clear, and nothing to a stranger."""

import ssl

import pytest
import trustme

from paywall_core.errors import DeliveryFailed
from tests.integration.smtp.post_office import LOGIN, PostOffice, access, code, mailer, send


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


async def test_both_mails_go_out_encrypted_after_the_login(
    server_side: ssl.SSLContext, our_side: ssl.SSLContext
) -> None:
    """The login is shown to a server whose certificate is good, over an encrypted connection alone."""
    office = PostOffice()
    async with office.open(tls=server_side) as port:
        sender = mailer(port, starttls=True, login=LOGIN, tls_context=our_side)
        await send(sender, access())
        await send(sender, code())
    assert office.encrypted == [True, True]
    assert office.logins == [LOGIN[0]]
    assert len(office.mails) == 2


async def test_refused_login_is_tried_again(server_side: ssl.SSLContext, our_side: ssl.SSLContext) -> None:
    """A wrong password is mended by an operator; no customer's mail is lost over it, and no reason holds it."""
    office = PostOffice()
    async with office.open(tls=server_side) as port:
        sender = mailer(port, starttls=True, login=(LOGIN[0], "not our login"), tls_context=our_side)
        with pytest.raises(DeliveryFailed, match="refused our login: 535") as raised:
            await send(sender, access())
    assert not raised.value.permanent
    assert "not our login" not in raised.value.reason
    assert office.mails == []


async def test_login_that_is_asked_for_and_not_given_is_tried_again(
    server_side: ssl.SSLContext, our_side: ssl.SSLContext
) -> None:
    """It is a setting of ours."""
    office = PostOffice()
    async with office.open(tls=server_side) as port:
        with pytest.raises(DeliveryFailed, match="refused us: 530") as raised:
            await send(mailer(port, starttls=True, tls_context=our_side), access())
    assert not raised.value.permanent


async def test_server_with_a_stranger_s_certificate_gets_nothing(our_side: ssl.SSLContext) -> None:
    """Neither the login nor the mail; the next try may find the real one."""
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(stranger)
    office = PostOffice()
    async with office.open(tls=stranger) as port:
        with pytest.raises(DeliveryFailed, match="out of reach") as raised:
            await send(mailer(port, starttls=True, login=LOGIN, tls_context=our_side), access())
    assert not raised.value.permanent
    assert (office.logins, office.mails) == ([], [])


async def test_certificate_of_another_name_is_a_stranger_s(authority: trustme.CA, our_side: ssl.SSLContext) -> None:
    """Signed by whom we believe, but for somebody else."""
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.example.com").configure_cert(other)
    office = PostOffice()
    async with office.open(tls=other) as port:
        with pytest.raises(DeliveryFailed, match="out of reach"):
            await send(mailer(port, starttls=True, login=LOGIN, tls_context=our_side), access())
    assert (office.logins, office.mails) == ([], [])


async def test_certificates_are_the_system_s_to_judge_by_default(server_side: ssl.SSLContext) -> None:
    """Without a word of ours an unknown authority is not believed."""
    office = PostOffice()
    async with office.open(tls=server_side) as port:
        with pytest.raises(DeliveryFailed, match="out of reach"):
            await send(mailer(port, starttls=True, login=LOGIN), access())
    assert (office.logins, office.mails) == ([], [])


async def test_mail_is_not_sent_in_the_clear_when_encryption_is_wanted() -> None:
    """A server that offers no STARTTLS gets nothing."""
    office = PostOffice()
    async with office.open() as port:
        with pytest.raises(DeliveryFailed) as raised:
            await send(mailer(port, starttls=True), access())
    assert not raised.value.permanent
    assert office.recipients == []
