"""Every call and every command with its options has its place on the pages to look things up."""

import json
from collections.abc import Iterator

import click

from entrypoints.cli import main
from tests.docs.pages import DOCS, read


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Each that does something."""
    if isinstance(command, click.Group):
        for part, inner in command.commands.items():
            yield from commands(inner, f"{name} {part}")
    else:
        yield name, command


def test_every_command_is_told_of_with_its_options() -> None:
    """Each below a heading of its own."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    for name, command in commands(main, "paywall"):
        _, found, rest = text.partition(f"\n## {name}\n")
        assert found, name
        section = rest.partition("\n## ")[0]
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert [one.opts[0] for one in options if f"| `{one.opts[0]}" not in section] == [], name


def test_every_call_is_told_of_with_its_fields_and_problems() -> None:
    """As docs/openapi.json has them; `nox -s generated` says whether both are today's."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    described = json.loads((DOCS / "openapi.json").read_bytes())
    for path, methods in described["paths"].items():
        for method, call in methods.items():
            section = text.partition(f"\n### {method.upper()} {path}\n")[2].partition("\n### ")[0]
            assert call["summary"] in section
            for status, answer in call["responses"].items():
                problems = answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
                assert [code for code in problems if f"| `{status}` | `{code}` |" not in section] == [], path
            for content in call.get("requestBody", {}).get("content", {}).values():
                schema = content["schema"]
                fields = described["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
                assert [name for name in fields.get("properties", {}) if f"| `{name}` |" not in section] == [], path


def test_every_anchor_of_their_tables_is_a_heading() -> None:
    """A forge's own anchors, made by us."""
    for name in ("api.md", "commands.md"):
        page = read(DOCS / name)
        inside = [target.removeprefix("#") for target in page.targets if target.startswith("#")]
        assert len(inside) > 15
        assert set(inside) <= page.anchors
