"""`expand[]`: an id in an answer becomes the object. Knows which fields hold whose ids, nothing of HTTP."""

import copy
from collections.abc import Callable
from typing import Final

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.world import World, as_list

_KINDS: Final = {
    "charge": "charge",
    "customer": "customer",
    "default_price": "price",
    "invoice": "invoice",
    "latest_charge": "charge",
    "latest_invoice": "invoice",
    "payment_intent": "payment_intent",
    "product": "product",
    "subscription": "subscription",
}
_NEVER_EXPANDED: Final = {("price_details", "product"), ("subscription_item", "subscription")}
_MAX_DEPTH: Final = 4


class Expansion:
    """Expands answers; `items_of` gives a session's line items."""

    def __init__(self, world: World, items_of: Callable[[str], list[Document]]) -> None:
        self._world = world
        self._items_of = items_of

    def apply(self, answer: Document, paths: list[str]) -> Document:
        """A copy of the answer with the objects at the paths.

        Raises:
            StripeRefusal: a path leads to nothing that can be expanded.
        """
        answer = copy.deepcopy(answer)
        for path in paths:
            parts = path.split(".")
            if len([part for part in parts if part != "data"]) > _MAX_DEPTH:
                raise StripeRefusal(f"You cannot expand more than {_MAX_DEPTH} levels of a property. Property: {path}")
            if not self._walk(answer, parts, "") and not _is_empty_list(answer):
                raise StripeRefusal(f"This property cannot be expanded ({path}).", param="expand")
        return answer

    def _walk(self, node: object, parts: list[str], within: str) -> bool:
        """Expand along the parts; says whether any step could be."""
        if isinstance(node, list):
            return any([self._walk(item, parts, within) for item in node])  # noqa: C419  - every item is walked
        if not isinstance(node, dict):
            return node is None  # nothing there yet, but there may be
        name, rest = parts[0], parts[1:]
        owner = str(node.get("object", within))
        expanded = self._expand(node, owner, name)
        if name not in node:
            return False
        if not rest:
            return expanded or (name in _KINDS and (node[name] is None or isinstance(node[name], dict)))
        return self._walk(node[name], rest, name)

    def _expand(self, node: Document, owner: str, name: str) -> bool:
        value = node.get(name)
        if isinstance(value, str) and name in _KINDS and (owner, name) not in _NEVER_EXPANDED:
            found = self._world.find(_KINDS[name], value)
            if found is None:
                return False
            node[name] = copy.deepcopy(found)
            return True
        included = self._included(node, owner, name)
        if included is not None and name not in node:
            node[name] = copy.deepcopy(included)
        return included is not None

    def _included(self, node: Document, owner: str, name: str) -> Document | None:
        """Lists that are shown only when asked for."""
        object_id = node.get("id", "")
        if (owner, name) == ("checkout.session", "line_items"):
            return as_list(self._items_of(object_id), f"/v1/checkout/sessions/{object_id}/line_items")
        if (owner, name) == ("invoice", "payments"):
            return as_list(self._world.where("invoice_payment", invoice=object_id), "/v1/invoice_payments")
        if (owner, name) == ("charge", "refunds"):
            refunds = self._world.where("refund", charge=object_id)
            return as_list(refunds, f"/v1/charges/{object_id}/refunds")
        return None


def _is_empty_list(answer: Document) -> bool:
    return answer.get("object") == "list" and not answer["data"]
