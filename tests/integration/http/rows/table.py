"""What a row of the table is, and how requests are made: good ones, and all that can be wrong with them."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import httpx

from tests.integration.http.service import Service

Send = Callable[[Service], Awaitable[httpx.Response]]

JSON: Final = {"content-type": "application/json"}
ANYTHING: Final[Mapping[str, Any]] = {}
"""A good answer that is not looked at."""

NO_DOCUMENTS: Final = {
    "nothing": b"",
    "half a document": b'{"email": ',
    "no UTF-8": b'{"email": "\xff"}',
    "a list": b"[]",
    "a string": b'"text"',
    "null": b"null",
    "not a number": b'{"email": NaN}',
    "infinity": b'{"email": -Infinity}',
    "deep nesting": b'{"email": ' + b"[" * 60_000,
    "two documents": b"{}{}",
    "a control character": b'{"email": "\x00"}',
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One request, and what must come of it.

    Attributes:
        what: the row's name.
        send: makes the request.
        answer: the good answer; `...` stands for any value.
        code: or the problem's code,
        fields: and the fields that it names,
        among: or one of them.
        media: the good answer's media type.
        header: a header that must be there, with its value (`...`: any; None: it must not be there).
        on: the service that is asked: as usual, without trackers, with a limit of one request a day, or with a
            database that is away.
    """

    what: str
    send: Send
    answer: Mapping[str, Any] | None = None
    code: str | None = None
    fields: tuple[str, ...] = ()
    among: str = ""
    media: str = "application/json"
    header: tuple[str, Any] | None = None
    on: Literal["usual", "untracked", "limited", "broken"] = "usual"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call, and how it is asked.

    Attributes:
        good: the values of a request that is answered well.
        sample: values that look good; nobody is asked what they are about.
    """

    method: str
    path: str
    good: Callable[[Service], Awaitable[dict[str, Any]]] = field(repr=False)
    sample: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    async def send(self, service: Service, values: Mapping[str, Any]) -> httpx.Response:
        """Ask it with these values: in the body, or in the query."""
        if self.method == "GET":
            return await service.client.get(self.path, params=dict(values), headers=dict(self.headers))
        return await service.client.post(self.path, json=dict(values), headers=dict(self.headers))

    def with_(self, /, **changes: Any) -> Send:
        """The good request, changed. `...` takes a value out."""

        async def send(service: Service) -> httpx.Response:
            values = {**await self.good(service), **changes}
            return await self.send(service, {name: value for name, value in values.items() if value is not ...})

        return send

    def bent(self, /, **changes: Any) -> Send:
        """A request that looks good and is not: refused before anybody asks what it is about. As `with_`."""
        return replace(self, good=values(**self.sample)).with_(**changes)

    def raw(self, content: bytes) -> Send:
        """This body, as it is."""

        async def send(service: Service) -> httpx.Response:
            return await service.client.post(self.path, content=content, headers={**self.headers, **JSON})

        return send

    def query(self, query: str) -> Send:
        """This query, as it is."""

        async def send(service: Service) -> httpx.Response:
            return await service.client.get(f"{self.path}?{query}", headers=dict(self.headers))

        return send

    def without_token(self) -> Iterator[Row]:
        """Requests of somebody who does not know the internal token; and of somebody who knows the one before."""
        for token in ("", "wrong", "an internal toke", "an internal token2"):
            stranger = replace(self, headers={"X-Internal-Token": token} if token else {})
            yield Row(what=f"internal token {token!r}", send=stranger.bent(), code="internal_token_invalid")
        older = replace(self, headers={"X-Internal-Token": "an older internal token"})
        yield Row(what="an older internal token", send=older.with_(), answer=ANYTHING)

    def no_documents(self, *required: str) -> Iterator[Row]:
        """Bodies that hold no request at all, and one that holds an empty one."""
        for what, body in NO_DOCUMENTS.items():
            yield Row(what=what, send=self.raw(body), code="validation_failed", fields=("body",))
        yield Row(what="too large", send=self.raw(b"x" * (64 * 1024 + 1)), code="payload_too_large")
        yield Row(what="empty", send=self.raw(b"{}"), code="validation_failed", fields=required)
        for name in required:
            twice = json.dumps({name: "x"})[:-1] + ", " + json.dumps({name: "x"})[1:]
            yield Row(what=f"{name} twice", send=self.raw(twice.encode()), code="validation_failed", fields=required)

    def bad_texts(self, *names: str, required: bool = True) -> Iterator[Row]:
        """Values that are no text."""
        for name in names:
            bad: Sequence[Any] = (7, 1.5, True, [], {}, ["x"], *([None] if required else []))
            for wrong in bad:
                yield Row(
                    what=f"{name}={wrong!r}",
                    send=self.bent(**{name: wrong}),
                    code="validation_failed",
                    fields=(name,),
                )
            half = self.raw(b'{"%b": "\\ud800"}' % name.encode())
            yield Row(what=f"{name} half a character", send=half, code="validation_failed", among=name)

    def missing(self, *names: str) -> Iterator[Row]:
        """Requests without a field that is required."""
        for name in names:
            yield Row(what=f"no {name}", send=self.bent(**{name: ...}), code="validation_failed", fields=(name,))

    def bad_users(self) -> Iterator[Row]:
        """Values that are no Telegram user."""
        bad: Sequence[Any] = (
            0, -1, "", "x", "1.5", " 7", "-7", "٧", 1.5, True, [], {}, 2**53, 10**400, "9" * 16, "9" * 5000,
        )  # fmt: skip
        for wrong in bad:
            yield Row(
                what=f"telegram_user_id={str(wrong)[:20]!r}",
                send=self.bent(telegram_user_id=wrong),
                code="validation_failed",
                fields=("telegram_user_id",),
            )

    def limited(self) -> Row:
        """The second request of a day, where one is allowed."""

        async def send(service: Service) -> httpx.Response:
            await self.send(service, {})
            return await self.send(service, {})

        return Row(what="too many", send=send, code="rate_limited", header=("retry-after", ...), on="limited")

    def broken(self, **values: Any) -> Row:
        """A request while the database is away."""

        async def send(service: Service) -> httpx.Response:
            return await self.send(service, values)

        return Row(what="database away", send=send, code="internal_error", on="broken")


async def nothing(_service: Service) -> dict[str, Any]:
    """A request without values."""
    return {}


def values(**fixed: Any) -> Callable[[Service], Awaitable[dict[str, Any]]]:
    """Always the same request."""

    async def good(_service: Service) -> dict[str, Any]:
        return dict(fixed)

    return good
