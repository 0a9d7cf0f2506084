"""Stripe's side of the console: each checkout with what came of it, and the buttons that fit how it stands. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from entrypoints.sandbox.console.lines import Button, Line, Row
from entrypoints.sandbox.console.moves import TRIAL_DAYS
from entrypoints.sandbox.console.subscriptions import subscription_line

_SESSION_TONES: Final = {"open": "info", "expired": "muted"}
_DISPUTE_TONES: Final = {"won": "good", "prevented": "good", "warning_closed": "muted"}
_OPEN_DISPUTES: Final = ("needs_response", "warning_needs_response", "under_review", "warning_under_review")
_REFUNDS: Final[Mapping[str, tuple[str, str, tuple[Button, ...]]]] = {
    "pending": (
        "on its way",
        "warn",
        (
            Button(move="arrive", label="it arrives", tone="good"),
            Button(move="fail", label="it fails", tone="bad"),
            Button(move="cancel", label="take it back"),
        ),
    ),
    "succeeded": ("succeeded", "muted", (Button(move="fail", label="the bank returns it"),)),
    "failed": ("came back", "muted", ()),
    "canceled": ("taken back", "muted", ()),
}


class Purchase(Struct, frozen=True, kw_only=True):
    """A checkout session, and the lines that came of it; `url` is its page while it is open."""

    session: Line
    email: str | None
    mode: str
    url: str | None
    lines: tuple[Line, ...]


def purchases(stripe: Row, *, limit: int) -> list[Purchase]:
    """The newest checkouts of a snapshot."""
    return [
        Purchase(
            session=_session(one),
            email=one["email"],
            mode=one["mode"],
            url=one["url"],
            lines=tuple(_lines(one, stripe)),
        )
        for one in stripe["sessions"][:limit]
    ]


def _lines(session: Row, stripe: Row) -> Iterable[Line]:
    """The subscription, then each payment with its refunds and disputes, newest first."""
    if session["status"] != "complete":
        return
    for sub in stripe["subscriptions"]:
        if sub["id"] == session["subscription"]:
            yield subscription_line(sub)
    for payment in stripe["payments"]:
        mine = session["subscription"] and payment["subscription"] == session["subscription"]
        if not mine and payment["id"] != session["payment_intent"]:
            continue
        yield _payment(payment)
        yield from (_refund(one) for one in stripe["refunds"] if one["payment_intent"] == payment["id"])
        yield from (_dispute(one) for one in stripe["disputes"] if one["payment_intent"] == payment["id"])


def _session(one: Row) -> Line:
    paid, complete = one["payment_status"] != "unpaid", one["status"] == "complete"
    label = ("paid" if paid else "payment on its way") if complete else one["status"]
    if complete and not paid and not one["can_settle"]:
        label = "payment failed"
    buttons: tuple[Button, ...] = ()
    if one["can_settle"]:
        buttons = (
            Button(move="pay", label="let it pay", tone="good"),
            Button(move="fail", label="let it fail", tone="bad"),
        )
    elif one["can_expire"]:
        buttons = (Button(move="expire", label="expire"),)
    if one["can_offer_trial"]:
        buttons += (
            Button(move="trial", label=f"{TRIAL_DAYS} days' trial", rare=True),
            Button(move="trial-without-card", label="a trial without a card", rare=True),
        )
    return Line(
        kind="session",
        id=one["id"],
        title="",
        amount=one["amount"],
        currency=one["currency"],
        label=label,
        tone=("good" if paid else "warn") if complete else _SESSION_TONES[one["status"]],
        buttons=buttons,
    )


def _payment(one: Row) -> Line:
    refunded, amount = one["amount_refunded"], one["amount"]
    label, tone = {
        "succeeded": ("paid", "good"),
        "processing": ("on its way", "warn"),
        "requires_action": ("asks the customer", "warn"),
        "canceled": ("cancelled", "muted"),
    }.get(one["status"], ("declined", "bad"))
    if refunded:
        label, tone = ("refunded", "bad") if refunded == amount else ("refunded in part", "warn")
    buttons: list[Button] = []
    if one["can_refund"]:
        buttons += [Button(move="refund", label="refund"), Button(move="refund-part", label="refund half")]
        if one["method"] == "card":
            buttons.append(Button(move="refund-slow", label="refund, on its way for days", rare=True))
    if one["can_refund"] and not one["disputed"]:
        buttons += [Button(move="dispute", label="dispute", tone="bad"), Button(move="inquiry", label="inquiry")]
    return Line(
        kind="payment",
        id=one["id"],
        title="Payment",
        amount=amount,
        currency=one["currency"],
        label=label,
        tone=tone,
        buttons=tuple(buttons),
    )


def _refund(one: Row) -> Line:
    status = one["status"]
    label, tone, buttons = _REFUNDS.get(status, (status, "muted", ()))
    return Line(
        kind="refund",
        id=one["id"],
        title="Refund",
        amount=one["amount"],
        currency=one["currency"],
        label=label,
        tone=tone,
        buttons=buttons,
    )


def _dispute(one: Row) -> Line:
    status = one["status"]
    inquiry = status.startswith("warning")
    is_open = status in _OPEN_DISPUTES
    buttons: tuple[Button, ...] = ()
    if is_open:
        won = Button(move="won", label="close it" if inquiry else "won", tone="good")
        worse = Button(move="escalate", label="it becomes a dispute", tone="bad")
        buttons = (won, worse if inquiry else Button(move="lost", label="lost", tone="bad"))
        if status.endswith("needs_response"):
            buttons += (Button(move="answer", label="send evidence", rare=True),)
        buttons += (Button(move="prevent", label="Stripe prevents it", rare=True),)
    label = status.removeprefix("warning_")
    return Line(
        kind="dispute",
        id=one["id"],
        title="Inquiry" if inquiry else "Dispute",
        amount=one["amount"],
        currency=one["currency"],
        label="open" if label == "needs_response" else label,
        tone=_DISPUTE_TONES.get(status, "warn" if inquiry else "bad"),
        buttons=buttons,
    )
