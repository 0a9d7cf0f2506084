"""Stripe's webhooks: events signed and posted, retried, recorded; lost, doubled, late or out of order when told so.

Knows events and endpoints, nothing of what they are about. Events are emitted on the loop that runs the dispatcher.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import httpx
import msgspec

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.world import World, wants
from entrypoints.sandbox.troubles import Troubles, WebhookTrouble

Outcome: TypeAlias = Literal["delivered", "failed", "lost"]
_OK: Final = range(200, 300)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to deliver one event to one endpoint; `status` is the answer's, `error` is why there was none."""

    event_id: str
    event_type: str
    endpoint_id: str
    at: datetime
    outcome: Outcome
    status: int | None = None
    error: str | None = None


class WebhookTiming(msgspec.Struct, frozen=True, kw_only=True):
    """How long things take; faster than at Stripe, so that a person can watch."""

    retry_after_seconds: tuple[float, ...] = (1, 2, 4, 8, 16, 32, 60)
    late_seconds: float = 5
    out_of_order_window_seconds: float = 1
    timeout_seconds: float = 10


class WebhookDispatcher:
    """Delivers what the world emits, while it is entered (`async with`)."""

    def __init__(
        self,
        *,
        world: World,
        troubles: Troubles,
        timing: WebhookTiming,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.attempts: dict[str, list[Attempt]] = {}
        """Every try, by event id, in order of time."""
        self._world, self._troubles, self._timing, self._wall_clock = world, troubles, timing, wall_clock
        self._client: httpx.AsyncClient | None = None
        self._queue: asyncio.Queue[Coroutine[Any, Any, None]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[Document] | None = None
        self._shuffled: list[Document] = []
        self._delivered: set[tuple[str, str]] = set()

    async def __aenter__(self) -> Self:
        """Start to deliver."""
        if self._client is not None:
            raise RuntimeError("the dispatcher is running already")
        self._client = httpx.AsyncClient(timeout=self._timing.timeout_seconds, trust_env=False)
        self._queue = asyncio.Queue()
        self._world.listeners.append(self._on_event)
        self._spawn(self._work())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what was not sent stays pending in Stripe's event list."""
        self._world.listeners.remove(self._on_event)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while not self._queue.empty():
            self._queue.get_nowait().close()
        self._shuffled.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def hold(self) -> None:
        """From now on nothing is sent by itself; `deliver` still sends."""
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """Send what was held, in order, and go on by itself."""
        held, self._held = self._held or [], None
        for event in held:
            if not self.attempts.get(event["id"]):  # what was delivered by hand meanwhile is not sent again
                self._on_event(event)

    async def deliver(self, event_id: str) -> list[Attempt]:
        """Send one event now, whatever the troubles, once to each endpoint that takes its type.

        Raises:
            StripeRefusal: no such event.
        """
        event = self._world.get("event", event_id)
        return await asyncio.gather(*(self._post(event, endpoint) for endpoint in self._endpoints(event)))

    async def idle(self) -> None:
        """Until every event so far was tried once (the late and the held are not waited for)."""
        await self._queue.join()

    def _endpoints(self, event: Document) -> list[Document]:
        return [one for one in self._world.where("webhook_endpoint") if wants(one, event["type"])]

    def _on_event(self, event: Document) -> None:
        if self._held is not None:
            self._held.append(event)
            return
        trouble = self._troubles.webhooks
        if trouble is WebhookTrouble.LOST:
            for endpoint in self._endpoints(event):
                self._record(event, endpoint, outcome="lost")
        elif trouble is WebhookTrouble.LATE:
            self._spawn(self._send_late(event))
        elif trouble is WebhookTrouble.OUT_OF_ORDER:
            self._shuffled.append(event)
            if len(self._shuffled) == 1:
                self._spawn(self._send_reversed())
        else:
            self._queue.put_nowait(self._send(event, copies=2 if trouble is WebhookTrouble.DOUBLED else 1))

    async def _work(self) -> None:
        """One first try after another; a retry waits beside the queue."""
        while True:
            job = await self._queue.get()
            try:
                await job
            finally:
                self._queue.task_done()

    async def _send_late(self, event: Document) -> None:
        await asyncio.sleep(self._timing.late_seconds)
        await self._send(event)

    async def _send_reversed(self) -> None:
        await asyncio.sleep(self._timing.out_of_order_window_seconds)
        collected, self._shuffled = self._shuffled, []
        for event in reversed(collected):
            await self._send(event)

    async def _send(self, event: Document, *, copies: int = 1) -> None:
        for endpoint in self._endpoints(event):
            tries = await asyncio.gather(*(self._post(event, endpoint) for _ in range(copies)))
            if all(one.outcome != "delivered" for one in tries):
                self._spawn(self._retry(event, endpoint))

    async def _retry(self, event: Document, endpoint: Document) -> None:
        for pause_seconds in self._timing.retry_after_seconds:
            await asyncio.sleep(pause_seconds)
            if (event["id"], endpoint["id"]) in self._delivered:  # by hand, meanwhile
                return
            if (await self._post(event, endpoint)).outcome == "delivered":
                return

    async def _post(self, event: Document, endpoint: Document) -> Attempt:
        if self._client is None:
            raise RuntimeError("the dispatcher is not running")
        body = msgspec.json.encode(event)
        secret = self._world.endpoint_secrets[endpoint["id"]]
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature_header(body, secret=secret, timestamp=int(self._wall_clock())),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            answer = await self._client.post(endpoint["url"], content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return self._record(event, endpoint, outcome="failed", error=type(error).__name__)
        delivered = answer.status_code in _OK
        mark = (event["id"], endpoint["id"])
        if delivered and mark not in self._delivered:
            self._delivered.add(mark)
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
        return self._record(event, endpoint, outcome="delivered" if delivered else "failed", status=answer.status_code)

    def _record(
        self,
        event: Document,
        endpoint: Document,
        *,
        outcome: Outcome,
        status: int | None = None,
        error: str | None = None,
    ) -> Attempt:
        attempt = Attempt(
            event_id=event["id"],
            event_type=event["type"],
            endpoint_id=endpoint["id"],
            at=self._world.clock(),
            outcome=outcome,
            status=status,
            error=error,
        )
        self.attempts.setdefault(event["id"], []).append(attempt)
        return attempt

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def signature_header(body: bytes, *, secret: str, timestamp: int) -> str:
    """`Stripe-Signature` over the exact bytes (docs.stripe.com/webhooks); `timestamp` in Unix seconds."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
