"""The search itself: it ends, asks the nearest first, and asks nothing twice."""

from collections.abc import Mapping
from typing import Any

import pytest

from adapters.stripe.trace import MOST_CALLS, Trace
from paywall_core.errors import InvalidPayload
from paywall_core.events import PaymentLinked
from tests.unit.adapters.stripe.rows import AT, ORDER, OURS, Shape


class Books:
    """Stripe's objects by their ids, and which were asked for."""

    def __init__(self, objects: Mapping[str, Shape], invoices: Mapping[str, str] | None = None) -> None:
        self._objects, self._invoices = objects, invoices or {}
        self.asked: list[str] = []

    async def retrieve(self, _kind: str, object_id: str) -> Mapping[str, Any] | None:
        """One."""
        self.asked.append(object_id)
        return self._objects.get(object_id)

    async def invoice_of(self, intent_id: str) -> str | None:
        """The link."""
        self.asked.append(f"invoice of {intent_id}")
        return self._invoices.get(intent_id)

    def trace(self) -> Trace:
        """A search in them."""
        return Trace(retrieve=self.retrieve, invoice_of=self.invoice_of)


async def test_search_ends_after_a_dozen_calls() -> None:
    """However long the way, and though each step leads on to another."""
    endless = {f"pi_{n}": {"id": f"pi_{n}", "payment_intent": f"pi_{n + 1}"} for n in range(100)}
    books = Books(endless)
    found = await books.trace().follow(["pi_0"], at=AT)
    assert found is not None
    assert found.order_id is None
    assert len(books.asked) == MOST_CALLS
    many = Books({})
    assert await many.trace().follow([f"re_{n}" for n in range(100)], at=AT) is None
    assert len(many.asked) == MOST_CALLS


async def test_ring_is_gone_round_once() -> None:
    """Each object is asked for once; what names no order of ours is told by its ids, which we may know."""
    books = Books(
        {
            "ch_1": {"id": "ch_1", "payment_intent": "pi_1", "amount": 1, "amount_refunded": 0, "currency": "eur"},
            "pi_1": {"id": "pi_1", "latest_charge": "ch_1"},
        }
    )
    found = await books.trace().follow(["ch_1", "ch_1"], at=AT)
    assert found is not None
    assert (found.order_id, found.references) == (None, ("ch_1", "pi_1"))
    assert books.asked == ["ch_1", "pi_1", "invoice of pi_1"]


async def test_nearest_is_asked_first() -> None:
    """A subscription that names our order ends the search at once."""
    books = Books({"sub_1": {"id": "sub_1", "metadata": OURS}})
    found = await books.trace().follow(["re_1", "ch_1", "in_1", "sub_1", "cus_1"], at=AT)
    assert found is not None
    assert (found.order_id, books.asked, found.events) == (ORDER, ["sub_1"], ())
    assert found.references == ("ch_1", "cus_1", "in_1", "re_1", "sub_1")


async def test_way_over_the_invoice_is_told() -> None:
    """From the payment intent to the invoice, and on to the subscription that carries our id."""
    books = Books(
        {"pi_1": {"id": "pi_1"}, "in_1": {"id": "in_1", "subscription": "sub_1"}, "sub_1": {"metadata": OURS}},
        {"pi_1": "in_1"},
    )
    found = await books.trace().follow(["pi_1"], at=AT)
    assert found is not None
    assert found.events == (PaymentLinked(payment_intent_id="pi_1", payment_id="in_1"),)
    assert found.references == ("in_1", "pi_1", "sub_1")


async def test_charge_that_is_none_is_an_error() -> None:
    """What it says of its payment would be believed."""
    with pytest.raises(InvalidPayload, match=r"^amount:"):
        await Books({"ch_1": {"id": "ch_1"}}).trace().follow(["ch_1"], at=AT)
