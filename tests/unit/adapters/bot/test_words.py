"""What the bot says: within Telegram's limits in every language, and what it takes for a code."""

import pytest

from adapters.bot import restore_words, words
from adapters.i18n import spoken

STATUSES = (None, "pending", "token_issued", "expired", "revoked", "of a kind that came later")


@pytest.mark.parametrize("locale", spoken())
def test_what_is_shown_in_an_alert_is_short_enough(locale: str) -> None:
    """Telegram takes 200 characters, and cuts a button's text."""
    for status in STATUSES:
        assert len(words.closed(status, locale)) <= 200
    assert len(words.unavailable(locale)) <= 200
    assert len(restore_words.over(locale)) <= 200
    assert len(words.inline_closed(locale)) <= 64


@pytest.mark.parametrize("locale", spoken())
def test_every_command_is_described(locale: str) -> None:
    """In the list that Telegram shows, and in /help; /restore among them."""
    commands = words.commands(locale)
    assert list(commands) == ["status", "restore", "help"]
    for name, what in commands.items():
        assert 0 < len(what) <= 256
        assert f"/{name} — {what}" in words.help_text(locale)


@pytest.mark.parametrize("locale", spoken())
@pytest.mark.parametrize("private", [True, False])
def test_every_closed_answer_names_the_way_back(locale: str, *, private: bool) -> None:
    """Each state has words of its own, and each says that who has paid already need not pay again."""
    said = [words.closed(status, locale, private=private) for status in STATUSES]
    assert len({*said}) == len(STATUSES) - 1
    assert all("/restore" in text for text in said)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("123-456", "123456"),
        ("000000", "000000"),
        ("Your code: 123456.", "123456"),
        ("123\n456", "123456"),
        ("12345", None),
        ("1234567", None),
        ("123456 and 654321", None),
        ("٠١٢٣٤٥", None),
        ("", None),
    ],
)
def test_code_in_a_message(text: str, code: str | None) -> None:
    """Six digits, however they are set apart; never a guess between two."""
    assert restore_words.code_in(text) == code


def test_pay_link_names_the_chat_unless_it_is_the_operator_s() -> None:
    """Our own page is told where the activation button goes."""
    ours = words.PayLink(pay_url=None, public_base_url="https://pay.example.com")
    theirs = words.PayLink(pay_url="https://quiz.example.com/?a=1", public_base_url="https://pay.example.com")
    assert ours.button("en", 5).url == "https://pay.example.com/pay?telegram_chat_id=5&locale=en"
    assert theirs.button("en", 5).url == "https://quiz.example.com/?a=1"
