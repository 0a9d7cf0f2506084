"""What is secret stays out of the logs, of the reasons that are kept, and of every traceback."""

import logging
import traceback

import pytest

from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import AccessMessage, CodeMessage
from tests.integration.smtp.post_office import ADDRESS, CODE, LINK, LOGIN, PostOffice, access, code, mailer, send

SECRETS = (ADDRESS, "anna", CODE, LINK, LINK.partition("start=")[2], *LOGIN)


def said(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged, down to debugging; but not by the far side's own server, which runs here too."""
    records = [record for record in caplog.records if record.name != "mail.log"]
    return "\n".join(logging.Formatter().format(record) for record in records)


@pytest.mark.parametrize("message", [access(), code()], ids=["access", "code"])
@pytest.mark.parametrize(
    "office",
    [
        PostOffice(),
        PostOffice(recipient=f"550 no such user {ADDRESS}"),
        PostOffice(sender=f"550 not for {ADDRESS}"),
        PostOffice(data=f"554 no {CODE} for {ADDRESS}, see {LINK}"),
    ],
    ids=["taken", "address refused", "sender refused", "mail refused"],
)
async def test_no_secret_is_told(
    office: PostOffice, message: AccessMessage | CodeMessage, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the server answers, and even when it repeats what we said."""
    caplog.set_level(logging.DEBUG)
    told = [repr(message)]
    async with office.open() as port:
        try:
            await send(mailer(port), message)
        except DeliveryFailed as error:
            told += [error.reason, str(error), repr(error), "".join(traceback.format_exception(error))]
    logging.getLogger("paywall.test").debug("the log is being read")
    told.append(said(caplog))
    assert "the log is being read" in told[-1]
    assert bool(office.mails) is (len(told) == 2)
    assert [secret for secret in SECRETS if any(secret in text for text in told)] == []


async def test_no_secret_is_told_of_an_address_that_cannot_be_written(caplog: pytest.LogCaptureFixture) -> None:
    """Nor of one that breaks the mail itself."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(DeliveryFailed) as raised:
        await send(mailer(9), code(to=f"{ADDRESS}\r\nBcc: x"))
    told = "".join(traceback.format_exception(raised.value)) + said(caplog)
    assert [secret for secret in SECRETS if secret in told] == []
