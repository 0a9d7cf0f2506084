"""The pages on which a person plays the Telegram user: chats, chat, and what t.me shows.

Everything works by plain forms; the script only refreshes the chat and sends the same forms without leaving the page.
"""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response, Router, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from entrypoints.sandbox.telegram import bodies
from entrypoints.sandbox.telegram.errors import ApiRefusal, PersonRefusal
from entrypoints.sandbox.telegram.links import clean_payload
from entrypoints.sandbox.telegram.people import Deeds
from entrypoints.sandbox.telegram.views import message_views, notice_now
from entrypoints.sandbox.telegram.words import LANGUAGES, say
from entrypoints.sandbox.telegram.world import Person, World, wait_until
from entrypoints.sandbox.troubles import Troubles

_HERE: Final = Path(__file__).parent
_STATIC: Final = {"chat.css": "text/css; charset=utf-8", "chat.js": "text/javascript; charset=utf-8"}
# Without the script, a press waits this long for the bot, so that the next page already shows the answer.
_ANSWER_SECONDS: Final = 1.5
_ANSWERED: Final = frozenset({"say", "start", "press"})
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

Asked = Request[Any, Any, Any]


def page_router(world: World, deeds: Deeds, troubles: Troubles) -> Router:
    """The Litestar router of all pages; a `PersonRefusal` becomes a page too."""
    pages = _Pages(world, troubles)

    def refuse(_: Asked, refusal: PersonRefusal) -> Response[str]:
        return pages.render("notice.html", "ru", status_code=refusal.status, reason=refusal.reason)

    return Router(
        "/",
        route_handlers=[*_reading(world, pages), *_writing(world, deeds)],
        exception_handlers={PersonRefusal: refuse},
        include_in_schema=False,
    )


class _Pages:
    """Templates and what they need."""

    def __init__(self, world: World, troubles: Troubles) -> None:
        self._world = world
        self._troubles = troubles
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, template: str, language_code: str, *, status_code: int = 200, **values: Any) -> Response[str]:
        content = self._text(template, language_code, **values)
        return Response(content, status_code=status_code, media_type="text/html; charset=utf-8", headers=_HEADERS)

    def chat(self, person: Person) -> Response[str]:
        return self.render("chat.html", person.language_code, **self._chat_values(person))

    def state(self, person: Person) -> dict[str, Any]:
        """What the script puts into the page; the ids tell it what has changed."""
        values = self._chat_values(person)
        notice = values["notice"]
        return {name: values[name] for name in ("status", "thread", "thread_id", "composer", "composer_id")} | {
            "notice": notice and {"id": notice.id, "text": notice.text, "alert": notice.alert, "url": notice.url},
        }

    def _text(self, template: str, language_code: str, **values: Any) -> str:
        return self._templates.get_template(template).render(
            t=lambda words: say(words, language_code),
            language_code=language_code,
            languages=LANGUAGES,
            bot=self._world.bot,
            people=list(self._world.people.values()),
            **values,
        )

    def _chat_values(self, person: Person) -> dict[str, Any]:
        language = person.language_code
        messages, menu = message_views(self._world, person), self._world.menu(person)
        thread = self._text("thread.html", language, person=person, messages=messages)
        composer = self._text("composer.html", language, person=person, menu=menu)
        return {
            "person": person,
            "thread": thread,
            "thread_id": _id_of(thread),
            "composer": composer,
            "composer_id": _id_of(composer),
            "status": say(self._status(person), person.language_code),
            "notice": notice_now(self._world, person),
            # Without the script the page asks again by itself, but only while the bot owes an answer: a page
            # that reloads under someone who is writing takes their words away.
            "is_waiting": bool(messages) and messages[-1].is_mine and not person.has_blocked,
        }

    def _status(self, person: Person) -> str:
        if self._troubles.telegram_down:
            return "connecting…"
        if person.has_blocked:
            return "blocked"
        return "typing…" if self._world.now() < person.typing_until else "bot"


