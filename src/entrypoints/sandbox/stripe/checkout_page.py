"""The hosted checkout page, in Russian and English, without JavaScript. Decides nothing of payment."""

from typing import Any

from litestar import Request, Response
from litestar.response import Redirect

from adapters.i18n import Translate
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.checkout import TestCard, is_without_card
from entrypoints.sandbox.stripe.engine import Engine
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.hosted import every, notice, render, translate
from entrypoints.sandbox.troubles import Troubles


class CheckoutPage:
    """Shows a session and takes the customer's choice."""

    def __init__(self, *, engine: Engine, troubles: Troubles) -> None:
        self._engine = engine
        self._troubles = troubles

    def show(self, request: Request[Any, Any, Any], session_id: str) -> Response[Any]:
        """The page as the session stands."""
        session = self._session(session_id)
        if self._troubles.stripe_down or session is None:
            return self._notice(request, session)
        return self._page(request, session) if session["status"] == "open" else self._notice(request, session)

    async def pay(self, request: Request[Any, Any, Any], session_id: str) -> Response[Any]:
        """The customer has chosen: on to the shop, or the same page with what went wrong."""
        session = self._session(session_id)
        if self._troubles.stripe_down or session is None or session["status"] != "open":
            return self._notice(request, session)
        form = await request.form()
        choice, email = str(form.get("choice", "")), str(form.get("email", "")).strip()
        try:
            if choice == "delayed":
                self._engine.pay_delayed(session_id, email=email)
            elif choice in ("card", "declined"):
                card = TestCard.PAYS if choice == "card" else TestCard.DECLINED
                self._engine.pay(session_id, card=card, email=email)
            else:
                t = _translate(request, session)
                return self._page(request, session, status=400, problem=t("Choose a payment method."))
        except StripeRefusal as refusal:
            t, declined = _translate(request, session), refusal.type_ == "card_error"
            problem = t("Your card was declined. Try another card.") if declined else t("Enter your e-mail address.")
            return self._page(
                request, session, status=402 if declined else 400, problem=problem, email=email, choice=choice
            )
        return Redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id), status_code=303)

    def _session(self, session_id: str) -> Document | None:
        self._engine.world.settle_time()
        return self._engine.world.find("checkout.session", session_id)

    def _page(
        self,
        request: Request[Any, Any, Any],
        session: Document,
        *,
        status: int = 200,
        problem: str | None = None,
        email: str = "",
        choice: str = "card",
    ) -> Response[str]:
        t = _translate(request, session)
        items = self._engine.checkout.items(session["id"])
        customer = self._engine.world.find("customer", session["customer"]) or {}
        trial_days = self._engine.checkout.trial_days(session["id"])
        data = {
            "session": session,
            "items": [
                {
                    "name": item["description"],
                    "quantity": item["quantity"],
                    "amount": t.money(item["amount_total"], item["currency"]),
                    "every": every(item["price"]["recurring"], t),
                }
                for item in items
            ],
            "total": t.money(session["amount_total"], session["currency"]),
            "email": session["customer_email"] or customer.get("email") or email,
            "email_is_fixed": bool(session["customer_email"] or customer.get("email")),
            "problem": problem,
            "choice": choice,
            "delayed_offered": "sepa_debit" in session["payment_method_types"],
            "without_card": is_without_card(session),
            "trial": t.plural("%(n)s day free", "%(n)s days free", trial_days) if trial_days else None,
        }
        return render("pay.html", t, status, data)

    def _notice(self, request: Request[Any, Any, Any], session: Document | None) -> Response[str]:
        t = _translate(request, session)
        if self._troubles.stripe_down:
            status, title = 503, t("Payment is unavailable")
            text = t("Nothing was charged. Please try again in a few minutes.")
        elif session is None:
            status, title, text = 404, t("Something went wrong"), t("This payment page could not be found.")
        elif session["status"] == "expired":
            status, title = 410, t("This page has expired")
            text = t("Go back to the shop and start the payment again.")
        else:
            status, title = 200, t("You are all done here")
            text = t("This payment is complete. You can close this page.")
        back = session["cancel_url"] if session and session["status"] == "expired" else None
        return notice(t, status, title=title, text=text, back=back)


def _translate(request: Request[Any, Any, Any], session: Document | None) -> Translate:
    """The words in the session's language."""
    return translate(request, (session or {}).get("locale"))
