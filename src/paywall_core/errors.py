"""Everything that can go wrong in the core, as one tree.

    PaywallError
    ├── RuleBroken                  the caller asked for what the rules forbid
    │   ├── InvalidInput            a value has the wrong shape; names the field
    │   ├── PlanModeMismatch
    │   ├── InvalidSignature        a webhook that the payment provider did not sign
    │   ├── InvalidPayload          signed, but no event
    │   ├── SessionNotFound
    │   ├── OrderNotFound
    │   ├── ActivationTokenInvalid
    │   ├── ActivationTokenUsed
    │   ├── ActivationTokenExpired
    │   ├── AccessRevokedError
    │   ├── CodeRequestedTooSoon    one address, too many codes; says when to come back
    │   ├── OneTimeCodeInvalid
    │   ├── NoRestorableOrder
    │   ├── TrackingNotConfigured
    │   ├── SweepHalted             more people would lose access at once than is believable
    │   └── IllegalTransition       the table has no such move; nothing was changed
    ├── Conflict                    what is stored does not fit what arrived
    │   ├── ConcurrentUpdate        somebody else changed the order first; try again
    │   └── ReferencesDisagree      one notification, several orders
    └── OutsideUnavailable          the far side did not do it; try again later
        ├── PaymentProviderUnavailable
        └── DeliveryFailed          `permanent=True`: trying again cannot help

Errors carry fields, not prose, and know neither HTTP nor Telegram: each adapter maps them in one file of its own.
"""

from collections.abc import Collection
from uuid import UUID


class PaywallError(Exception):
    """The root of all errors that the core raises on purpose."""


class RuleBroken(PaywallError):  # noqa: N818  - a branch of the tree, named after the case
    """The caller asked for something that the rules do not allow."""


class InvalidInput(RuleBroken):
    """A value has the wrong shape.

    Attributes:
        field: name of the field, as the caller spelled it.
        reason: what it should have been, for people.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class PlanModeMismatch(RuleBroken):
    """The plan exists, but is sold in another mode."""

    def __init__(self, *, plan: str, mode: str) -> None:
        super().__init__(f"plan {plan} is not sold in mode {mode}")
        self.plan = plan
        self.mode = mode


class InvalidSignature(RuleBroken):
    """A webhook's signature is missing, malformed, too old, or not the provider's."""


class InvalidPayload(RuleBroken):
    """A webhook is signed, but its body is no event of the provider's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SessionNotFound(RuleBroken):
    """No order has this checkout session."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"no checkout session {session_id}")
        self.session_id = session_id


class OrderNotFound(RuleBroken):
    """No order has this id."""

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"no order {order_id}")
        self.order_id = order_id


class ActivationTokenInvalid(RuleBroken):
    """Unknown, forged or rotated away: one error, so that nobody can tell which."""


class ActivationTokenUsed(RuleBroken):
    """Another Telegram user has redeemed this token."""


class ActivationTokenExpired(RuleBroken):
    """The token is genuine, but the paid time is over."""


class AccessRevokedError(RuleBroken):
    """The token is genuine, but the payment was refunded or disputed, or the operator revoked access."""


class CodeRequestedTooSoon(RuleBroken):
    """A code was mailed to this address a moment ago, or too many in the last hour. Known and unknown ones alike.

    Attributes:
        retry_after_seconds: when to ask again, at the earliest.
    """

    def __init__(self, *, retry_after_seconds: float) -> None:
        super().__init__(f"too soon by {retry_after_seconds:.0f} s")
        self.retry_after_seconds = retry_after_seconds


class OneTimeCodeInvalid(RuleBroken):
    """Wrong, expired, used, unknown address, too many tries: one error, so that nobody can tell which."""


class NoRestorableOrder(RuleBroken):
    """The address is proven, but nothing that stands was paid with it."""


class TrackingNotConfigured(RuleBroken):
    """The operator has not set up this tracker."""


class IllegalTransition(RuleBroken):
    """The table has no such move. Raised before anything changed.

    Attributes:
        state: where the order stands.
        event: what arrived.
        target: the state that the facts ask for, or None when the event is not legal here at all.
    """

    def __init__(self, *, state: str, event: str, target: str | None = None) -> None:
        super().__init__(f"{state} --{event}--> {target or 'anything'} is not in the table")
        self.state = state
        self.event = event
        self.target = target


class SweepHalted(RuleBroken):
    """A sweep would take access from more people at once than is believable; nobody's was recorded as over.

    Attributes:
        lapsed: from how many.
        live: of how many.
    """

    def __init__(self, *, lapsed: int, live: int) -> None:
        super().__init__(f"{lapsed} of {live} orders would be recorded as expired at once")
        self.lapsed = lapsed
        self.live = live


class Conflict(PaywallError):  # noqa: N818  - a branch of the tree, named after the case
    """What is stored does not fit what arrived; nothing was written."""


class ConcurrentUpdate(Conflict):
    """The order changed between reading and writing; nothing was written."""

    def __init__(self, order_id: UUID) -> None:
        super().__init__(f"order {order_id} was changed by somebody else")
        self.order_id = order_id


class ReferencesDisagree(Conflict):
    """The ids in one notification belong to different orders."""

    def __init__(self, event_type: str, order_ids: Collection[UUID]) -> None:
        super().__init__(f"{event_type} names {len(order_ids)} orders")
        self.event_type = event_type
        self.order_ids = order_ids


class OutsideUnavailable(PaywallError):  # noqa: N818  - a branch of the tree, named after the case
    """Something outside did not do what it was asked; asking again later may help."""


class PaymentProviderUnavailable(OutsideUnavailable):
    """The payment provider did not answer, or refused.

    Attributes:
        retry_after_seconds: when to ask again, at the earliest.
    """

    def __init__(self, reason: str, *, retry_after_seconds: int = 5) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class DeliveryFailed(OutsideUnavailable):
    """A mail, message or postback was not delivered.

    Attributes:
        reason: what the far side said; never holds an address, a token or a secret.
        permanent: trying again cannot help (a blocked bot, a refused address).
        retry_after_seconds: the far side's own word on when to try again, or None.
    """

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after_seconds = retry_after_seconds
