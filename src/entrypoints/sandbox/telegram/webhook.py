"""Webhooks: where updates go, and the task that sends them, one after another, until each is taken.

Knows no method of the Bot API: an answer that carries a call is handed on to whoever started the task.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx
import msgspec
import structlog

from entrypoints.sandbox.telegram import bodies
from entrypoints.sandbox.telegram.errors import ApiRefusal
from entrypoints.sandbox.telegram.updates import DOWN_CHECK_SECONDS, Update, UpdateQueue
from entrypoints.sandbox.troubles import Troubles
from paywall_core.ports.clock import Clock

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  - the name of a header
_TIMEOUT_SECONDS: Final = 30.0
_LONGEST_DELAY_SECONDS: Final = 5.0
_log = structlog.stdlib.get_logger("sandbox.telegram")


@dataclass(slots=True, kw_only=True, eq=False)
class Webhook:
    """Where updates go; no `url` means that the bot polls. Times are Unix seconds."""

    url: str = ""
    secret_token: str = ""
    max_connections: int = 40
    last_error_date: int | None = None
    last_error_message: str | None = None


def retry_delay_seconds(attempt: int) -> float:
    """How long to wait after the n-th failure; far shorter than Telegram's own, for people who watch."""
    return float(min(0.2 * 2 ** min(attempt, 10), _LONGEST_DELAY_SECONDS))


class WebhookSender:
    """Sends what waits in the queue to the webhook, in order."""

    def __init__(
        self,
        *,
        queue: UpdateQueue,
        troubles: Troubles,
        clock: Clock,
        delay_seconds: Callable[[int], float],
    ) -> None:
        self.webhook = Webhook()
        self._queue = queue
        self._troubles = troubles
        self._clock = clock
        self._delay_seconds = delay_seconds

    def point_to(self, webhook: Webhook) -> None:
        """Send everything here from now on."""
        self.webhook = webhook
        self._queue.signal.notify()

    async def run(self, carry_out: Callable[[str, dict[str, Any]], object]) -> None:
        """Send for ever; cancel to stop. `carry_out(method, params)` does what an answer asks for."""
        attempt = 0
        async with httpx.AsyncClient(trust_env=False, timeout=_TIMEOUT_SECONDS) as client:
            while True:
                webhook = self.webhook
                if self._troubles.telegram_down:
                    await self._queue.signal.wait(DOWN_CHECK_SECONDS)
                    continue
                if not webhook.url or not self._queue.pending:
                    await self._queue.signal.wait()
                    continue
                update = self._queue.pending[0]
                error = await self._send(client, webhook, update, carry_out)
                if error is None:
                    attempt = 0
                    # While we waited, the bot may have dropped what was pending.
                    if self._queue.pending and self._queue.pending[0] is update:
                        self._queue.pending.popleft()
                        self._queue.signal.notify()
                    continue
                attempt += 1
                webhook.last_error_date = int(self._clock.now().timestamp())
                webhook.last_error_message = error
                _log.warning("sandbox.telegram.webhook_failed", update_id=update.update_id, reason=error)
                await self._pause(webhook, self._delay_seconds(attempt))

    async def _pause(self, webhook: Webhook, seconds: float) -> None:
        """Wait, but not for a webhook that was replaced in the meantime."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.webhook is webhook and (remaining := deadline - loop.time()) > 0:
            await self._queue.signal.wait(remaining)

    async def _send(
        self,
        client: httpx.AsyncClient,
        webhook: Webhook,
        update: Update,
        carry_out: Callable[[str, dict[str, Any]], object],
    ) -> str | None:
        """One attempt; what went wrong, or None."""
        headers = {"Content-Type": "application/json"}
        if webhook.secret_token:
            headers[SECRET_HEADER] = webhook.secret_token
        try:
            answer = await client.post(webhook.url, content=msgspec.json.encode(update.document()), headers=headers)
        except httpx.TimeoutException:
            return "Read timeout expired"
        except httpx.HTTPError as error:
            return f"Connection failed: {type(error).__name__}"
        if not answer.is_success:
            return f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}"
        _obey(answer, carry_out)
        return None


def _obey(answer: httpx.Response, carry_out: Callable[[str, dict[str, Any]], object]) -> None:
    """An answer may be a call by itself (https://core.telegram.org/bots/api#making-requests-when-getting-updates)."""
    try:
        params = bodies.decode(answer.content, answer.headers.get("content-type", ""))
        method = params.pop("method", None)
        if isinstance(method, str):
            carry_out(method, params)
    except ApiRefusal as refusal:
        # As with Telegram, the bot never learns what became of such a call.
        _log.warning("sandbox.telegram.webhook_answer_refused", reason=refusal.description)
