"""Templates, the customer's language, and what a page keeps of the address that led to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response

from adapters.http.assets import asset
from adapters.i18n import translator
from paywall_core.locales import Locales

KEPT: Final = ("plan", "clickid", "telegram_chat_id", "fbclid")
"""What the pages hand on to each other, so that a customer who comes back need not choose again."""

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)
_templates.globals["asset"] = asset


class Renderer:
    """Renders each page in the customer's language."""

    def __init__(self, locales: Locales) -> None:
        self._locales = locales

    def locale(self, request: Request[Any, Any, Any], wanted: str = "") -> str:
        """The language that was asked for, else the first of the browser's that is spoken."""
        wanted = wanted or request.query_params.get("locale", "")
        if wanted:
            return self._locales.choose(wanted)
        tags = request.headers.get("accept-language", "").split(",")
        return self._locales.choose(*(tag.split(";")[0] for tag in tags))

    def page(
        self,
        request: Request[Any, Any, Any],
        template: str,
        locale: str,
        *,
        kept: Mapping[str, str],
        status_code: int = 200,
        headers: dict[str, str] | None = None,
        language_query: Mapping[str, str] | None = None,
        **values: object,
    ) -> Response[str]:
        """Render a template.

        Args:
            request: leads back to the same page in another language.
            template: its file.
            locale: its language.
            kept: what goes along to the other pages.
            status_code: of the answer.
            headers: of the answer.
            language_query: further parameters that the same page needs in another language.
            values: what the template shows.
        """
        again = {**kept, **(language_query or {})}
        html = _templates.get_template(template).render(
            t=translator(locale),
            locale=locale,
            languages=[(code, address(request.url.path, again, code)) for code in self._locales.supported],
            kept=kept,
            pay_url=address("/pay", kept, locale),
            restore_url=address("/pay/restore", kept, locale),
            **values,
        )
        return Response(html, media_type=MediaType.HTML, status_code=status_code, headers=headers)


def kept_of(values: Mapping[str, str]) -> dict[str, str]:
    """What is worth keeping of a query or a form."""
    return {name: values[name] for name in KEPT if values.get(name)}


def address(path: str, query: Mapping[str, str], locale: str) -> str:
    """A page of ours in a language."""
    return f"{path}?{urlencode({**query, 'locale': locale})}"
