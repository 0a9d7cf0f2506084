"""The contracts of what brings words to customers, kept by our mailer before a real SMTP server."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from email.message import EmailMessage

from paywall_core.testing.contract import AccessMessengerContract, CodeMessengerContract, NoticeMessengerContract
from tests.integration.smtp.post_office import PostOffice, mailer


class TestMailer(AccessMessengerContract, CodeMessengerContract, NoticeMessengerContract):
    """Every kind of mail."""

    locales = ("ru", "en")

    async def set_up(self) -> None:
        """A server, and the adapter pointed at it."""
        self.office, self.stack = PostOffice(), AsyncExitStack()
        made = mailer(await self.stack.enter_async_context(self.office.open()))
        self.stack.push_async_callback(made.close)
        self.messenger = self.code_messenger = self.notice_messenger = made

    async def tear_down(self) -> None:
        """Close both."""
        await self.stack.aclose()

    async def arrived(self) -> Sequence[str]:
        """The text of each mail for the address."""
        assert set(self.office.recipients) <= {self.to}
        return [_text(mail) for mail in self.office.mails]

    async def refuse(self, *, permanent: bool) -> None:
        """No such address, or come back later."""
        self.office.recipient = "550 no such user" if permanent else "450 busy"


def _text(mail: EmailMessage) -> str:
    """What stands in it; the HTML says the same."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return str(text.get_content())
