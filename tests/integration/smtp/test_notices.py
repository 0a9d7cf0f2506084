"""What a customer is told by e-mail of the life of a payment: each case, in both languages, over real SMTP."""

import logging
import re
import traceback
from email.message import EmailMessage
from html import unescape
from html.parser import HTMLParser
from itertools import product

import pytest
from msgspec import structs

from paywall_core.errors import DeliveryFailed
from paywall_core.ports.delivery import NoticeAction, NoticeMessage
from tests.integration.smtp.post_office import ADDRESS, PostOffice, mailer
from tests.unit.adapters.i18n.notice_sample import ACTIVATION, LOCALES, PORTAL, Sample, plain_spaces
from tests.unit.adapters.i18n.notice_samples import SAMPLES

EVERY = list(product(SAMPLES, LOCALES))
NAMES = [f"{sample.name}-{locale}" for sample, locale in EVERY]
PERSONAL = {"en": "The link is personal: whoever opens it first", "ru": "Ссылка личная: доступ получит тот, кто"}
FOOTER = {
    "en": "You received this e-mail because this address was entered at the payment.",
    "ru": "Вы получили это письмо, потому что этот адрес был указан при оплате.",
}
ENGLISH_ALLOWED = re.compile(r"https?://\S+|Telegram|e-mail|RUB")
"""What is written in Latin letters in Russian too."""


class Seen(HTMLParser):
    """What a reader sees of HTML, and where its links lead. Raises on a tag that never closes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        self._hidden += tag in {"style", "title"}
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        """A tag closes."""
        self._hidden -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._hidden:
            self.text += data


async def delivered(*messages: NoticeMessage) -> list[EmailMessage]:
    """The mails as they arrive."""
    office = PostOffice()
    async with office.open() as port:
        for message in messages:
            await mailer(port).send_notice(message)
    return office.mails


def bodies(mail: EmailMessage) -> tuple[str, str]:
    """The text and the HTML."""
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    return plain_spaces(text.get_content()), plain_spaces(html.get_content())


def link_of(message: NoticeMessage) -> str | None:
    """Where the mail must lead."""
    if message.action is NoticeAction.PAY:
        return f"https://pay.example.com/pay?plan={message.plan}&locale={message.locale}"
    return message.url


@pytest.mark.parametrize(("sample", "locale"), EVERY, ids=NAMES)
async def test_notice_arrives_whole_in_the_order_s_language(sample: Sample, locale: str) -> None:
    """Subject, both bodies, the button where there is something to do, and nothing to press where there is not."""
    message, said = sample.to(ADDRESS, locale), sample.said(locale)
    (mail,) = await delivered(message)
    assert plain_spaces(mail["Subject"]) == said.title
    text, html = bodies(mail)
    seen = Seen(html)
    link = link_of(message) if said.button else None
    personal = [] if link != ACTIVATION else [PERSONAL[locale]]
    for body in (text, seen.text):
        places = [body.index(words) for words in (said.title, *said.sentences, *personal, FOOTER[locale])]
        assert places == sorted(places)
        assert [words in body for words in PERSONAL.values()] == [bool(personal) and locale == one for one in PERSONAL]
    assert seen.links == ([] if link is None else [link, link])
    if link is None:
        assert "http" not in text
    else:
        assert said.button is not None
        assert f"{said.button}:\n{link}\n" in text.replace("\r\n", "\n")
        assert said.button in seen.text
        assert seen.text.count(link) == 1


@pytest.mark.parametrize(("sample", "locale"), EVERY, ids=NAMES)
async def test_no_word_is_left_untranslated_or_unfilled(sample: Sample, locale: str) -> None:
    """No English in Russian, no Cyrillic in English, no placeholder, no blank where a value was missing."""
    (mail,) = await delivered(sample.to(ADDRESS, locale))
    text, html = bodies(mail)
    for words in (mail["Subject"], text, Seen(html).text):
        foreign = r"[A-Za-z]{2,}" if locale == "ru" else r"[А-Яа-яЁё]+"
        assert re.findall(foreign, ENGLISH_ALLOWED.sub("", words)) == []
        assert not re.search(r"%\(|\{\{|None|UTC|  [.,]", words)
    assert "\n\n\n" not in text.replace("\r\n", "\n")


@pytest.mark.parametrize(("sample", "locale"), EVERY, ids=NAMES)
async def test_notice_tells_other_machines_what_it_is(sample: Sample, locale: str) -> None:
    """Like every mail of ours: an id from the key, no absence notes, its language, text before HTML."""
    message = sample.to(ADDRESS, locale)
    first, again, other = await delivered(message, message, structs.replace(message, key="notice:other"))
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert re.fullmatch(r"<[0-9a-f]{32}@pay\.example\.com>", first["Message-ID"])
    assert first["To"] == ADDRESS
    assert first.get_all("Auto-Submitted") == ["auto-generated"]
    assert first.get_all("Content-Language") == [locale]
    parts = [(part.get_content_type(), part.get_content_charset()) for part in first.iter_parts()]
    assert parts == [("text/plain", "utf-8"), ("text/html", "utf-8")]


@pytest.mark.parametrize(("sample", "locale"), EVERY, ids=NAMES)
async def test_html_looks_like_the_other_mails(sample: Sample, locale: str) -> None:
    """Styled in place, ready for dark screens, nothing loaded from anywhere."""
    (mail,) = await delivered(sample.to(ADDRESS, locale))
    _, html = bodies(mail)
    assert f'<html lang="{locale}">' in html
    assert re.findall(r"<(h1|p|a)\b(?![^>]*style=)", html) == []
    assert "@media (prefers-color-scheme: dark)" in html
    assert not re.search(r"<(?:img|link|script|iframe|form)\b|url\(|@import", html)


async def test_what_comes_from_elsewhere_is_escaped() -> None:
    """A link with quotes, brackets and ampersands stays one attribute and one text; a plan's name stays a value."""
    portal = next(sample for sample in SAMPLES if sample.message.url == PORTAL)
    hostile = "https://billing.example.com/?a=\"><script>alert(1)</script>&b='x"
    pay = next(sample for sample in SAMPLES if sample.message.action is NoticeAction.PAY)
    one, two = await delivered(
        structs.replace(portal.to(ADDRESS, "en"), url=hostile),
        structs.replace(pay.to(ADDRESS, "en"), plan="a plan & more=<b>"),
    )
    html = bodies(one)[1]
    assert "<script" not in html
    assert Seen(html).links == [hostile, hostile]
    assert hostile in unescape(html)
    assert Seen(bodies(two)[1]).links[0] == ("https://pay.example.com/pay?plan=a+plan+%26+more%3D%3Cb%3E&locale=en")


