"""Which order is it: our id wherever Stripe carries it back, and the ids of all that an object names."""

import pytest

from adapters.stripe.references import order_id_of, references_of
from tests.unit.adapters.stripe.rows import ORDER, OURS, Shape


@pytest.mark.parametrize(
    "subject",
    [
        {"metadata": OURS},
        {"metadata": OURS, "client_reference_id": "cart-7"},
        {"parent": {"subscription_details": {"metadata": OURS}}},
        {"metadata": {"order_id": "1001"}, "parent": {"subscription_details": {"metadata": OURS}}},
        {"parent": None, "subscription_details": {"metadata": OURS}},
    ],
    ids=["metadata", "another reference", "parent", "another product's metadata", "before 2025"],
)
def test_our_order_is_found(subject: Shape) -> None:
    """In each of its places."""
    assert order_id_of(subject) == ORDER


@pytest.mark.parametrize(
    "subject",
    [
        {},
        {"metadata": {"order_id": "1001"}, "client_reference_id": "cart-7"},
        {"metadata": {"order_id": 5}, "client_reference_id": None},
        {"metadata": [], "parent": {"subscription_details": 7}},
        {"metadata": "order_id", "parent": "subscription_details"},
    ],
)
def test_what_is_not_ours_is_no_order(subject: Shape) -> None:
    """Another product's ids on the same account are no error."""
    assert order_id_of(subject) is None


@pytest.mark.parametrize("made_by", [{}, {"payment_link": "plink_1"}, {"payment_link": None}])
@pytest.mark.parametrize("metadata", [{}, None, {"order_id": "1001"}])
def test_client_reference_id_names_no_order(made_by: Shape, metadata: Shape | None) -> None:
    """A customer may have written it himself, whatever made the session."""
    assert order_id_of({"metadata": metadata, "client_reference_id": str(ORDER), **made_by}) is None


@pytest.mark.parametrize(
    ("subject", "references"),
    [
        ({"id": "cs_1", "customer": "cus_1", "payment_intent": "pi_1", "invoice": None}, {"cs_1", "pi_1"}),
        ({"id": "cs_1", "subscription": {"id": "sub_1"}, "invoice": {"id": "in_1"}}, {"cs_1", "sub_1", "in_1"}),
        ({"id": "in_1", "parent": {"subscription_details": {"subscription": "sub_1"}}}, {"in_1", "sub_1"}),
        (
            {"id": "in_1", "payments": {"data": [{"payment": {"payment_intent": "pi_1"}}, {"payment": None}, 7]}},
            {"in_1", "pi_1"},
        ),
        (
            {"id": "in_1", "subscription": "sub_1", "charge": "ch_1", "payment_intent": "pi_1"},
            {"in_1", "sub_1", "ch_1", "pi_1"},
        ),
        ({"id": "inpay_1", "invoice": "in_1", "payment": {"payment_intent": "pi_1"}}, {"inpay_1", "in_1", "pi_1"}),
        ({"id": "pi_1", "latest_charge": "ch_1", "customer": "cus_1"}, {"pi_1", "ch_1"}),
        ({"id": "dp_1", "charge": {"id": "ch_1"}, "payment_intent": None}, {"dp_1", "ch_1"}),
        ({"id": 7, "charge": "", "invoice": ["in_1"], "payments": 7, "payment": "x"}, set()),
    ],
)
def test_all_that_it_names_but_the_customer(subject: Shape, references: set[str]) -> None:
    """One customer may have several orders."""
    assert set(references_of(subject)) == references
