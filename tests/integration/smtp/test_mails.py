"""What arrives: both mails, in both languages, through a real SMTP server."""

import re
from base64 import encodebytes
from binascii import b2a_qp
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256

import pytest
from msgspec import structs

from adapters.smtp.mails import access_mail
from paywall_core.ports.delivery import AccessMessage, CodeMessage
from tests.integration.smtp.post_office import CODE, LINK, RESTORE_PAGE, PostOffice, access, code, mailer, send

NOW = datetime(2026, 1, 1, 12, 30, 15, tzinfo=UTC)
EVERY_MAIL = [access("ru"), access("en"), code("ru"), code("en")]


async def delivered(*messages: AccessMessage | CodeMessage) -> list[EmailMessage]:
    """The mails as they arrive."""
    office = PostOffice()
    async with office.open() as port:
        for message in messages:
            await send(mailer(port), message)
    return office.mails


def bodies(mail: EmailMessage) -> list[str]:
    """The text and the HTML, each without the line breaks that only the source has."""
    parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return [part.get_content() for part in parts if part is not None]


@pytest.mark.parametrize(
    ("locale", "subject", "sentences"),
    [
        (
            "ru",
            "Ваш доступ готов",
            [
                "Спасибо за оплату!",
                "Ссылка личная: доступ получит тот, кто откроет её первым.",
                "Потеряли ссылку или сменили аккаунт в Telegram? Отправьте боту команду /restore",
            ],
        ),
        (
            "en",
            "Your access is ready",
            [
                "Thank you for your payment!",
                "The link is personal: whoever opens it first gets your access.",
                "Lost the link, or changed your Telegram account? Send /restore to the bot",
            ],
        ),
    ],
)
async def test_access_mail_has_the_link_and_the_way_back(locale: str, subject: str, sentences: list[str]) -> None:
    """In the order's language, as text and as HTML, the link whole and unbroken."""
    (mail,) = await delivered(access(locale))
    assert mail["Subject"] == subject
    assert len(bodies(mail)) == 2
    for body in bodies(mail):
        for words in (*sentences, LINK, f"{RESTORE_PAGE}?locale={locale}"):
            assert words in body


async def test_access_mail_s_links_can_be_pressed() -> None:
    """In HTML the button and the addresses are links, and there is nothing else to press."""
    (mail,) = await delivered(access("en"))
    assert re.findall(r'href="([^"]+)"', bodies(mail)[1]) == [LINK, LINK, f"{RESTORE_PAGE}?locale=en"]


@pytest.mark.parametrize(
    ("locale", "subject", "sentences"),
    [
        (
            "ru",
            "Код для восстановления доступа",
            [
                "Введите его там, где запросили",
                "Код одноразовый и действует 10 минут с момента запроса.",
                "Никому не сообщайте этот код",
                "Не запрашивали код? Просто удалите это письмо",
            ],
        ),
        (
            "en",
            "Your code to get back in",
            [
                "Enter it where you asked for it",
                "The code works once, within 10 minutes of your request.",
                "Do not share this code",
                "You did not ask for a code? Then just delete this e-mail",
            ],
        ),
    ],
)
async def test_code_mail_says_what_the_code_is_for_and_how_long(
    locale: str, subject: str, sentences: list[str]
) -> None:
    """In the order's language, as text and as HTML: the code, where to enter it, its time, and what if unasked."""
    (mail,) = await delivered(code(locale))
    assert mail["Subject"] == subject
    assert len(bodies(mail)) == 2
    for body in bodies(mail):
        for words in (*sentences, CODE):
            assert words in body
        assert body.count(CODE) == 1


@pytest.mark.parametrize("message", [code("ru"), code("en")], ids=["ru", "en"])
async def test_code_is_not_what_a_notification_shows(message: CodeMessage) -> None:
    """Neither a header nor the beginning of the text has it: a locked phone shows both to everybody."""
    (mail,) = await delivered(message)
    assert all(CODE not in value for value in mail.values())
    text, html = bodies(mail)
    seen = re.sub(r"<style>.*?</style>|<title>.*?</title>|<[^>]+>", "", html, flags=re.DOTALL)
    shown = [" ".join(text.split()), seen.strip()]
    assert [CODE in beginning[:120] for beginning in shown] == [False, False]
    # In HTML the sentence before it is followed by 150 blanks that a preview does not leave out.
    assert seen.index("&#847;") < seen.index(CODE)
    assert seen.count("&#847;&zwnj;&nbsp;") == 150


async def test_code_is_one_word_that_can_be_copied() -> None:
    """Its digits stand together, so that a tap selects them all; no telephone number is made of them."""
    (mail,) = await delivered(code("en"))
    html = bodies(mail)[1]
    assert re.search(rf'user-select:all">{CODE}</p>', html)
    assert '<meta name="format-detection" content="telephone=no">' in html
    assert f"\n{CODE}\n" in bodies(mail)[0].replace("\r\n", "\n")


