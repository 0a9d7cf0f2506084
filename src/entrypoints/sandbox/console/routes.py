"""The console's page and its buttons. Every button is a plain form; each says `303` and leads back to the page."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from litestar import Request, Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from entrypoints.sandbox.console.look import page, refuse_other_sites, static_files, templates_of
from entrypoints.sandbox.console.moves import MOVES
from entrypoints.sandbox.console.views import OUTAGES, ConsoleParts, console_view, moment_of
from entrypoints.sandbox.stripe import StripeRefusal
from entrypoints.sandbox.troubles import WebhookTrouble

_templates: Final = templates_of(Path(__file__).parent)
_CONFLICT: Final = 409


def console_router(parts: ConsoleParts) -> Router:
    """`/`, and the buttons under `/console`."""
    console = Console(parts)

    @get("/", include_in_schema=False, name="console")
    async def show() -> Response[str]:
        return await console.page()

    @post("/console/troubles", include_in_schema=False, name="console-troubles")
    async def troubles(request: Request[Any, Any, Any]) -> Response[Any]:
        return await console.set_trouble(await _form(request))

    @post("/console/time", include_in_schema=False, name="console-time")
    async def time(request: Request[Any, Any, Any]) -> Response[Any]:
        return await console.move_time((await _form(request)).get("move", ""))

    @post("/console/stripe/events/{event_id:str}/deliver", include_in_schema=False, name="console-deliver")
    async def deliver(request: Request[Any, Any, Any], event_id: FromPath[str]) -> Response[Any]:
        await _form(request)
        return await console.act(lambda: parts.stripe.webhooks.deliver(event_id))

    @post("/console/stripe/{kind:str}/{object_id:str}", include_in_schema=False, name="console-move")
    async def move(request: Request[Any, Any, Any], kind: FromPath[str], object_id: FromPath[str]) -> Response[Any]:
        name = (await _form(request)).get("move", "")
        return await console.act(lambda: console.move(kind, object_id, name))

    return Router(path="/", route_handlers=[show, troubles, time, deliver, move, static_files()])


class Console:
    """Shows the page and does what its buttons say."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts

    async def page(self, *, notice: str = "", status_code: int = 200) -> Response[str]:
        """The page as of now; `notice` says what could not be done."""
        view = await console_view(self._parts)
        product = urlsplit(self._parts.product_url or "")
        targets = (f"{product.scheme}://{product.netloc}",) if product.netloc else ()
        html = _templates.get_template("console.html").render(notice=notice, **view)
        return page(html, status_code=status_code, form_targets=targets)

    async def set_trouble(self, form: dict[str, str]) -> Response[Any]:
        """One switch: `webhooks=<trouble>`, or `<part>_down=on|off`, or `renewals_fail=on|off`."""
        if form.get("webhooks") in set(WebhookTrouble):
            self._parts.troubles.webhooks = WebhookTrouble(form["webhooks"])
            return _back()
        for name in (*(name for name, _ in OUTAGES), "renewals_fail"):
            if form.get(name) in ("on", "off"):
                setattr(self._parts.troubles, name, form[name] == "on")
                return _back()
        return await self.page(notice="There is no such switch.", status_code=400)

    async def move_time(self, name: str) -> Response[Any]:
        """Let time go by, and lead back once everybody has lived through it."""
        passage, moment = self._parts.passage, await moment_of(self._parts, name)
        if passage is None or moment is None:
            return await self.page(notice="There is nothing to move the clock to.", status_code=_CONFLICT)
        await passage.to(moment)
        return _back()

    async def act(self, action: Callable[[], Awaitable[object]]) -> Response[Any]:
        """Do it and lead back, or show the page with Stripe's reason why it cannot be done."""
        try:
            await action()
        except StripeRefusal as refusal:
            return await self.page(notice=refusal.message, status_code=_CONFLICT)
        return _back()

    async def move(self, kind: str, object_id: str, name: str) -> None:
        """One of `MOVES`.

        Raises:
            NotFoundException: there is no such button.
            StripeRefusal: it cannot be done now.
        """
        move = MOVES.get(kind, {}).get(name)
        if move is None:
            raise NotFoundException(detail="There is no such button.")
        move(self._parts.stripe.engine, object_id)


async def _form(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The form's fields, once the request is known to come from our own page."""
    refuse_other_sites(request)
    fields = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _back() -> Redirect:
    return Redirect("/", status_code=303)
