"""Stripe's webhook: whatever is signed is answered below 500 and opens nothing unpaid; the unsigned changes nothing.

One answer is a 500 by contract: to an event that cannot be applied, which Stripe has to send again.
"""

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.adapters.stripe import test_invoices, test_money_back, test_sessions, test_subscriptions
from tests.unit.adapters.stripe.rows import ORDER

from .shapes import BOUNDED, DEEP, JSON, mutated, spoilt
from .worlds import Api

_ROWS: Final = (*test_sessions.ROWS, *test_invoices.ROWS, *test_subscriptions.ROWS, *test_money_back.ROWS)


def _event(kind: str, subject: Any) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "type": kind, "created": 1_767_225_600, "data": {"object": subject}}


def _paid_session(**parts: Any) -> dict[str, Any]:
    session = {"object": "checkout.session", "mode": "payment", "payment_status": "paid", "amount_total": 100}
    return {**session, "currency": "eur", **parts}


_SAMPLES: Final = [_event(kind, subject) for kind, _, subject, _ in _ROWS]


def _ours(document: Any, api: Api) -> bytes:
    """The document, about the order that waits where the sample is about ours."""
    return msgspec.json.encode(document).replace(str(ORDER).encode(), api.started["order_id"].encode())


@BOUNDED
@given(data=st.data())
def test_signed_event_lets_in_only_whom_it_says_has_paid(api: Api, data: st.DataObject) -> None:
    """Every sample of Stripe's, changed anywhere; then its bytes."""
    document = data.draw(mutated(st.sampled_from(_SAMPLES)))
    api.signed(data.draw(spoilt(_ours(document, api))))


@BOUNDED
@given(JSON)
def test_signed_document_of_any_shape_is_answered(api: Api, document: Any) -> None:
    """Also where it is no event."""
    assert api.signed(msgspec.json.encode(document)).status_code == 400


@BOUNDED
@given(st.binary(max_size=60) | st.sampled_from([b"t=1767225600" + b",v1=00" * 5000, b"t=" + b"9" * 5000]))
def test_header_that_nobody_signed_changes_nothing(api: Api, header: bytes) -> None:
    """Any bytes that HTTP lets through; thousands of signatures; a time of thousands of digits."""
    api.unsigned(b"{}", bytes(byte for byte in header if byte not in b"\r\n\x00"))


@BOUNDED
@given(st.sampled_from(_SAMPLES))
def test_genuine_event_without_a_signature_changes_nothing(api: Api, sample: Any) -> None:
    """Not even the log of events."""
    api.unsigned(_ours(sample, api), b"t=1767225600,v1=" + b"0" * 64)


def test_deeply_nested_body_is_refused(api: Api) -> None:
    """No reader's stack runs out."""
    assert api.signed(DEEP).status_code == 400


@pytest.mark.parametrize("made_by", [{"payment_link": "plink_1"}, {"payment_link": None}, {}])
def test_other_products_session_that_names_our_order_opens_nothing(api: Api, made_by: dict[str, Any]) -> None:
    """A customer writes our order's id into the URL of a cheaper product's Payment Link, and pays that.

    Or into a page with a pricing table, whose session no Payment Link made.
    """
    session = _paid_session(id="cs_other", payment_intent="pi_other", metadata={}, **made_by)
    session["client_reference_id"] = api.started["order_id"]
    assert api.signed(msgspec.json.encode(_event("checkout.session.completed", session))).status_code == 200
    assert not api.may_enter()


def test_session_that_names_us_and_a_bystander_is_not_acknowledged_and_opens_neither(api: Api) -> None:
    """Whose is it? Nothing is stored, so that Stripe sends it again until somebody has looked."""
    api.reset()
    before = api.everything()
    session = _paid_session(id=api.started["session_id"], subscription=api.bystanders["session_id"], metadata={})
    body = msgspec.json.encode(_event("checkout.session.completed", session))
    for _ in range(2):
        answer = api.send("POST", "/api/stripe/webhook", content=body, headers=api.headers_of(body))
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert api.bystanders["order_id"] not in answer.text
        assert api.everything() == before


def test_session_that_carries_our_metadata_and_a_bystanders_id_is_ours_alone(api: Api) -> None:
    """What the account wrote counts before ids."""
    session = _paid_session(id=api.bystanders["session_id"], metadata={"order_id": api.started["order_id"]})
    assert api.signed(msgspec.json.encode(_event("checkout.session.completed", session))).status_code == 200
    assert api.may_enter()


def test_paid_session_of_ours_opens(paid: Api) -> None:
    """The properties above would hold for a service that lets in nobody."""
    assert paid.may_enter()
