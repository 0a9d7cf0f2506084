"""Draw docs/lifecycle.md from the transition table, or check that it was drawn from today's.

    python scripts/lifecycle_page.py            write the page
    python scripts/lifecycle_page.py --check    exit 1 when the page is stale

Knows the table's drawing and one file; decides nothing about the lifecycle.
"""

import argparse
import sys
from pathlib import Path

from paywall_core.lifecycle import diagram

PAGE = Path(__file__).parents[1] / "docs" / "lifecycle.md"


def page() -> str:
    """The whole page, as Markdown with a Mermaid drawing."""
    return f"# The order's lifecycle\n\n```mermaid\n{diagram()}```\n"


def main() -> None:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description="Draw docs/lifecycle.md from the transition table.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/lifecycle.md is not what the table says: run `nox -s lifecycle`")


if __name__ == "__main__":
    main()
