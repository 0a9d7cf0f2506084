"""The words that are stored: rows of an earlier release must stay readable, so none is ever changed."""

from enum import StrEnum

import msgspec
import pytest

from paywall_core import effects, events, tracking
from paywall_core.effects import MAX_KEY_CHARACTERS, NoticeChannel, NoticeKind
from paywall_core.events import EventType
from paywall_core.facts import (
    CheckoutStatus,
    DisputeStatus,
    Mode,
    OperatorAction,
    PaymentStatus,
    RefundStatus,
    SubscriptionStatus,
)
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.tracking import TrackingOutcome

WORDS: dict[type[StrEnum], str] = {
    CheckoutStatus: "unknown open expired complete",
    PaymentStatus: "unpaid failed abandoned paid",
    SubscriptionStatus: "incomplete trialing paused active past_due unpaid ended",
    RefundStatus: "pending succeeded failed cancelled",
    DisputeStatus: "inquiry inquiry_closed open prevented lost won",
    OperatorAction: "reinstate revoke",
    Mode: "one_time subscription",
    State: "pending token_issued active expired revoked",
    FulfillmentStatus: "pending fulfilled failed",
    NoticeKind: "payment_failed ends_soon ended refunded suspended restored",
    NoticeChannel: "email chat",
    TrackingOutcome: "queued delivered failed merged refused",
    EventType: (
        "checkout_opened checkout_completed checkout_expired payment_succeeded payment_failed payment_linked "
        "refund_made refund_failed dispute_opened dispute_lost dispute_ended_well subscription_updated "
        "subscription_ended token_redeemed token_rotated access_revoked access_reinstated link_resent time_passed"
    ),
}

TAGS: dict[type[msgspec.Struct], str] = {
    effects.SendAccessEmail: "access_email",
    effects.SendActivationMessage: "activation_message",
    effects.ReportSale: "report_sale",
    effects.SendNotice: "notice",
    effects.LookUpEvent: "look_up",
    effects.SendRestoreCode: "restore_code",
    effects.ForwardTrackedEvent: "tracked_event",
    events.CheckoutOpened: "checkout_opened",
    events.CheckoutCompleted: "checkout_completed",
    events.CheckoutExpired: "checkout_expired",
    events.PaymentSucceeded: "payment_succeeded",
    events.PaymentFailed: "payment_failed",
    events.PaymentLinked: "payment_linked",
    events.RefundUpdated: "refund_updated",
    events.ChargeRefunded: "charge_refunded",
    events.DisputeUpdated: "dispute_updated",
    events.SubscriptionUpdated: "subscription_updated",
    events.SubscriptionEnded: "subscription_ended",
    events.TokenRedeemed: "token_redeemed",
    events.TokenRotated: "token_rotated",
    events.AccessRevoked: "access_revoked",
    events.AccessReinstated: "access_reinstated",
    events.LinkResent: "link_resent",
    events.TimePassed: "time_passed",
    tracking.FunnelEvent: "funnel",
    tracking.AdEvent: "ad",
}


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_enumeration_is_stored_by_these_words(kind: type[StrEnum]) -> None:
    """In this order too: where a later word wins a merge, the order decides."""
    assert [word.value for word in kind] == WORDS[kind].split()


@pytest.mark.parametrize("struct", TAGS, ids=lambda struct: struct.__name__)
def test_struct_is_stored_under_this_tag(struct: type[msgspec.Struct]) -> None:
    """By it the row is read back as what it was."""
    assert struct.__struct_config__.tag == TAGS[struct]


def test_key_fits_the_column_that_it_is_stored_in() -> None:
    """The databases give it so many characters."""
    assert MAX_KEY_CHARACTERS == 255
