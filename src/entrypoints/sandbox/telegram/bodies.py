"""Bodies as flat parameters: form-urlencoded, multipart and JSON, of requests and of webhook answers. Pure."""

from email import message_from_bytes
from email.policy import HTTP
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from entrypoints.sandbox.telegram.errors import bad_request

_NESTED: Final = frozenset(
    {
        "allowed_updates",
        "commands",
        "entities",
        "link_preview_options",
        "menu_button",
        "reply_markup",
        "reply_parameters",
        "scope",
    }
)


def decode(body: bytes, content_type: str, query: str = "") -> dict[str, Any]:
    """All parameters of a call; those in the body win over those in the query.

    In forms, structured values are JSON strings (https://core.telegram.org/bots/api#making-requests); they are decoded.

    Raises:
        ApiRefusal: 400, the body or one of its JSON values cannot be read.
    """
    params: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if not body:
            pass
        elif kind == "application/json":
            params |= msgspec.json.decode(body, type=dict[str, Any])
        elif kind == "multipart/form-data":
            params |= _multipart(body, content_type)
        elif kind == "application/x-www-form-urlencoded":
            params |= parse_qsl(body.decode(), keep_blank_values=True)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_request("can't parse the request's body") from None
    for name in _NESTED & params.keys():
        value = params[name]
        if not isinstance(value, str):
            continue
        if not value.strip():
            del params[name]
            continue
        try:
            params[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise bad_request(f"can't parse {name} JSON object") from None
    return params


def _multipart(body: bytes, content_type: str) -> dict[str, str]:
    """The text fields; files have no use here and are left out."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    fields = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and part.get_filename() is None and isinstance(payload, bytes):
            fields[name] = payload.decode()
    return fields
