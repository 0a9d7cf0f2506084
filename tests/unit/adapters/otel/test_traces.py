"""What a span says of each outcome, and that what it is put around goes on as if it were not there."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from time import time_ns
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from adapters.otel.export import ExportedTraces
from adapters.otel.ids import Ids, beginning_of
from adapters.otel.spans import Spans
from adapters.otel.traces import OrderTraces
from paywall_core.effects import Effect, ReportSale, SendAccessEmail, SendRestoreCode
from paywall_core.errors import ActivationTokenInvalid, InvalidInput, PaymentProviderUnavailable
from paywall_core.facts import Mode
from paywall_core.lifecycle import State
from paywall_core.notification import PaymentNotification
from paywall_core.ports.payments import CheckoutRequest
from paywall_core.ports.unit_of_work import Delivery, DeliveryStatus
from paywall_core.testing import FakeClock, FakeGateway
from paywall_core.use_cases.activate_access import ActivateAccessCommand, GrantedAccess
from paywall_core.use_cases.record_payment import RecordedPayment
from paywall_core.use_cases.start_checkout import StartCheckoutCommand, StartedCheckout

ORDER = UUID("0b9a3f5e-6c0e-4d55-9a56-6f1f4b1f2f10")
SECOND = timedelta(seconds=1)
COMMAND = StartCheckoutCommand(mode="one_time", plan="basic", email="anna@example.com", clickid="")


@dataclass
class Told:
    """Traces whose spans stay here."""

    clock: FakeClock = field(default_factory=FakeClock)
    kept: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)

    def __post_init__(self) -> None:
        ids = Ids()
        provider = TracerProvider(id_generator=ids)
        provider.add_span_processor(SimpleSpanProcessor(self.kept))
        self.traces = OrderTraces(Spans(provider, ids), self.clock)

    @property
    def spans(self) -> list[tuple[str, dict[str, object], str | None]]:
        """Name, attributes without the order's, and error of each; all are of the one order."""
        return [(span.name, self._about(span), span.status.description) for span in self.kept.get_finished_spans()]

    def _about(self, span: ReadableSpan) -> dict[str, object]:
        about = dict(span.attributes or {})
        assert about.pop("paywall.order_id") == str(ORDER)
        assert span.context.trace_id == ORDER.int
        assert not span.events
        return {name.removeprefix("paywall."): value for name, value in about.items()}


@pytest.fixture
def told() -> Told:
    """Nothing was told yet."""
    return Told()


def saying(value: object) -> Callable[..., Awaitable[Any]]:
    """A use case that gives or raises this."""

    async def answer(_: object) -> Any:
        if isinstance(value, BaseException):
            raise value
        return value

    return answer


def of(order_id: UUID | None) -> PaymentNotification:
    """An event that names this order."""
    return PaymentNotification(
        event_id="evt_1", event_type="invoice.paid", occurred_at=FakeClock().now(), payload=b"{}", order_id=order_id
    )


def delivery(effect: Effect, *, attempt: int = 1) -> Delivery:
    """One that was due a second before the clock begins."""
    return Delivery(
        key=effect.key, effect=effect, attempt=attempt, lease_id=uuid4(), owed_since=FakeClock().now() - SECOND
    )


def request() -> CheckoutRequest:
    """For the order."""
    return CheckoutRequest(
        order_id=ORDER, plan="basic", mode=Mode.ONE_TIME, email="anna@example.com", locale="en", clickid=""
    )


async def test_checkout_begins_the_trace_and_stripes_part_hangs_on_it(told: Told) -> None:
    """Their ids are known to whoever knows the order."""
    gateway = told.traces.gateway(FakeGateway(told.clock))

    async def start(_: StartCheckoutCommand) -> StartedCheckout:
        opened = await gateway.open_checkout(request())
        return StartedCheckout(checkout_url=opened.url, session_id=opened.session_id, order_id=ORDER)

    started = await told.traces.checkout(start)(COMMAND)
    assert started.order_id == ORDER
    assert told.spans == [("open checkout", {"plan": "basic"}, None), ("checkout", {"plan": "basic"}, None)]
    asked, checkout = told.kept.get_finished_spans()
    assert (checkout.parent, checkout.context.span_id) == (None, beginning_of(ORDER).span_id)
    assert asked.parent is not None
    assert asked.parent.span_id == checkout.context.span_id
    await told.traces.recording(saying(RecordedPayment(order_id=ORDER)), "webhook")(of(None))
    assert len({span.context.span_id for span in told.kept.get_finished_spans()}) == 3, "the others' ids are their own"


