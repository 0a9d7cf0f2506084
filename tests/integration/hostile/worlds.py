"""The product's HTTP door and its settings, each with a check that must hold for whatever comes in; also for `fuzz/`.

A check raises `AssertionError` where a promise is broken; any other exception is a crash. Trusted is Stripe's
signature: whoever holds the secret is Stripe, so a signed session is what Stripe says it is. Not trusted is what a
customer can write into an object of Stripe's himself: his name, his address, and any `client_reference_id`. Metadata is
written by the account alone.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
import msgspec
import pytest

from adapters.http.app import create_app
from adapters.tracking.mobi_slon import postback_url
from entrypoints.settings import Role, SettingError, Settings, load_settings
from paywall_core.order import Order
from paywall_core.ports.delivery import ClickReport
from paywall_core.testing import InMemoryStore
from paywall_core.tracking import AdEvent
from tests.integration.http.service import CHECKOUT, INTERNAL, SECRET, SECRETS, http_dependencies, new_world, signature

_OK, _REFUSED, _FAILED = 200, 400, 500
_PAID_SESSION: Final = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_PAID_INVOICE: Final = ("invoice.paid", "invoice.payment_succeeded")
_COOKIE: Final = "a-cookie-of-somebody"
_MALFORMED: Final = "\udcff"  # for every setting
POSTBACK: Final = "https://tracker.example/index.php?cnv_id={clickid}&payout=0&cnv_status={status}"


class Api:
    """The real application over a database in memory: an order that waits for its payment, and a bystander's.

    Args:
        runner: of the loop that all calls are made in.
    """

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.world = new_world()
        self.store = InMemoryStore()
        app: Any = create_app(http_dependencies(self.store, self.world))
        self.transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        self._client = httpx.AsyncClient(transport=self.transport, base_url="http://testserver.local")
        self.started = self.call("POST", "/api/payment/checkout-session", json=CHECKOUT).json()
        self.bystanders = self.call("POST", "/api/payment/checkout-session", json=CHECKOUT).json()
        self._fresh = self.store.tables.snapshot()

    def send(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """One call; a refusal is a problem, and is the same for everybody."""
        answer: httpx.Response = self._runner.run(self._client.request(method, path, **parts))
        if answer.status_code >= _REFUSED:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"]
        return answer

    def call(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """As `send`; never a 5xx."""
        answer = self.send(method, path, **parts)
        assert answer.status_code < _FAILED, (answer.status_code, path, parts)
        return answer

    def reset(self) -> None:
        """Everything as it was before the first hostile call."""
        self.store.tables = self._fresh.snapshot()

    def order(self, started: Mapping[str, str] | None = None) -> Order:
        """The order that waits, or another that was started."""
        return self.store.tables.orders[UUID((started or self.started)["order_id"])]

    def may_enter(self) -> bool:
        """Whether the order grants anything."""
        return self.order().entitlement.access_until is not None

    def everything(self) -> str:
        """All that is stored."""
        return repr(vars(self.store.tables))

    def headers_of(self, body: bytes) -> dict[str, str]:
        """What Stripe sends beside a body."""
        return {**signature(body, self.world.clock), "content-type": "application/json"}

    def signed(self, body: bytes) -> httpx.Response:
        """A body that Stripe signed: it may be refused, and lets in only whom it says has paid, and no bystander."""
        self.reset()
        bystander = self.order(self.bystanders)
        answer = self.call("POST", "/api/stripe/webhook", content=body, headers=self.headers_of(body))
        if self.may_enter():
            assert self._is_payment(msgspec.json.decode(body)), body
        assert self.order(self.bystanders) == bystander
        return answer

    def unsigned(self, body: bytes, header: bytes) -> httpx.Response:
        """A body that nobody signed changes nothing at all."""
        self.reset()
        before = self.everything()
        answer = self.call("POST", "/api/stripe/webhook", content=body, headers=[(b"stripe-signature", header)])
        assert answer.status_code >= _REFUSED
        assert self.everything() == before
        return answer

    def _is_payment(self, event: Mapping[str, Any]) -> bool:
        """By the strict meaning: of our session or of what carries our metadata, and paid in an amount that can be."""
        subject = event["data"]["object"]
        parent = subject.get("parent")
        parents = parent.get("subscription_details") if isinstance(parent, Mapping) else None
        carriers = [subject, parents, subject.get("subscription_details")]
        named = any(_same_id(_order_id_in(one), self.started["order_id"]) for one in carriers)
        if not named and self.started["session_id"] not in repr(subject):
            return False
        if event["type"] in _PAID_INVOICE:
            return _is_amount(subject.get("amount_paid"))
        amount = subject.get("amount_total")
        return (
            event["type"] in _PAID_SESSION
            and subject.get("payment_status") in ("paid", "no_payment_required")
            and subject.get("mode") != "setup"
            and (amount is None or _is_amount(amount))
        )

    def activate(self, token: str, *, genuine: str) -> httpx.Response:
        """Any text as a token: only the one genuine spelling opens the door, and every refusal looks the same."""
        self.reset()
        body = msgspec.json.encode({"activation_token": token, "telegram_user_id": 77})
        headers = {"content-type": "application/json"}
        answer = self.call("POST", "/api/access/activate", content=body, headers=headers)
        if token == genuine:
            assert self.order().telegram_user_id == 77
            return answer
        assert answer.json()["code"] in ("activation_token_invalid", "validation_failed")
        assert genuine not in answer.text
        assert all(order.telegram_user_id is None for order in self.store.tables.orders.values())
        return answer

    def pay(self) -> str:
        """The order is paid for; its one genuine token."""
        session = {"id": self.started["session_id"], "mode": "payment", "payment_status": "paid", "amount_total": 1500}
        session |= {"currency": "eur", "metadata": {"order_id": self.started["order_id"]}, "payment_intent": "pi_1"}
        event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1767225600}
        body = msgspec.json.encode({**event, "data": {"object": session}})
        assert self.signed(body).status_code == _OK
        assert self.may_enter()
        self._fresh = self.store.tables.snapshot()
        return self.world.tokens.issue(self.order().id, self.order().facts.token_version)

    def tracked(self, path: str, **parts: Any) -> httpx.Response:
        """A step of the funnel: its row holds no secret of ours, and what is forwarded keeps its shape.

        The caller sends our secrets along, as a proxy or a browser may, where nobody asked for them.
        """
        self.reset()
        orders = dict(self.store.tables.orders)
        secret = {**INTERNAL, "Authorization": f"Bearer {INTERNAL['X-Internal-Token']}", "Cookie": f"s={_COOKIE}"}
        headers = {**parts.pop("headers", {}), **secret}
        answer = self.call(path=path, **{"method": "GET", "headers": headers, **parts})
        for attempt in self.store.tracking_log:
            event = attempt.event
            written = msgspec.json.encode(attempt).decode()
            assert not [one for one in self._secrets() if one in written]
            if isinstance(event, AdEvent):
                continue
            check_postback(ClickReport(key="k", clickid=event.clickid, status=event.name, params=event.params))
        assert self.store.tables.orders == orders
        return answer

    def _secrets(self) -> list[str]:
        """What belongs in no row of the tracking log."""
        orders = self.store.tables.orders.values()
        tokens = [self.world.tokens.issue(order.id, order.facts.token_version) for order in orders]
        addresses = [order.email for order in orders]
        return [*tokens, *addresses, SECRET, *(one.decode() for one in SECRETS), *INTERNAL.values(), _COOKIE]


def check_postback(report: ClickReport) -> None:
    """The URL keeps its host, its path and its own parameters, each once, and is one line."""
    url = postback_url(POSTBACK, report)
    parts, pairs = urlsplit(url), parse_qsl(urlsplit(url).query, keep_blank_values=True)
    assert (parts.scheme, parts.netloc, parts.path, parts.fragment) == ("https", "tracker.example", "/index.php", "")
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url
    assert [name for name, _ in pairs[:3]] == ["cnv_id", "payout", "cnv_status"]
    assert {"cnv_id", "payout", "cnv_status"}.isdisjoint(name.casefold() for name, _ in pairs[3:])
    assert (pairs[1][1], pairs[2][1]) == ("0", report.status)


def check_settings(environ: Mapping[str, str], role: Role) -> Settings | None:
    """Settings, or one line that names one of them, and that is the same whatever the malformed value is."""
    try:
        return load_settings(environ, role)
    except SettingError as error:
        said, cause = str(error), error.__cause__
    found = re.match(r"([A-Z_]+) is (not set|malformed): it should be .", said)
    assert found
    assert "\n" not in said
    assert cause is None  # it would hold the value
    name, what = found.groups()
    if what == "malformed" and environ.get(name) != _MALFORMED:
        with pytest.raises(SettingError) as malformed:
            load_settings({**environ, name: _MALFORMED}, role)
        assert str(malformed.value) == said
    return None


def _order_id_in(carrier: object) -> object:
    """What the account wrote there as our order's id."""
    metadata = carrier.get("metadata") if isinstance(carrier, Mapping) else None
    return metadata.get("order_id") if isinstance(metadata, Mapping) else None


def _same_id(text: object, order_id: str) -> bool:
    """In any spelling of a UUID."""
    return isinstance(text, str) and re.sub(r"[{}-]|urn:|uuid:", "", text).lower() == order_id.replace("-", "")


def _is_amount(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
