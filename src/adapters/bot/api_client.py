"""The bot's way to the API: over HTTP, with the internal token. The bot itself has no database."""

from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

import httpx
import msgspec

_TIMEOUT_SECONDS: Final = 5.0
_OK: Final = 200
_T = TypeVar("_T")


class ApiUnavailable(Exception):  # noqa: N818  - a state of the far side, not a mistake of the caller's
    """The API did not answer as it should; nothing is known, so nobody is let in."""


class Refusal(StrEnum):
    """Why a token was not redeemed: the API's own codes."""

    INVALID = "activation_token_invalid"
    USED = "activation_token_used"
    EXPIRED = "activation_token_expired"
    REVOKED = "access_revoked"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's answer; fields as in the API."""

    is_paid: bool
    order_id: str | None
    plan: str | None
    access_status: str | None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """A token was redeemed; `access_expires_at` None: for life."""

    order_id: str
    plan: str
    access_expires_at: datetime | None


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    code: str


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
            raise ApiUnavailable(f"access/status answered {answer.status_code}")
        return _decode(answer, Access)

    async def activate(self, token: str, telegram_user_id: int) -> Granted | Refusal:
        """Redeem a token for a user.

        Raises:
            ApiUnavailable: no one can say; the user may try again.
        """
        body = {"activation_token": token, "telegram_user_id": telegram_user_id}
        answer = await self._post("/api/bot/access/activate", body)
        if answer.status_code == _OK:
            return _decode(answer, Granted)
        code = _decode(answer, _Problem).code
        if code not in list(Refusal):
            raise ApiUnavailable(f"access/activate answered {answer.status_code} {code}")
        return Refusal(code)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, path: str, body: dict[str, object]) -> httpx.Response:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, headers=self._headers)
        try:
            return await self._client.post(self._base_url + path, json=body)
        except httpx.HTTPError as error:
            raise ApiUnavailable(type(error).__name__) from error


def _decode(answer: httpx.Response, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiUnavailable("the API's answer has another shape") from error
