"""Which order an object of Stripe's is about: our id, where Stripe carries it back, and the ids of all that it names.

Pure. Never a customer's id: one customer may have several orders.
"""

from collections.abc import Mapping
from uuid import UUID

from adapters.stripe.shapes import StripeDocument, id_of


def order_id_of(subject: StripeDocument) -> UUID | None:
    """Our order's id, in any metadata that Stripe carries it back in; an id that is not ours is no id.

    Metadata is written by the account alone. A `client_reference_id` is never read: a customer puts one into the URL of
    a Payment Link, or a page into a pricing table, of the same account, and a cheaper product's payment would open our
    order. Ours carries one for people, who see it in Stripe's dashboard.
    """
    details = subscription_details_of(subject)
    candidates = (metadata_of(subject).get("order_id"), metadata_of(details).get("order_id"))
    for candidate in candidates:
        if isinstance(candidate, str):
            try:
                return UUID(candidate)
            except ValueError:
                continue
    return None


def references_of(subject: StripeDocument) -> tuple[str, ...]:
    """The ids of everything that the object is about; never the customer's."""
    found = {
        id_of(subject.get("id")),
        id_of(subject.get("payment_intent")),
        id_of(subject.get("invoice")),
        id_of(subject.get("charge")),
        id_of(subject.get("latest_charge")),
        id_of(subject.get("subscription")),
        subscription_of_invoice(subject),
        *_intents_of(subject),
    }
    return tuple(sorted(reference for reference in found if reference))


def _intents_of(subject: StripeDocument) -> set[str | None]:
    """The payment intents behind an invoice (`payments`, where it was asked for) or an invoice payment (`payment`)."""
    payments = subject.get("payments")
    data = payments.get("data") if isinstance(payments, Mapping) else None
    links = [subject, *(data if isinstance(data, list) else [])]
    behind = [link.get("payment") for link in links if isinstance(link, Mapping)]
    return {id_of(one.get("payment_intent")) for one in behind if isinstance(one, Mapping)}


def subscription_of_invoice(invoice: StripeDocument) -> str | None:
    """At `parent.subscription_details` now, on the invoice itself before 2025."""
    return id_of(subscription_details_of(invoice).get("subscription")) or id_of(invoice.get("subscription"))


def subscription_details_of(invoice: StripeDocument) -> StripeDocument:
    """What an invoice says of its subscription, its metadata at that time too; empty where it is of none."""
    parent = invoice.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, Mapping) else None
    details = details or invoice.get("subscription_details")
    return details if isinstance(details, Mapping) else {}


def metadata_of(subject: StripeDocument) -> StripeDocument:
    """The metadata; empty where there is none."""
    metadata = subject.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}
