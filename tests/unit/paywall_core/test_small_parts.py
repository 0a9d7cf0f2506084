"""The token, addresses, languages, plans and links."""

import subprocess
import sys
from base64 import urlsafe_b64encode
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.email_address import email_key, mask_email, parse_email
from paywall_core.errors import ActivationTokenInvalid, InvalidInput, PlanModeMismatch
from paywall_core.locales import Locales
from paywall_core.plans import Plan, PlanCatalogue
from paywall_core.ports.checkup import Finding, Verdict
from paywall_core.text import is_storable

from .strategies import ONE_TIME, SUBSCRIPTION

ORDER = UUID(int=0x1234567890)
NEW, OLD = b"new secret, 16 bytes", b"old secret, 16 bytes"


@given(st.uuids(), st.integers(1, 2**32 - 1))
def test_token_fits_telegram_and_finds_its_order(order_id: UUID, version: int) -> None:
    """62 characters of Telegram's alphabet, and the way back."""
    tokens = AccessTokens([NEW])
    token = tokens.issue(order_id, version)
    assert len(token) == 62
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
    parsed = tokens.parse(token)
    assert parsed.order_id == order_id
    tokens.verify(parsed, version)
    with pytest.raises(ActivationTokenInvalid):
        tokens.verify(parsed, version - 1)


def test_old_secret_stays_valid_while_it_is_listed() -> None:
    """A secret can be replaced without breaking a link; dropped from the list, its links are dead."""
    token = AccessTokens([OLD]).issue(ORDER, 1)
    both = AccessTokens([NEW, OLD])
    both.verify(both.parse(token), 1)
    assert both.issue(ORDER, 1) != token
    with pytest.raises(ActivationTokenInvalid):
        AccessTokens([NEW]).verify(AccessTokens.parse(token), 1)


@given(st.text(max_size=80) | st.binary(min_size=46, max_size=47).map(lambda b: urlsafe_b64encode(b).decode()))
def test_garbage_is_no_token(text: str) -> None:
    """Whatever is pasted in, it is invalid or somebody else's forgery, never a crash."""
    tokens = AccessTokens([NEW])
    with pytest.raises(ActivationTokenInvalid):
        tokens.verify(tokens.parse(text), 1)


@pytest.mark.parametrize("change", [lambda t: t[:-1] + "B", lambda t: "+" + t[1:], lambda t: "=" + t[1:]])
def test_other_spelling_of_a_token_is_refused(change: object) -> None:
    """One capability, one spelling: trailing bits, other alphabets and padding are refused."""
    assert callable(change)
    with pytest.raises(ActivationTokenInvalid):
        AccessTokens.parse(change(AccessTokens([NEW]).issue(UUID(int=0), 1)[:-1] + "A"))


@pytest.mark.parametrize("secrets", [[], [b"short"], [NEW, b""]])
def test_weak_secrets_are_refused(secrets: list[bytes]) -> None:
    """No secret, or a short one, is a mistake that must not start."""
    with pytest.raises(ValueError, match="at least one secret"):
        AccessTokens(secrets)


def test_secret_of_sixteen_bytes_is_long_enough() -> None:
    """The bound itself is allowed; a byte less is not."""
    sixteen = b"sixteen bytes ok"
    AccessTokens([sixteen])
    with pytest.raises(ValueError, match="at least one secret"):
        AccessTokens([sixteen[:-1]])


def test_links_of_earlier_releases_stay_good() -> None:
    """A token by the documented formula, worked out elsewhere: what was mailed once must open the door for ever."""
    mailed = "AAAAAAAAAAAAAAAAAAAAB_JGRfpQMkfQbeUwkoKLMZRgQXc0mjg6bvPXPjrtSA"
    tokens = AccessTokens([b"a newer secret of the tests"])
    assert tokens.issue(UUID(int=7), 258) == mailed
    tokens.verify(tokens.parse(mailed), 258)


def test_token_is_not_in_the_parsed_form_s_repr() -> None:
    """What proves the claim is not printed."""
    parsed = AccessTokens.parse(AccessTokens([NEW]).issue(ORDER, 1))
    assert repr(parsed) == f"ParsedToken(order_id={ORDER})"


def test_link_is_telegram_s_deep_link() -> None:
    """`https://t.me/<bot>?start=<token>`."""
    tokens = AccessTokens([NEW])
    link = ActivationLinks(tokens=tokens, bot_username="paywall_bot").link(ORDER, 1)
    assert link == f"https://t.me/paywall_bot?start={tokens.issue(ORDER, 1)}"


def test_longest_address_has_254_characters() -> None:
    """As in RFC 5321; one more is refused."""
    domain = ".".join(["d" * 60] * 4)
    longest = "a" * (254 - 1 - len(domain)) + "@" + domain
    assert parse_email(longest) == longest
    with pytest.raises(InvalidInput):
        parse_email("a" + longest)


