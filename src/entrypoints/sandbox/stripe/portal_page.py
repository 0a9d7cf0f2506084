"""The customer portal's pages, in Russian and English, without JavaScript. Decide nothing of subscriptions."""

from datetime import UTC, datetime
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from adapters.i18n import Translate
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.engine import Engine
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.hosted import every, notice, render, translate
from entrypoints.sandbox.stripe.portal import Portal, PortalSession, is_live
from entrypoints.sandbox.troubles import Troubles

_SEE_OTHER: Final = 303


class PortalPage:
    """The login page, the page that asks for the code, and the portal itself."""

    def __init__(self, *, engine: Engine, troubles: Troubles) -> None:
        self._engine = engine
        self._troubles = troubles
        self._portal = Portal(engine)

    def show_login(self, request: Request[Any, Any, Any], page_id: str) -> Response[Any]:
        """Asks for the address; `prefilled_email` fills it in."""
        t = translate(request)
        if self._troubles.stripe_down or self._portal.page(page_id) is None:
            return self._missing(t)
        return render("portal_login.html", t, 200, {"email": request.query_params.get("prefilled_email", "")})

    async def take_address(self, request: Request[Any, Any, Any], page_id: str) -> Response[Any]:
        """The same answer for every address: on to the code."""
        t, configuration = translate(request), self._portal.page(page_id)
        if self._troubles.stripe_down or configuration is None:
            return self._missing(t)
        email = str((await request.form()).get("email", "")).strip()
        if "@" not in email:
            data = {"email": email, "problem": t("Enter your e-mail address.")}
            return render("portal_login.html", t, 400, data)
        login = self._portal.begin(configuration, email)
        return Redirect(f"/stripe/portal/code/{login.id}", status_code=_SEE_OTHER)

    def show_code(self, request: Request[Any, Any, Any], login_id: str, *, problem: str | None = None) -> Response[Any]:
        """Asks for the code, and shows it as well: this Stripe has no mail."""
        t, login = translate(request), self._portal.login(login_id)
        if self._troubles.stripe_down or login is None:
            return self._missing(t)
        return render("portal_code.html", t, 400 if problem else 200, {"login": login, "problem": problem})

    async def take_code(self, request: Request[Any, Any, Any], login_id: str) -> Response[Any]:
        """The portal, or the same page with what went wrong."""
        t, login = translate(request), self._portal.login(login_id)
        if self._troubles.stripe_down or login is None:
            return self._missing(t)
        session = self._portal.finish(login, str((await request.form()).get("code", "")).strip())
        if session is None:
            return self.show_code(request, login_id, problem=t("This code is not right."))
        return Redirect(f"/stripe/portal/session/{session.id}", status_code=_SEE_OTHER)

    def show(self, request: Request[Any, Any, Any], session_id: str, *, problem: str | None = None) -> Response[Any]:
        """The customer's subscriptions and invoices."""
        t, session = translate(request), self._portal.session(session_id)
        if self._troubles.stripe_down or session is None:
            return self._missing(t)
        features = self._portal.features(session)
        data = {
            "email": self._engine.world.get("customer", session.customer_id)["email"],
            "subscriptions": [self._subscription(one, t) for one in self._portal.subscriptions(session)],
            "can_cancel": features["subscription_cancel"]["enabled"],
            "invoices": self._invoices(session, t) if features["invoice_history"]["enabled"] else None,
            "problem": problem,
        }
        return render("portal.html", t, 403 if problem else 200, data)

    async def change(self, request: Request[Any, Any, Any], session_id: str) -> Response[Any]:
        """A button of the portal: end a subscription, or take that back."""
        t, session = translate(request), self._portal.session(session_id)
        if self._troubles.stripe_down or session is None:
            return self._missing(t)
        form = await request.form()
        move = self._portal.cancel if form.get("action") == "cancel" else self._portal.keep
        try:
            move(session, str(form.get("subscription", "")))
        except StripeRefusal:
            return self.show(request, session_id, problem=t("This is not possible for this subscription."))
        return Redirect(f"/stripe/portal/session/{session.id}", status_code=_SEE_OTHER)

    def _missing(self, t: Translate) -> Response[str]:
        if self._troubles.stripe_down:
            text = t("Nothing was changed. Please try again in a few minutes.")
            return notice(t, 503, title=t("The portal is unavailable"), text=text)
        text = t("Go back to the shop and begin again.")
        return notice(t, 404, title=t("This page is no longer there"), text=text)

    def _subscription(self, sub: Document, t: Translate) -> Document:
        (item, *_) = sub["items"]["data"]
        end = datetime.fromtimestamp(item["current_period_end"], UTC)
        ended = datetime.fromtimestamp(sub["ended_at"], UTC) if sub["ended_at"] else None
        if ended is not None:
            line = t("Ended on %(date)s", date=t.date(ended))
        elif sub["cancel_at_period_end"]:
            line = t("Ends on %(date)s", date=t.date(end))
        else:
            line = t("Renews on %(date)s", date=t.date(end))
        price = item["price"]
        return {
            "id": sub["id"],
            "name": self._engine.world.get("product", price["product"])["name"],
            "amount": t.money(price["unit_amount"] * item["quantity"], price["currency"]),
            "every": every(price["recurring"], t),
            "status": _status(sub["status"], t),
            "line": line,
            "is_live": is_live(sub),
            "is_ending": sub["cancel_at_period_end"],
        }

    def _invoices(self, session: PortalSession, t: Translate) -> list[Document]:
        return [
            {
                "number": one["number"],
                "date": t.date(datetime.fromtimestamp(one["created"], UTC)),
                "amount": t.money(one["total"], one["currency"]),
                "status": _invoice_status(one["status"], t),
            }
            for one in self._portal.invoices(session)
        ]


