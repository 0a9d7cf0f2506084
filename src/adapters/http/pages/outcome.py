"""The pages that the provider's checkout leads back to."""

from typing import Any

from litestar import Request, Response

from adapters.http.dependencies import HttpDependencies
from adapters.http.pages.rendering import Renderer, address, kept_of
from adapters.http.pages.views import success_view
from adapters.i18n import translator
from paywall_core.errors import SessionNotFound


class OutcomePages:
    """`/pay/success` and `/pay/cancel`."""

    def __init__(self, dependencies: HttpDependencies, renderer: Renderer) -> None:
        self._d = dependencies
        self._renderer = renderer

    async def success(self, request: Request[Any, Any, Any]) -> Response[str]:
        """Thank you; the link as soon as it is there."""
        locale = self._renderer.locale(request)
        kept = kept_of(request.query_params)
        session_id = request.query_params.get("session_id", "")
        again = {"session_id": session_id}
        try:
            status = await self._d.session_status(session_id)
        except SessionNotFound:
            return self._renderer.page(
                request, "unknown.html", locale, kept=kept, status_code=404, language_query=again
            )
        view = success_view(status, translator(locale), bot_url=self._d.bot_url, pay_url=address("/pay", kept, locale))
        return self._renderer.page(
            request, "success.html", locale, kept=kept, language_query=again, view=view, session_id=session_id
        )

    def cancel(self, request: Request[Any, Any, Any]) -> Response[str]:
        """Nothing was charged; the way back keeps what was chosen."""
        kept = kept_of(request.query_params)
        return self._renderer.page(request, "cancel.html", self._renderer.locale(request), kept=kept)
