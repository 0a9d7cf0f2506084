"""Headers that every answer has, errors included."""

from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.types import BeforeMessageSendHookHandler, Message, Scope

from adapters.http.assets import ROOT, is_current
from adapters.http.dependencies import HttpDependencies

NO_STORE: Final = "no-store"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_FOR_A_WHILE: Final = "public, max-age=300"
_GOOD: Final = (200, 304)
_HSTS: Final = "max-age=31536000"


def fixed_headers(dependencies: HttpDependencies) -> dict[str, str]:
    """Those that never differ. A page may send its form to us and on to a checkout, and load nothing but our own."""
    targets = " ".join(["'self'", "https:", *dependencies.checkout_origins])
    fixed = {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
    if dependencies.public_base_url.startswith("https:"):
        fixed["Strict-Transport-Security"] = _HSTS
    return fixed


def security_headers(dependencies: HttpDependencies) -> BeforeMessageSendHookHandler:
    """The hook that adds them, and says how long an answer keeps."""
    fixed = fixed_headers(dependencies)

    async def add(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = MutableScopeHeaders.from_message(message)
        for name, value in fixed.items():
            headers[name] = value
        headers["Cache-Control"] = _cache_control(scope, message["status"])

    return add


def _cache_control(scope: Scope, status: int) -> str:
    """Answers are for this moment; style and script keep, those that are named with their content's hash for ever."""
    path = scope["path"]
    if status not in _GOOD or not path.startswith(ROOT):
        return NO_STORE
    return _FOR_EVER if is_current(path, scope["query_string"]) else _FOR_A_WHILE
