"""`/schema`: the API's description as a page of our own, and as the document itself.

Nothing on it comes from elsewhere and no script runs, so that it works without the internet and under the same
Content-Security-Policy as every page.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request
from litestar.enums import OpenAPIMediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin
from markupsafe import Markup, escape
from msgspec import Struct

from adapters.http.assets import asset
from adapters.http.openapi import pretty

_METHODS: Final = ("get", "post")
_LIMITS: Final = {
    "format": "{}",
    "minimum": "from {}",
    "maximum": "to {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "maxProperties": "at most {} of them",
    "pattern": "{}",
}
_CODE: Final = re.compile(r"`([^`]+)`")
_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["asset"] = asset


def _with_code(text: str) -> Markup:
    """What stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  - escaped just now


_templates.filters["with_code"] = _with_code


class Row(Struct, frozen=True, kw_only=True):
    """One field, parameter or header.

    Attributes:
        name: its name.
        place: where a parameter stands: `query` or `header`; empty for a field.
        kind: of what kind its value is, with its limits.
        required: whether it must be there.
        description: what it is.
    """

    name: str
    place: str = ""
    kind: str
    required: bool
    description: str


class Content(Struct, frozen=True, kw_only=True):
    """A body: what is in it, and examples by name."""

    media_type: str
    rows: list[Row]
    examples: dict[str, str]


class Answer(Struct, frozen=True, kw_only=True):
    """What a call may answer with one status."""

    status: str
    description: str
    headers: list[Row]
    contents: list[Content]


class Call(Struct, frozen=True, kw_only=True):
    """One call."""

    id: str
    method: str
    path: str
    summary: str
    paragraphs: list[str]
    deprecated: bool
    internal: bool
    parameters: list[Row]
    asked: list[Content]
    answers: list[Answer]


class SchemaPagePlugin(OpenAPIRenderPlugin):
    """The page. Rendered at the first request; the description does not change while we run."""

    def __init__(self) -> None:
        super().__init__(path="/")
        self._page: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002  - as Litestar calls it
        """The whole page."""
        if self._page is None:
            self._page = render_page(openapi_schema)
        return self._page


class DocumentPlugin(OpenAPIRenderPlugin):
    """The document, byte for byte as `openapi_document` writes it."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002  - as Litestar calls it
        """The whole document."""
        return pretty(openapi_schema)


def render_page(document: Mapping[str, Any]) -> bytes:
    """The description as HTML."""
    reader = _Reader(document)
    groups = [
        (tag["name"], tag["description"], [call for name, call in reader.calls() if name == tag["name"]])
        for tag in document["tags"]
    ]
    html = _templates.get_template("schema.html").render(info=document["info"], groups=groups)
    return html.encode()


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def calls(self) -> Iterator[tuple[str, Call]]:
        """Every call with its tag."""
        for path, item in self._document["paths"].items():
            for method in _METHODS:
                if method in item:
                    operation = item[method]
                    yield operation["tags"][0], self._call(path, method, operation)

    def _call(self, path: str, method: str, operation: Mapping[str, Any]) -> Call:
        return Call(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            paragraphs=operation.get("description", "").split("\n\n"),
            deprecated=operation.get("deprecated", False),
            internal="security" in operation,
            parameters=[self._row(p["name"], p, p["required"], place=p["in"]) for p in operation.get("parameters", [])],
            asked=self._contents(operation.get("requestBody", {})),
            answers=[self._answer(status, answer) for status, answer in sorted(operation["responses"].items())],
        )

    def _answer(self, status: str, answer: Mapping[str, Any]) -> Answer:
        headers = answer.get("headers", {})
        return Answer(
            status=status,
            description=answer["description"],
            headers=[self._row(name, header, required=False, place="header") for name, header in headers.items()],
            contents=self._contents(answer),
        )

    def _contents(self, said: Mapping[str, Any]) -> list[Content]:
        return [
            Content(
                media_type=media_type,
                rows=self._rows(media.get("schema", {})),
                examples={name: _shown(example["value"]) for name, example in media.get("examples", {}).items()},
            )
            for media_type, media in said.get("content", {}).items()
        ]

    def _rows(self, schema: Mapping[str, Any]) -> list[Row]:
        schema = self._resolved(schema)
        required = schema.get("required", [])
        fields = schema.get("properties", {})
        return [self._row(name, {"schema": field}, required=name in required) for name, field in fields.items()]

    def _row(self, name: str, said: Mapping[str, Any], required: bool, *, place: str = "") -> Row:
        schema = said["schema"]
        description = said.get("description") or schema.get("description", "")
        return Row(name=name, place=place, kind=self._kind(schema), required=required, description=description)

    def _kind(self, schema: Mapping[str, Any]) -> str:
        """A type in words: `string (at most 254 characters)`, `"a" or "b"`, `string or null`."""
        schema = self._resolved(schema)
        if "enum" in schema:
            return " or ".join(_shown(value) for value in schema["enum"])
        if "oneOf" in schema:
            kind = " or ".join(self._kind(one) for one in schema["oneOf"])
        elif isinstance(schema.get("type"), list):
            kind = " or ".join(schema["type"])
        else:
            kind = schema.get("type", "anything")
        if kind == "array":
            kind = f"list of {self._kind(schema['items'])}"
        limits = [words.format(schema[word]) for word, words in _LIMITS.items() if word in schema]
        return f"{kind} ({', '.join(limits)})" if limits else kind

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = schema.get("$ref")
        if reference is None:
            return schema
        found: Mapping[str, Any] = self._document["components"]["schemas"][reference.rpartition("/")[2]]
        return found


def _shown(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
