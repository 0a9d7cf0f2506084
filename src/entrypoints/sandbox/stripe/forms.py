"""Stripe's request encoding: brackets into a tree, and the tree into a typed struct, strictly.

Knows neither endpoints nor HTTP. A parameter that a struct does not have is `parameter_unknown`, one that it needs
`parameter_missing`, an empty text `parameter_invalid_empty` (but for metadata, where it takes a key away).
"""

import re
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from entrypoints.sandbox.stripe.errors import StripeRefusal

_KEY: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART: Final = re.compile(r"\[([^\[\]]*)\]")
_MAX_DEPTH: Final = 8
_T = TypeVar("_T")


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`a[b][0]=x` as `{"a": {"b": {"0": "x"}}}`; `a[]=x` counts up by itself."""
    tree: dict[str, Any] = {}
    for key, value in pairs:
        found = _KEY.fullmatch(key)
        if not found:
            raise StripeRefusal(f"Invalid parameter name: {key}", param=key)
        path = [found[1], *_PART.findall(found[2])]
        if len(path) > _MAX_DEPTH:
            raise StripeRefusal(f"Parameter is nested too deeply: {key}", param=key)
        _put(tree, path, value, key)
    return tree


def _put(tree: dict[str, Any], path: list[str], value: str, key: str) -> None:
    node = tree
    for part in path[:-1]:
        child = node.setdefault(part or str(len(node)), {})
        if not isinstance(child, dict):
            raise StripeRefusal(f"Parameter is given both as a value and as an object: {key}", param=key)
        node = child
    last = path[-1] or str(len(node))
    if last in node:
        raise StripeRefusal(f"Parameter is given twice: {key}", param=key)
    node[last] = value


def convert(tree: dict[str, Any], into: type[_T]) -> _T:
    """The tree as a struct.

    Raises:
        StripeRefusal: with the parameter's name in bracket form.
    """
    shaped = _shape(tree, inspect.type_info(into), "")
    try:
        return msgspec.convert(shaped, into, strict=False)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at ")
        path = re.search(r"`\$\.([^`]*)`", where)
        param = _bracketed(path[1] if path else "")
        raise StripeRefusal(f"Invalid {param or 'request'}: {message}", param=param or None) from error


def _bracketed(path: str) -> str:
    parts: list[str] = re.findall(r"[^.\[\]]+", path) or [""]  # msgspec writes a mapping's key as `[...]`: no part
    first, *rest = parts
    return first + "".join(f"[{part}]" for part in rest)


def _shape(node: object, kind: inspect.Type, param: str) -> object:
    """Check the names, and make lists of the objects that are numbered."""
    if isinstance(kind, inspect.UnionType):
        return _shape(node, _member(node, kind), param)
    if isinstance(kind, inspect.StructType):
        return _shape_struct(_object(node, param), kind, param)
    if isinstance(kind, inspect.ListType):
        items = _object(node, param)
        if sorted(items) != sorted(str(index) for index in range(len(items))):
            raise StripeRefusal(f"Invalid array: {param}", param=param)
        return [_shape(items[str(index)], kind.item_type, f"{param}[{index}]") for index in range(len(items))]
    if isinstance(kind, inspect.DictType):
        return _object(node, param)
    if node == "":
        raise StripeRefusal(
            f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{param}' cannot be unset.",
            code="parameter_invalid_empty",
            param=param,
        )
    if isinstance(node, dict):
        raise StripeRefusal(f"Invalid value: {param} must not be an object", param=param)
    return node


def _shape_struct(node: dict[str, Any], kind: inspect.StructType, param: str) -> dict[str, Any]:
    fields = {field.encode_name: field for field in kind.fields}
    named = {name: f"{param}[{name}]" if param else name for name in (*node, *fields)}
    for name in node:
        if name not in fields:
            raise StripeRefusal(
                f"Received unknown parameter: {named[name]}", code="parameter_unknown", param=named[name]
            )
    for name, field in fields.items():
        if field.required and name not in node:
            raise StripeRefusal(f"Missing required param: {named[name]}.", code="parameter_missing", param=named[name])
    return {name: _shape(value, fields[name].type, named[name]) for name, value in node.items()}


def _member(node: object, kind: inspect.UnionType) -> inspect.Type:
    """Which member of a union is meant: an object for an object, a plain value for a plain one."""
    compound = (inspect.StructType, inspect.ListType, inspect.DictType)
    members = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
    wanted = [member for member in members if isinstance(member, compound) == isinstance(node, dict)]
    return (wanted or members)[0]


def _object(node: object, param: str) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise StripeRefusal(f"Invalid object: {param}", param=param)
    return node