async def test_checkout_that_fails_says_of_what_type_its_error_was(told: Told) -> None:
    """Not what the error said: that may hold anything."""
    gateway = FakeGateway(told.clock)
    gateway.down = True
    traced = told.traces.gateway(gateway)

    async def start(_: StartCheckoutCommand) -> StartedCheckout:
        await traced.open_checkout(request())
        raise AssertionError

    with pytest.raises(PaymentProviderUnavailable):
        await told.traces.checkout(start)(COMMAND)
    error = "PaymentProviderUnavailable"
    assert told.spans == [("open checkout", {"plan": "basic"}, error), ("checkout", {"plan": "basic"}, error)]


async def test_checkout_that_was_refused_before_there_was_an_order_has_no_trace(told: Told) -> None:
    """There is nothing to look for."""
    with pytest.raises(InvalidInput):
        await told.traces.checkout(saying(InvalidInput("email", "is none")))(COMMAND)
    assert told.spans == []


async def test_gateway_answers_all_else_as_it_did(told: Told) -> None:
    """Nothing is told of a price, which belongs to nobody."""
    plain = FakeGateway(told.clock)
    traced = told.traces.gateway(plain)
    opened = await plain.open_checkout(request())
    assert await traced.read_checkout(opened.session_id) == await plain.read_checkout(opened.session_id)
    assert await traced.price_of("basic") == await plain.price_of("basic")
    assert told.spans == []


@pytest.mark.parametrize(
    ("recorded", "about"),
    [
        (
            RecordedPayment(order_id=ORDER, before=State.PENDING, after=State.TOKEN_ISSUED),
            {"duplicate": False, "moved": "pending -> token_issued"},
        ),
        (RecordedPayment(order_id=ORDER, before=State.ACTIVE, after=State.ACTIVE), {"duplicate": False}),
        (RecordedPayment(order_id=ORDER, duplicate=True), {"duplicate": True}),
    ],
)
async def test_recorded_event_is_told_with_what_it_moved(
    told: Told, recorded: RecordedPayment, about: dict[str, object]
) -> None:
    """And by which way it came."""
    assert await told.traces.recording(saying(recorded), "webhook")(of(None)) is recorded
    event = {"way": "webhook", "stripe.event_type": "invoice.paid", "stripe.event_id": "evt_1"}
    assert told.spans == [("record", {**event, **about}, None)]


async def test_event_of_no_order_has_no_trace(told: Told) -> None:
    """It may be somebody else's, on the same account."""
    await told.traces.recording(saying(RecordedPayment(parked=True)), "webhook")(of(ORDER))
    assert told.spans == []


async def test_event_that_could_not_be_recorded_is_told_where_it_names_its_order(told: Told) -> None:
    """Where it does not, nobody knows whose it was."""
    failing = told.traces.recording(saying(OSError("the disk")), "reconcile")
    for order_id in (ORDER, None):
        with pytest.raises(OSError, match="the disk"):
            await failing(of(order_id))
    event = {"way": "reconcile", "stripe.event_type": "invoice.paid", "stripe.event_id": "evt_1"}
    assert told.spans == [("record", event, "OSError")]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (DeliveryStatus.DELIVERED, None),
        (DeliveryStatus.SKIPPED, None),
        (DeliveryStatus.PENDING, "pending"),
        (DeliveryStatus.DEAD, "dead"),
    ],
)
async def test_delivery_is_told_with_how_it_ended_and_how_long_it_lay(
    told: Told, status: DeliveryStatus, error: str | None
) -> None:
    """The wait is by the clock of the deliveries, which may be another than the machine's."""
    one = delivery(SendAccessEmail(order_id=ORDER, token_version=1))
    assert await told.traces.delivering(saying(status))(one) is status
    about = {"effect": "access_email", "lane": "mail", "attempt": 1}
    assert told.spans == [("outbox", about, None), ("deliver", {**about, "outcome": str(status)}, error)]
    lay, delivered = told.kept.get_finished_spans()
    assert lay.end_time == delivered.start_time
    assert (lay.end_time or 0) - (lay.start_time or 0) == 10**9
    assert abs(time_ns() - (delivered.end_time or 0)) < 60 * 10**9


