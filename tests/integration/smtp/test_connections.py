"""A connection is kept from one mail to the next, and no mail is sent twice because of it."""

import asyncio
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope, Session

from paywall_core.errors import DeliveryFailed
from tests.integration.smtp.post_office import PostOffice, access, code, mailer, send, until


class Tired(PostOffice):
    """Ends its first connection at a command of its second mail.

    Args:
        at: the command.
        answer: with this answer; None: without a word.
        every: not its first connection alone, but each, and at once.
    """

    def __init__(self, at: str, answer: str | None = None, *, every: bool = False) -> None:
        super().__init__()
        self._at = at
        self._answer = answer
        self._every = every
        self._first: Session | None = None
        self.tries = 0

    def _is_tired(self, command: str, session: Session) -> bool:
        self._first = self._first or session
        return command == self._at and (self._every or session is self._first) and bool(self.mails)

    def _end(self, server: Any) -> str:
        self.tries += 1
        if self._answer is None:
            server.transport.abort()
        return self._answer or "250 OK"

    async def handle_MAIL(  # noqa: N802  - aiosmtpd's name
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The sender."""
        if self._is_tired("MAIL", session):
            return self._end(server)
        return await super().handle_MAIL(server, session, envelope, address, options)

    async def handle_RCPT(  # noqa: N802  - as above
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The address."""
        if self._is_tired("RCPT", session):
            return self._end(server)
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802  - as above
        """The mail: taken, whatever is said of it."""
        is_tired = self._is_tired("DATA", session)
        answer = await super().handle_DATA(server, session, envelope)
        return self._end(server) if is_tired else answer


class Slow(PostOffice):
    """Answers a mail when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.go_on = asyncio.Event()

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802  - as above
        """The mail."""
        self.asked += 1
        await self.go_on.wait()
        return await super().handle_DATA(server, session, envelope)


async def test_mails_after_one_another_share_a_connection() -> None:
    """And closing says goodbye."""
    office = PostOffice()
    async with office.open() as port:
        sender = mailer(port)
        for message in (access(), code(), access("en")):
            await send(sender, message)
        assert (len(office.mails), office.connections, office.farewells) == (3, 1, 0)
        await sender.close()
        await until(lambda: not office.open_connections)
    assert office.farewells == 1


@pytest.mark.parametrize("refused", [("sender", "451"), ("recipient", "550"), ("data", "554")], ids=lambda one: one[0])
async def test_refused_mail_leaves_the_connection_to_the_next(refused: tuple[str, str]) -> None:
    """Nothing of it stands in the next one's way."""
    command, answer = refused
    office = PostOffice()
    async with office.open() as port:
        sender = mailer(port)
        setattr(office, command, f"{answer} no")
        with pytest.raises(DeliveryFailed, match=answer):
            await send(sender, access(to="bob@example.com"))
        setattr(office, command, "250 OK")
        await send(sender, access())
    assert (office.recipients, office.connections) == (["anna@example.com"], 1)


async def test_envelope_that_cannot_be_taken_back_ends_the_connection() -> None:
    """The server would take the next mail for a part of it."""

    class Stubborn(PostOffice):
        async def handle_RSET(self, *_what: Any) -> str:  # noqa: N802  - aiosmtpd's name
            return "500 never"

    office = Stubborn(recipient="550 no such user")
    async with office.open() as port:
        sender = mailer(port)
        with pytest.raises(DeliveryFailed, match="550"):
            await send(sender, access())
        office.recipient = "250 OK"
        await send(sender, access())
    assert (len(office.mails), office.connections) == (1, 2)


async def test_connection_that_the_server_closed_meanwhile_costs_nothing() -> None:
    """The next mail goes by a new one, once."""
    office = PostOffice()
    async with office.open() as port:
        sender = mailer(port)
        await send(sender, access())
        await office.hang_up()
        await send(sender, access())
    assert (len(office.mails), office.connections) == (2, 2)


@pytest.mark.parametrize("answer", ["421 too many mails", None], ids=["421", "without a word"])
@pytest.mark.parametrize("at", ["MAIL", "RCPT"])
async def test_server_that_hangs_up_before_the_content_is_asked_anew(at: str, answer: str | None) -> None:
    """It cannot have the mail: the outbox need not know."""
    office = Tired(at, answer)
    async with office.open() as port:
        sender = mailer(port)
        await send(sender, access())
        await send(sender, code())
    assert [len(office.mails), office.connections, office.tries] == [2, 2, 1]


async def test_server_that_always_hangs_up_is_asked_anew_once() -> None:
    """Then the outbox's waits come."""
    office = Tired("MAIL", "421 going down", every=True)
    async with office.open() as port:
        sender = mailer(port)
        await send(sender, access())
        with pytest.raises(DeliveryFailed, match="421") as raised:
            await send(sender, code())
    assert not raised.value.permanent
    assert [len(office.mails), office.connections, office.tries] == [1, 2, 2]


@pytest.mark.parametrize("answer", ["421 going down", None], ids=["421", "without a word"])
async def test_mail_that_may_have_been_taken_is_not_sent_again_from_here(answer: str | None) -> None:
    """The server had all of it: whether it comes twice is the outbox's to decide."""
    office = Tired("DATA", answer)
    async with office.open() as port:
        sender = mailer(port)
        await send(sender, access())
        with pytest.raises(DeliveryFailed) as raised:
            await send(sender, code())
        assert not raised.value.permanent
        assert [len(office.mails), office.connections, office.tries] == [2, 1, 1]
        await send(sender, access())
    assert office.connections == 2


async def test_refusal_on_a_kept_connection_is_not_asked_about_again() -> None:
    """The server is there, and has said what it thinks."""
    office = Tired("RCPT", "450 busy")
    async with office.open() as port:
        sender = mailer(port)
        await send(sender, access())
        with pytest.raises(DeliveryFailed, match="450"):
            await send(sender, code())
    assert [office.connections, office.tries] == [1, 1]


async def test_mail_that_is_broken_off_takes_its_connection_with_it() -> None:
    """Else the answer to it would be heard as the next one's."""
    office = Slow()
    async with office.open() as port:
        sender = mailer(port)
        under_way = asyncio.create_task(send(sender, access()))
        await until(lambda: office.asked == 1)
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        office.go_on.set()
        await send(sender, code())
    assert office.connections == 2


async def test_server_that_falls_silent_loses_its_connection() -> None:
    """The time is over; what it says later is nothing that the next mail may hear."""
    office = Slow()
    async with office.open() as port:
        sender = mailer(port, timeout_seconds=0.5)
        with pytest.raises(DeliveryFailed, match="out of reach"):
            await send(sender, access())
        office.go_on.set()
        await send(sender, code())
    assert office.connections == 2


async def test_no_more_connections_than_agreed_upon() -> None:
    """Mails wait for each other, and use each other's."""
    office = Slow()
    async with office.open() as port:
        sender = mailer(port, connections=3)
        under_way = [asyncio.create_task(send(sender, access())) for _ in range(10)]
        await until(lambda: office.asked == 3)
        office.go_on.set()
        await asyncio.gather(*under_way)
    assert (len(office.mails), office.connections, office.most_open) == (10, 3, 3)


@pytest.mark.parametrize(("idle_seconds", "mails_each"), [(0.01, 100), (60.0, 1)], ids=["idle", "full"])
async def test_connection_is_not_kept_for_ever(idle_seconds: float, mails_each: int) -> None:
    """After some time without a mail, or some mails, it ends as it should."""
    office = PostOffice()
    async with office.open() as port:
        sender = mailer(port, idle_seconds=idle_seconds, mails_each=mails_each)
        for number in (1, 2):
            await send(sender, access())
            await until(lambda: not office.open_connections)
            assert (office.connections, office.farewells) == (number, number)


async def test_mail_that_is_under_way_at_the_end_arrives() -> None:
    """And its connection is closed after it; closing waits for nobody who is slow to say goodbye."""
    office = Slow()
    async with office.open() as port:
        sender = mailer(port)
        under_way = asyncio.create_task(send(sender, access()))
        await until(lambda: office.asked == 1)
        await sender.close()
        office.go_on.set()
        await under_way
        await until(lambda: not office.open_connections)
    assert (len(office.mails), office.farewells) == (1, 1)


async def test_goodbye_that_nobody_answers_is_no_trouble() -> None:
    """All has been said."""

    class Rude(PostOffice):
        async def handle_QUIT(self, _server: Any, _session: Session, _envelope: Envelope) -> str:  # noqa: N802  - as above
            return "500 stay"

    office = Rude()
    async with office.open() as port:
        sender = mailer(port)
        await send(sender, access())
        await sender.close()
        await until(lambda: not office.open_connections)
    assert len(office.mails) == 1
