"""What a caller sent, read field by field: every bad field is named, and nothing is lost or guessed."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from adapters.http.bodies import telegram_user_id
from adapters.http.fields import MAX_PARAMETERS, InvalidFields, ReadBy, read_document, read_parameters, texts


class Shape(Struct, kw_only=True):
    """One field of each kind."""

    name: str
    user: Annotated[int, ReadBy(telegram_user_id)]
    note: str | None = None
    extra: Annotated[Mapping[str, str] | None, ReadBy(texts)] = None


class Query(Struct, kw_only=True):
    """Two parameters."""

    name: str
    note: str | None = None


def wrong(body: bytes) -> dict[str, str]:
    """What is wrong with a document, field by field."""
    with pytest.raises(InvalidFields) as refused:
        read_document(body, Shape)
    return {error.field: error.message for error in refused.value.errors}


def wrong_query(query: bytes) -> dict[str, str]:
    """What is wrong with a query, parameter by parameter."""
    with pytest.raises(InvalidFields) as refused:
        read_parameters(query, Query)
    return {error.field: error.message for error in refused.value.errors}


def test_good_document_is_its_shape() -> None:
    """Fields that may be left out, or null, are what they are then; unknown ones are ignored."""
    assert read_document(b'{"name": "", "user": "7", "more": [1]}', Shape) == Shape(name="", user=7)
    body = b'{"name": "a", "user": 7, "note": null, "extra": null}'
    assert read_document(body, Shape) == Shape(name="a", user=7)


def test_every_bad_field_is_named_in_the_order_of_the_shape() -> None:
    """Missing, of another kind, given twice: all in one answer."""
    body = b'{"extra": 5, "note": 1, "user": true, "note": 2}'
    assert wrong(body) == {
        "name": "is required",
        "user": "must be a positive integer, or a string of digits",
        "note": "is given more than once",
        "extra": "must be an object",
    }
    assert list(wrong(body)) == ["name", "user", "note", "extra"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "must be JSON in UTF-8"),
        (b"{", "must be JSON in UTF-8"),
        (b"{}}", "must be JSON in UTF-8"),
        (b"\xef\xbb\xbf{}", "must be JSON in UTF-8"),
        (b'{"name": "\xff"}', "must be JSON in UTF-8"),
        ('{"name": "a"}'.encode("utf-16"), "must be JSON in UTF-8"),
        (b'{"name": NaN}', "must be JSON in UTF-8"),
        (b'{"more": -Infinity}', "must be JSON in UTF-8"),
        (b'{"name": "\x01"}', "must be JSON in UTF-8"),
        (b'{"more": ' + b"[" * 100_000, "is nested too deep"),
        (b'{"more": ' * 100_000, "is nested too deep"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"name"', "must be a JSON object"),
        (b"7", "must be a JSON object"),
    ],
)
def test_what_is_no_object_is_wrong_as_a_whole(body: bytes, message: str) -> None:
    """Then there are no fields to name."""
    assert wrong(body) == {"body": message}


@pytest.mark.parametrize("value", ["1e999", "1.50", "0.1e-400", "123456789012345678901234567890", "-" + "9" * 5000])
def test_numbers_of_parameters_stay_as_they_were_written(value: str) -> None:
    """No rounding, no infinity, no limit of Python's."""
    document = read_document(b'{"name": "a", "user": 1, "extra": {"n": %b}}' % value.encode(), Shape)
    assert document.extra == {"n": value}


def test_parameters_become_text() -> None:
    """Booleans as JSON spells them; nulls are left out; what is nested is refused by its name."""
    good = b'{"name": "a", "user": 1, "extra": {"s": "\xd0\xb6", "i": -5, "t": true, "f": false, "n": null, "": ""}}'
    assert read_document(good, Shape).extra == {"s": "ж", "i": "-5", "t": "true", "f": "false", "": ""}
    bad = b'{"name": "a", "user": 1, "extra": {"o": {}, "l": [], "fine": 1, "h": "\\ud800", "d": 1, "d": 2}}'
    assert wrong(bad) == {
        "extra.d": "is given more than once",
        "extra.o": "must be a string, a number or a boolean",
        "extra.l": "must be a string, a number or a boolean",
        "extra.h": "must be valid Unicode",
    }
    assert wrong(b'{"name": "a", "user": 1, "extra": {"\\udfff": 1}}') == {"extra": "must be valid Unicode"}


def test_half_a_character_is_none() -> None:
    """A pair of halves is one; neither a database nor an answer could hold a half."""
    assert read_document(b'{"name": "\\ud83d\\ude00", "user": 1}', Shape).name == "😀"
    for half in (b"\\ud83d", b"\\ude00\\ud83d", b"a\\udc00"):
        assert wrong(b'{"name": "%b", "user": 1}' % half) == {"name": "must be valid Unicode"}


@pytest.mark.parametrize("value", [1, 77, 2**53 - 1, "1", "007", str(2**53 - 1)])
def test_user_is_a_positive_integer_or_its_digits(value: Any) -> None:
    """As the contract has it."""
    assert telegram_user_id("user", value) == int(value)


@pytest.mark.parametrize("value", [0, -1, 2**53, "0", "", " 1", "1 ", "+1", "1_0", "١", "1.0", "9" * 17, None, 1.0, []])
def test_user_is_nothing_else(value: Any) -> None:
    """Whatever Python would make of it."""
    with pytest.raises(InvalidFields):
        telegram_user_id("user", value)


def test_query_is_its_shape_and_the_rest() -> None:
    """Decoded once; of several others with one name the last counts."""
    read = read_parameters(b"name=a%20b+c&utm=1&utm=%D0%B6&empty=&note=", Query)
    assert read == (Query(name="a b c", note=""), {"utm": "ж", "empty": ""})
    assert read_parameters("name=ж".encode(), Query) == (Query(name="ж"), {})


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        (b"", {"name": "is required"}),
        (b"name=a&name=a", {"name": "is given more than once"}),
        (b"note=1&note=2", {"name": "is required", "note": "is given more than once"}),
        (b"name=%ff", {"name": "must be valid Unicode"}),
        (b"name=\xff", {"name": "must be valid Unicode"}),
        (b"name=%ed%a0%80", {"name": "must be valid Unicode"}),
        (b"name=a&utm=%ff&x=%fe", {"utm": "must be UTF-8", "x": "must be UTF-8"}),
        (b"name=a&%ff=1", {"query": "must be UTF-8"}),
        (b"&".join(b"a=1" for _ in range(MAX_PARAMETERS + 1)), {"query": "must have at most 100 parameters"}),
    ],
)
def test_every_bad_parameter_is_named(query: bytes, errors: dict[str, str]) -> None:
    """As in a document."""
    assert wrong_query(query) == errors


def refusal(data: bytes, shape: type[Struct]) -> list[InvalidFields]:
    """Read as a body and as a query; what was said against it."""
    refusals = []
    for read in (read_document, read_parameters):
        try:
            read(data, shape)
        except InvalidFields as refused:
            refusals.append(refused)
    return refusals


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_document_breaks_the_reader(document: Any) -> None:
    """Whatever it is, it is read or refused, and a refusal names something."""
    assert all(refused.errors for refused in refusal(json.dumps(document).encode(), Shape))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """And every complaint about them can be sent back."""
    for refused in refusal(data, Query):
        assert json.dumps([error.field for error in refused.errors], ensure_ascii=False).encode()