def _id_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def _reading(world: World, pages: _Pages) -> list[HTTPRouteHandler]:
    @get("/telegram", sync_to_thread=False)
    def chats() -> Response[str]:
        return pages.render("chats.html", "ru")

    @get("/telegram/static/{name:str}", sync_to_thread=False)
    def static(name: FromPath[str]) -> Response[bytes]:
        if name not in _STATIC:
            raise PersonRefusal("There is no such file.", status=404)
        return Response((_HERE / "static" / name).read_bytes(), media_type=_STATIC[name], headers=_HEADERS)

    @get("/telegram/chat/{user_id:int}", sync_to_thread=False)
    def chat(user_id: FromPath[int]) -> Response[str]:
        return pages.chat(world.person(user_id))

    @get("/telegram/chat/{user_id:int}/state", sync_to_thread=False)
    def state(user_id: FromPath[int]) -> Response[bytes]:
        document = msgspec.json.encode(pages.state(world.person(user_id)))
        return Response(document, media_type="application/json", headers=_HEADERS)

    @get("/t.me/{bot_username:str}", sync_to_thread=False)
    def deep_link(bot_username: FromPath[str], request: Asked) -> Response[str]:
        _check_bot(world, bot_username)
        chosen = request.query_params.get("as", "")
        people = list(world.people.values())
        person = next((one for one in people if str(one.id) == chosen), people[0])
        payload = clean_payload(request.query_params.get("start", ""))
        return pages.render("deep_link.html", person.language_code, person=person, payload=payload)

    return [chats, static, chat, state, deep_link]


def _writing(world: World, deeds: Deeds) -> list[HTTPRouteHandler]:
    @post("/telegram/users")
    async def add(request: Asked) -> Redirect:
        form = await _form(request)
        name = str(form.get("first_name", ""))
        return _to_chat(world.add_person(first_name=name, username=None, language_code=_language(form)))

    @post("/t.me/{bot_username:str}")
    async def start_by_link(bot_username: FromPath[str], request: Asked) -> Redirect:
        _check_bot(world, bot_username)
        form = await _form(request)
        person = world.person(_number(form, "user_id"))
        seen = person.bot_acts
        deeds.start(person, str(form.get("start", "")))
        await _answered(world, person, seen)
        return _to_chat(person)

    @post("/telegram/chat/{user_id:int}/{deed:str}")
    async def act(user_id: FromPath[int], deed: FromPath[str], request: Asked) -> Redirect:
        person = world.person(user_id)
        seen = person.bot_acts
        link = _act(deeds, person, deed, await _form(request))
        if link is not None:
            return Redirect(link, status_code=303)
        if request.headers.get("x-live") != "1" and deed in _ANSWERED:
            await _answered(world, person, seen)
        return _to_chat(person)

    return [add, start_by_link, act]


async def _form(request: Asked) -> dict[str, Any]:
    try:
        return bodies.decode(await request.body(), request.headers.get("content-type", ""))
    except ApiRefusal as refusal:
        raise PersonRefusal(refusal.description, status=400) from None


async def _answered(world: World, person: Person, seen: int) -> None:
    """Wait a moment for the bot's next act."""
    deadline = asyncio.get_running_loop().time() + _ANSWER_SECONDS
    while person.bot_acts == seen and await wait_until(world, deadline):
        pass


def _check_bot(world: World, username: str) -> None:
    if username.lower() != (world.bot.username or "").lower():
        raise PersonRefusal("There is no such bot here.", status=404)


def _act(deeds: Deeds, person: Person, deed: str, form: dict[str, Any]) -> str | None:
    """One of the chat's forms; a link button gives the address to go to."""
    match deed:
        case "say":
            deeds.say(person, str(form.get("text", "")))
        case "start":
            deeds.start(person)
        case "press":
            row, _, column = str(form.get("place", "")).partition(".")
            if not (row.isdecimal() and column.isdecimal()):
                raise PersonRefusal("This button is gone.", status=400)
            return deeds.press(person, _number(form, "message_id"), int(row), int(column))
        case "block":
            deeds.block(person)
        case "unblock":
            deeds.unblock(person)
        case "language":
            deeds.choose_language(person, _language(form))
        case _:
            raise PersonRefusal("There is nothing like that.", status=404)
    return None


def _language(form: dict[str, Any]) -> str:
    chosen = str(form.get("language_code", ""))
    if chosen not in LANGUAGES:
        raise PersonRefusal("The languages are ru and en.", status=400)
    return chosen


def _number(form: dict[str, Any], name: str) -> int:
    given = str(form.get(name, ""))
    if not given.isdecimal():
        raise PersonRefusal(f"{name} is missing.", status=400)
    return int(given)


def _to_chat(person: Person) -> Redirect:
    return Redirect(f"/telegram/chat/{person.id}", status_code=303)
