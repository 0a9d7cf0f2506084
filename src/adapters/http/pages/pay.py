"""The page where a customer chooses a plan, gives an address, and goes on to the provider's checkout."""

import asyncio
from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.response import Redirect

from adapters.http.calls.payment import begin_checkout
from adapters.http.dependencies import HttpDependencies
from adapters.http.pages.forms import read_form
from adapters.http.pages.rendering import Renderer, kept_of
from adapters.http.problems import whole_seconds
from adapters.i18n import translator
from paywall_core.errors import InvalidInput, PaymentProviderUnavailable, PlanModeMismatch
from paywall_core.plans import Plan
from paywall_core.use_cases.start_checkout import StartCheckoutCommand


class PayPage:
    """`/pay`, and its form."""

    def __init__(self, dependencies: HttpDependencies, renderer: Renderer) -> None:
        self._d = dependencies
        self._renderer = renderer

    async def show(self, request: Request[Any, Any, Any]) -> Response[str]:
        """The plans, and what came in the query filled in."""
        return await self._page(request, dict(request.query_params.items()))

    async def start(self, request: Request[Any, Any, Any]) -> Response[Any]:
        """To the provider's page, or back with a word about what to mend."""
        form = await read_form(request, self._d.public_base_url)
        locale = self._renderer.locale(request, form.get("locale", ""))
        t = translator(locale)
        modes = {plan.name: str(plan.terms.mode) for plan in self._d.plans}
        plan = form.get("plan", "")
        try:
            started = await begin_checkout(
                self._d,
                StartCheckoutCommand(
                    mode=modes.get(plan, ""),
                    plan=plan,
                    email=form.get("email", ""),
                    clickid=form.get("clickid", ""),
                    locale=locale,
                    telegram_chat_id=form.get("telegram_chat_id") or None,
                ),
            )
        except (InvalidInput, PlanModeMismatch) as error:
            field = error.field if isinstance(error, InvalidInput) else "plan"
            words = {
                "email": t("Please check your e-mail address: it should look like name@example.com."),
                "plan": t("Please choose one of the plans."),
            }
            wrong = {field: words.get(field, t("This link is damaged. Please open the pay page anew."))}
            return await self._page(request, form, errors=wrong, status_code=400)
        except PaymentProviderUnavailable as error:
            down = t("The payment page cannot be opened right now. Nothing was charged. Please try again in a minute.")
            later = {"Retry-After": whole_seconds(error.retry_after_seconds)}
            return await self._page(request, form, errors={"form": down}, status_code=502, headers=later)
        return Redirect(started.checkout_url, status_code=303)

    async def _page(
        self,
        request: Request[Any, Any, Any],
        values: Mapping[str, str],
        *,
        errors: Mapping[str, str] | None = None,
        status_code: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response[str]:
        locale = self._renderer.locale(request, values.get("locale", ""))
        sold = list(self._d.plans)
        prices = await asyncio.gather(*(self._price(plan, locale) for plan in sold))
        plans = list(zip(sold, prices, strict=True))
        names = [plan.name for plan, _ in plans]
        return self._renderer.page(
            request,
            "pay.html",
            locale,
            kept=kept_of(values),
            status_code=status_code,
            headers=headers,
            plans=plans,
            chosen=values["plan"] if values.get("plan") in names else names[0],
            email=values.get("email", ""),
            errors=errors or {},
        )

    async def _price(self, plan: Plan, locale: str) -> str:
        """The price as the customer reads it; empty while the provider does not say: the page works without it."""
        try:
            price = await self._d.gateway.price_of(plan.name)
        except PaymentProviderUnavailable:
            return ""
        return translator(locale).money(price.amount.amount_minor, price.amount.currency)
