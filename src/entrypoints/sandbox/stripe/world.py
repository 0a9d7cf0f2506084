"""All that the sandbox's Stripe remembers: objects, events, time, ids. Knows no HTTP and no rules of payment.

Objects are Stripe's own JSON documents, changed in place; an event holds a copy of its object as it was at that moment.
"""

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from entrypoints.sandbox.stripe.catalogue import Document, SandboxPrice, price_and_product
from entrypoints.sandbox.stripe.errors import no_such
from entrypoints.sandbox.stripe.ids import Ids

API_VERSION: Final = "2026-10-28.endive"
"""The version whose shapes these are; events carry it."""


class World:
    """The state. Lists are kept in order of creation."""

    def __init__(
        self, *, prices: tuple[SandboxPrice, ...], clock: Callable[[], datetime], rng: random.Random | None
    ) -> None:
        self.clock = clock
        self.ids = Ids(rng)
        self.endpoint_secrets: dict[str, str] = {}
        self.listeners: list[Callable[[Document], None]] = []
        self.before_reading: list[Callable[[], None]] = []
        self._tables: dict[str, dict[str, Document]] = {}
        self._request: Document = {"id": None, "idempotency_key": None}
        self._moment: int | None = None
        products: dict[str, Document] = {}
        for price in prices:
            shown, product = price_and_product(price, created=self.now(), ids=self.ids)
            known = products.setdefault(price.product_name, product)
            shown["product"] = known["id"]
            self.put(shown)
            self._tables.setdefault("product", {})[known["id"]] = known

    def now(self) -> int:
        """Unix seconds: the present, or the moment that is being made up for (see `at`)."""
        return self.present() if self._moment is None else self._moment

    def present(self) -> int:
        """Unix seconds by the clock, whatever is being made up for."""
        return int(self.clock().timestamp())

    @contextmanager
    def at(self, moment: int) -> Iterator[None]:
        """Within, it is this moment (Unix seconds): what should have happened then happens then."""
        before, self._moment = self._moment, moment
        try:
            yield
        finally:
            self._moment = before

    def put(self, document: Document) -> Document:
        """Remember an object under its kind and id."""
        self._tables.setdefault(document["object"], {})[document["id"]] = document
        return document

    def get(self, kind: str, object_id: str, *, param: str = "id", status: int = 404) -> Document:
        """One object.

        Raises:
            StripeRefusal: `resource_missing`.
        """
        self.settle_time()
        found = self._tables.get(kind, {}).get(object_id)
        if found is None:
            raise no_such(kind, object_id, param=param, status=status)
        return found

    def find(self, kind: str, object_id: str | None) -> Document | None:
        """One object, or None."""
        return self._tables.get(kind, {}).get(object_id or "")

    def all(self, kind: str) -> list[Document]:
        """Every object of a kind, oldest first, as it stands now."""
        self.settle_time()
        return list(self._tables.get(kind, {}).values())

    def kinds(self) -> list[str]:
        """The kinds of objects that there are."""
        return list(self._tables)

    def settle_time(self) -> None:
        """Let what is due by the clock happen."""
        for due in self.before_reading:
            due()

    def where(self, kind: str, **fields: Any) -> list[Document]:
        """The objects whose fields are these, oldest first."""
        return [
            document
            for document in self._tables.get(kind, {}).values()
            if all(document.get(name) == value for name, value in fields.items())
        ]

    @contextmanager
    def request(self, idempotency_key: str | None) -> Iterator[str]:
        """Within, events name this request as their cause; yields its id."""
        request_id, before = self.ids.new("req", 14), self._request
        self._request = {"id": request_id, "idempotency_key": idempotency_key}
        try:
            yield request_id
        finally:
            self._request = before

    @contextmanager
    def no_request(self) -> Iterator[None]:
        """Within, events have no request as their cause: what Stripe does by itself."""
        before, self._request = self._request, {"id": None, "idempotency_key": None}
        try:
            yield
        finally:
            self._request = before

    def emit(self, type_: str, document: Document, previous: Document | None = None) -> Document:
        """Record an event about an object as it is now; `previous` are the values that an update replaced."""
        data: Document = {"object": copy.deepcopy(document)}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Document = {
            "id": self.ids.new("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": sum(wants(endpoint, type_) for endpoint in self.where("webhook_endpoint")),
            "request": dict(self._request),
            "type": type_,
        }
        self.put(event)
        for listener in self.listeners:
            listener(event)
        return event

    def update(self, type_: str, document: Document, **changes: Any) -> None:
        """Change fields and say so, with the values that were there before; nothing changed is nothing said."""
        previous = {name: document[name] for name, value in changes.items() if document[name] != value}
        if previous:
            document.update(changes)
            self.emit(type_, document, copy.deepcopy(previous))


def wants(endpoint: Document, event_type: str) -> bool:
    """Whether a webhook endpoint takes events of a type."""
    events = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in events or event_type in events)


def as_list(data: list[Document], url: str) -> Document:
    """A complete list inside an object."""
    return {"object": "list", "data": data, "has_more": False, "url": url}