def portal_handlers(page: PortalPage) -> list[HTTPRouteHandler]:
    """The routes under `/portal`."""

    @get("/portal/login/{page_id:str}", include_in_schema=False, name="stripe-portal-login")
    async def show_login(request: Request[Any, Any, Any], page_id: FromPath[str]) -> Response[Any]:
        return page.show_login(request, page_id)

    @post("/portal/login/{page_id:str}", include_in_schema=False, name="stripe-portal-address")
    async def take_address(request: Request[Any, Any, Any], page_id: FromPath[str]) -> Response[Any]:
        return await page.take_address(request, page_id)

    @get("/portal/code/{login_id:str}", include_in_schema=False, name="stripe-portal-code")
    async def show_code(request: Request[Any, Any, Any], login_id: FromPath[str]) -> Response[Any]:
        return page.show_code(request, login_id)

    @post("/portal/code/{login_id:str}", include_in_schema=False, name="stripe-portal-enter")
    async def take_code(request: Request[Any, Any, Any], login_id: FromPath[str]) -> Response[Any]:
        return await page.take_code(request, login_id)

    @get("/portal/session/{session_id:str}", include_in_schema=False, name="stripe-portal")
    async def show(request: Request[Any, Any, Any], session_id: FromPath[str]) -> Response[Any]:
        return page.show(request, session_id)

    @post("/portal/session/{session_id:str}", include_in_schema=False, name="stripe-portal-change")
    async def change(request: Request[Any, Any, Any], session_id: FromPath[str]) -> Response[Any]:
        return await page.change(request, session_id)

    return [show_login, take_address, show_code, take_code, show, change]


def _status(status: str, t: Translate) -> str:
    return {
        "active": t("Active"),
        "trialing": t("Trial"),
        "past_due": t("Payment is late"),
        "unpaid": t("Not paid"),
        "paused": t("Paused"),
        "incomplete": t("Waiting for the first payment"),
        "incomplete_expired": t("Never began"),
        "canceled": t("Cancelled"),
    }[status]


def _invoice_status(status: str, t: Translate) -> str:
    return {
        "open": t("Open"),
        "paid": t("Paid"),
        "void": t("Void"),
        "uncollectible": t("Uncollectible"),
    }[status]
