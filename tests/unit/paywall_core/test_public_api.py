"""What `paywall_core` names is what the docs name; each says what it is, and costs nothing before it is wanted."""

import re
import subprocess
import sys
from importlib import import_module
from inspect import getdoc
from pathlib import Path

import pytest

import paywall_core

PAGE = Path(__file__).parents[3] / "docs" / "embedding.md"
MOST_NAMES = 40


def test_docs_name_the_public_api_and_nothing_else() -> None:
    """The first column of the page's table, in the order of the alphabet."""
    told = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(told) == paywall_core.__all__
    assert len(told) <= MOST_NAMES


@pytest.mark.parametrize("name", paywall_core.__all__)
def test_public_name_says_what_it_is(name: str) -> None:
    """With a docstring of its own, and one home."""
    found = getattr(paywall_core, name)
    assert found.__name__ == name
    assert found is getattr(import_module(found.__module__), name)
    assert getdoc(found)
    assert getdoc(found) != getdoc(found.__base__)
    assert vars(paywall_core)[name] is found  # loaded once


def test_names_are_listed_whether_or_not_they_were_asked_for() -> None:
    """As an editor's completion wants it; and what is none is none."""
    assert set(paywall_core.__all__) <= set(dir(paywall_core))
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        _ = paywall_core.Nonsense  # type: ignore[attr-defined]  # that it is refused is what is tested


def test_import_loads_nothing_before_it_is_wanted() -> None:
    """In a fresh process: neither a module of the core nor msgspec; the first name brings both."""
    script = (
        "import sys; import paywall_core; before = set(sys.modules); paywall_core.Plan; "
        "print(sorted(m for m in before if m.startswith('paywall_core') or m == 'msgspec'), 'msgspec' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603  - ours
    assert done.stdout == "['paywall_core'] True\n"
