"""Every notice that a customer can get, with the words that it must have in both languages, written out.

The three suites that need them (words, e-mail, Telegram) read them from here, so that no medium says less.
"""

from datetime import UTC, datetime
from typing import Any, Final

from paywall_core.effects import NoticeKind
from paywall_core.money import Money
from paywall_core.ports.delivery import NoticeAction
from tests.unit.adapters.i18n.notice_sample import ACTIVATION, PORTAL, Said, Sample, notice_of

_UNTIL: Final = datetime(2027, 5, 1, 23, 30, tzinfo=UTC)
_PRICE: Final = Money(amount_minor=1999, currency="eur")
_BACK_EN: Final = "The money goes back the way it was paid. It may take your bank a few days to show it."
_BACK_RU: Final = (
    "Деньги вернутся тем же способом, которым вы платили. Банку может понадобиться несколько дней, чтобы их зачислить."
)
_PAUSED_EN: Final = (
    "Until the bank has decided, access is paused. If it confirms the payment, access comes back by itself."
)
_DISPUTED_EN: Final = (
    "You do not need to do anything. If it was disputed by mistake, you can withdraw the dispute at your bank."
)
_DISPUTED_RU: Final = (
    "От вас ничего не требуется. Если платёж оспорен по ошибке, вы можете отозвать заявление в своём банке."
)
_PORTAL: Final[dict[str, Any]] = {"action": NoticeAction.PORTAL, "url": PORTAL}
_PAY: Final[dict[str, Any]] = {"action": NoticeAction.PAY}
_ACTIVATE: Final[dict[str, Any]] = {"action": NoticeAction.ACTIVATE, "url": ACTIVATION}

