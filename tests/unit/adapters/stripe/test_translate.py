"""Stripe's words into ours: every event that we use in today's shape and an older one, and whatever JSON there is."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.translate import USED_EVENT_TYPES, notification_of, notification_of_session
from paywall_core.errors import InvalidPayload
from tests.unit.adapters.stripe import test_invoices, test_money_back, test_sessions, test_subscriptions
from tests.unit.adapters.stripe.rows import AT, Row, Shape, event

ROWS: tuple[Row, ...] = (*test_sessions.ROWS, *test_invoices.ROWS, *test_subscriptions.ROWS, *test_money_back.ROWS)


def test_every_type_is_in_a_table_as_it_is_and_as_it_was() -> None:
    """A type that is added without its shapes fails here."""
    today = {kind for kind, era, *_ in ROWS if era.startswith("today")}
    before = {kind for kind, era, *_ in ROWS if not era.startswith("today")}
    assert today == before == set(USED_EVENT_TYPES)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, "^id:"),
        ({"id": "evt_1", "type": "x", "created": "now"}, "^created:"),
        ({"id": "evt_1", "type": "x", "created": 1, "data": {}}, r"^data\.object:"),
        ({"id": "evt_1", "type": "x", "created": 1, "data": []}, r"^data\.object:"),
        ({**event("plan.created"), "id": "evt\0"}, "^id:"),
        ({**event("plan.created"), "type": "a\ud800b"}, "^type:"),
    ],
)
def test_broken_event_names_its_path(document: Shape, path: str) -> None:
    """Signed, but no event: an error that says where."""
    with pytest.raises(InvalidPayload, match=path):
        notification_of(document, b"")


def test_event_that_we_do_not_use_says_nothing() -> None:
    """Nor is it anybody's: no order, no references; its shape does not matter."""
    notification = notification_of(event("plan.created", id=7, metadata={"order_id": "x"}), b"raw")
    assert (notification.event_type, notification.events, notification.references) == ("plan.created", (), ())
    assert (notification.order_id, notification.payload) == (None, b"raw")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container and key (or index) in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in inside for place in [(value, key), *places(inner)]]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Shape]:
    """A shape out of a table, with one to three of its values replaced by something else, or taken away."""
    kind, _, subject, _ = draw(st.sampled_from(ROWS))
    shape = copy.deepcopy(subject)
    for _ in range(draw(st.integers(1, 3))):
        where = places(shape)
        if not where:
            break
        container, key = draw(st.sampled_from(where))
        if draw(st.booleans()) and isinstance(container, dict):
            del container[key]
        else:
            container[key] = draw(JSON)
    return kind, shape


@given(mutated())
def test_mutated_shape_is_an_event_or_a_clear_error(sample: tuple[str, Shape]) -> None:
    """However hostile, nothing but `InvalidPayload` comes out, and it names a path; what comes out can be stored."""
    kind, subject = sample
    try:
        notification = notification_of(event(kind, **subject), b"")
    except InvalidPayload as error:
        assert error.reason.startswith("data.object.")  # noqa: PT017  - either is right; this one must say where
        assert ": " in error.reason  # noqa: PT017  - it may raise, or not
    else:
        assert all(reference.isprintable() for reference in notification.references)
        assert all(one.facts() is not None for one in notification.events)


@given(mutated())
def test_mutated_session_that_we_read_is_no_crash_either(sample: tuple[str, Shape]) -> None:
    """Whatever object Stripe hands out for a session."""
    with contextlib.suppress(InvalidPayload):
        notification_of_session({"status": "complete", **sample[1]}, b"", read_at=AT)


@given(st.sampled_from(USED_EVENT_TYPES), JSON)
def test_any_json_as_an_event_is_no_crash(kind: str, document: object) -> None:
    """The frame around the object is as hostile as the object."""
    for frame in (document, {**event(kind), "data": document}, {**event(kind), "data": {"object": document}}):
        with contextlib.suppress(InvalidPayload):
            notification_of(frame if isinstance(frame, dict) else {"id": frame}, b"")
