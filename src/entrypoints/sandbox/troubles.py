"""The switches for trouble: what the outside world does wrong at the moment.

One mutable object is shared by every part of the sandbox; the console's buttons set it, each part reads it
at the moment it acts. It knows nothing of the parts themselves.
"""

from dataclasses import dataclass
from enum import StrEnum


class WebhookTrouble(StrEnum):
    """What happens to Stripe's webhooks on their way to the product."""

    NONE = "none"
    LOST = "lost"  # never sent; the event stays in Stripe's event list
    DOUBLED = "doubled"  # each event is sent twice, both at once
    LATE = "late"  # each event waits before it is sent
    OUT_OF_ORDER = "out_of_order"  # events are held and sent in reverse


@dataclass(slots=True, kw_only=True)
class Troubles:
    """What the outside world does wrong right now; all switches are off at the start."""

    webhooks: WebhookTrouble = WebhookTrouble.NONE
    stripe_down: bool = False
    telegram_down: bool = False
    smtp_down: bool = False
    trackers_down: bool = False
    renewals_fail: bool = False  # the cards of subscriptions do not pay what falls due by the clock
