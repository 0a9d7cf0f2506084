"""The API's description: what Litestar finds out by itself, and what only we can say beside it.

Problems, examples and headers of each call are said where the call is defined, by `described`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from litestar import Litestar
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    License,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
    SecurityScheme,
    Tag,
)
from litestar.openapi.spec.base import BaseSchemaObject
from litestar.params import KwargDefinition
from msgspec import NODEFAULT, Struct, structs

from adapters.http.fields import FieldError
from adapters.http.problems import KINDS, PROBLEM_JSON, Problem, describe

INTERNAL_TOKEN: Final = "InternalToken"  # noqa: S105  - the name of the scheme
BEARER_TOKEN: Final = "BearerToken"  # noqa: S105  - as above
VERSION: Final = version("paywall")
_ABOUT: Final = """\
A customer pays on the web with Stripe and walks into a Telegram bot.

Answers are JSON. Every error is a problem of RFC 9457 (`application/problem+json`) with a stable `code`; an invalid
request names every field that is not as it should be in `errors`. Unknown fields are ignored. Times are RFC 3339, UTC.
"""
_TAGS: Final = (
    Tag(name="payment", description="Checkout, Stripe's events, and the success page's question."),
    Tag(name="access", description="Redeeming an activation link, and getting a new one by e-mail."),
    Tag(name="tracking", description="What the quiz front end tells the trackers through us. Public."),
    Tag(name="bot", description="For the bot alone, with the internal token."),
    Tag(name="service", description="For whoever runs the service."),
    Tag(name="legacy", description="No longer served."),
)
_RETRY_AFTER: Final = OpenAPIHeader(
    schema=Schema(type=OpenAPIType.INTEGER, minimum=1),
    description="Seconds to wait before the next try.",
    required=True,
)


@dataclass
class Verbatim(BaseSchemaObject):
    """A value as it is. Litestar would leave the nulls out."""

    value: Any

    def to_schema(self) -> Any:
        """The value."""
        return self.value


class Body(Struct, frozen=True, kw_only=True):
    """A request body that no shape describes.

    Attributes:
        description: what it is.
        schema: its schema.
    """

    description: str
    schema: Schema


class Saying(Struct, frozen=True, kw_only=True):
    """What is said of a call beside its types.

    Attributes:
        asked: an example of the request's body, or None.
        body: the body itself, where no shape describes it.
        answered: examples of the answer, by what they show.
        images: the media type of an image that is answered to those who prefer one, or None.
        parameters: of the query and of the header.
        headers: of the good answer, each with what it says.
    """

    asked: Any = None
    body: Body | None = None
    answered: Mapping[str, Any] = {}
    images: str | None = None
    parameters: Sequence[Parameter] = ()
    headers: Mapping[str, str] = {}


def described(
    operation_id: str,
    summary: str,
    *,
    about: str | None,
    tag: str,
    problems: Sequence[str],
    wrong: tuple[str, str] | None = None,
    saying: Saying = Saying(),  # noqa: B008  - it is immutable
) -> dict[str, Any]:
    """The keywords of a handler that describe it.

    Args:
        operation_id: for generated clients.
        summary: one line.
        about: the rule behind it, usually the use case's own words.
        tag: the group of calls.
        problems: codes of every problem that it may answer.
        wrong: the field and the message of an example of an invalid request.
        saying: the rest.
    """
    return {
        "operation_id": operation_id,
        "summary": summary,
        "description": _paragraphs(about or ""),
        "tags": [tag],
        "responses": _responses(problems, wrong),
        "operation_class": _operation(saying),
        "response_description": "Done",
    }


def internal() -> dict[str, Any]:
    """The keywords of a handler that wants the internal token."""
    return {"security": [{INTERNAL_TOKEN: []}]}


def query_parameters(shape: type[Struct]) -> list[Parameter]:
    """The query parameters that a shape stands for."""
    hints = get_type_hints(shape, include_extras=True)
    return [_parameter(field, hints[field.name]) for field in structs.fields(shape)]


def openapi_config(*pages: OpenAPIRenderPlugin) -> OpenAPIConfig:
    """What is said once for all calls."""
    return OpenAPIConfig(
        title="Paywall",
        version=VERSION,
        description=_ABOUT,
        license=License(name="MIT", identifier="MIT"),
        tags=list(_TAGS),
        path="/schema",
        components=Components(
            security_schemes={
                INTERNAL_TOKEN: SecurityScheme(
                    type="apiKey",
                    name="X-Internal-Token",
                    security_scheme_in="header",
                    description="One of `INTERNAL_API_TOKEN`.",
                ),
                BEARER_TOKEN: SecurityScheme(
                    type="http", scheme="bearer", description="One of `INTERNAL_API_TOKEN`, as Prometheus sends it."
                ),
            }
        ),
        render_plugins=pages,
    )


def openapi_document(app: Litestar) -> bytes:
    """The description of an application as a file: the same calls are always the same bytes."""
    return pretty(app.openapi_schema.to_schema())


def pretty(document: Mapping[str, Any]) -> bytes:
    """A JSON document to be read and compared."""
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _responses(codes: Sequence[str], wrong: tuple[str, str] | None) -> dict[int, ResponseSpec]:
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {
        status: ResponseSpec(
            data_container=Problem,
            generate_examples=False,
            description=". ".join(KINDS[code].title for code in same),
            media_type=PROBLEM_JSON,
            examples=[Example(id=code, summary=KINDS[code].title, value=_example(code, wrong)) for code in same],
        )
        for status, same in sorted(by_status.items())
    }


def _example(code: str, wrong: tuple[str, str] | None) -> dict[str, Any]:
    errors: tuple[FieldError, ...] = ()
    if code == "validation_failed":
        field, message = wrong or ("body", "must be a JSON object")
        errors = (FieldError(field=field, message=message),)
    example = structs.asdict(describe(code, field_errors=errors))
    example["errors"] = [structs.asdict(error) for error in errors]
    return {key: value for key, value in example.items() if value != []}


def _operation(saying: Saying) -> type[Operation]:
    """Litestar's operation, with what we say of it put in."""

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.parameters = [*(self.parameters or []), *saying.parameters] or None
            if saying.body is not None:
                content = {"application/json": OpenAPIMediaType(schema=saying.body.schema)}
                self.request_body = RequestBody(content=content, description=saying.body.description, required=True)
            if isinstance(self.request_body, RequestBody) and saying.asked is not None:
                for media in self.request_body.content.values():
                    media.examples = {"example": Example(value=Verbatim(saying.asked))}
            for response in (self.responses or {}).values():
                if isinstance(response, OpenAPIResponse) and response.content:
                    _complete(response, response.content, saying)

    return Described


