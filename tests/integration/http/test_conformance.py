"""The running service and its own description, by schemathesis: no 5xx, and no answer outside the schema.

What is sent is made up from the description, good and bad, and is the same in every run. Answers to requests that mean
something are held against the description in `test_every_call.py`.
"""

import asyncio
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from .service import INTERNAL, Service, signature

MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
CHECKS: Final = [
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]
BOUNDED: Final = settings(
    max_examples=15,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
NOTHING_TO_SAY_WRONGLY: Final = ("GET /health", "GET /health/ready", "GET /api/payment/redirect", "GET /metrics")
TRUSTED: Final = {**INTERNAL, "Authorization": f"Bearer {INTERNAL['X-Internal-Token']}"}


async def test_service_keeps_to_its_description(service: Service) -> None:
    """Whatever it is asked, it answers what it says it does; what it says is refused is refused."""
    document = (await service.client.get("/schema/openapi.json")).json()
    asked = await asyncio.to_thread(_ask_everything, service, document)
    assert set(asked) == {
        f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
    }
    assert all(count > len(MODES) for count in asked.values())


def _ask_everything(service: Service, document: dict[str, Any]) -> dict[str, int]:
    """Every call: each way in which one value can be right or wrong, then many values at once. How many were asked."""
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    asked: dict[str, int] = {}
    with requests.Session() as session:

        def ask(case: Case[Any]) -> None:
            _ask(service, session, case)
            asked[case.operation.label] = asked.get(case.operation.label, 0) + 1

        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()
            for case in schema.iter_coverage_cases(
                operation, generation_modes=list(MODES), generation_config=schema.config.generation
            ):
                ask(case)
            for mode in MODES:
                try:
                    BOUNDED(given(operation.as_strategy(generation_mode=mode))(ask))()
                except Unsatisfiable:
                    assert (operation.label in NOTHING_TO_SAY_WRONGLY) == (mode is GenerationMode.NEGATIVE)
    return asked


def _ask(service: Service, session: requests.Session, case: Case[Any]) -> None:
    """Ask what was made up, as somebody whom the service knows: the bot, Prometheus, and every other time Stripe."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        if case.path == "/api/stripe/webhook" and len(body) % 2 == 0:
            request.headers.update(signature(body, service.clock))
        return request

    answer = case.call(base_url=str(service.client.base_url), session=session, headers=dict(TRUSTED), auth=sign)
    lenient = _is_text_on_the_wire(case)
    checks = [check for check in CHECKS if not (lenient and check is negative_data_rejection)]
    case.validate_response(answer, checks=checks)


def _is_text_on_the_wire(case: Case[Any]) -> bool:
    """Whether what is wrong with a query may only be the type of a relayed parameter: in an address all are texts."""
    relayed = set(case.query or {}) - {"clickid", "status"}
    return case.path == "/api/tracking/mobi-slon-event" and case.method == "GET" and bool(relayed)
