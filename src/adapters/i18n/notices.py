"""What a notice says, in one language: its title, a few sentences, and what its button is called. Knows no medium.

Which sentences those are depends on the kind, and on what the customer has and can do now. Each sentence is true by
itself, so that a case nobody thought of reads plainly instead of wrongly.
"""

from typing import Final, assert_never

from msgspec import Struct

from adapters.i18n.translate import Translate
from paywall_core.effects import NoticeKind
from paywall_core.ports.delivery import NoticeAction, NoticeMessage

_OWN_PAGE: Final = NoticeAction.PAY
"""The one action whose address each medium knows by itself."""


class NoticeWords(Struct, frozen=True, kw_only=True):
    """The words of one notice.

    Attributes:
        title: what it is about, as the subject of an e-mail says it: no full stop.
        sentences: the rest, each by itself.
        button: what the action is called; None: there is nothing to press.
    """

    title: str
    sentences: tuple[str, ...]
    button: str | None


def action_of(message: NoticeMessage) -> NoticeAction | None:
    """What the customer can really do: an action whose address nobody knows is none."""
    return message.action if message.url is not None or message.action is _OWN_PAGE else None


def notice_words(message: NoticeMessage, t: Translate) -> NoticeWords:
    """The words of a notice."""
    title, *sentences = _said(message, t)
    return NoticeWords(title=title, sentences=tuple(sentences), button=_button(message, t))


def _said(message: NoticeMessage, t: Translate) -> list[str]:
    """The title and the sentences."""
    match message.kind:
        case NoticeKind.PAYMENT_FAILED:
            # A subscription that never gave access had a first payment, which is no renewal.
            late = (message.renews and message.has_access) or action_of(message) is NoticeAction.PORTAL
            return _renewal_failed(message, t) if late else _payment_failed(message, t)
        case NoticeKind.ENDS_SOON:
            return _ends_soon(message, t)
        case NoticeKind.ENDED:
            return _ended(message, t)
        case NoticeKind.REFUNDED:
            return _refunded(message, t)
        case NoticeKind.SUSPENDED:
            return _suspended(t)
        case NoticeKind.RESTORED:
            return _restored(message, t)
        case _ as never:
            assert_never(never)


def _renewal_failed(message: NoticeMessage, t: Translate) -> list[str]:
    amount, date = _amount(message, t), _date(message, t)
    said = [
        t("Your subscription could not be renewed"),
        t("We could not charge %(amount)s for the next period.", amount=amount)
        if amount
        else t("We could not take the payment for the next period."),
    ]
    if not message.has_access:
        said.append(t("Your access is closed for now. It opens again as soon as the payment is made."))
    elif date:
        said.append(t("Your access stays open until %(date)s.", date=date))
    if action_of(message) is NoticeAction.PORTAL:
        said.append(
            t("Please check your card or add another one, so that your access is not interrupted.")
            if message.has_access
            else t("Please check your card or add another one.")
        )
    return said


def _payment_failed(message: NoticeMessage, t: Translate) -> list[str]:
    amount = _amount(message, t)
    said = [
        t("The payment did not go through"),
        t("Your bank did not confirm the payment of %(amount)s. Nothing was charged.", amount=amount)
        if amount
        else t("Your bank did not confirm the payment. Nothing was charged."),
    ]
    if action_of(message) is NoticeAction.PAY:
        said.append(t("You can pay again, perhaps in another way."))
    return said


def _ends_soon(message: NoticeMessage, t: Translate) -> list[str]:
    date, action = _date(message, t), action_of(message)
    said = [t("Your access ends on %(date)s", date=date) if date else t("Your access ends soon")]
    if message.renews or action is NoticeAction.PORTAL:
        said.append(t("Your subscription is cancelled, and nothing more will be charged."))
    else:
        said.append(t("Your paid time is running out. Nothing will be charged automatically."))
    if action is NoticeAction.PORTAL:
        said.append(t("If you would like to stay, keep the subscription: that is possible until then."))
    elif action is NoticeAction.PAY:
        said.append(t("If you would like to stay, pay again."))
    return said


def _ended(message: NoticeMessage, t: Translate) -> list[str]:
    date = _date(message, t)
    return [
        t("Your access has ended"),
        t("It was open until %(date)s.", date=date) if date else t("Your paid time is over."),
        t("To come back, check your subscription and the payment method.")
        if action_of(message) is NoticeAction.PORTAL
        else t("You are welcome to come back at any time."),
    ]


def _refunded(message: NoticeMessage, t: Translate) -> list[str]:
    amount, date = _amount(message, t), _date(message, t)
    said = [
        t("We are refunding you %(amount)s", amount=amount) if amount else t("We are refunding your payment"),
        t("The money goes back the way it was paid. It may take your bank a few days to show it."),
    ]
    if not message.has_access:
        said.append(t("This payment no longer gives access."))
    elif date and not message.renews:
        said.append(t("Your access stays open until %(date)s.", date=date))
    else:
        said.append(t("Your access stays as it is."))
    return said


def _suspended(t: Translate) -> list[str]:
    return [
        t("Your access is paused"),
        t("The payment for your access has been disputed, and the bank is looking into it."),
        t("Until the bank has decided, access is paused. If it confirms the payment, access comes back by itself."),
        t("You do not need to do anything. If it was disputed by mistake, you can withdraw the dispute at your bank."),
    ]


def _restored(message: NoticeMessage, t: Translate) -> list[str]:
    date = _date(message, t)
    said = [t("Your access is back"), t("The matter is settled.")]
    if action_of(message) is NoticeAction.ACTIVATE:
        if date:
            said.append(t("Your access is paid until %(date)s.", date=date))
        said.append(t("One step is left: activate your access in Telegram."))
    elif date:
        said.append(t("Your access is open again until %(date)s.", date=date))
    else:
        said.append(t("Your access is open again and never expires."))
    return said


def _button(message: NoticeMessage, t: Translate) -> str | None:
    match action_of(message):
        case None:
            return None
        case NoticeAction.PAY:
            return t("Pay again")
        case NoticeAction.ACTIVATE:
            return t("Activate access")
        case NoticeAction.PORTAL:
            return {
                NoticeKind.PAYMENT_FAILED: t("Check the payment method"),
                NoticeKind.ENDS_SOON: t("Keep the subscription"),
            }.get(message.kind, t("Manage the subscription"))
        case _ as never:
            assert_never(never)


def _date(message: NoticeMessage, t: Translate) -> str | None:
    """The day; its number and its month stay on one line, whichever comes first."""
    if message.access_until is None:
        return None
    return t.date(message.access_until).replace(" ", "\N{NO-BREAK SPACE}", 1)


def _amount(message: NoticeMessage, t: Translate) -> str | None:
    return None if message.amount is None else t.money(message.amount.amount_minor, message.amount.currency)
