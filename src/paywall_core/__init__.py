"""The core of a paywall: who has paid, and therefore who gets in. Needs only the standard library and msgspec.

What is named here is the public API: 40 names, see docs/embedding.md. Each is loaded when it is asked for, so that
`import paywall_core` costs next to nothing; type checkers see them all. What has a place in a module and is not named
here may move.
"""

from importlib import import_module

TYPE_CHECKING = False  # as type checkers know it: `typing` alone would take as long to load as all of this

if TYPE_CHECKING:
    from paywall_core.access_token import AccessTokens
    from paywall_core.activation_link import ActivationLinks
    from paywall_core.errors import Conflict, OutsideUnavailable, PaywallError, RuleBroken
    from paywall_core.events import DisputeUpdated, PaymentFailed, PaymentSucceeded, RefundUpdated, SubscriptionEnded
    from paywall_core.facts import DisputeStatus, Mode, Period, RefundStatus, Terms
    from paywall_core.lifecycle import State
    from paywall_core.locales import Locales
    from paywall_core.money import Money
    from paywall_core.notification import PaymentNotification
    from paywall_core.order import Order
    from paywall_core.plans import Plan, PlanCatalogue
    from paywall_core.ports.clock import Clock, Randomness
    from paywall_core.ports.delivery import AccessMessenger
    from paywall_core.ports.directory import OrderDirectory
    from paywall_core.ports.payments import PaymentGateway
    from paywall_core.ports.unit_of_work import UnitOfWork
    from paywall_core.use_cases.access_status import AccessStatus, GetAccessStatus
    from paywall_core.use_cases.activate_access import ActivateAccess, ActivateAccessCommand
    from paywall_core.use_cases.deliver_outbox import DeliverOutbox
    from paywall_core.use_cases.deliveries import Channels, Deliveries
    from paywall_core.use_cases.record_payment import RecordPayment
    from paywall_core.use_cases.start_checkout import StartCheckout, StartCheckoutCommand
    from paywall_core.use_cases.sweep_lapsed import SweepLapsed

__all__ = [
    "AccessMessenger",
    "AccessStatus",
    "AccessTokens",
    "ActivateAccess",
    "ActivateAccessCommand",
    "ActivationLinks",
    "Channels",
    "Clock",
    "Conflict",
    "DeliverOutbox",
    "Deliveries",
    "DisputeStatus",
    "DisputeUpdated",
    "GetAccessStatus",
    "Locales",
    "Mode",
    "Money",
    "Order",
    "OrderDirectory",
    "OutsideUnavailable",
    "PaymentFailed",
    "PaymentGateway",
    "PaymentNotification",
    "PaymentSucceeded",
    "PaywallError",
    "Period",
    "Plan",
    "PlanCatalogue",
    "Randomness",
    "RecordPayment",
    "RefundStatus",
    "RefundUpdated",
    "RuleBroken",
    "StartCheckout",
    "StartCheckoutCommand",
    "State",
    "SubscriptionEnded",
    "SweepLapsed",
    "Terms",
    "UnitOfWork",
]

_MODULES = {
    "access_token": ("AccessTokens",),
    "activation_link": ("ActivationLinks",),
    "errors": (
        "Conflict",
        "OutsideUnavailable",
        "PaywallError",
        "RuleBroken",
    ),
    "events": (
        "DisputeUpdated",
        "PaymentFailed",
        "PaymentSucceeded",
        "RefundUpdated",
        "SubscriptionEnded",
    ),
    "facts": (
        "DisputeStatus",
        "Mode",
        "Period",
        "RefundStatus",
        "Terms",
    ),
    "lifecycle": ("State",),
    "locales": ("Locales",),
    "money": ("Money",),
    "notification": ("PaymentNotification",),
    "order": ("Order",),
    "plans": (
        "Plan",
        "PlanCatalogue",
    ),
    "ports.clock": (
        "Clock",
        "Randomness",
    ),
    "ports.delivery": ("AccessMessenger",),
    "ports.directory": ("OrderDirectory",),
    "ports.payments": ("PaymentGateway",),
    "ports.unit_of_work": ("UnitOfWork",),
    "use_cases.access_status": (
        "AccessStatus",
        "GetAccessStatus",
    ),
    "use_cases.activate_access": (
        "ActivateAccess",
        "ActivateAccessCommand",
    ),
    "use_cases.deliver_outbox": ("DeliverOutbox",),
    "use_cases.deliveries": (
        "Channels",
        "Deliveries",
    ),
    "use_cases.record_payment": ("RecordPayment",),
    "use_cases.start_checkout": (
        "StartCheckout",
        "StartCheckoutCommand",
    ),
    "use_cases.sweep_lapsed": ("SweepLapsed",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:  # pragma: no branch  - a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Load one of the public names.

        Raises:
            AttributeError: it is none of them.
        """
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = found  # the next one who asks need not come here
        return found


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
