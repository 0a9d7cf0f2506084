"""Money: an integer amount in the currency's minor unit. Never a float."""

from typing import Self

from msgspec import Struct


class Money(Struct, frozen=True, kw_only=True, order=True):
    """An amount of one currency; Stripe's own units (https://docs.stripe.com/currencies#minor-units).

    Attributes:
        currency: ISO 4217 code in lower case, as Stripe writes it (`eur`).
        amount_minor: the amount in minor units (cents; whole yen for `jpy`). Zero is a payment too: a trial.
    """

    currency: str
    amount_minor: int

    @classmethod
    def of(cls, amount_minor: int, currency: str) -> Self:
        """Build an amount from any spelling of the currency's code."""
        return cls(amount_minor=amount_minor, currency=currency.lower())
