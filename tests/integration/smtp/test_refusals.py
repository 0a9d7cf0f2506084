"""What a server's refusals mean. What it has against us, not against the customer, must not end the customer's mail."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage, CodeMessage
from tests.integration.smtp.post_office import PostOffice, access, code, mailer, send

BOTH = pytest.mark.parametrize("message", [access(), code()], ids=["access", "code"])


async def failure(office: PostOffice, message: AccessMessage | CodeMessage, *, utf8: bool = True) -> DeliveryFailed:
    """How the delivery failed."""
    async with office.open(utf8=utf8) as port:
        with pytest.raises(DeliveryFailed) as raised:
            await send(mailer(port), message)
    return raised.value


@asynccontextmanager
async def serving(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """Something that is hardly a mail server, on a free port."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@BOTH
@pytest.mark.parametrize(
    ("office", "permanent"),
    [
        (PostOffice(recipient="550 no such user"), True),
        (PostOffice(recipient="450 busy"), False),
        (PostOffice(recipient="421 going down"), False),
        (PostOffice(sender="530 5.7.0 Authentication required"), False),
        (PostOffice(sender="451 later"), False),
        (PostOffice(data="554 no such content here"), True),
        (PostOffice(data="451 later"), False),
    ],
    ids=["no address", "address busy", "going down", "no login", "later", "no content", "content later"],
)
async def test_refusals_decide_about_a_retry(
    office: PostOffice, message: AccessMessage | CodeMessage, *, permanent: bool
) -> None:
    """A refused address or mail stays refused; a busy server, or a setting of ours, may be mended."""
    failed = await failure(office, message)
    assert failed.permanent is permanent
    assert "anna" not in failed.reason
    assert office.mails == []


@BOTH
async def test_server_that_is_away_is_tried_again(message: AccessMessage | CodeMessage) -> None:
    """Nobody listens: not final."""
    async with PostOffice().open() as port:
        pass
    with pytest.raises(DeliveryFailed, match="out of reach") as raised:
        await send(mailer(port), message)
    assert not raised.value.permanent


async def test_server_that_does_not_talk_to_us_is_tried_again() -> None:
    """A block of our address, or a full server, ends one day."""

    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"554 no service\r\n")
        await writer.drain()
        writer.close()

    async with serving(refuse) as port:
        with pytest.raises(DeliveryFailed) as raised:
            await send(mailer(port), access())
    assert not raised.value.permanent


async def test_server_that_drips_is_cut_off() -> None:
    """The time is for the whole conversation: a server that answers a little now and then cannot outlast a lease."""
    closed = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220-hello\r\n")
        while not writer.is_closing():
            writer.write(b"220-still here\r\n")
            try:
                await asyncio.wait_for(reader.read(1024), 0.2)
                break
            except TimeoutError:
                continue
        writer.close()
        closed.set()

    async with asyncio.timeout(30), serving(drip) as port:
        with pytest.raises(DeliveryFailed) as raised:
            await send(mailer(port, timeout_seconds=1.0), access())
        await closed.wait()
    assert not raised.value.permanent


@BOTH
async def test_address_cannot_smuggle_a_header(message: AccessMessage | CodeMessage) -> None:
    """A line break in an address ends the delivery, for good."""
    crafted = "anna@example.com\r\nBcc: bob@example.com"
    office = PostOffice()
    failed = await failure(office, access(to=crafted) if isinstance(message, AccessMessage) else code(to=crafted))
    assert failed.permanent
    assert office.mails == []


@pytest.mark.parametrize("utf8", [True, False])
async def test_russian_domain_reaches_any_server(*, utf8: bool) -> None:
    """Spelled as the name system spells it."""
    office = PostOffice()
    async with office.open(utf8=utf8) as port:
        await send(mailer(port), access(to="anna@почта.рф"))
    assert office.recipients == ["anna@xn--80a1acny.xn--p1ai"]


async def test_name_of_ours_that_a_server_does_not_take_ends_no_mail() -> None:
    """The setting can be mended; the customers' mails wait for that."""
    office = PostOffice()
    async with office.open(utf8=False) as port:
        with pytest.raises(DeliveryFailed) as failed:
            await send(mailer(port, sender="почта@pay.example.com"), access())
    assert not failed.value.permanent
    assert not office.mails


async def test_russian_name_needs_a_server_that_takes_it() -> None:
    """With SMTPUTF8 it arrives; without, that is final and said so, without the address."""
    office = PostOffice()
    async with office.open() as port:
        await send(mailer(port), access(to="анна@example.com"))
    assert office.recipients == ["анна@example.com"]
    failed = await failure(PostOffice(), access(to="анна@example.com"), utf8=False)
    assert failed.permanent
    assert "SMTPUTF8" in failed.reason
    assert "анна" not in failed.reason
