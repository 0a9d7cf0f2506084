"""What the pages that Stripe hosts have in common: templates, words, headers, amounts. Knows no state."""

import secrets
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response

from adapters.i18n import Catalogues, Translate
from entrypoints.sandbox.stripe.catalogue import Document

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_words: Final = Catalogues(Path(__file__).parent / "catalogues")


def translate(request: Request[Any, Any, Any], asked: str | None = None) -> Translate:
    """The words in the language asked for, else the browser's, else English."""
    if asked in (None, "auto"):
        spoken = _words.spoken()
        accepted = [part.strip().lower()[:2] for part in request.headers.get("accept-language", "").split(",")]
        asked = next((tag for tag in accepted if tag in spoken), "en")
    return _words.translator(asked or "en")


def render(template: str, t: Translate, status: int, data: Document) -> Response[str]:
    """A page that nothing from elsewhere can be loaded into, and that is kept nowhere."""
    nonce = secrets.token_urlsafe(16)
    text = _templates.get_template(template).render(**data, t=t, locale=t.locale, nonce=nonce)
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


def notice(t: Translate, status: int, *, title: str, text: str, back: str | None = None) -> Response[str]:
    """A page that only says something; `back` is where its link leads."""
    return render("notice.html", t, status, {"title": title, "text": text, "back": back})


def every(recurring: Document | None, t: Translate) -> str:
    """How often a price is paid: `per month`, `every 3 months`; nothing for a one-time one."""
    if recurring is None:
        return ""
    interval, n = recurring["interval"], recurring["interval_count"]
    once = {"day": t("per day"), "week": t("per week"), "month": t("per month"), "year": t("per year")}
    few = {
        "day": t.plural("every %(n)s day", "every %(n)s days", n),
        "week": t.plural("every %(n)s week", "every %(n)s weeks", n),
        "month": t.plural("every %(n)s month", "every %(n)s months", n),
        "year": t.plural("every %(n)s year", "every %(n)s years", n),
    }
    return (once if n == 1 else few)[interval]
