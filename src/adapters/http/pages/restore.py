"""The page for whoever has paid and lost the way in: an address, a code, and a new link.

Without JavaScript and without a session: the address travels in the form. Nothing here says whether it is known.
"""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.response import Redirect

from adapters.http.dependencies import HttpDependencies
from adapters.http.pages.forms import read_form
from adapters.http.pages.rendering import Renderer, kept_of
from adapters.http.pages.waiting import ask_again
from adapters.http.problems import whole_seconds
from adapters.i18n import translator
from paywall_core.errors import (
    CodeRequestedTooSoon,
    InvalidInput,
    NoRestorableOrder,
    OneTimeCodeInvalid,
    PaymentProviderUnavailable,
)
from paywall_core.use_cases.confirm_restore import ConfirmRestoreCommand
from paywall_core.use_cases.request_restore import RequestRestoreCommand


class RestorePage:
    """`/pay/restore`, and its forms."""

    def __init__(self, dependencies: HttpDependencies, renderer: Renderer) -> None:
        self._d = dependencies
        self._renderer = renderer

    def show(self, request: Request[Any, Any, Any]) -> Response[str]:
        """The question for the address."""
        return self._page(request, dict(request.query_params.items()), "ask")

    async def answer(self, request: Request[Any, Any, Any]) -> Response[Any]:
        """A form: to the customer portal, to the code, or to the new link."""
        form = await read_form(request, self._d.public_base_url)
        t = translator(self._renderer.locale(request, form.get("locale", "")))
        try:
            if form.get("to") == "portal":
                return Redirect(await self._d.customer_portal(form.get("email", "")), status_code=303)
            return await (self._confirm if "code" in form else self._request)(request, form)
        except InvalidInput:
            wrong = t("Please check your e-mail address: it should look like name@example.com.")
            return self._page(request, form, "ask", error=wrong, invalid=True, status_code=400)
        except PaymentProviderUnavailable as error:
            down = t("The payment service does not answer right now. Please try again in a minute.")
            later = {"Retry-After": whole_seconds(error.retry_after_seconds)}
            return self._page(request, form, "ask", error=down, status_code=502, headers=later)

    async def _request(self, request: Request[Any, Any, Any], form: Mapping[str, str]) -> Response[str]:
        try:
            await self._d.request_restore(RequestRestoreCommand(email=form.get("email", "")))
        except CodeRequestedTooSoon as error:
            t = translator(self._renderer.locale(request, form.get("locale", "")))
            asked = t("A code for this address has already been asked for.")
            soon = f"{asked} {ask_again(t, error.retry_after_seconds)}"
            later = {"Retry-After": whole_seconds(error.retry_after_seconds)}
            return self._page(request, form, "code", error=soon, status_code=429, headers=later)
        return self._page(request, form, "code")

    async def _confirm(self, request: Request[Any, Any, Any], form: Mapping[str, str]) -> Response[str]:
        t = translator(self._renderer.locale(request, form.get("locale", "")))
        code = "".join(form["code"].split())
        if not code:
            return self._page(request, form, "code", error=t("Please enter the code."), invalid=True, status_code=400)
        try:
            restored = await self._d.confirm_restore(ConfirmRestoreCommand(email=form.get("email", ""), code=code))
        except OneTimeCodeInvalid:
            wrong = t("This code is wrong, used or too old. Please check it, or ask for a new one.")
            return self._page(request, form, "code", error=wrong, invalid=True, status_code=400)
        except NoRestorableOrder:
            return self._page(request, form, "nothing", status_code=403)
        return self._page(request, form, "restored", link=restored.activation_link or "")

    def _page(
        self,
        request: Request[Any, Any, Any],
        values: Mapping[str, str],
        kind: str,
        *,
        error: str = "",
        invalid: bool = False,
        link: str = "",
        status_code: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response[str]:
        """One of the kinds `ask`, `code`, `restored`, `nothing`; `invalid`: the error is about what was typed."""
        return self._renderer.page(
            request,
            "restore.html",
            self._renderer.locale(request, values.get("locale", "")),
            kept=kept_of(values),
            status_code=status_code,
            headers=headers,
            kind=kind,
            email=values.get("email", "") if request.method == "POST" else "",
            error=error,
            invalid=invalid,
            link=link,
        )
