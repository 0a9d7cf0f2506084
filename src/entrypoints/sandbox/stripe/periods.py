"""What the end of a subscription's period brings: the next one and its bill, or an end, or a pause."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.dunning import Dunning
from entrypoints.sandbox.stripe.endings import Endings, live_subscription
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.intervals import next_period, period_end
from entrypoints.sandbox.stripe.invoices import Invoices, subscription_id_of
from entrypoints.sandbox.stripe.pauses import Pauses
from entrypoints.sandbox.stripe.timeline import Due
from entrypoints.sandbox.stripe.world import World
from entrypoints.sandbox.troubles import Troubles

DRAFT_SECONDS: Final = 3600
"""How long Stripe leaves a renewal's invoice a draft, for the seller to add to it; the card pays only then."""
_NOTICE_SECONDS: Final = 3 * 86_400
_TURNING: Final = ("active", "trialing", "past_due", "unpaid")


class Periods:
    """Turns periods, and says so in events."""

    def __init__(
        self,
        world: World,
        *,
        invoices: Invoices,
        endings: Endings,
        dunning: Dunning,
        pauses: Pauses,
        troubles: Troubles,
    ) -> None:
        self._world = world
        self._invoices = invoices
        self._endings = endings
        self._dunning = dunning
        self._pauses = pauses
        self._troubles = troubles
        self._noticed: set[str] = set()

    def renew(self, subscription_id: str, *, succeeds: bool = True, needs_action: bool = False) -> Document:
        """The period is over, whatever the clock says: what comes next, with its bill paid or not paid at once.

        Args:
            subscription_id: which.
            succeeds: whether the card pays.
            needs_action: it does not, because the customer's bank wants to see the customer first.

        Raises:
            StripeRefusal: it has ended, is paused or never began.
        """
        sub = live_subscription(self._world, subscription_id)
        if sub["status"] not in _TURNING:
            raise StripeRefusal(f"The subscription is {sub['status']}: its period does not turn.")
        with self._world.no_request():
            waiting = [one for one in self._invoices.drafts_of(sub) if one["automatically_finalizes_at"] is not None]
            bill = waiting[-1] if waiting else self._turn(sub)
            if bill is not None:
                self._bill(sub, bill, succeeds=succeeds and not needs_action, needs_action=needs_action)
        return sub

    def notice_trial(self, sub: Document) -> None:
        """Say that its trial ends soon, once."""
        self._noticed.add(sub["id"])
        self._world.emit("customer.subscription.trial_will_end", sub)

    def next_outcome(self) -> int | None:
        """When it shows what follows the next period that ends: its bill is tried, or it is over. Unix seconds.

        None: no period turns by itself.
        """
        ends = [period_end(sub) for status in _TURNING for sub in self._world.where("subscription", status=status)]
        drafts = [bill["automatically_finalizes_at"] for bill in self._world.where("invoice", status="draft")]
        outcomes = [*(end + DRAFT_SECONDS for end in ends), *(at for at in drafts if at is not None)]
        return min((at for at in outcomes if at > self._world.now()), default=None)

    def due(self) -> Iterable[Due]:
        """Trials that end soon, periods that end, drafts that are to be paid."""
        for sub in self._world.where("subscription", status="trialing"):
            if sub["id"] not in self._noticed:
                yield Due(max(sub["created"], sub["trial_end"] - _NOTICE_SECONDS), partial(self.notice_trial, sub))
        for status in _TURNING:
            for sub in self._world.where("subscription", status=status):
                yield Due(period_end(sub), partial(self._turn, sub))
        for bill in self._world.where("invoice", status="draft"):
            if bill["automatically_finalizes_at"] is not None:
                yield Due(bill["automatically_finalizes_at"], partial(self._bill_by_itself, bill))

    def _turn(self, sub: Document) -> Document | None:
        """The next period, and its draft; None where there is none."""
        if sub["cancel_at_period_end"]:
            self._endings.cancel(sub["id"])
            return None
        if sub["status"] == "trialing" and sub["default_payment_method"] is None:
            missing = sub["trial_settings"]["end_behavior"]["missing_payment_method"]
            if missing == "pause":
                self._pauses.pause(sub["id"])
                return None
            if missing == "cancel":
                self._endings.cancel(sub["id"], reason=None)
                return None
        items = [next_period(item, sub["billing_cycle_anchor"]) for item in sub["items"]["data"]]
        status = "active" if sub["status"] == "trialing" else sub["status"]
        self._world.update("customer.subscription.updated", sub, items={**sub["items"], "data": items}, status=status)
        bill = self._invoices.draft(sub, reason="subscription_cycle")
        if status == "unpaid":  # nothing more is collected until somebody pays what is owed
            bill["auto_advance"] = False
        else:
            bill["automatically_finalizes_at"] = self._world.now() + DRAFT_SECONDS
        self._invoices.announce(bill)
        return bill

    def _bill_by_itself(self, bill: Document) -> None:
        sub = self._world.get("subscription", subscription_id_of(bill))
        self._bill(sub, bill, succeeds=not self._troubles.renewals_fail)

    def _bill(self, sub: Document, bill: Document, *, succeeds: bool, needs_action: bool = False) -> None:
        uncollected = (sub["pause_collection"] or {}).get("behavior")
        if uncollected == "keep_as_draft":
            self._invoices.stop(bill)
        if not bill["auto_advance"]:
            return
        self._invoices.finalize(bill)
        if uncollected == "void":
            self._invoices.void(bill)
        elif uncollected == "mark_uncollectible":
            self._invoices.mark_uncollectible(bill)
        elif succeeds and sub["default_payment_method"] is not None:
            self._invoices.collect(bill)
            self._world.update("customer.subscription.updated", sub, status="active")
        else:
            self._dunning.fail(sub, bill, needs_action=needs_action)