@pytest.mark.parametrize("message", EVERY_MAIL, ids=lambda m: f"{type(m).__name__}-{m.locale}")
async def test_headers_tell_other_machines_what_it_is(message: AccessMessage | CodeMessage) -> None:
    """Nobody's absence note answers it, the language is declared, and the date is today's."""
    (mail,) = await delivered(message)
    assert mail["From"] == "Paywall <access@pay.example.com>"
    assert mail["To"] == "anna@example.com"
    assert mail.get_all("Content-Language") == [message.locale]
    assert mail.get_all("Auto-Submitted") == ["auto-generated"]
    assert abs(parsedate_to_datetime(mail["Date"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert mail.get_content_type() == "multipart/alternative"
    parts = [(part.get_content_type(), part.get_content_charset()) for part in mail.iter_parts()]
    assert parts == [("text/plain", "utf-8"), ("text/html", "utf-8")]  # the last one is preferred (RFC 2046)


@pytest.mark.parametrize("message", EVERY_MAIL, ids=lambda m: f"{type(m).__name__}-{m.locale}")
async def test_repeated_delivery_is_the_same_mail(message: AccessMessage | CodeMessage) -> None:
    """Its id comes from the delivery's key, and tells nothing of it."""
    first, again = await delivered(message, message)
    assert first["Message-ID"] == again["Message-ID"]
    assert re.fullmatch(r"<[0-9a-f]{32}@pay\.example\.com>", first["Message-ID"])


async def test_different_deliveries_are_different_mails() -> None:
    """Else a mail server could drop the second one."""
    first, other = await delivered(access(), code())
    assert first["Message-ID"] != other["Message-ID"]


@pytest.mark.parametrize("message", EVERY_MAIL, ids=lambda m: f"{type(m).__name__}-{m.locale}")
async def test_html_is_whole_where_a_reader_drops_its_head(message: AccessMessage | CodeMessage) -> None:
    """Every visible element is styled in place, nothing is loaded from anywhere, and dark screens are thought of."""
    (mail,) = await delivered(message)
    html = bodies(mail)[1]
    assert html.count('style="') >= 8
    assert not re.search(r"<(?:img|link|script|iframe|form)\b|url\(|@import", html)
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert f'<html lang="{message.locale}">' in html


ADDRESSES = [
    "anna@example.com",
    "anna.+tag_x-y@sub.example.com",
    f"{'a' * 64}@{'b' * 9}",
    f"{'a' * 64}@{'b' * 10}",
    f"{'a' * 64}@{'x' * 60}.example.com",
    "o'brien@example.com",
    '"a b"@example.com',
    "anna@пример.рф",
    "анна@example.com",
    "анна@пример.рф",
]
SENDERS = [
    "Paywall <access@pay.example.com>",
    "access@pay.example.com",
    "Доступ <access@pay.example.com>",
    "A company whose name is so long that it has to be folded by whoever writes it <access@pay.example.com>",
    f"Paywall <access@{'sub.' * 12}example.com>",
    "Paywall <access@пример.рф>",
]


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("to", ADDRESSES)
@pytest.mark.parametrize("locale", ["ru", "en"])
def test_mail_is_what_the_library_would_write(to: str, sender: str, locale: str) -> None:
    """Byte for byte, in seven bits and with an address beyond them."""
    message = structs.replace(access(locale), to=to)
    mail = access_mail(message, sender=sender, public_base_url="https://pay.example.com", now=NOW)
    policy = SMTP if mail.is_ascii else SMTPUTF8
    ours = message_from_bytes(mail.content, policy=policy)
    theirs = EmailMessage(policy=SMTP)
    theirs["From"] = sender
    local, _, domain = to.rpartition("@")
    theirs["To"] = f"{local}@{domain.encode('idna').decode()}"
    theirs["Subject"] = "Ваш доступ готов" if locale == "ru" else "Your access is ready"
    theirs["Date"] = format_datetime(NOW)
    theirs["Message-ID"] = f"<{sha256(message.key.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2].rstrip('>')}>"
    theirs["Auto-Submitted"] = "auto-generated"
    theirs["MIME-Version"] = "1.0"
    theirs["Content-Type"] = 'multipart/alternative; boundary="=_paywall"'
    theirs["Content-Language"] = locale
    for kind, text in zip(("plain", "html"), bodies(ours), strict=True):
        part = EmailMessage(policy=SMTP)
        part["Content-Type"] = f'text/{kind}; charset="utf-8"'
        raw = text.replace("\r\n", "\n").encode()
        code = min(("quoted-printable", b2a_qp(raw)), ("base64", encodebytes(raw)), key=lambda coded: len(coded[1]))
        part["Content-Transfer-Encoding"] = code[0]
        part.set_payload(code[1].decode("ascii"))
        theirs.attach(part)
    assert mail.content == theirs.as_bytes(policy=policy)
    assert mail.recipients == tuple(address.addr_spec for address in theirs["To"].addresses)
    assert mail.sender == theirs["From"].addresses[0].addr_spec


async def test_language_that_is_no_longer_spoken_is_english() -> None:
    """An order may be older than the set of languages; the header says what the words are."""
    (mail,) = await delivered(access("xx"))
    assert mail["Subject"] == "Your access is ready"
    assert mail["Content-Language"] == "en"
