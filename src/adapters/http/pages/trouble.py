"""What a customer sees when a page cannot be shown."""

from typing import Any

from litestar import Request, Response
from litestar.exceptions import TooManyRequestsException

from adapters.http.pages.rendering import Renderer
from adapters.http.pages.waiting import try_again
from adapters.http.problems import on_unexpected, retry_after
from adapters.i18n import translator


class TroublePages:
    """In place of a page: the visitor was too fast, or we have broken something."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def too_many(self, request: Request[Any, Any, Any], error: TooManyRequestsException) -> Response[str]:
        """Somebody at this address asks too often."""
        locale = self._renderer.locale(request)
        t = translator(locale)
        seconds = retry_after(error)
        return self._renderer.page(
            request,
            "trouble.html",
            locale,
            kept={},
            status_code=429,
            headers={"Retry-After": seconds},
            kind="too_many",
            title=t("Too many tries"),
            text=try_again(t, int(seconds)),
        )

    def broken(self, request: Request[Any, Any, Any], error: Exception) -> Response[str]:
        """A mistake of ours: logged, and told without a word about it."""
        on_unexpected(request, error)
        locale = self._renderer.locale(request)
        t = translator(locale)
        return self._renderer.page(
            request,
            "trouble.html",
            locale,
            kept={},
            status_code=500,
            kind="broken",
            title=t("Something went wrong on our side"),
            text=t("Please try again in a minute. Nothing that you have paid for is lost."),
        )
