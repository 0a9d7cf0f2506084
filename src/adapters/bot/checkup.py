"""Does Telegram know our bot as the settings say, and do its updates reach us? Asks `getMe` and `getWebhookInfo`.

Plain HTTP, without aiogram, which takes seconds to import. Telegram wants the token in the address, so the address is
in no finding and in no log: httpx's client logs addresses, its transport alone does not.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from paywall_core.ports.checkup import Checkup, Finding, Verdict
from paywall_core.ports.clock import Clock

_TELEGRAM: Final = "https://api.telegram.org"
_TIMEOUT_SECONDS: Final = 10.0
_MAX_BODY_BYTES: Final = 64 * 1024
_MAX_WORDS_CHARACTERS: Final = 200
_UNAUTHORIZED, _NOT_FOUND = 401, 404
_MANY_UPDATES: Final = 20
_RECENT: Final = timedelta(days=1)
_WEBHOOK_PORTS: Final = frozenset({None, 80, 88, 443, 8443})
"""https://core.telegram.org/bots/api#setwebhook; None is https's own."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999: Python knows no later one
_NO_ADDRESS: Final = "an address that is none"
_UPDATES: Final = "Telegram's updates"
_Result = TypeVar("_Result")


class _Answer(msgspec.Struct, frozen=True):
    result: msgspec.Raw


class _Me(msgspec.Struct, frozen=True):
    username: str


class _Webhook(msgspec.Struct, frozen=True):
    url: str
    pending_update_count: int
    last_error_date: Annotated[int, msgspec.Meta(ge=0)] | None = None
    last_error_message: str = ""


class _NoAnswer(Exception):  # noqa: N818  - becomes a finding
    def __init__(self, subject: str, detail: str) -> None:
        super().__init__(detail)
        self.finding = Finding(subject=subject, verdict=Verdict.FAILED, detail=detail)


