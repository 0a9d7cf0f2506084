"""Activation tokens and one-time codes: one spelling opens, anything else is the same refusal."""

import base64
import itertools
import string
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywall_core.access_token import AccessTokens
from paywall_core.errors import ActivationTokenInvalid
from paywall_core.one_time_code import OneTimeCodes

from .shapes import BOUNDED
from .worlds import Api

_TOKENS = AccessTokens([b"a secret of the tests"])
_LETTERS = string.ascii_letters + string.digits + "-_+/= \n.\x00é"


def _genuine(api: Api) -> str:
    order = api.order()
    return api.world.tokens.issue(order.id, order.facts.token_version)


@BOUNDED
@given(st.text(max_size=80) | st.text(alphabet=_LETTERS, min_size=60, max_size=66))
def test_text_that_is_no_token_opens_nothing(paid: Api, text: str) -> None:
    """Over HTTP, for an order that is paid."""
    paid.activate(text, genuine=_genuine(paid))


def test_token_with_any_one_letter_changed_opens_nothing(paid: Api) -> None:
    """Each place, several letters; the last one's spare bits too."""
    genuine = _genuine(paid)
    for place, letter in itertools.product(range(len(genuine)), "A_9"):
        changed = genuine[:place] + letter + genuine[place + 1 :]
        if changed != genuine:
            paid.activate(changed, genuine=genuine)


def test_genuine_token_opens(paid: Api) -> None:
    """The properties would hold for a service that opens to nobody."""
    genuine = _genuine(paid)
    assert paid.activate(genuine, genuine=genuine).status_code == 200


def test_token_has_exactly_one_spelling() -> None:
    """Of all letters in the last place, where base64 has bits to spare, only one is read."""
    genuine = _TOKENS.issue(UUID(int=7), 1)
    spellings = [genuine[:-1] + letter for letter in string.printable]
    spellings += [genuine + "=", genuine + "==", " " + genuine, genuine + "\n", genuine[:30] + "\n" + genuine[30:]]
    spellings.append(genuine[:-1] + "\uff21")
    read = []
    for text in spellings:
        try:
            parsed = _TOKENS.parse(text)
            _TOKENS.verify(parsed, 1)
        except ActivationTokenInvalid:
            continue
        read.append(text)
    assert read == [genuine]


@BOUNDED
@given(st.binary(min_size=46, max_size=46))
def test_well_formed_token_of_a_stranger_opens_nothing(paid: Api, raw: bytes) -> None:
    """The right shape; for a half of them our order's id, too."""
    if raw[0] % 2:
        raw = paid.order().id.bytes + raw[16:]
    paid.activate(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), genuine=_genuine(paid))


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_token_of_another_order_version_or_secret_is_refused(version: int) -> None:
    """What was signed is the order and its version, by a secret that is still listed."""
    parsed = _TOKENS.parse(_TOKENS.issue(UUID(int=7), 1))
    moved = _TOKENS.parse(base64.urlsafe_b64encode(UUID(int=8).bytes + parsed.mac).rstrip(b"=").decode())
    for token, tokens, asked in (
        (parsed, _TOKENS, version),
        (moved, _TOKENS, 1),
        (parsed, AccessTokens([b"another secret, newer"]), 1),
    ):
        with pytest.raises(ActivationTokenInvalid):
            tokens.verify(token, asked)


@BOUNDED
@given(st.text(max_size=12) | st.text(alphabet="0123456789", min_size=6, max_size=6))
def test_only_the_code_itself_matches(answer: str) -> None:
    """Digits of other alphabets, surrogates and spaces are no digits."""
    codes = OneTimeCodes([b"a secret of the tests"])
    assert codes.matches(UUID(int=7), answer) is (answer == codes.derive(UUID(int=7)))
