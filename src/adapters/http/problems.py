"""Every error as an RFC 9457 problem: the one place where the core's errors become HTTP."""

import re
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Struct

from paywall_core import errors

PROBLEM_JSON: Final = "application/problem+json"
_log = structlog.stdlib.get_logger("paywall.http")


class FieldError(Struct, frozen=True, kw_only=True):
    """One field that is not as it should be."""

    field: str
    message: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem; `code` is stable and meant for programs, the rest for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] = []


class ProblemError(Exception):
    """An error that the routes themselves find."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


_TITLES: Final = {
    "validation_failed": "The request is not valid",
    "plan_mode_mismatch": "The plan is not sold in this mode",
    "invalid_signature": "The signature is not valid",
    "invalid_payload": "The payload is no event",
    "session_not_found": "There is no such checkout session",
    "activation_token_invalid": "The activation token is not valid",
    "activation_token_used": "The activation token was used by somebody else",
    "activation_token_expired": "The paid time is over",
    "access_revoked": "Access was revoked",
    "payment_provider_unavailable": "The payment provider does not answer",
    "internal_token_invalid": "The internal token is missing or wrong",
    "not_ready": "The service is not ready",
    "gone": "This address is no longer served",
    "not_found": "There is nothing at this address",
    "method_not_allowed": "This address does not take this method",
    "payload_too_large": "The body is too large",
    "unsupported_media_type": "The body is of a type that is not taken here",
    "internal_error": "Something went wrong on our side",
}

_CORE: Final[dict[type[errors.PaywallError], tuple[int, str]]] = {
    errors.PlanModeMismatch: (400, "plan_mode_mismatch"),
    errors.InvalidSignature: (400, "invalid_signature"),
    errors.InvalidPayload: (400, "invalid_payload"),
    errors.SessionNotFound: (404, "session_not_found"),
    errors.ActivationTokenInvalid: (404, "activation_token_invalid"),
    errors.AccessRevokedError: (403, "access_revoked"),
    errors.ActivationTokenExpired: (410, "activation_token_expired"),
    errors.ActivationTokenUsed: (409, "activation_token_used"),
    errors.PaymentProviderUnavailable: (502, "payment_provider_unavailable"),
}
_DETAILS: Final = {
    "payment_provider_unavailable": "Nothing was charged. Please try again in a moment.",
    "activation_token_invalid": "It is unknown, or a newer one replaced it.",
    "session_not_found": "No order has this checkout session.",
}
_PARAMETER: Final = re.compile(r"[Mm]issing required query parameter '(\w+)'")
_FRAMEWORK: Final = {
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
}


def problem(
    status: int,
    code: str,
    detail: str = "",
    *,
    field_errors: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    """A problem as a response."""
    title = _TITLES[code]
    return Response(
        Problem(
            type=f"urn:paywall:problem:{code}",
            title=title,
            status=status,
            detail=detail or f"{title}.",
            code=code,
            errors=field_errors or [],
        ),
        status_code=status,
        media_type=PROBLEM_JSON,
        headers=headers,
    )


def on_core_error(request: Request[Any, Any, Any], error: errors.PaywallError) -> Response[Problem]:
    """The core said no."""
    if isinstance(error, errors.InvalidInput):
        return problem(400, "validation_failed", field_errors=[FieldError(field=error.field, message=error.reason)])
    if type(error) not in _CORE:
        return on_unexpected(request, error)
    status, code = _CORE[type(error)]
    headers = None
    if isinstance(error, errors.PaymentProviderUnavailable):
        headers = {"Retry-After": str(error.retry_after_seconds)}
    return problem(status, code, _DETAILS.get(code, ""), headers=headers)


def on_problem(_request: Request[Any, Any, Any], error: ProblemError) -> Response[Problem]:
    """A route said no."""
    return problem(error.status, error.code, error.detail)


def on_framework_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Litestar said no: no such path, wrong method, too large, or a body that does not decode."""
    if error.status_code in _FRAMEWORK:
        headers = {key: value for key, value in (error.headers or {}).items() if key.lower() == "allow"}
        return problem(error.status_code, _FRAMEWORK[error.status_code], headers=headers)
    if error.status_code >= 500:  # noqa: PLR2004  - HTTP's own boundary
        return on_unexpected(request, error)
    return problem(400, "validation_failed", field_errors=_field_errors(error))


def on_deep_nesting(_request: Request[Any, Any, Any], _error: RecursionError) -> Response[Problem]:
    """JSON nested so deep that nobody sent it in good faith."""
    return problem(400, "validation_failed", field_errors=[FieldError(field="body", message="is nested too deep")])


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A mistake of ours, or a database that is away: logged whole, answered without a word about it."""
    _log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
    return problem(500, "internal_error")


def _field_errors(error: HTTPException) -> list[FieldError]:
    """What Litestar says of the fields; a body that is no JSON object is `body`."""
    found = [
        FieldError(field=str(item.get("key") or "body"), message=str(item.get("message", "")))
        for item in (error.extra if isinstance(error.extra, list) else [])
        if isinstance(item, dict)
    ]
    named = _PARAMETER.search(error.detail)
    if named is not None:
        return [FieldError(field=named.group(1), message="is required")]
    return [_missing(item) for item in found] or [FieldError(field="body", message="must be a JSON object")]


def _missing(item: FieldError) -> FieldError:
    """A missing field is named in msgspec's sentence only."""
    before, _, name = item.message.partition("missing required field `")
    return FieldError(field=name.rstrip("`"), message="is required") if before and name else item
