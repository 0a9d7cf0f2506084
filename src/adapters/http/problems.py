"""Every error as an RFC 9457 problem: the one place where the core's errors become HTTP."""

import math
from typing import Annotated, Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, TooManyRequestsException
from msgspec import Struct

from adapters.http.fields import FieldError, InvalidFields, said
from paywall_core import errors

PROBLEM_JSON: Final = "application/problem+json"
_log = structlog.stdlib.get_logger("paywall.http")


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem; `code` is stable and meant for programs, the rest for people."""

    type: Annotated[str, said("A name for this kind of problem.", "urn:paywall:problem:validation_failed")]
    title: Annotated[str, said("The problem in a few words.")]
    status: Annotated[int, said("As the answer's own.", 400)]
    detail: Annotated[str, said("What to know or to do.")]
    code: Annotated[str, said("For programs; it does not change.", "validation_failed")]
    errors: Annotated[list[FieldError], said("Of an invalid request: every field that is not as it should be.")] = []


class ProblemError(Exception):
    """An error that the routes themselves find; its code is one of `KINDS`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class Kind(Struct, frozen=True):
    """What all problems of one code have in common.

    Attributes:
        status: of HTTP.
        title: the problem in a few words.
        detail: what to know or to do; empty where the title says it all.
        retry_after: whether `Retry-After` says when to come back.
    """

    status: int
    title: str
    detail: str = ""
    retry_after: bool = False


KINDS: Final = {
    "validation_failed": Kind(
        400, "The request is not valid", "`errors` names every field that is not as it should be."
    ),
    "plan_mode_mismatch": Kind(400, "The plan is not sold in this mode"),
    "invalid_signature": Kind(400, "The signature is not valid"),
    "invalid_payload": Kind(400, "The payload is no event"),
    "otp_invalid": Kind(400, "The code is not valid", "It is wrong, used or too old, or was tried too often."),
    "bad_request": Kind(400, "The request is malformed"),
    "internal_token_invalid": Kind(
        401, "The internal token is missing or wrong", "Send the internal token in X-Internal-Token."
    ),
    "bearer_token_invalid": Kind(
        401, "The bearer token is missing or wrong", "Send the internal token as Authorization: Bearer."
    ),
    "foreign_form": Kind(403, "The form was sent from another site"),
    "access_revoked": Kind(403, "Access was revoked"),
    "no_restorable_order": Kind(
        403, "There is nothing to restore", "The address is proven, but nothing paid stands behind it."
    ),
    "session_not_found": Kind(404, "There is no such checkout session", "No order has this checkout session."),
    "activation_token_invalid": Kind(
        404, "The activation token is not valid", "It is unknown, or a newer one replaced it."
    ),
    "not_found": Kind(404, "There is nothing at this address"),
    "method_not_allowed": Kind(405, "This address does not take this method"),
    "activation_token_used": Kind(409, "The activation token was used by somebody else"),
    "activation_token_expired": Kind(410, "The paid time is over"),
    "gone": Kind(410, "This address is no longer served", "Start at /pay."),
    "payload_too_large": Kind(413, "The body is too large"),
    "unsupported_media_type": Kind(415, "The body is of a type that is not taken here"),
    "rate_limited": Kind(429, "Too many requests", "Please try again later.", retry_after=True),
    "internal_error": Kind(500, "Something went wrong on our side"),
    "payment_provider_unavailable": Kind(
        502,
        "The payment provider does not answer",
        "Nothing was charged. Please try again in a moment.",
        retry_after=True,
    ),
    "not_ready": Kind(
        503, "The service is not ready", "The database does not answer, or its schema does not serve this version."
    ),
    "tracking_not_configured": Kind(503, "Tracking is not set up", "The operator has not configured this tracker."),
}

_CORE: Final[dict[type[errors.PaywallError], str]] = {
    errors.PlanModeMismatch: "plan_mode_mismatch",
    errors.InvalidSignature: "invalid_signature",
    errors.InvalidPayload: "invalid_payload",
    errors.SessionNotFound: "session_not_found",
    errors.ActivationTokenInvalid: "activation_token_invalid",
    errors.AccessRevokedError: "access_revoked",
    errors.ActivationTokenExpired: "activation_token_expired",
    errors.ActivationTokenUsed: "activation_token_used",
    errors.CodeRequestedTooSoon: "rate_limited",
    errors.OneTimeCodeInvalid: "otp_invalid",
    errors.NoRestorableOrder: "no_restorable_order",
    errors.TrackingNotConfigured: "tracking_not_configured",
    errors.PaymentProviderUnavailable: "payment_provider_unavailable",
}
_FRAMEWORK: Final = {
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
}
_KEPT_HEADERS: Final = ("allow", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


def describe(code: str, *, detail: str = "", field_errors: tuple[FieldError, ...] = ()) -> Problem:
    """The problem of a code."""
    kind = KINDS[code]
    return Problem(
        type=f"urn:paywall:problem:{code}",
        title=kind.title,
        status=kind.status,
        detail=detail or kind.detail or f"{kind.title}.",
        code=code,
        errors=list(field_errors),
    )


def problem(
    code: str,
    *,
    detail: str = "",
    field_errors: tuple[FieldError, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    """A problem as a response."""
    described = describe(code, detail=detail, field_errors=field_errors)
    return Response(described, status_code=described.status, media_type=PROBLEM_JSON, headers=headers)


def on_core_error(request: Request[Any, Any, Any], error: errors.PaywallError) -> Response[Problem]:
    """The core said no."""
    if isinstance(error, errors.InvalidInput):
        return problem("validation_failed", field_errors=(FieldError(field=error.field, message=error.reason),))
    if type(error) not in _CORE:
        return on_unexpected(request, error)
    headers = None
    if isinstance(error, errors.PaymentProviderUnavailable | errors.CodeRequestedTooSoon):
        headers = {"Retry-After": whole_seconds(error.retry_after_seconds)}
    return problem(_CORE[type(error)], headers=headers)


def on_problem(_request: Request[Any, Any, Any], error: ProblemError) -> Response[Problem]:
    """A route said no."""
    return problem(error.code, detail=error.detail)


def on_invalid_fields(_request: Request[Any, Any, Any], error: InvalidFields) -> Response[Problem]:
    """What was sent does not have the right shape."""
    return problem("validation_failed", field_errors=error.errors)


def on_framework_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Litestar said no: no such path, wrong method, too large, too many, or an empty body."""
    if error.status_code >= 500:  # noqa: PLR2004  - HTTP's own boundary
        return on_unexpected(request, error)
    headers = {key: value for key, value in (error.headers or {}).items() if key.lower() in _KEPT_HEADERS}
    if isinstance(error, TooManyRequestsException):
        headers["Retry-After"] = retry_after(error)
    if error.status_code in _FRAMEWORK:
        return problem(_FRAMEWORK[error.status_code], headers=headers)
    if isinstance(error.extra, list):  # it wanted to read the body, and there is none
        return problem("validation_failed", field_errors=(FieldError(field="body", message="must be a JSON object"),))
    return problem("bad_request")


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A mistake of ours, or a database that is away: logged whole, answered without a word about it."""
    _log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
    return problem("internal_error")


def retry_after(error: TooManyRequestsException) -> str:
    """When a caller who was too fast may come back, in whole seconds."""
    headers = {key.lower(): value for key, value in (error.headers or {}).items()}
    return str(max(1, int(headers["ratelimit-reset"])))


def whole_seconds(seconds: float) -> str:
    """A `Retry-After`: rounded up, so that whoever waits that long has waited long enough."""
    return str(max(1, math.ceil(seconds)))
