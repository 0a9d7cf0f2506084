"""How the sandbox's Telegram says no. Knows nothing of HTTP frameworks.

ApiRefusal     an answer of the Bot API to the bot
PersonRefusal  something that a person cannot do in the chat
"""

from typing import Any


class ApiRefusal(Exception):  # noqa: N818  - an answer, not a fault
    """The Bot API's error answer; statuses and words are Telegram's own."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.description = description

    def body(self) -> dict[str, Any]:
        """The JSON document that Telegram answers with."""
        return {"ok": False, "error_code": self.status, "description": self.description}


def bad_request(reason: str) -> ApiRefusal:
    """`400 Bad Request: <reason>`."""
    return ApiRefusal(400, f"Bad Request: {reason}")


def conflict(reason: str) -> ApiRefusal:
    """`409 Conflict: <reason>`."""
    return ApiRefusal(409, f"Conflict: {reason}")


def bad_gateway() -> ApiRefusal:
    """What Telegram answers while it is down."""
    return ApiRefusal(502, "Bad Gateway")


class PersonRefusal(Exception):  # noqa: N818  - as above
    """The person asked for something that Telegram's own app would not offer.

    Attributes:
        status: the HTTP status of the page that says so.
    """

    def __init__(self, reason: str, *, status: int = 409) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