@pytest.mark.parametrize(
    "address",
    ["anna@example.com", " anna@example.com ", "a.b+c@sub.example.co.uk", "Анна@почта.рф", "o'neil@example.museum"],
)
def test_address_is_trimmed_and_otherwise_kept(address: str) -> None:
    """The shape is checked, the spelling stays."""
    assert parse_email(address) == address.strip()


@pytest.mark.parametrize(
    "address",
    ["", "anna", "@example.com", "anna@", "anna@localhost", "a b@example.com", "anna@exa mple.com", "a@b@example.com",
     "anna@-example.com", ".anna@example.com", "anna.@example.com", "an..na@example.com", "anna@example..com",
     "anna@example.c", "x" * 65 + "@example.com", "anna@" + "e" * 250 + ".com", "anna@example.com\nBcc: b@example.com",
     "<anna@example.com>", "anna@example.123", "\ud800a@example.com",
     "\u0390" * 64 + "@" + "\u0390" * 60 + ".example.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    """The error names the field."""
    with pytest.raises(InvalidInput) as raised:
        parse_email(address)
    assert raised.value.field == "email"


def test_addresses_are_compared_without_case_and_shown_masked() -> None:
    """Anna@ and anna@ are one; a log shows neither."""
    assert email_key(" Anna@Example.com ") == email_key("anna@example.COM")
    assert mask_email("anna@example.com") == "a***@example.com"


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["ru"], "ru"),
        (["ru-RU"], "ru"),
        (["EN_us"], "en"),
        (["en-GB"], "en"),
        (["de"], "ru"),
        ([""], "ru"),
        ([None], "ru"),
        ([], "ru"),
        ([None, "de", "en", "ru"], "en"),
    ],
)
def test_language_is_the_first_that_is_spoken(wanted: list[str | None], chosen: str) -> None:
    """`ru…` and `en…` are those languages, anything else the default."""
    assert Locales(supported=("ru", "en"), default="ru").choose(*wanted) == chosen


def test_default_language_must_be_spoken() -> None:
    """Nobody could be written to in it."""
    with pytest.raises(ValueError, match="not spoken"):
        Locales(supported=("ru",), default="en")


def test_plan_is_found_by_name_and_mode() -> None:
    """An unknown name or mode names its field; a known plan in another mode is its own error."""
    plans = PlanCatalogue([Plan(name="basic", terms=ONE_TIME), Plan(name="monthly", terms=SUBSCRIPTION)])
    assert [plan.name for plan in plans] == ["basic", "monthly"]
    assert plans.find("basic", "one_time").terms == ONE_TIME
    for name, mode, field, known in (
        ("gold", "one_time", "plan", "basic, monthly"),
        ("basic", "barter", "mode", "one_time, subscription"),
    ):
        with pytest.raises(InvalidInput) as raised:
            plans.find(name, mode)
        assert raised.value.field == field
        assert raised.value.reason.endswith(known)  # whoever mistyped it learns what there is
    with pytest.raises(PlanModeMismatch):
        plans.find("basic", "subscription")


@pytest.mark.parametrize("text", ["a\x00", "\x1fa", "a\ud800", "\udfffa"])
def test_what_no_database_stores_is_found(text: str) -> None:
    """Control characters and halves of surrogate pairs, up to the last of each."""
    assert not is_storable(text)


@pytest.mark.parametrize("text", ["", " ", "Anna", "Анна", "\ud7ff", "\ue000", "\U0001f600"])
def test_all_other_text_can_be_stored(text: str) -> None:
    """Blanks, letters of any script, what stands next to the surrogates, and what pairs of them spell."""
    assert is_storable(text)


def test_finding_of_a_checkup_is_one_line_of_its_report() -> None:
    """What `--json` prints: the setting, the verdict in a word, and what was found."""
    words = ["ok", "off", "warning", "failed"]
    assert [str(verdict) for verdict in Verdict] == words
    finding = Finding(subject="SMTP_HOST", verdict=Verdict.OFF, detail="not configured")
    stored = b'{"subject":"SMTP_HOST","verdict":"off","detail":"not configured"}'
    assert msgspec.json.encode(finding) == stored
    assert msgspec.json.decode(stored, type=Finding) == finding


def test_importing_the_core_loads_nothing_third_party_but_msgspec() -> None:
    """The core is a library: it must not drag a web framework into someone else's service."""
    program = (
        "import sys, msgspec, msgspec.json; before = set(sys.modules);"
        "import paywall_core, paywall_core.testing, paywall_core.use_cases.session_status;"
        "new = {m.split('.')[0] for m in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names) - {'paywall_core', 'msgspec'}))"
    )
    printed = subprocess.run(  # noqa: S603  - our own interpreter and program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "[]"
