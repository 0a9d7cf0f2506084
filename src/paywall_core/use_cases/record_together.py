"""Many notifications at once, in few transactions: a campaign's sales arrive as a burst."""

from paywall_core.notification import PaymentNotification
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment, subjects_of
from paywall_core.use_cases.together import DEFAULT_LANES, MOST_TOGETHER, WORTH_A_LANE, Together


class RecordTogether(Together[PaymentNotification, RecordedPayment]):
    """Record notifications that come in at the same moment by a common transaction, each with an outcome of its own.

    No two go together that may be about the same thing (`subjects_of`), and each is answered after its own commit. It
    raises as `RecordPayment` does.

    Args:
        record: records them.
        lanes, enough, most: see `Together`.
    """

    def __init__(
        self,
        record: RecordPayment,
        *,
        lanes: int = DEFAULT_LANES,
        enough: int = WORTH_A_LANE,
        most: int = MOST_TOGETHER,
    ) -> None:
        super().__init__(record.together, subjects_of=subjects_of, one=record, lanes=lanes, enough=enough, most=most)