def _complete(response: OpenAPIResponse, content: dict[str, OpenAPIMediaType], saying: Saying) -> None:
    """Say the rest of one answer: a problem's `Retry-After`; of the good one, its headers, examples and image."""
    problems = content.get(PROBLEM_JSON)
    if problems is not None:
        for example in problems.examples.values() if problems.examples else ():
            if isinstance(example, Example):
                example.id = None  # Litestar's key for it, and no word of OpenAPI's
        if any(KINDS[code].retry_after for code in problems.examples or ()):
            response.headers = {"Retry-After": _RETRY_AFTER}
        return
    for media in content.values():
        media.examples = {name: Example(value=Verbatim(value)) for name, value in saying.answered.items()} or None
    if saying.images is not None:
        image = Schema(type=OpenAPIType.STRING, content_media_type=saying.images)
        content[saying.images] = OpenAPIMediaType(schema=image)
    response.headers = {
        name: OpenAPIHeader(schema=Schema(type=OpenAPIType.STRING), description=words)
        for name, words in saying.headers.items()
    } or None


def _parameter(field: structs.FieldInfo, annotation: Any) -> Parameter:
    marks = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    said = next((mark for mark in marks if isinstance(mark, KwargDefinition)), KwargDefinition())
    schema = Schema(type=OpenAPIType.STRING)
    aliases = schema.field_aliases()
    for word, value in (said.schema_extra or {}).items():
        setattr(schema, aliases.get(word, word), value)
    return Parameter(
        name=field.name,
        param_in="query",
        schema=schema,
        description=said.description,
        required=field.default is NODEFAULT,
        examples={str(example.value): example for example in said.examples or ()} or None,
    )


def _paragraphs(docstring: str) -> str:
    """A docstring's prose as it should wrap: a line each paragraph, without indents, and without its `Args:`."""
    paragraphs = [" ".join(part.split()) for part in docstring.split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part and not part.startswith("Args:"))
