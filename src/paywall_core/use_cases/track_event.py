"""A browser tells of a step in the funnel, or of an event for the ad platform: log it, and forward it by the outbox."""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct, field, structs

from paywall_core.effects import Effect, ForwardTrackedEvent, Lane, ReportSale
from paywall_core.errors import InvalidInput, TrackingNotConfigured
from paywall_core.lifecycle import State
from paywall_core.ports.clock import Clock, Randomness
from paywall_core.ports.directory import OrderDirectory, SessionRecord
from paywall_core.ports.unit_of_work import UnitOfWorkFactory
from paywall_core.text import is_storable
from paywall_core.tracking import (
    FUNNEL_EVENTS,
    PAY_SUCCESS,
    AdEvent,
    FunnelEvent,
    TrackedEvent,
    TrackingAttempt,
    TrackingOutcome,
)

MAX_PARAMS: Final = 40
_LONGEST: Final = {"clickid": 255, "session_id": 255, "page_path": 1024, "fbclid": 512, "ip": 64, "ua": 1024}
_MAX_NAME_CHARACTERS: Final = 40  # Meta's own limit for an event's name
_MAX_PARAM_NAME_CHARACTERS: Final = 64
_MAX_PARAM_CHARACTERS: Final = 1024


class TrackFunnelCommand(Struct, frozen=True, kw_only=True):
    """What a browser said; fields as in `FunnelEvent`, not checked yet."""

    status: str
    clickid: str
    session_id: str | None = None
    page_path: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)


class TrackAdCommand(Struct, frozen=True, kw_only=True):
    """What a browser said; fields as in `AdEvent`, not checked yet."""

    status: str
    fbclid: str | None = None
    ip: str | None = None
    ua: str | None = None

    def __repr__(self) -> str:
        return f"TrackAdCommand(status={self.status!r})"


class _Tracking:
    """What both kinds share: an attempt is written together with the effect that forwards it."""

    def __init__(
        self, *, unit_of_work: UnitOfWorkFactory, clock: Clock, randomness: Randomness, configured: bool
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._randomness = randomness
        self._configured = configured

    def _require_configured(self) -> None:
        if not self._configured:
            raise TrackingNotConfigured

    async def _log(self, event: TrackedEvent, outcome: TrackingOutcome, *effects: Effect, reason: str | None) -> None:
        now = self._clock.now()
        attempt = TrackingAttempt(
            id=self._randomness.new_id(), received_at=now, event=event, outcome=outcome, reason=reason
        )
        lane = Lane.AD_PLATFORM if isinstance(event, AdEvent) else Lane.CLICK_TRACKER
        forwarded = [ForwardTrackedEvent(attempt_id=attempt.id, lane=lane)]
        owed = forwarded if outcome is TrackingOutcome.QUEUED else effects
        async with self._unit_of_work() as uow:
            await uow.tracking_log.add(attempt)
            await uow.outbox.enqueue(owed, now=now)
            await uow.commit()


class TrackFunnel(_Tracking):
    """Log a step of the funnel and forward it to the click tracker.

    `pay_success` from a browser is a claim, not a fact: it counts only with a checkout session whose order is paid and
    came from the same click, and then the order's own report stands for it, once per order in all. Any other is logged
    and not forwarded.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        directory: OrderDirectory,
        clock: Clock,
        randomness: Randomness,
        configured: bool,
    ) -> None:
        super().__init__(unit_of_work=unit_of_work, clock=clock, randomness=randomness, configured=configured)
        self._directory = directory

    async def __call__(self, command: TrackFunnelCommand) -> None:
        """Take it.

        Raises:
            InvalidInput: a field has the wrong shape; names it.
            TrackingNotConfigured: there is no click tracker.
        """
        self._require_configured()
        event = _funnel_event(command)
        if event.name != PAY_SUCCESS:
            await self._log(event, TrackingOutcome.QUEUED, reason=None)
            return
        session = await self._directory.session(event.session_id) if event.session_id else None
        if session is None:
            await self._log(event, TrackingOutcome.REFUSED, reason="no such checkout session")
        elif not _is_sale(session, event):
            await self._log(event, TrackingOutcome.REFUSED, reason="its order is not paid, or came from another click")
        else:
            sale = ReportSale(order_id=session.order_id)
            await self._log(event, TrackingOutcome.MERGED, sale, reason="reported once for its order")


class TrackAd(_Tracking):
    """Log an event and forward it to the ad platform, with a deterministic id: a repeat is one event there.

    Args:
        names: the only names that are taken; empty: any.
    """

    def __init__(
        self,
        *,
        unit_of_work: UnitOfWorkFactory,
        clock: Clock,
        randomness: Randomness,
        configured: bool,
        names: Collection[str] = (),
    ) -> None:
        super().__init__(unit_of_work=unit_of_work, clock=clock, randomness=randomness, configured=configured)
        self._names = frozenset(names)

    async def __call__(self, command: TrackAdCommand) -> None:
        """Take it.

        Raises:
            InvalidInput: a field has the wrong shape; names it.
            TrackingNotConfigured: there is no ad platform.
        """
        self._require_configured()
        _check_text("status", command.status, _MAX_NAME_CHARACTERS)
        if not command.status:
            raise InvalidInput("status", "must not be empty")
        if self._names and command.status not in self._names:
            raise InvalidInput("status", f"must be one of {', '.join(sorted(self._names))}")
        for name in ("fbclid", "ip", "ua"):
            _check_text(name, getattr(command, name), _LONGEST[name])
        event = AdEvent(
            name=command.status,
            fbclid=command.fbclid or None,
            ip=command.ip or None,
            user_agent=command.ua or None,
        )
        await self._log(event, TrackingOutcome.QUEUED, reason=None)


def _funnel_event(command: TrackFunnelCommand) -> FunnelEvent:
    if command.status not in FUNNEL_EVENTS:
        raise InvalidInput("status", f"must be one of {', '.join(FUNNEL_EVENTS)}")
    if not command.clickid:
        raise InvalidInput("clickid", "must not be empty")
    for name in ("clickid", "session_id", "page_path"):
        _check_text(name, getattr(command, name), _LONGEST[name])
    if len(command.params) > MAX_PARAMS:
        raise InvalidInput("tracking_params", f"must be at most {MAX_PARAMS} parameters")
    for name, value in command.params.items():
        _check_text("tracking_params", name, _MAX_PARAM_NAME_CHARACTERS)
        _check_text("tracking_params", value, _MAX_PARAM_CHARACTERS)
    fields = structs.asdict(command)
    return FunnelEvent(name=fields.pop("status"), **fields)


def _is_sale(session: SessionRecord, event: FunnelEvent) -> bool:
    """Whether the claim is true: paid, not taken back since, and from the click that it names."""
    paid = session.state in (State.TOKEN_ISSUED, State.ACTIVE, State.EXPIRED) and session.first_paid_at is not None
    return paid and session.clickid == event.clickid


def _check_text(name: str, value: str | None, longest: int) -> None:
    if value is not None and (len(value) > longest or not is_storable(value)):
        raise InvalidInput(name, f"must have at most {longest} characters, none of control")