async def test_language_that_is_no_longer_spoken_is_english() -> None:
    """The words, the header and the page that the button opens agree on it."""
    pay = next(sample for sample in SAMPLES if sample.message.action is NoticeAction.PAY)
    (mail,) = await delivered(pay.to(ADDRESS, "xx"))
    assert mail["Subject"] == pay.en.title
    assert mail["Content-Language"] == "en"
    assert "&locale=en\n" in bodies(mail)[0].replace("\r\n", "\n")


async def test_address_that_cannot_be_written_is_final() -> None:
    """Trying again would not mend it."""
    with pytest.raises(DeliveryFailed) as raised:
        await mailer(9).send_notice(SAMPLES[0].to(f"{ADDRESS}\r\nBcc: x", "en"))
    assert raised.value.permanent


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.message.url], ids=lambda sample: sample.name)
@pytest.mark.parametrize(
    "office",
    [
        PostOffice(),
        PostOffice(recipient=f"550 no such user {ADDRESS}"),
        PostOffice(data=f"554 nothing for {ADDRESS}, see {PORTAL} and {ACTIVATION}"),
    ],
    ids=["taken", "address refused", "mail refused"],
)
async def test_links_and_addresses_are_told_to_nobody_else(
    office: PostOffice, sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a log, nor the reason that is kept, nor a traceback has them, whatever the server repeats."""
    caplog.set_level(logging.DEBUG)
    message = sample.to(ADDRESS, "ru")
    told = [repr(message)]
    async with office.open() as port:
        try:
            await mailer(port).send_notice(message)
        except DeliveryFailed as error:
            told += [error.reason, repr(error), "".join(traceback.format_exception(error))]
    logging.getLogger("paywall.test").debug("the log is being read")
    # The far side's own server runs in this process too, and logs what it takes.
    told += [logging.Formatter().format(record) for record in caplog.records if record.name != "mail.log"]
    assert "the log is being read" in told[-1]
    secrets = (ADDRESS, "anna", PORTAL, ACTIVATION, ACTIVATION.partition("start=")[2])
    assert [secret for secret in secrets if any(secret in text for text in told)] == []
