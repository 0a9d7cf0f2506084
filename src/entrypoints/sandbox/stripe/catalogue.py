"""What the sandbox's Stripe sells: prices and their products. Pure."""

from typing import Any, Literal, TypeAlias

import msgspec

from entrypoints.sandbox.stripe.ids import Ids

Document: TypeAlias = dict[str, Any]
"""One of Stripe's objects as JSON."""


class SandboxPrice(msgspec.Struct, frozen=True, kw_only=True):
    """A price to be configured: `interval` None for a one-time one, `amount_minor` in the currency's smallest unit."""

    id: str
    product_name: str
    amount_minor: int
    currency: str
    interval: Literal["day", "week", "month", "year"] | None = None
    interval_count: int = 1


def price_and_product(price: SandboxPrice, *, created: int, ids: Ids) -> tuple[Document, Document]:
    """The price and its product as Stripe shows them."""
    product = {
        "id": ids.new("prod", 14),
        "object": "product",
        "active": True,
        "created": created,
        "default_price": price.id,
        "description": None,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {},
        "name": price.product_name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "unit_label": None,
        "updated": created,
        "url": None,
    }
    recurring = {
        "interval": price.interval,
        "interval_count": price.interval_count,
        "meter": None,
        "usage_type": "licensed",
    }
    return {
        "id": price.id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": created,
        "currency": price.currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product["id"],
        "recurring": recurring if price.interval else None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if price.interval else "one_time",
        "unit_amount": price.amount_minor,
        "unit_amount_decimal": str(price.amount_minor),
    }, product
