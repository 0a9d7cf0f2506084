"""What a notice says of each case, word for word, in both languages."""

from itertools import product

import pytest

from adapters.i18n import translator
from adapters.i18n.notices import action_of, notice_words
from paywall_core.effects import NoticeKind
from paywall_core.ports.delivery import NoticeAction
from tests.unit.adapters.i18n.notice_sample import LOCALES, Said, Sample, plain_spaces
from tests.unit.adapters.i18n.notice_samples import SAMPLES

EVERY = list(product(SAMPLES, LOCALES))
NAMES = [f"{sample.name}-{locale}" for sample, locale in EVERY]


@pytest.mark.parametrize(("sample", "locale"), EVERY, ids=NAMES)
def test_notice_says_what_happened_what_stays_and_what_to_do(sample: Sample, locale: str) -> None:
    """Amounts and dates as the language writes them, and never the time of day."""
    words = notice_words(sample.to("anna@example.com", locale), translator(locale))
    said = Said(
        title=plain_spaces(words.title),
        sentences=tuple(plain_spaces(sentence) for sentence in words.sentences),
        button=words.button,
    )
    assert said == sample.said(locale)


@pytest.mark.parametrize(("sample", "locale"), EVERY, ids=NAMES)
def test_notice_is_calm_and_each_sentence_is_whole(sample: Sample, locale: str) -> None:
    """Nobody who loses access is shouted at; a title is a subject, so it ends without a full stop."""
    words = notice_words(sample.to("anna@example.com", locale), translator(locale))
    assert not words.title.endswith((".", "!", "?", ":"))
    assert words.sentences
    assert all(sentence.endswith(".") for sentence in words.sentences)
    assert "!" not in "".join((words.title, *words.sentences, words.button or ""))


def test_every_kind_has_a_sample() -> None:
    """A new kind is read by a person in both languages before a customer reads it."""
    assert {sample.message.kind for sample in SAMPLES} == {*NoticeKind}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_button_is_there_exactly_when_it_leads_somewhere(sample: Sample) -> None:
    """A portal that could not be asked for, or an activation link that is not there, has no button and no advice."""
    message = sample.message
    words = notice_words(message, translator("en"))
    leads = message.action is NoticeAction.PAY or (message.action is not None and message.url is not None)
    assert (words.button is not None) is leads
    assert (action_of(message) is not None) is leads
