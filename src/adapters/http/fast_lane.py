"""The fast lane: the calls that are made all the time, answered before the framework takes them apart.

A request that is as it should be is answered here, by the same use case, with the same bytes. Whatever is not (a wrong
token, another site's script, a body in an unusual dress, somebody who asks too often, a database that is away) goes on
to the ordinary road untouched, and is answered there. So there is one set of rules and of errors, and the ordinary
handlers stand in the API's description. Tests hold the two roads against each other.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final, TypeAlias

import msgspec
import structlog
from litestar.types import Receive, Scope

from adapters.http.bodies import AccessStatusAnswer, SessionStatusAnswer
from adapters.http.calls.payment import WEBHOOK_MAX_BYTES, take_event
from adapters.http.dependencies import HttpDependencies
from adapters.http.guards import one_of
from adapters.http.headers import NO_STORE, fixed_headers
from adapters.http.rate_limits import Group
from adapters.metrics.instruments import Observed
from paywall_core.errors import PaywallError

_Headers: TypeAlias = list[tuple[bytes, bytes]]
_Answer: TypeAlias = tuple[bytes, Sequence[tuple[bytes, bytes]]]
_Answerer: TypeAlias = Callable[[Scope, bytes], Awaitable[_Answer | None]]

_SPACE: Final = rb"[ \t\r\n]*"  # as JSON knows it
_NUMBER: Final = rb"[1-9][0-9]{0,14}"
_USER: Final = re.compile(
    _SPACE.join((b"", rb"\{", b'"telegram_user_id"', b":", b'(?:(%b)|"(%b)")' % (_NUMBER, _NUMBER), rb"\}", b""))
)
_SESSION: Final = re.compile(rb"session_id=([A-Za-z0-9_-]{1,255})")
_HOST: Final = re.compile(rb"[A-Za-z0-9.-]+(?::\d{1,5})?")
_LONGEST_QUESTION: Final = 1024
_RESERVED: Final = frozenset((b"origin", b"expect", b"content-encoding", b"transfer-encoding"))
_log = structlog.stdlib.get_logger("paywall.http")


class FastLane:
    """Answers what it knows, and hands on the rest.

    Args:
        status: what counts questions about sessions; None: nothing does.
    """

    def __init__(self, dependencies: HttpDependencies, *, status: Group | None) -> None:
        self._d = dependencies
        self._status = status
        self._is_internal = one_of(dependencies.internal_tokens)
        self._encode = msgspec.json.Encoder().encode
        fixed = {**fixed_headers(dependencies), "Cache-Control": NO_STORE}
        self._fixed: _Headers = [
            (b"content-type", b"application/json"),
            *((name.lower().encode(), value.encode()) for name, value in fixed.items()),
        ]
        answerers: Mapping[tuple[str, str], tuple[_Answerer, int]] = {
            ("POST", "/api/bot/access/status"): (self._access_status, _LONGEST_QUESTION),
            ("GET", "/api/payment/session-status"): (self._session_status, 0),
            ("POST", "/api/stripe/webhook"): (self._webhook, WEBHOOK_MAX_BYTES),
        }
        # Whose numbers a call's time goes to is found once, and not at each request.
        timed = dependencies.measures.requests
        self._answerers: Mapping[tuple[str, str], tuple[_Answerer, int, Observed]] = {
            call: (answerer, longest, timed.of(*call, "200")) for call, (answerer, longest) in answerers.items()
        }

    async def answer(self, scope: Scope, receive: Receive, send: Any, *, began: float) -> Receive | None:
        """Answer; or give what the ordinary road is to receive from.

        `began` is when the request came, by `perf_counter`.
        """
        call: Any = scope
        found = self._answerers.get((call["method"], call["path"]))
        if found is None or call.get("root_path"):
            return receive
        answerer, longest, timed = found
        body, taken = b"", list[Any]()
        if longest:
            body = await _read(receive, taken, longest)
        try:
            answer = await answerer(scope, body)
        except PaywallError:
            answer = None  # a refusal: the ordinary road finds the same, and has the words for it
        except Exception as error:  # noqa: BLE001  - asked again there, it may go well: then nobody else would tell of it
            _log.warning("request.again", method=call["method"], path=call["path"], reason=type(error).__name__)
            answer = None
        if answer is None:
            return _again(taken, receive)
        content, headers = answer
        length = (b"content-length", str(len(content)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length, *self._fixed, *headers]})
        await send({"type": "http.response.body", "body": content, "more_body": False})
        timed.observe(perf_counter() - began)
        return None

    async def _access_status(self, scope: Scope, body: bytes) -> _Answer | None:
        asked = _USER.fullmatch(body)
        sent = _singles(scope["headers"])
        if asked is None or sent is None or sent.get(b"content-type", b"application/json") != b"application/json":
            return None
        if not self._is_internal(sent.get(b"x-internal-token", b"")):
            return None
        status = await self._d.access_status(int(asked[1] or asked[2]))
        answer = AccessStatusAnswer(
            is_paid=status.is_paid, order_id=status.order_id, plan=status.plan, access_status=status.access_status
        )
        language = [] if status.locale is None else [(b"content-language", status.locale.encode())]
        return self._encode(answer), language

    async def _session_status(self, scope: Scope, _body: bytes) -> _Answer | None:
        asked = _SESSION.fullmatch(scope["query_string"])
        if asked is None or _singles(scope["headers"]) is None:
            return None
        quota = None if self._status is None else await self._status.count(scope)
        if quota is not None and quota.is_exceeded:
            return None
        status = await self._d.session_status(asked[1].decode())
        answer = SessionStatusAnswer(
            payment_status=status.payment_status,
            fulfillment_status=status.fulfillment_status,
            access_status=status.access_status,
            activation_link=status.activation_link,
        )
        return self._encode(answer), () if quota is None else quota.raw_headers

    async def _webhook(self, scope: Scope, body: bytes) -> _Answer | None:
        sent = _singles(scope["headers"])
        if sent is None or b"stripe-signature" not in sent:
            return None
        return self._encode(await take_event(self._d, body, sent[b"stripe-signature"].decode("latin-1"))), []


async def _read(receive: Receive, taken: list[Any], longest: int) -> bytes:
    """The body; nothing, when it is longer or does not come to its end. What was received is in `taken`."""
    parts, length = list[bytes](), 0
    while True:
        message = await receive()
        taken.append(message)
        if message["type"] != "http.request":
            return b""
        part = message["body"]
        length += len(part)
        if length > longest:
            return b""
        parts.append(part)
        if not message["more_body"]:
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _again(taken: Sequence[Any], receive: Receive) -> Receive:
    """What was received already, and then the rest."""
    if not taken:
        return receive
    waiting = iter(taken)

    async def receive_again() -> Any:
        message = next(waiting, None)
        return await receive() if message is None else message

    return receive_again


def _singles(headers: Any) -> Mapping[bytes, bytes] | None:
    """The headers by their names; None, when one comes twice, or says what only the ordinary road understands."""
    found = dict(headers)
    is_plain = len(found) == len(headers) and _RESERVED.isdisjoint(found)
    return found if is_plain and _HOST.fullmatch(found.get(b"host", b"")) else None