class TelegramCheckup(Checkup):
    """Asks the Bot API.

    Args:
        token, username: the bot's.
        mode: `polling` or `webhook`.
        webhook_secret: the last part of the webhook's address, and what Telegram must show us. Secret.
        public_base_url: where the webhook is, without a slash at the end.
        api_base: another address than Telegram's own, or None.
        clock: how old an error is.
        timeout_seconds: for both questions together.
    """

    def __init__(
        self,
        *,
        token: str,
        username: str,
        mode: str,
        webhook_secret: str | None,
        public_base_url: str,
        api_base: str | None,
        clock: Clock,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._token = token
        self._username = username
        self._mode = mode
        self._webhook_secret = webhook_secret
        self._public_base_url = public_base_url
        self._api_base = api_base
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    async def check(self) -> Sequence[Finding]:
        """The token, the name, the mode, and what Telegram says of its deliveries."""
        findings: list[Finding] = []
        if self._where == _NO_ADDRESS:
            return [_finding("TELEGRAM_API_BASE", Verdict.FAILED, "is no address: is its port a number up to 65535?")]
        try:
            async with asyncio.timeout(self._timeout_seconds), httpx.AsyncHTTPTransport() as transport:
                me = await self._ask(transport, "getMe", _Me)
                findings.append(_finding("BOT_TOKEN", Verdict.OK, f"Telegram knows it: @{_shown(me.username)}"))
                findings.append(self._name(me))
                webhook = await self._ask(transport, "getWebhookInfo", _Webhook)
                findings += [self._delivery_mode(webhook), self._deliveries(webhook)]
        except _NoAnswer as error:
            findings.append(error.finding)
        except TimeoutError:
            detail = f"{self._where} did not answer within {self._timeout_seconds:g} s"
            findings.append(_finding("TELEGRAM_API_BASE", Verdict.FAILED, detail))
        return findings

    def _name(self, me: _Me) -> Finding:
        if me.username.lower() == self._username.lower():
            return _finding("BOT_USERNAME", Verdict.OK, "it is the token's")
        return _finding(
            "BOT_USERNAME",
            Verdict.FAILED,
            f"BOT_TOKEN is that of @{_shown(me.username)}, but BOT_USERNAME says @{self._username}: "
            "activation links would lead to another bot",
        )

    def _delivery_mode(self, webhook: _Webhook) -> Finding:
        if self._mode == "webhook":
            return self._as_webhook(webhook.url)
        if not webhook.url:
            return _finding("BOT_MODE", Verdict.OK, "polling, and Telegram sends nothing elsewhere")
        return _finding(
            "BOT_MODE",
            Verdict.WARNING,
            f"polling, but Telegram sends updates to {_origin(webhook.url)}: our bot ends that when it starts; if that "
            "address is ours, set BOT_MODE=webhook; if it is another program's, each of the two needs a bot of its own",
        )

    def _as_webhook(self, registered: str) -> Finding:
        subject, failed = "BOT_MODE", Verdict.FAILED
        if not self._webhook_secret:
            return _finding("BOT_WEBHOOK_SECRET", failed, "BOT_MODE is webhook, and this is not set")
        if self._api_base is None and not _telegram_sends_to(self._public_base_url):
            detail = "BOT_MODE=webhook needs it to be https, on port 443, 80, 88 or 8443: Telegram sends nowhere else"
            return _finding("APP_PUBLIC_BASE_URL", failed, detail)
        if not registered:
            detail = (
                "webhook, but none is registered at Telegram: `paywall serve` or `paywall bot` does it at its start"
            )
            return _finding(subject, Verdict.WARNING, detail)
        path = f"{self._public_base_url}/tg/webhook/"
        if registered == path + self._webhook_secret:
            return _finding(subject, Verdict.OK, f"webhook, registered at {_origin(registered)}")
        if registered.startswith(path):
            detail = "Telegram uses another BOT_WEBHOOK_SECRET than this one: restart the bot, which registers it anew"
            return _finding("BOT_WEBHOOK_SECRET", failed, detail)
        return _finding(
            subject,
            failed,
            f"webhook, but Telegram sends updates to another address, at {_origin(registered)}, instead of "
            f"{self._public_base_url}/tg/webhook/…: start the bot, which registers ours; "
            "does another program use the token?",
        )

    def _deliveries(self, webhook: _Webhook) -> Finding:
        waiting = webhook.pending_update_count
        detail = f"{waiting} waiting"
        verdict = Verdict.OK
        if waiting >= _MANY_UPDATES:
            verdict = Verdict.WARNING
            detail += ": does the bot run?"
        if webhook.last_error_date is not None:
            failed_at = _EPOCH + timedelta(seconds=min(webhook.last_error_date, _LAST_SECOND))
            said = _shown(self._unsecret(webhook.last_error_message))
            detail += f"; the last one that did not reach us was on {failed_at:%Y-%m-%d at %H:%M} UTC: {said}"
            if self._clock.now() - failed_at < _RECENT:
                verdict = Verdict.WARNING
        return _finding(_UPDATES, verdict, detail)

    async def _ask(self, transport: httpx.AsyncHTTPTransport, method: str, shape: type[_Result]) -> _Result:
        """The result of a call.

        Raises:
            _NoAnswer: there is none.
        """
        try:
            request = httpx.Request("POST", f"{self._api_base or _TELEGRAM}/bot{self._token}/{method}")
            response = await transport.handle_async_request(request)
            try:
                body = await _beginning(response)
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            detail = f"{self._where} is out of reach: {type(error).__name__}"
            raise _NoAnswer("TELEGRAM_API_BASE", detail) from None
        if response.status_code in (_UNAUTHORIZED, _NOT_FOUND):
            detail = f"{self._where} does not know it ({response.status_code}): ask @BotFather for the bot's token"
            if self._api_base is not None:
                detail += "; or is TELEGRAM_API_BASE not a Bot API?"
            raise _NoAnswer("BOT_TOKEN", detail)
        try:
            return msgspec.json.decode(msgspec.json.decode(body, type=_Answer).result, type=shape)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            detail = f"{self._where} answered {method} with {response.status_code}, but not as Telegram does"
            raise _NoAnswer("TELEGRAM_API_BASE", detail) from None

    @property
    def _where(self) -> str:
        return "Telegram" if self._api_base is None else _origin(self._api_base)

    def _unsecret(self, words: str) -> str:
        for secret in (self._webhook_secret, self._token):
            words = words.replace(secret, "***") if secret else words
        return words


def _finding(subject: str, verdict: Verdict, detail: str) -> Finding:
    return Finding(subject=subject, verdict=verdict, detail=detail)


async def _beginning(response: httpx.Response) -> bytes:
    """As much as Telegram's answers may need; not unpacked."""
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) >= _MAX_BODY_BYTES:
            break
    return bytes(body)


def _telegram_sends_to(url: str) -> bool:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and port in _WEBHOOK_PORTS


def _origin(url: str) -> str:
    """Where an address leads, without its path, which may be a secret, and without a login."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return _NO_ADDRESS
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def _shown(words: str) -> str:
    """What another program said, in one line of its printable characters."""
    return "".join(character for character in words if character.isprintable())[:_MAX_WORDS_CHARACTERS]
