"""A subscription on the console: how it stands in words, and what can happen to it now. Pure."""

from collections.abc import Mapping
from typing import Final

from entrypoints.sandbox.console.lines import Button, Line, Row

_ENDED: Final = ("canceled", "incomplete_expired")
_GOOD: Final = ("active", "trialing")

_CANCEL: Final = Button(move="cancel", label="cancel now", tone="bad")
_VOID: Final = Button(move="void", label="void its invoice", rare=True)
_UNCOLLECTIBLE: Final = Button(move="uncollectible", label="give its invoice up", rare=True)
_PAYS_AFTER_ALL: Final = Button(move="retry-pays", label="it is paid after all", tone="good")
_PAUSE: Final = Button(move="pause", label="pause it", rare=True)
_BUTTONS: Final[Mapping[str, tuple[Button, ...]]] = {
    "incomplete": (Button(move="never-begins", label="it never begins", tone="bad"),),
    "trialing": (
        Button(move="renew", label="its trial ends", tone="good"),
        Button(move="renewal-fails", label="it ends, and the card fails", tone="bad"),
        _CANCEL,
        _PAUSE,
    ),
    "active": (
        Button(move="renew", label="renew", tone="good"),
        Button(move="renewal-fails", label="renewal fails", tone="bad"),
        Button(move="plan-cancel", label="cancel at its end"),
        _CANCEL,
        Button(move="renewal-asks", label="renewal asks the customer", rare=True),
        _PAUSE,
        Button(move="pause-collection", label="collect nothing", rare=True),
    ),
    "past_due": (
        Button(move="retry-pays", label="retry pays", tone="good"),
        Button(move="retry-fails", label="retry fails", tone="bad"),
        _CANCEL,
        Button(move="unpaid", label="no more retries", rare=True),
        _VOID,
        _UNCOLLECTIBLE,
    ),
    "unpaid": (_PAYS_AFTER_ALL, _CANCEL),
    "paused": (Button(move="resume", label="resume", tone="good"), _CANCEL),
}
_PLANNED: Final = (
    Button(move="renew", label="its period ends"),
    Button(move="keep", label="keep it", tone="good"),
    _CANCEL,
)
_UNCOLLECTED: Final = (
    Button(move="renew", label="renew, unpaid"),
    Button(move="resume-collection", label="collect again", tone="good"),
    _CANCEL,
)


def subscription_line(one: Row) -> Line:
    """A subscription of a snapshot."""
    status = one["status"]
    ended, uncollected = status in _ENDED, one["collection_paused"] and status in _GOOD
    return Line(
        kind="subscription",
        id=one["id"],
        title=_title(one),
        until=one["ended_at"] if ended else one["current_period_end"],
        label="not collected" if uncollected else status,
        tone="muted" if ended else "good" if status in _GOOD and not uncollected else "warn",
        buttons=_buttons(one, uncollected=uncollected),
    )


def _title(one: Row) -> str:
    if one["status"] in _ENDED:
        return "Subscription, ended"
    return "Subscription, ends" if one["cancel_at_period_end"] else "Subscription until"


def _buttons(one: Row, *, uncollected: bool) -> tuple[Button, ...]:
    if one["status"] in _ENDED:
        owed = one["invoice_status"] in ("open", "uncollectible") and one["status"] == "canceled"
        return (_PAYS_AFTER_ALL, _VOID) if owed else ()
    if uncollected:
        return _UNCOLLECTED
    if one["cancel_at_period_end"] and one["status"] in _GOOD:
        return _PLANNED
    return _BUTTONS[one["status"]]
