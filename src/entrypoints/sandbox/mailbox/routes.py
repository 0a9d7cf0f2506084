"""The mailbox's pages: a list, and a mail as a phone shows it. Knows mails; nothing of SMTP.

A mail's HTML is a stranger's. It is shown in a frame of its own, sandboxed by attribute and by header: no scripts, no
forms, nothing loaded; its links open in the whole window, as from a mail program.
"""

import re
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from litestar import MediaType, Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from entrypoints.sandbox.console.look import page, templates_of
from entrypoints.sandbox.mailbox.message import Mail

FRAME_ALLOWS: Final = "allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
"""What a mail's links may do. A popup leaves the sandbox, else the page behind the link would run without scripts."""

_MAIL_CSP: Final = (
    f"sandbox {FRAME_ALLOWS}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)
_HEAD: Final = re.compile(r"<head[^>]*>", re.IGNORECASE)
_BASE: Final = '<base target="_top">'
_templates: Final = templates_of(Path(__file__).parent)


class Messages(Protocol):
    """`Mailbox.messages`."""

    def __call__(self, *, to: str | None = None) -> list[Mail]:
        """The mails, oldest first."""
        ...


class OneMessage(Protocol):
    """`Mailbox.message`."""

    def __call__(self, number: int) -> Mail | None:
        """One mail, or None."""
        ...


def mailbox_router(messages: Messages, message: OneMessage) -> Router:
    """Everything under `/mail`."""

    def found(number: int) -> Mail:
        mail = message(number)
        if mail is None:
            raise NotFoundException(detail="There is no such mail.")
        return mail

    @get("/", include_in_schema=False, name="mailbox")
    async def listing() -> Response[str]:
        return page(_templates.get_template("mailbox.html").render(mails=messages()[::-1]))

    @get("/messages.json", include_in_schema=False, name="mailbox-json", media_type=MediaType.JSON)
    async def as_json() -> Response[bytes]:
        body = msgspec.json.encode({"messages": messages()[::-1]})
        return Response(body, media_type=MediaType.JSON, headers={"Cache-Control": "no-store"})

    @get("/{number:int}", include_in_schema=False, name="mail")
    async def one(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[str]:
        mail = found(number)
        views = [view for view in ("html", "text", "source") if view == "source" or getattr(mail, view)]
        wanted = request.query_params.get("view", "")
        view = wanted if wanted in views else views[0]
        html = _templates.get_template("mail.html").render(mail=mail, views=views, view=view, frame_allows=FRAME_ALLOWS)
        return page(html)

    @get("/{number:int}/body.html", include_in_schema=False, name="mail-body")
    async def body(number: FromPath[int]) -> Response[str]:
        return Response(
            with_links_on_top(found(number).html),
            media_type=MediaType.HTML,
            headers={
                "Content-Security-Policy": _MAIL_CSP,
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store",
            },
        )

    return Router(path="/mail", route_handlers=[listing, as_json, one, body])


def with_links_on_top(html: str) -> str:
    """The mail's HTML, whose links leave the frame unless they say otherwise."""
    head = _HEAD.search(html)
    return _BASE + html if head is None else html[: head.end()] + _BASE + html[head.end() :]
