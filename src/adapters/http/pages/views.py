"""What the success page says in each situation. Pure."""

from msgspec import Struct

from adapters.i18n import Translate
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.use_cases.session_status import SessionStatus


class SuccessView(Struct, frozen=True, kw_only=True):
    """What the success page shows.

    Attributes:
        kind: for styles and tests: `waiting`, `delayed`, `ready`, `active`, `mailed`, `failed` or `over`.
        title, text: what happened, and what to do next.
        button, url: the one thing to press, or empty.
        lost: whether the way to a new link is shown.
        refresh_seconds: how long the page may wait at most before it asks again; 0: nothing will change by itself.
    """

    kind: str
    title: str
    text: str
    button: str = ""
    url: str = ""
    lost: bool = False
    refresh_seconds: int = 0


def success_view(status: SessionStatus, t: Translate, *, bot_url: str, pay_url: str) -> SuccessView:
    """The words for a session's status.

    Args:
        status: how the session stands.
        t: the customer's language.
        bot_url: into the bot, for whoever is in already.
        pay_url: back to the plans, with what was chosen before.
    """
    if status.activation_link is not None:
        return SuccessView(
            kind="ready",
            title=t("Thank you, your payment is here!"),
            text=t("One step is left: open Telegram and press Start. We have also sent you the link by e-mail."),
            button=t("Open in Telegram"),
            url=status.activation_link,
        )
    if status.access_status is State.ACTIVE:
        return SuccessView(
            kind="active",
            title=t("You are in"),
            text=t("Your access is active. Everything is waiting for you in Telegram."),
            button=t("Open the bot"),
            url=bot_url,
        )
    if status.access_status is State.TOKEN_ISSUED:
        return SuccessView(
            kind="mailed",
            title=t("Your payment is here"),
            text=t("Your personal link is in the e-mail that we sent you after the payment."),
            lost=True,
        )
    if status.fulfillment_status is FulfillmentStatus.FAILED:
        return SuccessView(
            kind="failed",
            title=t("The payment did not go through"),
            text=t("Nothing was charged. You can try again, perhaps with another card."),
            button=t("Try again"),
            url=pay_url,
        )
    if status.access_status in (State.EXPIRED, State.REVOKED):
        return SuccessView(
            kind="over",
            title=t("This access has ended"),
            text=t("You are welcome to come back at any time."),
            button=t("Choose a plan"),
            url=pay_url,
            lost=True,
        )
    return _unpaid(status, t)


def _unpaid(status: SessionStatus, t: Translate) -> SuccessView:
    if status.checkout_completed:
        return SuccessView(
            kind="delayed",
            refresh_seconds=60,
            title=t("Your payment is on its way"),
            text=t(
                "You have done your part; your bank may take some days to send the money. "
                "You can close this page: as soon as the money is here, we will e-mail you the link."
            ),
        )
    return SuccessView(
        kind="waiting",
        refresh_seconds=5,
        title=t("We are waiting for your payment"),
        text=t(
            "Usually this takes a few seconds; a bank transfer may take some days. "
            "You can close this page: as soon as the money is here, we will e-mail you the link."
        ),
    )
