"""The customer's pages. Rendered here, usable without JavaScript; a script only refreshes the success page sooner."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from babel.numbers import format_currency, get_currency_precision
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect
from litestar.router import Router
from litestar.static_files import create_static_files_router

from adapters.http.dependencies import HttpDependencies
from adapters.http.pages.views import success_view
from adapters.http.problems import ProblemError
from adapters.i18n import translator
from paywall_core.errors import InvalidInput, PaymentProviderUnavailable, PlanModeMismatch, SessionNotFound
from paywall_core.locales import LOCALES, choose_locale
from paywall_core.plans import Plan
from paywall_core.use_cases.start_checkout import StartCheckoutCommand

_HERE: Final = Path(__file__).parent
_KEPT: Final = ("plan", "clickid", "telegram_chat_id", "fbclid")
_templates: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def page_routes(dependencies: HttpDependencies) -> list[HTTPRouteHandler | Router]:
    """The pages and their style and script."""
    pages = Pages(dependencies)

    @get("/pay", include_in_schema=False, media_type=MediaType.HTML)
    async def pay(request: Request[Any, Any, Any]) -> Response[str]:
        return await pages.pay(request, {name: request.query_params.get(name, "") for name in (*_KEPT, "email")})

    @post("/pay", include_in_schema=False, status_code=303)
    async def start(request: Request[Any, Any, Any]) -> Response[Any]:
        return await pages.start(request)

    @get("/pay/success", include_in_schema=False, media_type=MediaType.HTML)
    async def success(request: Request[Any, Any, Any]) -> Response[str]:
        return await pages.success(request, request.query_params.get("session_id", ""))

    @get("/pay/cancel", include_in_schema=False, media_type=MediaType.HTML)
    async def cancel(request: Request[Any, Any, Any]) -> Response[str]:
        return pages.cancel(request)

    static = create_static_files_router("/static", directories=[_HERE / "static"], include_in_schema=False)
    return [pay, start, success, cancel, static]


class Pages:
    """Renders each page in the customer's language."""

    def __init__(self, dependencies: HttpDependencies) -> None:
        self._d = dependencies

    async def pay(
        self,
        request: Request[Any, Any, Any],
        values: dict[str, str],
        *,
        errors: dict[str, str] | None = None,
        status_code: int = 200,
    ) -> Response[str]:
        """Choose a plan, give an address, go on to the provider's page."""
        locale = self._locale(request, values.get("locale", ""))
        plans = [(plan, await self._price(plan, locale)) for plan in self._d.plans]
        chosen = values.get("plan") or plans[0][0].name
        return self._page(
            request,
            "pay.html",
            locale,
            status_code=status_code,
            query={name: values.get(name, "") for name in _KEPT if values.get(name)},
            plans=plans,
            chosen=chosen,
            values=values,
            errors=errors or {},
        )

    async def start(self, request: Request[Any, Any, Any]) -> Response[Any]:
        """The form of `/pay`: to the provider's page, or back with a word about what to mend."""
        _refuse_other_sites(request, self._d.public_base_url)
        form = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        values = {name: form.get(name, [""])[0] for name in (*_KEPT, "email", "locale")}
        locale = self._locale(request, values["locale"])
        t = translator(locale)
        modes = {plan.name: str(plan.terms.mode) for plan in self._d.plans}
        try:
            started = await self._d.start_checkout(
                StartCheckoutCommand(
                    mode=modes.get(values["plan"], ""),
                    plan=values["plan"],
                    email=values["email"],
                    clickid=values["clickid"],
                    locale=locale,
                    telegram_chat_id=values["telegram_chat_id"] or None,
                )
            )
        except (InvalidInput, PlanModeMismatch) as error:
            field = error.field if isinstance(error, InvalidInput) else "plan"
            words = {
                "email": t("Please check your e-mail address: it should look like name@example.com."),
                "plan": t("Please choose one of the plans."),
            }
            wrong = {field: words.get(field, t("This link is damaged. Please open the pay page anew."))}
            return await self.pay(request, values, errors=wrong, status_code=400)
        except PaymentProviderUnavailable:
            words_down = t("The payment page cannot be opened right now. Nothing was charged. Please try again.")
            return await self.pay(request, values, errors={"form": words_down}, status_code=502)
        return Redirect(started.checkout_url, status_code=303)

    async def success(self, request: Request[Any, Any, Any], session_id: str) -> Response[str]:
        """Thank you; the link as soon as it is there."""
        locale = self._locale(request)
        try:
            status = await self._d.session_status(session_id)
        except SessionNotFound:
            return self._page(request, "unknown.html", locale, status_code=404)
        self._d.on_recorded()
        view = success_view(status, translator(locale), bot_url=self._d.bot_url)
        return self._page(request, "success.html", locale, view=view, session_id=session_id)

    def cancel(self, request: Request[Any, Any, Any]) -> Response[str]:
        """Nothing was charged; the way back keeps what was chosen."""
        kept = {name: request.query_params.get(name, "") for name in (*_KEPT, "locale")}
        back = "/pay?" + urlencode({name: value for name, value in kept.items() if value})
        return self._page(request, "cancel.html", self._locale(request), back=back)

    def _page(
        self,
        request: Request[Any, Any, Any],
        template: str,
        locale: str,
        *,
        status_code: int = 200,
        query: Mapping[str, str] | None = None,
        **values: object,
    ) -> Response[str]:
        """Render a template; the language links keep `query`, or what the address had."""
        kept = request.query_params if query is None else query
        query = {key: value for key, value in kept.items() if key != "locale"}
        languages = [(code, f"{request.url.path}?{urlencode({**query, 'locale': code})}") for code in LOCALES]
        html = _templates.get_template(template).render(
            t=translator(locale), locale=locale, languages=languages, **values
        )
        return Response(html, media_type=MediaType.HTML, status_code=status_code)

    async def _price(self, plan: Plan, locale: str) -> str:
        """The price as the customer reads it; empty while the provider does not say: the page works without it."""
        try:
            price = await self._d.gateway.price_of(plan.name)
        except PaymentProviderUnavailable:
            return ""
        currency = price.amount.currency.upper()
        amount = price.amount.amount_minor / 10 ** get_currency_precision(currency)
        return format_currency(amount, currency, locale=locale)

    def _locale(self, request: Request[Any, Any, Any], wanted: str = "") -> str:
        wanted = wanted or request.query_params.get("locale", "")
        tags = [wanted] if wanted else request.headers.get("accept-language", "").split(",")
        spoken = [choose_locale(tag.split(";")[0], default="") for tag in tags]
        return next(filter(None, spoken), self._d.default_locale)


def _refuse_other_sites(request: Request[Any, Any, Any], public_base_url: str) -> None:
    """A form on somebody else's page may not start orders in the visitor's name."""
    site = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    ours = {urlsplit(public_base_url).netloc, request.headers.get("host", "")}
    if site in ("cross-site", "same-site") or (origin not in ("", "null") and urlsplit(origin).netloc not in ours):
        raise ProblemError(400, "validation_failed", "This form was sent from another site.")
