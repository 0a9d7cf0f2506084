"""What the core asks of its ports, as pytest classes: your own database is proven by the tests that prove ours.

Needs `paywall-core[testing]`. Inherit a contract in a class whose name begins with `Test`, and override `open` and
`close`; `DatabaseContract` is all that one database must keep. See docs/embedding-tests.md.
"""

import pkgutil

try:
    import pytest
except ModuleNotFoundError as error:  # pragma: no cover  - packaging/try_core.py sees it, where there is no pytest
    raise ImportError("the contracts need pytest: install paywall-core[testing], or pytest") from error

# Before they are imported: pytest then says what an assertion compared, as in a test of your own.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))

from paywall_core.testing.contract.archive import OrderArchiveContract, OutboxArchiveContract  # noqa: E402  - see above
from paywall_core.testing.contract.backlog import BacklogWatchContract  # noqa: E402
from paywall_core.testing.contract.directory import OrderDirectoryContract  # noqa: E402
from paywall_core.testing.contract.gateway import PaymentGatewayContract  # noqa: E402
from paywall_core.testing.contract.hastening import HasteningContract  # noqa: E402
from paywall_core.testing.contract.logs import (  # noqa: E402
    OperatorLogContract,
    ReconciliationLogContract,
    TrackingLogContract,
)
from paywall_core.testing.contract.messengers import (  # noqa: E402
    AccessMessengerContract,
    CodeMessengerContract,
    NoticeMessengerContract,
)
from paywall_core.testing.contract.orders import OrdersContract, UnitOfWorkContract  # noqa: E402
from paywall_core.testing.contract.outbox import OutboxContract  # noqa: E402
from paywall_core.testing.contract.payment_events import PaymentEventsContract  # noqa: E402
from paywall_core.testing.contract.restoring import RestoreChallengesContract  # noqa: E402
from paywall_core.testing.contract.retrying import RetryingContract  # noqa: E402
from paywall_core.testing.contract.watching import InvariantWatchContract  # noqa: E402

__all__ = [
    "AccessMessengerContract",
    "BacklogWatchContract",
    "CodeMessengerContract",
    "DatabaseContract",
    "HasteningContract",
    "InvariantWatchContract",
    "NoticeMessengerContract",
    "OperatorLogContract",
    "OrderArchiveContract",
    "OrderDirectoryContract",
    "OrdersContract",
    "OutboxArchiveContract",
    "OutboxContract",
    "PaymentEventsContract",
    "PaymentGatewayContract",
    "ReconciliationLogContract",
    "RestoreChallengesContract",
    "RetryingContract",
    "TrackingLogContract",
    "UnitOfWorkContract",
]


class DatabaseContract(
    UnitOfWorkContract,
    OrdersContract,
    PaymentEventsContract,
    RestoreChallengesContract,
    TrackingLogContract,
    OutboxContract,
    RetryingContract,
    HasteningContract,
    OperatorLogContract,
    ReconciliationLogContract,
    OrderDirectoryContract,
    OrderArchiveContract,
    OutboxArchiveContract,
    InvariantWatchContract,
    BacklogWatchContract,
):
    """Every contract of a database at once."""