async def test_further_try_is_told_without_the_wait(told: Told) -> None:
    """It was told before the first; and a try that crashed says so."""
    one = delivery(ReportSale(order_id=ORDER), attempt=2)
    with pytest.raises(OSError, match="x"):
        await told.traces.delivering(saying(OSError("x")))(one)
    about = {"effect": "report_sale", "lane": "click_tracker", "attempt": 2, "outcome": "crashed"}
    assert told.spans == [("deliver", about, "crashed")]


async def test_delivery_of_no_order_has_no_trace(told: Told) -> None:
    """A code goes to an address that may never have paid."""
    one = delivery(SendRestoreCode(challenge_id=uuid4()))
    assert await told.traces.delivering(saying(DeliveryStatus.DELIVERED))(one) is DeliveryStatus.DELIVERED
    assert told.spans == []


async def test_whoever_walks_in_is_told_and_whoever_is_refused_is_not(told: Told) -> None:
    """A refused token names no order that could be believed."""
    granted = GrantedAccess(
        order_id=ORDER, plan="basic", access_status=State.ACTIVE, access_expires_at=None, locale="en"
    )
    command = ActivateAccessCommand(activation_token="A" * 62, telegram_user_id=1)
    assert await told.traces.activating(saying(granted))(command) is granted
    with pytest.raises(ActivationTokenInvalid):
        await told.traces.activating(saying(ActivationTokenInvalid()))(command)
    assert told.spans == [("redeem", {"plan": "basic"}, None)]


def told_to(mute: socket.socket, **seconds: float) -> ExportedTraces:
    """Traces at a collector that listens, and never answers."""
    endpoint = f"http://127.0.0.1:{mute.getsockname()[1]}"
    return ExportedTraces(endpoint=endpoint, headers={}, service="test", clock=FakeClock(), **seconds)


async def test_collector_that_takes_nothing_does_not_keep_the_process() -> None:
    """It listens, and never answers; what was to be told is lost."""
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as mute:
        traces = told_to(mute, send_seconds=0.1)
        recorded = RecordedPayment(order_id=ORDER)
        await traces.recording(saying(recorded), "webhook")(of(ORDER))
        await traces.close()
    assert not [thread for thread in set(threading.enumerate()) - before if "OtelBatch" in thread.name]


async def test_full_queue_does_not_keep_the_process_either() -> None:
    """Each of its batches is tried by itself, for longer than the process waits.

    The test waits for that: what goes on would draw random numbers while other tests do.
    """
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as mute, structlog.testing.capture_logs() as log:
        traces = told_to(mute, send_seconds=0.5, close_seconds=0.1)
        record = traces.recording(saying(RecordedPayment(order_id=ORDER)), "webhook")
        for _ in range(1500):
            await record(of(ORDER))
        async with asyncio.timeout(60):
            await traces.close()
        still = set(threading.enumerate()) - before
        assert still
        for thread in still:
            await asyncio.to_thread(thread.join, 60)
            assert not thread.is_alive()
    assert [line["event"] for line in log] == ["traces.not_sent"]


async def test_header_that_the_sdk_cannot_read_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From an environment variable that only the SDK reads: it may be a key whose name was forgotten."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "Bearer hunter2")
    traces = ExportedTraces(endpoint="http://127.0.0.1:9", headers={}, service="test", clock=FakeClock())
    await traces.close()
    assert "Header format invalid" in caplog.text
    assert "hunter2" not in caplog.text
