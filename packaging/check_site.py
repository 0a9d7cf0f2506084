"""Does a built site load anything from elsewhere? Looks at what pages, style sheets and scripts fetch by themselves.

    python packaging/check_site.py build/docs

A link that a reader may follow is nobody's concern here; what a browser would fetch unasked is.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

# What of a page a browser fetches by itself. A `link` is too, unless it only says where something is.
_FETCHED: Final = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src",
    "object": "data", "link": "href", "image": "href", "use": "href", "input": "src", "track": "src",
}  # fmt: skip
_ONLY_NAMED: Final = {"canonical", "next", "prev", "index", "search", "author", "license", "up", "top"}
_IN_STYLES: Final = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")
_IN_SCRIPTS: Final = re.compile(r"""(?:fetch|import|importScripts)\(\s*["'`]((?:https?:)?//[^"'`]+)""")
_IN_SETS: Final = re.compile(r"(?:^|[\s,])((?:https?:)?//[^\s,]+)")
_ELSEWHERE: Final = re.compile(r"(?:https?:)?//")


class _Page(HTMLParser):
    """Collects what is fetched from elsewhere, and the text of styles and scripts within the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        given = {name: value or "" for name, value in attrs}
        self._within = tag if tag in ("style", "script") else ""
        named = tag == "link" and set(given.get("rel", "").split()) <= _ONLY_NAMED
        address = given.get(_FETCHED.get(tag, ""), given.get("xlink:href", "") if tag in ("image", "use") else "")
        if not named and _ELSEWHERE.match(address):
            self.found.append(address)
        self.found += _IN_STYLES.findall(given.get("style", ""))
        self.found += _IN_SETS.findall(f"{given.get('srcset', '')} {given.get('poster', '')}")

    def handle_data(self, data: str) -> None:
        """What stands in a style or a script."""
        if self._within == "style":
            self.found += _IN_STYLES.findall(data)
        elif self._within == "script":
            self.found += _IN_SCRIPTS.findall(data)


def fetched_from_elsewhere(file: Path) -> list[str]:
    """The addresses on other hosts that a browser would fetch for this file."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".html":
        page = _Page()
        page.feed(text)
        return page.found
    return (_IN_STYLES if file.suffix == ".css" else _IN_SCRIPTS).findall(text)


def foreign(site: Path) -> Iterator[str]:
    """A line for each address."""
    for file in sorted(site.rglob("*")):
        if file.suffix in (".html", ".css", ".js") and "_downloads" not in file.parts:
            yield from (f"{file.relative_to(site)}: {address}" for address in fetched_from_elsewhere(file))


def main() -> None:
    """Look through the site that is named."""
    site = Path(sys.argv[1])
    if not (site / "index.html").exists():
        sys.exit(f"{site} is no site")
    if found := list(foreign(site)):
        sys.exit("\n".join(["loaded from elsewhere:", *found]))


if __name__ == "__main__":
    main()