SAMPLES: Final = (
    Sample(
        name="renewal failed, access until the grace is over",
        message=notice_of(
            NoticeKind.PAYMENT_FAILED, has_access=True, access_until=_UNTIL, amount=_PRICE, renews=True, **_PORTAL
        ),
        en=Said(
            title="Your subscription could not be renewed",
            sentences=(
                "We could not charge €19.99 for the next period.",
                "Your access stays open until May 1, 2027.",
                "Please check your card or add another one, so that your access is not interrupted.",
            ),
            button="Check the payment method",
        ),
        ru=Said(
            title="Не удалось продлить подписку",
            sentences=(
                "Платёж на сумму 19,99 € за следующий период не прошёл.",
                "Доступ сохранится до 1 мая 2027 года.",
                "Проверьте, пожалуйста, карту или добавьте другую, чтобы доступ не прервался.",
            ),
            button="Проверить способ оплаты",
        ),
    ),
    Sample(
        name="renewal failed, grace over, amount unknown",
        message=notice_of(NoticeKind.PAYMENT_FAILED, renews=True, **_PORTAL),
        en=Said(
            title="Your subscription could not be renewed",
            sentences=(
                "We could not take the payment for the next period.",
                "Your access is closed for now. It opens again as soon as the payment is made.",
                "Please check your card or add another one.",
            ),
            button="Check the payment method",
        ),
        ru=Said(
            title="Не удалось продлить подписку",
            sentences=(
                "Платёж за следующий период не прошёл.",
                "Сейчас доступ закрыт. Он откроется снова, как только пройдёт оплата.",
                "Проверьте, пожалуйста, карту или добавьте другую.",
            ),
            button="Проверить способ оплаты",
        ),
    ),
    Sample(
        name="renewal failed, the portal out of reach",
        message=notice_of(
            NoticeKind.PAYMENT_FAILED, has_access=True, access_until=_UNTIL, renews=True, action=NoticeAction.PORTAL
        ),
        en=Said(
            title="Your subscription could not be renewed",
            sentences=(
                "We could not take the payment for the next period.",
                "Your access stays open until May 1, 2027.",
            ),
        ),
        ru=Said(
            title="Не удалось продлить подписку",
            sentences=("Платёж за следующий период не прошёл.", "Доступ сохранится до 1 мая 2027 года."),
        ),
    ),
    Sample(
        name="first payment failed",
        message=notice_of(NoticeKind.PAYMENT_FAILED, amount=_PRICE, **_PAY),
        en=Said(
            title="The payment did not go through",
            sentences=(
                "Your bank did not confirm the payment of €19.99. Nothing was charged.",
                "You can pay again, perhaps in another way.",
            ),
            button="Pay again",
        ),
        ru=Said(
            title="Оплата не прошла",
            sentences=(
                "Банк не подтвердил платёж на сумму 19,99 €. Деньги не списаны.",
                "Вы можете оплатить ещё раз, например другим способом.",
            ),
            button="Оплатить снова",
        ),
    ),
    Sample(
        name="one-time payment failed beside one that stands",
        message=notice_of(NoticeKind.PAYMENT_FAILED, has_access=True, access_until=_UNTIL),
        en=Said(
            title="The payment did not go through",
            sentences=("Your bank did not confirm the payment. Nothing was charged.",),
        ),
        ru=Said(title="Оплата не прошла", sentences=("Банк не подтвердил платёж. Деньги не списаны.",)),
    ),
    Sample(
        name="first payment failed, amount unknown, nothing to do",
        message=notice_of(NoticeKind.PAYMENT_FAILED, renews=True),
        en=Said(
            title="The payment did not go through",
            sentences=("Your bank did not confirm the payment. Nothing was charged.",),
        ),
        ru=Said(title="Оплата не прошла", sentences=("Банк не подтвердил платёж. Деньги не списаны.",)),
    ),
    Sample(
        name="cancelled subscription ends soon",
        message=notice_of(NoticeKind.ENDS_SOON, has_access=True, access_until=_UNTIL, renews=True, **_PORTAL),
        en=Said(
            title="Your access ends on May 1, 2027",
            sentences=(
                "Your subscription is cancelled, and nothing more will be charged.",
                "If you would like to stay, keep the subscription: that is possible until then.",
            ),
            button="Keep the subscription",
        ),
        ru=Said(
            title="Ваш доступ закончится 1 мая 2027 года",
            sentences=(
                "Подписка отменена, новых списаний не будет.",
                "Если хотите остаться, возобновите подписку: это можно сделать до указанной даты.",
            ),
            button="Возобновить подписку",
        ),
    ),
    Sample(
        name="one-time access ends soon",
        message=notice_of(NoticeKind.ENDS_SOON, has_access=True, access_until=_UNTIL, plan="one_time_basic", **_PAY),
        en=Said(
            title="Your access ends on May 1, 2027",
            sentences=(
                "Your paid time is running out. Nothing will be charged automatically.",
                "If you would like to stay, pay again.",
            ),
            button="Pay again",
        ),
        ru=Said(
            title="Ваш доступ закончится 1 мая 2027 года",
            sentences=(
                "Оплаченное время подходит к концу. Автоматических списаний не будет.",
                "Если хотите остаться, оплатите доступ ещё раз.",
            ),
            button="Оплатить снова",
        ),
    ),
    Sample(
        name="access ends soon, nobody knows when, nothing to do",
        message=notice_of(NoticeKind.ENDS_SOON, has_access=True),
        en=Said(
            title="Your access ends soon",
            sentences=("Your paid time is running out. Nothing will be charged automatically.",),
        ),
        ru=Said(
            title="Ваш доступ скоро закончится",
            sentences=("Оплаченное время подходит к концу. Автоматических списаний не будет.",),
        ),
    ),
    Sample(
        name="access ended",
        message=notice_of(NoticeKind.ENDED, access_until=_UNTIL, **_PAY),
        en=Said(
            title="Your access has ended",
            sentences=("It was open until May 1, 2027.", "You are welcome to come back at any time."),
            button="Pay again",
        ),
        ru=Said(
            title="Ваш доступ закончился",
            sentences=(
                "Он действовал до 1 мая 2027 года.",
                "Возвращайтесь в любое время, мы будем рады.",
            ),
            button="Оплатить снова",
        ),
    ),
    Sample(
        name="access ended, the subscription still there to be looked after",
        message=notice_of(NoticeKind.ENDED, renews=True, **_PORTAL),
        en=Said(
            title="Your access has ended",
            sentences=("Your paid time is over.", "To come back, check your subscription and the payment method."),
            button="Manage the subscription",
        ),
        ru=Said(
            title="Ваш доступ закончился",
            sentences=("Оплаченное время закончилось.", "Чтобы вернуться, проверьте подписку и способ оплаты."),
            button="Управлять подпиской",
        ),
    ),
    Sample(
        name="refunded in full",
        message=notice_of(NoticeKind.REFUNDED, amount=_PRICE, plan="one_time_basic", **_PAY),
        en=Said(
            title="We are refunding you €19.99",
            sentences=(
                _BACK_EN,
                "This payment no longer gives access.",
            ),
            button="Pay again",
        ),
        ru=Said(
            title="Возвращаем вам 19,99 €",
            sentences=(
                _BACK_RU,
                "Этот платёж больше не даёт доступа.",
            ),
            button="Оплатить снова",
        ),
    ),
    Sample(
        name="refunded in full, nothing to do",
        message=notice_of(NoticeKind.REFUNDED, amount=_PRICE, renews=True),
        en=Said(title="We are refunding you €19.99", sentences=(_BACK_EN, "This payment no longer gives access.")),
        ru=Said(title="Возвращаем вам 19,99 €", sentences=(_BACK_RU, "Этот платёж больше не даёт доступа.")),
    ),
    Sample(
        name="refunded in part, access for a time",
        message=notice_of(
            NoticeKind.REFUNDED,
            has_access=True,
            access_until=_UNTIL,
            amount=Money(amount_minor=150000, currency="rub"),
        ),
        en=Said(
            title="We are refunding you RUB 1,500.00",
            sentences=(
                _BACK_EN,
                "Your access stays open until May 1, 2027.",
            ),
        ),
        ru=Said(
            title="Возвращаем вам 1 500,00 ₽",
            sentences=(
                _BACK_RU,
                "Доступ сохранится до 1 мая 2027 года.",
            ),
        ),
    ),
    Sample(
        name="refunded in part, the subscription goes on, amount unknown",
        message=notice_of(NoticeKind.REFUNDED, has_access=True, access_until=_UNTIL, renews=True),
        en=Said(
            title="We are refunding your payment",
            sentences=(
                _BACK_EN,
                "Your access stays as it is.",
            ),
        ),
        ru=Said(
            title="Возвращаем вам деньги",
            sentences=(
                _BACK_RU,
                "Ваш доступ сохраняется без изменений.",
            ),
        ),
    ),
    Sample(
        name="refunded in part, access for life",
        message=notice_of(NoticeKind.REFUNDED, has_access=True, amount=Money(amount_minor=500, currency="usd")),
        en=Said(
            title="We are refunding you $5.00",
            sentences=(
                _BACK_EN,
                "Your access stays as it is.",
            ),
        ),
        ru=Said(
            title="Возвращаем вам 5,00 $",
            sentences=(
                _BACK_RU,
                "Ваш доступ сохраняется без изменений.",
            ),
        ),
    ),
    Sample(
        name="suspended by a dispute",
        message=notice_of(NoticeKind.SUSPENDED, amount=_PRICE),
        en=Said(
            title="Your access is paused",
            sentences=(
                "The payment for your access has been disputed, and the bank is looking into it.",
                _PAUSED_EN,
                _DISPUTED_EN,
            ),
        ),
        ru=Said(
            title="Ваш доступ приостановлен",
            sentences=(
                "Платёж за доступ оспорен, и сейчас его проверяет банк.",
                "До решения банка доступ приостановлен. Если банк подтвердит платёж, доступ вернётся автоматически.",
                _DISPUTED_RU,
            ),
        ),
    ),
    Sample(
        name="restored for a time",
        message=notice_of(NoticeKind.RESTORED, has_access=True, access_until=_UNTIL),
        en=Said(
            title="Your access is back",
            sentences=("The matter is settled.", "Your access is open again until May 1, 2027."),
        ),
        ru=Said(
            title="Ваш доступ восстановлен",
            sentences=(
                "Вопрос решён.",
                "Доступ снова открыт и действует до 1 мая 2027 года.",
            ),
        ),
    ),
    Sample(
        name="restored for life",
        message=notice_of(NoticeKind.RESTORED, has_access=True),
        en=Said(
            title="Your access is back",
            sentences=("The matter is settled.", "Your access is open again and never expires."),
        ),
        ru=Said(
            title="Ваш доступ восстановлен",
            sentences=("Вопрос решён.", "Доступ снова открыт и не ограничен по времени."),
        ),
    ),
    Sample(
        name="restored for a time, never activated",
        message=notice_of(NoticeKind.RESTORED, has_access=True, access_until=_UNTIL, **_ACTIVATE),
        en=Said(
            title="Your access is back",
            sentences=(
                "The matter is settled.",
                "Your access is paid until May 1, 2027.",
                "One step is left: activate your access in Telegram.",
            ),
            button="Activate access",
        ),
        ru=Said(
            title="Ваш доступ восстановлен",
            sentences=(
                "Вопрос решён.",
                "Доступ оплачен до 1 мая 2027 года.",
                "Остался один шаг: активируйте доступ в Telegram.",
            ),
            button="Активировать доступ",
        ),
    ),
    Sample(
        name="restored for life, never activated",
        message=notice_of(NoticeKind.RESTORED, has_access=True, **_ACTIVATE),
        en=Said(
            title="Your access is back",
            sentences=(
                "The matter is settled.",
                "One step is left: activate your access in Telegram.",
            ),
            button="Activate access",
        ),
        ru=Said(
            title="Ваш доступ восстановлен",
            sentences=(
                "Вопрос решён.",
                "Остался один шаг: активируйте доступ в Telegram.",
            ),
            button="Активировать доступ",
        ),
    ),
)
