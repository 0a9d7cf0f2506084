"""Whose a webhook is: only what Stripe signed with one of our secrets, lately, is read at all."""

import hmac
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from adapters.stripe.webhook import StripeWebhook
from paywall_core.errors import InvalidPayload, InvalidSignature

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW, OLD = "whsec_new", "whsec_old"
WEBHOOK = StripeWebhook([NEW, OLD])
BODY = msgspec.json.encode(
    {"id": "evt_1", "object": "event", "type": "plan.created", "created": 1, "data": {"object": {"id": "я"}}}
)


def sign(body: bytes, secret: str = NEW, at: datetime = NOW) -> str:
    """A header as Stripe makes it."""
    seconds = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, "sha256").hexdigest()
    return f"t={seconds},v1={mac},v0=ignored"


def test_signed_event_is_read() -> None:
    """By any of the secrets listed, and by Stripe's own signer."""
    assert WEBHOOK.read(BODY, sign(BODY), now=NOW).event_id == "evt_1"
    assert WEBHOOK.read(BODY, sign(BODY, OLD), now=NOW).payload == BODY
    header = stripe.WebhookSignature.generate_signature_header(BODY.decode(), NEW)
    assert WEBHOOK.read(BODY, header, now=datetime.now(UTC)).event_type == "plan.created"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "garbage",
        "t=1,v1=",
        "t=,v1=abc",
        "t=٣,v1=abc",
        "t=99999999999999999999,v1=abc",
        sign(BODY, "whsec_other"),
        sign(BODY + b" "),
        sign(BODY, at=NOW - timedelta(seconds=301)),
        sign(BODY, at=NOW + timedelta(seconds=301)),
        sign(BODY).replace("v1=", "v1=ü"),
        sign(BODY).replace("v1=", "v2="),
        f"t={int(NOW.timestamp())},v1=\udcff",
    ],
)
def test_what_stripe_did_not_sign_is_refused(signature: str) -> None:
    """Missing, garbage, wrong, old, of the future, not ASCII: one answer."""
    with pytest.raises(InvalidSignature):
        WEBHOOK.read(BODY, signature, now=NOW)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"{}", b"null", b'{"object": "charge"}', b"[" * 100_000])
def test_signed_but_no_event_is_another_error(body: bytes) -> None:
    """A body that is not UTF-8, not JSON, not an event; unsigned, the same body is merely not signed."""
    with pytest.raises(InvalidPayload):
        WEBHOOK.read(body, sign(body), now=NOW)
    with pytest.raises(InvalidSignature):
        WEBHOOK.read(body, "t=1,v1=1", now=NOW)


@given(st.binary(max_size=200), st.text(max_size=100))
def test_unsigned_caller_gets_one_answer(body: bytes, signature: str) -> None:
    """Whatever he sends."""
    with pytest.raises(InvalidSignature):
        WEBHOOK.read(body, signature, now=NOW)


@pytest.mark.parametrize("secrets", [[""], [NEW, " "], NEW], ids=["empty", "blank", "a text"])
def test_secret_that_anybody_has_is_refused(secrets: list[str]) -> None:
    """An empty secret would let everybody sign; so would the single letters of one."""
    with pytest.raises(ValueError, match="secret"):
        StripeWebhook(secrets)


def test_without_secrets_nothing_is_genuine() -> None:
    """Nothing configured: every delivery is refused, none is waved through."""
    with pytest.raises(InvalidSignature):
        StripeWebhook([]).read(BODY, sign(BODY, ""), now=NOW)


@given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: msgspec.json.encode({"object": text})))
def test_signed_bytes_are_an_event_or_invalid(body: bytes) -> None:
    """Whatever was signed, nothing but `InvalidPayload` comes of what is no event."""
    with pytest.raises(InvalidPayload):
        WEBHOOK.read(body, sign(body), now=NOW)
