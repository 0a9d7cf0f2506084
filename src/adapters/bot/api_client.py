"""The bot's way to the API: over HTTP, with the internal token. The bot itself has no database."""

from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

import httpx
import msgspec
from msgspec import structs

KEPT_SECONDS: Final = 2.0
"""So long an idle connection is kept: well below what any server, or a proxy before it, keeps one (uvicorn's own: 5).

A question that is sent at the moment when the other side closes gets no answer, and somebody who paid would be told
that nobody can say.
"""

_TIMEOUT_SECONDS: Final = 5.0
_OK: Final = 200
_WAIT_WHEN_NOT_TOLD_SECONDS: Final = 60
_MAX_WAIT_DIGITS: Final = 6
_TOO_SOON: Final = "rate_limited"
_T = TypeVar("_T")


class ApiUnavailable(Exception):  # noqa: N818  - a state of the far side, not a mistake of the caller's
    """The API did not answer as it should; nothing is known, so nobody is let in. Its text holds no body."""


class Refusal(StrEnum):
    """Why a token was not redeemed: the API's own codes."""

    INVALID = "activation_token_invalid"
    USED = "activation_token_used"
    EXPIRED = "activation_token_expired"
    REVOKED = "access_revoked"


class RestoreRefusal(StrEnum):
    """Why access was not restored."""

    ADDRESS = "validation_failed"  # the address has not the shape of one
    CODE = "otp_invalid"  # wrong, too old, used, too many tries: the API does not say which
    NOTHING = "no_restorable_order"  # the address is proven, but nothing paid stands behind it


class TooSoon(msgspec.Struct, frozen=True, kw_only=True):
    """A code was asked for too often."""

    retry_after_seconds: int


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's answer; fields as in the API. `locale`: the order's language, None when there is no order."""

    is_paid: bool
    order_id: str | None
    plan: str | None
    access_status: str | None
    locale: str | None = None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """A token was redeemed; `access_expires_at` None: for life."""

    order_id: str
    plan: str
    access_expires_at: datetime | None
    locale: str | None = None


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """The code was right, and the user is in."""

    access_granted: bool
    locale: str | None = None


class _FieldError(msgspec.Struct, frozen=True, kw_only=True):
    field: str


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    errors: list[_FieldError] = []


class PaywallApi:
    """Asks the API. Connects at the first call.

    Args:
        base_url: the API's address, without a slash at the end.
        internal_token: the newest internal token.
    """

    def __init__(self, *, base_url: str, internal_token: str) -> None:
        self._base_url = base_url
        self._headers = {"X-Internal-Token": internal_token}
        self._client: httpx.AsyncClient | None = None

    async def access_status(self, telegram_user_id: int) -> Access:
        """May this user in?

        Raises:
            ApiUnavailable: no one can say.
        """
        answer = await self._post("/api/bot/access/status", {"telegram_user_id": telegram_user_id})
        if answer.status_code != _OK:
            raise _unexpected("access/status", answer)
        return structs.replace(_decode(answer, Access), locale=_language(answer))

    async def activate(self, token: str, telegram_user_id: int) -> Granted | Refusal:
        """Redeem a token for a user.

        Raises:
            ApiUnavailable: no one can say; the user may try again.
        """
        body = {"activation_token": token, "telegram_user_id": telegram_user_id}
        answer = await self._post("/api/bot/access/activate", body)
        if answer.status_code == _OK:
            return structs.replace(_decode(answer, Granted), locale=_language(answer))
        code = _decode(answer, _Problem).code
        if code not in list(Refusal):
            raise _unexpected("access/activate", answer)
        return Refusal(code)

    async def request_restore(self, email: str) -> RestoreRefusal | TooSoon | None:
        """Ask for a code to be mailed. None: the request was taken, which does not say that the address is known.

        Raises:
            ApiUnavailable: no one can say; the user may try again.
        """
        answer = await self._post("/api/bot/restore/request", {"email": email})
        if answer.status_code == _OK:
            return None
        code = _decode(answer, _Problem).code
        if code == RestoreRefusal.ADDRESS:
            return RestoreRefusal.ADDRESS
        if code == _TOO_SOON:
            return TooSoon(retry_after_seconds=_retry_after_seconds(answer))
        raise _unexpected("restore/request", answer)

    async def confirm_restore(self, email: str, code: str, telegram_user_id: int) -> Restored | RestoreRefusal:
        """Answer with the code; the right one lets the user in at once.

        Raises:
            ApiUnavailable: no one can say, not even whether the code was taken; the user may try again.
        """
        body = {"email": email, "otp": code, "telegram_user_id": telegram_user_id}
        answer = await self._post("/api/bot/restore/confirm", body)
        if answer.status_code == _OK:
            restored = _decode(answer, Restored)
            if not restored.access_granted:
                raise _unexpected("restore/confirm", answer)  # with a user it is always redeemed at once
            return structs.replace(restored, locale=_language(answer))
        problem = _decode(answer, _Problem)
        if problem.code not in list(RestoreRefusal):
            raise _unexpected("restore/confirm", answer)
        if problem.code == RestoreRefusal.ADDRESS and "email" not in [error.field for error in problem.errors]:
            return RestoreRefusal.CODE
        return RestoreRefusal(problem.code)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, path: str, body: dict[str, object]) -> httpx.Response:
        if self._client is None:
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEPT_SECONDS)
            self._client = httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, headers=self._headers, limits=limits)
        try:
            return await self._client.post(self._base_url + path, json=body)
        except httpx.HTTPError as error:
            raise ApiUnavailable(type(error).__name__) from error


def _decode(answer: httpx.Response, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiUnavailable(f"the API's answer ({answer.status_code}) has another shape") from error


def _unexpected(call: str, answer: httpx.Response) -> ApiUnavailable:
    """An answer that says nothing about the user: a wrong internal token, a limit on our own address, a bug."""
    try:
        code = msgspec.json.decode(answer.content, type=_Problem).code
    except (msgspec.DecodeError, UnicodeDecodeError):
        code = "no problem document"
    return ApiUnavailable(f"{call} answered {answer.status_code} ({code})")


def _language(answer: httpx.Response) -> str | None:
    """The order's language."""
    tag: str | None = answer.headers.get("Content-Language")
    return tag


def _retry_after_seconds(answer: httpx.Response) -> int:
    told = answer.headers.get("Retry-After", "").strip()
    if not (told.isascii() and told.isdigit()):
        return _WAIT_WHEN_NOT_TOLD_SECONDS
    return max(int(told[:_MAX_WAIT_DIGITS]), 1)
