"""Stripe's API without HTTP: a method, a path and form pairs in; a status and a JSON document out.

Keys, idempotency, expansion and the switch "Stripe is down" are dealt with here, once for every call.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final

import msgspec

from entrypoints.sandbox.stripe import forms
from entrypoints.sandbox.stripe.calls import CALLS, Call, Calls
from entrypoints.sandbox.stripe.engine import Engine
from entrypoints.sandbox.stripe.errors import StripeRefusal, unavailable
from entrypoints.sandbox.stripe.expansion import Expansion
from entrypoints.sandbox.stripe.world import API_VERSION
from entrypoints.sandbox.troubles import Troubles

_MAX_KEY_CHARACTERS: Final = 255


class ApiRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it came; `path` without `/v1/`, header names in lower case."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]


class ApiAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What to send back."""

    status: int
    body: bytes
    headers: dict[str, str]


class StripeApi:
    """Answers calls over one engine."""

    def __init__(self, *, engine: Engine, secret_key: str, troubles: Troubles) -> None:
        self._engine = engine
        self._key = secret_key
        self._troubles = troubles
        self._calls = Calls(engine)
        self._expansion = Expansion(engine.world, engine.checkout.items)
        self._routes = tuple((call, _pattern(call.path)) for call in CALLS)
        self._done: dict[str, tuple[object, bytes]] = {}

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """One call, refused or done."""
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        headers = {
            # By this clock and not by the machine's: the product reads from it when a session was as it is.
            "Date": formatdate(self._engine.world.present(), usegmt=True),
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        }
        if key is not None:
            headers["Idempotency-Key"] = key
        with self._engine.world.request(key) as request_id:
            headers["Request-Id"] = request_id
            try:
                body, replayed = self._answer(request, key)
            except StripeRefusal as refusal:
                return ApiAnswer(status=refusal.status, body=msgspec.json.encode(refusal.body()), headers=headers)
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return ApiAnswer(status=200, body=body, headers=headers)

    def _answer(self, request: ApiRequest, key: str | None) -> tuple[bytes, bool]:
        if self._troubles.stripe_down:
            raise unavailable()
        self._check_key(request.headers.get("authorization", ""))
        call, path_ids = self._route(request)
        # Not by hash of the raw body: the same parameters in another order are the same.
        asked = (request.method, request.path, sorted(request.pairs))
        if key is not None:
            if not 0 < len(key) <= _MAX_KEY_CHARACTERS:
                raise StripeRefusal("Idempotency-Key must be between 1 and 255 characters.", type_="idempotency_error")
            if key in self._done:
                return self._replay(key, asked)
        params = forms.convert(forms.decode(request.pairs), call.params)
        document = call.run(self._calls, params, *path_ids)
        body = msgspec.json.encode(self._expansion.apply(document, params.expand))
        if key is not None:
            self._done[key] = (asked, body)  # a refusal is not kept: nothing was begun
        return body, False

    def _replay(self, key: str, asked: object) -> tuple[bytes, bool]:
        before, body = self._done[key]
        if before != asked:
            raise StripeRefusal(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                type_="idempotency_error",
            )
        return body, True

    def _check_key(self, authorization: str) -> None:
        scheme, _, value = authorization.partition(" ")
        given = value.strip()
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                given = ""
        if not given or scheme.lower() not in ("basic", "bearer"):
            raise StripeRefusal("You did not provide an API key.", status=401)
        if not hmac.compare_digest(given.encode(), self._key.encode()):
            raise StripeRefusal(f"Invalid API Key provided: {given[:8]}****{given[-4:]}", status=401)

    def _route(self, request: ApiRequest) -> tuple[Call[Any], tuple[str, ...]]:
        for call, pattern in self._routes:
            found = pattern.fullmatch(request.path)
            if found and call.method == request.method:
                return call, found.groups()
        raise StripeRefusal(
            f"Unrecognized request URL ({request.method}: /v1/{request.path}).", status=404, code="url_invalid"
        )


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[^}]+\}", "([^/]+)", path))
