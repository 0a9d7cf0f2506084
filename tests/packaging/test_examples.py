"""The examples are short, tested, tried and told of; and what the pages about embedding import is there."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if list(path.glob("*.py")))
MOST_LINES = 40
PAGES = ("embedding.md", "embedding-tests.md")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_is_short_and_has_a_test_beside_it(example: Path) -> None:
    """Empty lines are not counted."""
    files = {path.name: path.read_text(encoding="utf-8") for path in example.glob("*.py")}
    assert any(name.startswith("test_") for name in files)
    own = {name: text for name, text in files.items() if not name.startswith("test_")}
    assert own
    assert {
        name for name, text in own.items() if sum(map(bool, map(str.strip, text.splitlines()))) >= MOST_LINES
    } == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_is_tried_by_the_checks_and_told_of(example: Path) -> None:
    """By the name of its folder."""
    assert f'"examples/{example.name}"' in (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert f"[{example.name}](../examples/{example.name}/" in (ROOT / "docs" / PAGES[0]).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_imports_is_there(page: str) -> None:
    """Each block of Python is well formed, and what it imports of ours has these names."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert blocks
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = import_module(node.module or "")
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page: str) -> None:
    """Files of the tree."""
    linked = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert [link for link in linked if not (ROOT / "docs" / link).exists()] == []
