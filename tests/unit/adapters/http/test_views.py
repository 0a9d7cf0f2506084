"""What the success page says in each situation."""

from itertools import product

import pytest

from adapters.http.pages.views import success_view
from adapters.http.pages.waiting import ask_again, try_again
from adapters.i18n import translator
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.use_cases.session_status import SessionStatus

F, S = FulfillmentStatus, State


def view_of(fulfillment: FulfillmentStatus, access: State, *, link: str | None = None, completed: bool = False) -> str:
    """The kind of page for a status; its words are there, and a button has a target."""
    status = SessionStatus(
        payment_status="unpaid",
        fulfillment_status=fulfillment,
        access_status=access,
        activation_link=link,
        checkout_completed=completed,
    )
    view = success_view(status, translator("en"), bot_url="https://t.me/bot", pay_url="/pay?plan=p")
    assert view.title
    assert view.text
    assert bool(view.button) == bool(view.url)
    return view.kind


@pytest.mark.parametrize(
    ("fulfillment", "access", "link", "completed", "kind"),
    [
        (F.PENDING, S.PENDING, None, False, "waiting"),
        (F.PENDING, S.PENDING, None, True, "delayed"),
        (F.FULFILLED, S.TOKEN_ISSUED, "https://t.me/x", False, "ready"),
        (F.FULFILLED, S.TOKEN_ISSUED, None, False, "mailed"),
        (F.FULFILLED, S.ACTIVE, None, False, "active"),
        (F.FAILED, S.PENDING, None, False, "failed"),
        (F.FAILED, S.EXPIRED, None, False, "failed"),
        (F.FULFILLED, S.EXPIRED, None, False, "over"),
        (F.FULFILLED, S.REVOKED, None, False, "over"),
    ],
)
def test_each_situation_has_its_page(
    fulfillment: FulfillmentStatus, access: State, link: str | None, *, completed: bool, kind: str
) -> None:
    """Money that is on its way for days is another than money that is here in seconds."""
    assert view_of(fulfillment, access, link=link, completed=completed) == kind


def test_no_situation_is_without_a_page() -> None:
    """Whatever the status says."""
    assert all(view_of(fulfillment, access) for fulfillment, access in product(F, S))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.1, "1 second."),
        (1.2, "2 seconds."),
        (60, "60 seconds."),
        (90, "90 seconds."),
        (91, "2 minutes."),
        (3600, "60 minutes."),
    ],
)
def test_time_to_wait_is_said_in_words(seconds: float, words: str) -> None:
    """Rounded up: whoever waits so long has waited long enough."""
    for said in (try_again(translator("en"), seconds), ask_again(translator("en"), seconds)):
        assert said.endswith(f" in {words}")
