"""Stripe's side of the console: each checkout with what came of it, and the buttons that fit how it stands. Pure."""

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

Row = dict[str, Any]
"""One object of `StripeSandbox.snapshot()`."""

_SESSION_TONES: Final = {"open": "info", "expired": "muted"}
_ENDED: Final = ("canceled", "incomplete_expired")
_OPEN_DISPUTES: Final = ("needs_response", "warning_needs_response", "under_review", "warning_under_review")


class Button(Struct, frozen=True, kw_only=True):
    """A button: what it does (see `moves.py`), what stands on it, and its colour."""

    move: str
    label: str
    tone: str = ""


class Line(Struct, frozen=True, kw_only=True):
    """One object of a purchase.

    Attributes:
        kind, id: which object; the buttons act on it.
        title: what it is.
        amount, currency: its money in minor units; None where it has none.
        until: Unix seconds that the title goes on with; None for none.
        label, tone: how it stands.
        buttons: what can happen to it now.
    """

    kind: str
    id: str
    title: str
    amount: int | None = None
    currency: str = ""
    until: int | None = None
    label: str
    tone: str
    buttons: tuple[Button, ...] = ()


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
            yield _subscription(sub)
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


def _subscription(one: Row) -> Line:
    status, planned = one["status"], one["cancel_at_period_end"]
    ended = status in _ENDED
    return Line(
        kind="subscription",
        id=one["id"],
        title="Subscription, ended" if ended else "Subscription, ends" if planned else "Subscription until",
        until=one["ended_at"] if ended else one["current_period_end"],
        label=status,
        tone="muted" if ended else "good" if status in ("active", "trialing") else "warn",
        buttons=_subscription_buttons(status, planned=planned),
    )


def _subscription_buttons(status: str, *, planned: bool) -> tuple[Button, ...]:
    if status in _ENDED:
        return ()
    cancel = Button(move="cancel", label="cancel now", tone="bad")
    if status == "incomplete":
        return (cancel,)
    if status == "past_due":
        return (Button(move="retry-pays", label="retry pays", tone="good"), cancel)
    if planned:
        return (
            Button(move="renew", label="its period ends"),
            Button(move="keep", label="keep it", tone="good"),
            cancel,
        )
    return (
        Button(move="renew", label="renew", tone="good"),
        Button(move="renewal-fails", label="renewal fails", tone="bad"),
        Button(move="plan-cancel", label="cancel at its end"),
        cancel,
    )


def _payment(one: Row) -> Line:
    refunded, amount = one["amount_refunded"], one["amount"]
    label, tone = {
        "succeeded": ("paid", "good"),
        "processing": ("on its way", "warn"),
        "canceled": ("cancelled", "muted"),
    }.get(one["status"], ("declined", "bad"))
    if refunded:
        label, tone = ("refunded", "bad") if refunded == amount else ("refunded in part", "warn")
    buttons: list[Button] = []
    if one["can_refund"]:
        buttons += [Button(move="refund", label="refund"), Button(move="refund-part", label="refund half")]
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
    failed = one["status"] == "failed"
    return Line(
        kind="refund",
        id=one["id"],
        title="Refund",
        amount=one["amount"],
        currency=one["currency"],
        label="came back" if failed else one["status"],
        tone="muted",
        buttons=() if failed else (Button(move="fail", label="the bank returns it"),),
    )


def _dispute(one: Row) -> Line:
    status = one["status"]
    inquiry = status.startswith("warning")
    buttons: tuple[Button, ...] = ()
    if status in _OPEN_DISPUTES:
        won = Button(move="won", label="close it" if inquiry else "won", tone="good")
        worse = Button(move="escalate", label="it becomes a dispute", tone="bad")
        buttons = (won, worse if inquiry else Button(move="lost", label="lost", tone="bad"))
    return Line(
        kind="dispute",
        id=one["id"],
        title="Inquiry" if inquiry else "Dispute",
        amount=one["amount"],
        currency=one["currency"],
        label="open" if buttons else status.removeprefix("warning_"),
        tone={"won": "good", "warning_closed": "muted"}.get(status, "warn" if inquiry else "bad"),
        buttons=buttons,
    )
