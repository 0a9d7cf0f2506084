"""Write the pages of docs/ that are made from the code, or check that they are today's.

    python scripts/generated_docs.py            write docs/lifecycle.md, openapi.json, api.md and commands.md
    python scripts/generated_docs.py --check    exit 1 when one of them is stale

Decides nothing: the lifecycle is drawn from the transition table, the API is described by its routes, the commands by
the command line.
"""

import argparse
import json
import sys
from pathlib import Path

from entrypoints.cli import main as command_line
from entrypoints.openapi import document
from paywall_core.lifecycle import diagram
from reference_pages import api_page, commands_page

DOCS = Path(__file__).parents[1] / "docs"


def pages() -> dict[Path, bytes]:
    """Every generated page, whole."""
    lifecycle = f"# The order's lifecycle\n\n```mermaid\n{diagram()}```\n"
    described = document()
    return {
        DOCS / "lifecycle.md": lifecycle.encode(),
        DOCS / "openapi.json": described,
        DOCS / "api.md": api_page(json.loads(described)).encode(),
        DOCS / "commands.md": commands_page(command_line, "paywall").encode(),
    }


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description="Write the pages of docs/ that are made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")
    check = parser.parse_args().check
    for path, content in pages().items():
        if not check:
            path.write_bytes(content)
        elif not path.exists() or path.read_bytes() != content:
            sys.exit(f"docs/{path.name} is not what the code says: run `nox -s generate`")


if __name__ == "__main__":
    main()
