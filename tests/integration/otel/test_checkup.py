"""The doctor at the collector, over real connections."""

import socket
import sys

import pytest

from adapters.otel.checkup import CollectorCheckup
from paywall_core.ports.checkup import Finding, Verdict
from tests.integration.otel.collector import Collector
from tests.integration.tracking.far_side import FarSide

OK, WARNING, FAILED = Verdict.OK, Verdict.WARNING, Verdict.FAILED


async def asked(endpoint: str) -> Finding:
    """What is found there."""
    (found,) = await CollectorCheckup(endpoint=endpoint, headers={"api-key": "s3cret"}).check()
    assert found.subject == "OTEL_EXPORTER_OTLP_ENDPOINT"
    assert "s3cret" not in found.detail
    return found


async def test_collector_that_takes_traces_is_well_and_is_told_nothing() -> None:
    """It gets our headers, and no span."""
    async with Collector.running() as collector:
        found = await asked(collector.origin)
    assert (found.verdict, found.detail) == (OK, f"{collector.origin} takes traces")
    assert [headers["api-key"] for headers in collector.headers] == ["s3cret"]
    assert (collector.raw, collector.spans) == (b"", [])


@pytest.mark.parametrize(
    ("status", "headers", "verdict", "words"),
    [
        (401, {}, FAILED, "answers 401: is the key in OTEL_EXPORTER_OTLP_HEADERS right?"),
        (307, {"Location": "https://s3cret.example.com"}, FAILED, "sends us on to another address (307)"),
        (404, {}, FAILED, "answers 404: nobody takes OTLP by HTTP there"),
        (503, {}, WARNING, "answers 503: spans are lost, should it stay so"),
    ],
)
async def test_another_answer_is_told(status: int, headers: dict[str, str], verdict: Verdict, words: str) -> None:
    """What will never work is a failure; what may pass is not."""
    async with FarSide.start() as far_side:
        far_side.answers(status, b"", headers)
        found = await asked(far_side.origin)
        assert far_side.requests == ["POST /v1/traces HTTP/1.1"]
    assert (found.verdict, words in found.detail) == (verdict, True), found.detail


async def test_collector_that_is_away_is_a_warning() -> None:
    """Nobody is kept out by it; the login in its address is not told."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await asked(f"http://me:s3cret@127.0.0.1:{taken.getsockname()[1]}")
    assert (found.verdict, "is out of reach (ConnectError)" in found.detail) == (WARNING, True), found.detail
    found = await asked("http://127.0.0.1:99999")
    assert (found.verdict, found.detail) == (FAILED, "is no address: is its port a number up to 65535?")


async def test_silent_collector_costs_a_bounded_time() -> None:
    """It takes the question and says nothing."""
    async with FarSide.start() as far_side:
        far_side.says_nothing()
        found = await CollectorCheckup(endpoint=far_side.origin, headers={}, timeout_seconds=0.1).check()
    assert [(one.verdict, "is out of reach (TimeoutError)" in one.detail) for one in found] == [(WARNING, True)]


async def test_packages_that_are_not_there_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process would start."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    found = await CollectorCheckup(endpoint="http://127.0.0.1:9", headers={}).check()
    assert [one.verdict for one in found] == [FAILED]
    assert "install `paywall[tracing]`" in found[0].detail
