"""The hosted checkout page, in Russian and English, without JavaScript. Decides nothing of payment."""

import secrets
from pathlib import Path
from typing import Any, Final

from babel.numbers import format_currency, get_currency_precision
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.response import Redirect

from adapters.i18n import translator
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.checkout import TestCard
from entrypoints.sandbox.stripe.engine import Engine
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.troubles import Troubles

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_EVERY: Final = {"day": "per day", "week": "per week", "month": "per month", "year": "per year"}
_EVERY_FEW: Final = {
    "day": "every %(count)s days",
    "week": "every %(count)s weeks",
    "month": "every %(count)s months",
    "year": "every %(count)s years",
}
_LOCALES: Final = ("ru", "en")


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
                return self._page(request, session, status=400, problem="Choose a payment method.")
        except StripeRefusal as refusal:
            declined = refusal.type_ == "card_error"
            problem = "Your card was declined. Try another card." if declined else "Enter your e-mail address."
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
        locale = _locale(request, session)
        items = self._engine.checkout.items(session["id"])
        customer = self._engine.world.find("customer", session["customer"]) or {}
        data = {
            "session": session,
            "items": [
                {
                    "name": item["description"],
                    "quantity": item["quantity"],
                    "amount": _money(item["amount_total"], item["currency"], locale),
                    "every": _every(item["price"]["recurring"], locale),
                }
                for item in items
            ],
            "total": _money(session["amount_total"], session["currency"], locale),
            "email": session["customer_email"] or customer.get("email") or email,
            "email_is_fixed": bool(session["customer_email"] or customer.get("email")),
            "problem": problem,
            "choice": choice,
            "delayed_offered": "sepa_debit" in session["payment_method_types"],
        }
        return _render("pay.html", locale, status, data)

    def _notice(self, request: Request[Any, Any, Any], session: Document | None) -> Response[str]:
        if self._troubles.stripe_down:
            status, title, text = (
                503,
                "Payment is unavailable",
                "Nothing was charged. Please try again in a few minutes.",
            )
        elif session is None:
            status, title, text = 404, "Something went wrong", "This payment page could not be found."
        elif session["status"] == "expired":
            status, title, text = 410, "This page has expired", "Go back to the shop and start the payment again."
        else:
            status, title, text = 200, "You are all done here", "This payment is complete. You can close this page."
        back = session["cancel_url"] if session and session["status"] == "expired" else None
        return _render("notice.html", _locale(request, session), status, {"title": title, "text": text, "back": back})


def _render(template: str, locale: str, status: int, data: Document) -> Response[str]:
    nonce = secrets.token_urlsafe(16)
    text = _templates.get_template(template).render(**data, t=translator(locale), locale=locale, nonce=nonce)
    return Response(
        text,
        status_code=status,
        media_type=MediaType.HTML,
        headers={
            "Cache-Control": "no-store",
            # No form-action: paying leads on to the shop, on an origin of its own.
            "Content-Security-Policy": f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; "
            "frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _locale(request: Request[Any, Any, Any], session: Document | None) -> str:
    """The session's language, else the browser's, else English."""
    asked = (session or {}).get("locale")
    if asked in (None, "auto"):
        accepted = [
            part.split(";")[0].strip().lower() for part in request.headers.get("accept-language", "").split(",")
        ]
        known = [tag[:2] for tag in accepted if tag[:2] in _LOCALES]
        return known[0] if known else "en"
    return "ru" if asked == "ru" else "en"


def _money(amount_minor: int, currency: str, locale: str) -> str:
    code = currency.upper()
    return format_currency(amount_minor / 10 ** get_currency_precision(code), code, locale=locale)


def _every(recurring: Document | None, locale: str) -> str:
    if recurring is None:
        return ""
    t, count = translator(locale), recurring["interval_count"]
    return t(_EVERY[recurring["interval"]]) if count == 1 else t(_EVERY_FEW[recurring["interval"]], count=count)
