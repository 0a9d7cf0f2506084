"""Meta's Conversions API as its documents describe it: what an events call must hold, and how a refusal looks. Pure.

Source: https://developers.facebook.com/docs/marketing-api/conversions-api/parameters
and …/best-practices, and the Graph API's error handling.
"""

import re
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

MAX_AGE_SECONDS: Final = 7 * 24 * 3600
MAX_EVENTS: Final = 1000
_FUTURE_SLACK_SECONDS: Final = 60
_MILLISECONDS_FROM: Final = 10**11  # as seconds that would be the year 5138
_ACTION_SOURCES: Final = frozenset(
    {
        "app",
        "business_messaging",
        "chat",
        "email",
        "other",
        "phone_call",
        "physical_store",
        "system_generated",
        "website",
    }
)
_TOO_BROAD: Final = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)
"""Whoever is described by no more than one of these could be anybody: such an event is refused (v13.0 and later)."""

_CLICK_ID: Final = re.compile(r"fb\.[0-2]\.\d{13}\.[^\s.]+")
INVALID_PARAMETER: Final = 100
INVALID_TOKEN: Final = 190
OUTAGE: Final = 2


class GraphError(Exception):
    """A refusal. `code` is the Graph API's (100: invalid parameter, 190: access token, 2: try again later)."""

    def __init__(self, message: str, *, code: int = INVALID_PARAMETER, subcode: int | None = None) -> None:
        super().__init__(message)
        self.message, self.code, self.subcode = message, code, subcode

    def body(self, trace_id: str) -> dict[str, Any]:
        """The JSON document of the answer."""
        error: dict[str, Any] = {
            "message": self.message,
            "type": "OAuthException",
            "code": self.code,
            "is_transient": self.code == OUTAGE,
            "fbtrace_id": trace_id,
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return {"error": error}


def read_body(content_type: str, body: bytes) -> dict[str, Any]:
    """The call's parameters, from JSON or a form (where `data` is itself JSON).

    Raises:
        GraphError: the body cannot be read.
    """
    try:
        if content_type.partition(";")[0].strip().lower() == "application/json":
            found = msgspec.json.decode(body)
            if not isinstance(found, dict):
                raise GraphError("Invalid parameter: the body must be a JSON object")
            return found
        fields: dict[str, Any] = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))
        if "data" in fields:
            fields["data"] = msgspec.json.decode(fields["data"])
    except (msgspec.DecodeError, ValueError):
        raise GraphError("Invalid parameter: the body cannot be read") from None
    return fields


def check_events(data: object, *, now: datetime) -> list[dict[str, Any]]:
    """The events of a call.

    Raises:
        GraphError: `data` is no list of 1 to 1000 events, or one of them is not as it should be.
    """
    if not isinstance(data, list) or not 0 < len(data) <= MAX_EVENTS:
        raise GraphError("(#100) param data must be a non-empty array of at most 1000 events")
    return [_checked(event, f"data[{at}]", now) for at, event in enumerate(data)]


def _checked(event: object, where: str, now: datetime) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise GraphError(f"(#100) param {where} must be an object")
    name, moment, source = event.get("event_name"), event.get("event_time"), event.get("action_source")
    if not isinstance(name, str) or not name.strip():
        raise GraphError(f"(#100) The parameter {where}['event_name'] is required")
    if isinstance(moment, bool) or not isinstance(moment, int):
        raise GraphError(f"(#100) The parameter {where}['event_time'] is required, in Unix seconds")
    seconds = now.timestamp()
    if moment >= _MILLISECONDS_FROM:
        raise GraphError(f"(#100) {where}['event_time'] must be in seconds, not in milliseconds", subcode=2804003)
    if not seconds - MAX_AGE_SECONDS <= moment <= seconds + _FUTURE_SLACK_SECONDS:
        raise GraphError(f"(#100) {where}['event_time'] must be within the last 7 days", subcode=2804003)
    if source not in _ACTION_SOURCES:
        raise GraphError(f"(#100) {where}['action_source'] must be one of {', '.join(sorted(_ACTION_SOURCES))}")
    user = event.get("user_data")
    given = {name: value for name, value in user.items() if value} if isinstance(user, dict) else {}
    if any(given.keys() <= broad for broad in _TOO_BROAD):
        raise GraphError(
            f"(#100) {where}['user_data'] must have at least one customer information parameter that says enough",
            subcode=2804050,
        )
    for name in ("client_ip_address", "client_user_agent", "fbc"):
        if not isinstance(given.get(name, ""), str):
            raise GraphError(f"(#100) {where}['user_data']['{name}'] must be a string")
    return event


def remarks(event: dict[str, Any]) -> tuple[str, ...]:
    """What Meta takes, but complains of afterwards: such an event may not count for ads."""
    user, found = event["user_data"], []
    if event["action_source"] == "website":
        if not str(event.get("event_source_url") or "").startswith(("http://", "https://")):
            found.append("A website event needs event_source_url.")
        if not user.get("client_user_agent"):
            found.append("A website event needs client_user_agent.")
    if user.get("fbc") and not _CLICK_ID.fullmatch(user["fbc"]):
        found.append("fbc must be fb.1.<Unix milliseconds>.<fbclid>.")
    if not event.get("event_id"):
        found.append("Without event_id a repeat is counted twice.")
    return tuple(found)
