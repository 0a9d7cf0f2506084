"""What Stripe answers when it refuses. Knows HTTP codes and Stripe's error words, nothing of the state.

StripeRefusal
├── invalid_request_error   400, 404, 401 (wrong key)
├── idempotency_error       400
├── card_error              402
└── api_error               503 (the switch "Stripe is down")
"""

from typing import Any


class StripeRefusal(Exception):  # noqa: N818  - Stripe's refusals are answers, as the docstring's tree says
    """One error answer.

    Args:
        message: for a developer, except of a `card_error`, which the customer reads.
        status: HTTP status.
        type_: Stripe's error type.
        code: Stripe's error code, where it has one.
        param: the parameter at fault, in bracket form.
        extra: more fields of the error object (`decline_code`, …).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type_: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.type_, self.code, self.param = message, status, type_, code, param
        self.extra = extra or {}

    def body(self) -> dict[str, Any]:
        """The JSON document of the answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.type_, **self.extra}
        if self.code:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param:
            error["param"] = self.param
        return {"error": error}


def no_such(kind: str, object_id: str, *, param: str = "id", status: int = 404) -> StripeRefusal:
    """`resource_missing`: 404 for the object asked for, 400 for one that a parameter names."""
    words = kind.replace(".", "_").replace("_", " ")
    return StripeRefusal(f"No such {words}: '{object_id}'", status=status, code="resource_missing", param=param)


def unavailable() -> StripeRefusal:
    """503, as in an outage."""
    return StripeRefusal("Stripe is temporarily unavailable. Please try again.", status=503, type_="api_error")


def card_declined() -> StripeRefusal:
    """The bank said no."""
    return StripeRefusal(
        "Your card was declined.",
        status=402,
        type_="card_error",
        code="card_declined",
        extra={"decline_code": "generic_decline"},
    )
