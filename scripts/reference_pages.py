"""Pages of Markdown to look things up: every call of the API by its description, every command by the command line.

`scripts/generated_docs.py` writes them. Pure: a document or a tree of commands in, a text out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

_NOTE: Final = "<!-- Made from the code by `nox -s generate`: change it there. -->\n"
_API_ELSEWHERE: Final = """\
The same, and a page to try it on, is at `/schema` of a running service; for programs:
[openapi.json](openapi.json)."""
_ABOUT_COMMANDS: Final = """\
One program, `paywall`. `--help` behind any command says the same in the terminal. Exit code 0: done; 1: not done, or
something is wrong; 2: asked in a wrong way, or a setting is wrong. How they are used:
[the operator's handbook](operators.md)."""
_METHODS: Final = ("get", "post", "put", "patch", "delete")
_KEYS: Final = {
    "InternalToken": "Needs the header `X-Internal-Token` with one of `INTERNAL_API_TOKEN`.",
    "BearerToken": "Needs `Authorization: Bearer` with one of `INTERNAL_API_TOKEN`.",
}


def api_page(document: Mapping[str, Any]) -> str:
    """Every call: what it does, what it takes, what it answers, and what can go wrong."""
    schemas = document["components"]["schemas"]
    parts = [
        "# The API",
        _NOTE.rstrip(),
        document["info"]["description"].strip(),
        _API_ELSEWHERE,
        _table(
            ("call", "what it does"),
            [
                (f"[`{method.upper()} {path}`](#{_anchor(method, path)})", call["summary"])
                for method, path, call in _calls(document)
            ],
        ),
    ]
    for tag in document["tags"]:
        parts += [f"## {tag['name'].capitalize()}", tag["description"]]
        for method, path, call in _calls(document):
            if tag["name"] in call["tags"]:
                parts += _call(method, path, call, schemas)
    return "\n\n".join(parts) + "\n"


def commands_page(command: click.Group, name: str) -> str:
    """Every command with its options, as the command line itself knows them."""
    parts = [
        "# Commands",
        _NOTE.rstrip(),
        _ABOUT_COMMANDS,
    ]
    found = list(_commands(command, name))
    parts.append(_table(("command", "what it does"), [(f"[`{n}`](#{_slug(n)})", _first_line(c)) for n, c in found]))
    for full_name, one in found:
        parts += _command(full_name, one)
    return "\n\n".join(parts) + "\n"


def _calls(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            if method in _METHODS:
                yield method, path, call


def _slug(heading: str) -> str:
    """The anchor that a forge gives to a heading."""
    return "".join(c for c in heading.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _anchor(method: str, path: str) -> str:
    return _slug(f"{method} {path}")


def _call(method: str, path: str, call: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    yield f"### {method.upper()} {path}"
    yield f"**{call['summary'].rstrip('.')}.** {call['description'].strip()}"
    for needed in call.get("security", []):
        yield from (_KEYS[name] for name in needed)
    if parameters := call.get("parameters"):
        rows = [
            (f"`{one['name']}`", one["in"], _kind(one["schema"], schemas), _yes(one["required"]), one["description"])
            for one in parameters
        ]
        yield _table(("parameter", "in", "kind", "required", "what it is"), rows)
    for media, content in call.get("requestBody", {}).get("content", {}).items():
        yield f"The body, `{media}`:"
        yield from _content(content, schemas, with_required=True)
    problems = list[tuple[str, str, str]]()
    for status, answer in call["responses"].items():
        for media, content in answer.get("content", {}).items():
            if media == "application/problem+json":
                problems += [
                    (f"`{status}`", f"`{code}`", _cell(example["value"]["detail"]))
                    for code, example in content["examples"].items()
                ]
            else:
                yield f"The answer, `{status}` `{media}`:"
                yield from _content(content, schemas, with_required=False)
    if problems:
        yield _table(("status", "code", "what went wrong"), problems)


def _content(content: Mapping[str, Any], schemas: Mapping[str, Any], *, with_required: bool) -> Iterator[str]:
    schema = _resolved(content["schema"], schemas)
    required = schema.get("required", [])
    rows = list[Sequence[str]]()
    for name, field in schema.get("properties", {}).items():
        what = field.get("description") or _resolved(field, schemas).get("description", "")
        rows.append(
            [f"`{name}`", _kind(field, schemas), *([_yes(name in required)] if with_required else []), _cell(what)]
        )
    if rows:
        yield _table(("field", "kind", *(["required"] if with_required else []), "what it is"), rows)
    for example in content.get("examples", {}).values():
        value = example["value"]
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        yield f"```{'text' if isinstance(value, str) else 'json'}\n{text}\n```"


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema


def _kind(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """What a value may be, in a few words."""
    schema = _resolved(schema, schemas)
    if "oneOf" in schema:
        return " or ".join(_kind(one, schemas) for one in schema["oneOf"])
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    kinds = schema.get("type", "any")
    words = [kinds] if isinstance(kinds, str) else list(kinds)
    if words == ["array"]:
        return f"list of {_kind(schema['items'], schemas)}"
    if schema.get("format"):
        words = [f"{word} ({schema['format']})" if word == "string" else word for word in words]
    return " or ".join(words)


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Each that does something, by its full name."""
    if isinstance(command, click.Group):
        for part, inner in sorted(command.commands.items()):
            yield from _commands(inner, f"{name} {part}")
    else:
        yield name, command


def _command(name: str, command: click.Command) -> Iterator[str]:
    yield f"## {name}"
    with click.Context(command, info_name=name) as context:
        usage = " ".join(command.collect_usage_pieces(context))
        text, _, examples = (command.help or "").partition("\b")
        yield " ".join(text.split("\n\n")[0].split())
        yield from (" ".join(more.split()) for more in text.split("\n\n")[1:] if more.strip())
        yield f"```text\n{name} {usage}\n```"
        options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
        if options:
            yield _table(("option", "what it does"), [_option(one, context) for one in options])
        shown = [line.strip() for line in (examples + (command.epilog or "")).splitlines() if line.strip("\b ")]
        lines = [line for line in shown if line.startswith("paywall ")]
        if lines:
            yield "```sh\n" + "\n".join(lines) + "\n```"


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    record = option.get_help_record(context)
    assert record is not None, option.name  # noqa: S101  - said for the type checker: hidden ones are left out
    names, what = record
    return f"`{names}`", _cell(what)


def _first_line(command: click.Command) -> str:
    return _cell((command.help or "").split("\n\n")[0])


def _yes(value: object) -> str:
    return "yes" if value else ""


def _cell(text: str) -> str:
    """A text that fits into a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell or ' ' for cell in line)} |" for line in lines)
