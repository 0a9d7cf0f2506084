"""What a caller sent, read field by field, so that every bad field is named and not just the first.

A shape is a msgspec struct: the names, which of them are required, and how each is read.

    class Person(Struct, kw_only=True):
        email: str                                  # "must be a string", "is required"
        locale: str | None = None                   # may be left out, or null
        age: Annotated[int, ReadBy(whole_number)]   # a reader of its own

What a value means is the core's to say; here it only has to be of the right kind. Unknown fields are ignored.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, NoReturn, TypeAlias, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from litestar.openapi.spec import Example
from litestar.params import KwargDefinition
from msgspec import NODEFAULT, Struct, structs

_T = TypeVar("_T", bound=Struct)

MAX_PARAMETERS: Final = 100
"""Query parameters of one request."""

_HALF: Final = re.compile(r"[\ud800-\udfff]")
_LONGEST_INTEGER: Final = 20  # digits: all that anything here counts with


def said(description: str, *examples: Any, **schema: Any) -> KwargDefinition:
    """What the API's description says of a field; `schema` are further words of JSON Schema."""
    return KwargDefinition(
        description=description, examples=[Example(value=value) for value in examples], schema_extra=schema
    )


class FieldError(Struct, frozen=True, kw_only=True):
    """One field that is not as it should be.

    Attributes:
        field: its name; `body` when there is no document at all, `query` when the parameters cannot be read.
        message: what it should be, for people.
    """

    field: Annotated[str, said("Its name; `body` or `query` when nothing can be read at all.", "email")]
    message: Annotated[str, said("What it should be, for people.", "must be an e-mail address")]


class InvalidFields(Exception):  # noqa: N818  - like the core's InvalidInput
    """What was sent does not have the right shape; all that is wrong with it."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(", ".join(error.field for error in errors))
        self.errors = errors


Reader: TypeAlias = Callable[[str, Any], Any]
"""Takes a field's name and value, gives the value as it is meant, or raises `InvalidFields`."""


class ReadBy(Struct, frozen=True):
    """Marks a field, inside `Annotated`, that has a reader of its own."""

    reader: Reader


class Number(Struct, frozen=True):
    """A JSON number that is no ordinary integer, as it was written: nothing is lost by rounding."""

    text: str


class JsonObject(Struct, frozen=True):
    """A JSON object, and the names that it gives more than once."""

    values: Mapping[str, Any]
    repeated: Sequence[str] = ()


def read_document(body: bytes, shape: type[_T]) -> _T:
    """A JSON body as its shape.

    Raises:
        InvalidFields: it is no JSON object in UTF-8, or some of its fields are missing or of the wrong kind.
    """
    return _fill(shape, _decode(body))


def read_parameters(query: bytes, shape: type[_T]) -> tuple[_T, Mapping[str, str]]:
    """A query string as its shape, and the other parameters. Of those, the last of several with one name counts.

    Raises:
        InvalidFields: parameters are missing, repeated, or no text in UTF-8.
    """
    try:
        pairs = parse_qsl(
            query.decode("utf-8", "surrogateescape"),
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:
        refuse("query", f"must have at most {MAX_PARAMETERS} parameters")
    if not all(_is_unicode(name) for name, _ in pairs):
        refuse("query", "must be UTF-8")
    known = {field.name for field in _fields(shape)}
    asked = _fill(shape, _object([pair for pair in pairs if pair[0] in known]))
    others = {name: value for name, value in pairs if name not in known}
    broken = [name for name, value in others.items() if not _is_unicode(value)]
    if broken:
        raise InvalidFields(*(FieldError(field=name, message="must be UTF-8") for name in broken))
    return asked, others


def refuse(field: str, message: str) -> NoReturn:
    """Say that one field is wrong."""
    raise InvalidFields(FieldError(field=field, message=message))


def text(field: str, value: Any) -> str:
    """A string of whole characters."""
    if not isinstance(value, str):
        refuse(field, "must be a string")
    if not _is_unicode(value):
        refuse(field, "must be valid Unicode")
    return value


def texts(field: str, value: Any) -> Mapping[str, str]:
    """An object of strings. Numbers and booleans become the text that they were; a null is left out."""
    if not isinstance(value, JsonObject):
        refuse(field, "must be an object")
    if not all(map(_is_unicode, value.values)):
        refuse(field, "must be valid Unicode")
    errors = [FieldError(field=f"{field}.{name}", message="is given more than once") for name in value.repeated]
    found = {}
    for name, item in value.values.items():
        if item is None:
            continue
        try:
            found[name] = _plain(f"{field}.{name}", item)
        except InvalidFields as error:
            errors += error.errors
    if errors:
        raise InvalidFields(*errors)
    return found


def _plain(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Number):
        return value.text
    if isinstance(value, JsonObject | list):
        refuse(field, "must be a string, a number or a boolean")
    return text(field, value)


def _optional(reader: Reader) -> Reader:
    return lambda field, value: None if value is None else reader(field, value)


class _Field(Struct, frozen=True, kw_only=True):
    name: str
    reader: Reader
    required: bool


@cache
def _fields(shape: type[Struct]) -> tuple[_Field, ...]:
    hints = get_type_hints(shape, include_extras=True)
    return tuple(
        _Field(name=field.name, reader=_reader(hints[field.name]), required=field.default is NODEFAULT)
        for field in structs.fields(shape)
    )


def _reader(annotation: Any) -> Reader:
    if get_origin(annotation) is Annotated:
        kind, *marks = get_args(annotation)
        own = next((mark.reader for mark in marks if isinstance(mark, ReadBy)), None)
        if own is None:
            return _reader(kind)
        return _optional(own) if NoneType in get_args(kind) else own
    if annotation is str:
        return text
    if annotation == str | None:
        return _optional(text)
    raise TypeError(f"no reader for {annotation}")


def _fill(shape: type[_T], document: JsonObject) -> _T:
    """Read every field; complain about all of them at once."""
    errors: list[FieldError] = []
    found = {}
    for field in _fields(shape):
        if field.name in document.repeated:
            errors.append(FieldError(field=field.name, message="is given more than once"))
        elif field.name in document.values:
            try:
                found[field.name] = field.reader(field.name, document.values[field.name])
            except InvalidFields as error:
                errors += error.errors
        elif field.required:
            errors.append(FieldError(field=field.name, message="is required"))
    if errors:
        raise InvalidFields(*errors)
    return shape(**found)


def _decode(body: bytes) -> JsonObject:
    try:
        document = _DECODER.decode(body.decode())
    except RecursionError:
        refuse("body", "is nested too deep")
    except ValueError:  # no UTF-8, no JSON, or a constant that JSON does not have
        refuse("body", "must be JSON in UTF-8")
    if not isinstance(document, JsonObject):
        refuse("body", "must be a JSON object")
    return document


def _object(pairs: Iterable[tuple[str, Any]]) -> JsonObject:
    pairs = list(pairs)
    values = dict(pairs)
    if len(values) == len(pairs):
        return JsonObject(values)
    counted = Counter(name for name, _ in pairs)
    return JsonObject(values, [name for name, times in counted.items() if times > 1])


def _integer(digits: str) -> int | Number:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else Number(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and the infinities are Python's, not JSON's


def _is_unicode(value: str) -> bool:
    """No half of a surrogate pair: neither a database nor an answer could hold it."""
    return _HALF.search(value) is None


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Number, parse_int=_integer, parse_constant=_no_constant
)
