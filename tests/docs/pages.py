"""The pages, read as a forge reads them: links, anchors, blocks of code and words that stand as code."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = tuple(
    sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md", *DOCS.rglob("*.md")])
)
_NOT_IN_ANCHORS: Final = re.compile(r"[^\w\- ]")


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A block of code.

    Attributes:
        page: where it stands, from the root of the tree on.
        line: of its first line.
        language: the word behind the fence.
        mark: what the last comment before it says, as in `<!-- run: sandbox -->`; empty where there is none.
        text: what is in it.
    """

    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def place(self) -> str:
        """For the words of a failure."""
        return f"{self.page}:{self.line}"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page.

    Attributes:
        path: its file.
        targets: of links and pictures, as they are written.
        anchors: of its headings, as a forge makes them.
        codes: the texts between backquotes, each with its line.
        blocks: in their order.
        rows: of its tables, each cell as it is written.
    """

    path: Path
    targets: Sequence[str]
    anchors: frozenset[str]
    codes: Sequence[tuple[int, str]]
    blocks: Sequence[Block]
    rows: Sequence[Sequence[str]]

    @property
    def name(self) -> str:
        """From the root of the tree on."""
        return self.path.relative_to(ROOT).as_posix()


@cache
def read(path: Path) -> Page:
    """Read one page."""
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    inline = [(token.map[0] + 1 if token.map else 0, child) for token in tokens for child in token.children or ()]
    return Page(
        path=path,
        targets=[str(child.attrs[name]) for _, child in inline for name in ("href", "src") if name in child.attrs],
        anchors=frozenset(_anchors(tokens)),
        codes=[(line, child.content) for line, child in inline if child.type == "code_inline"],
        blocks=list(_blocks(tokens, path.relative_to(ROOT).as_posix())),
        rows=list(_rows(tokens)),
    )


def every_page() -> Sequence[Page]:
    """All of them."""
    return [read(path) for path in PAGES]


def every_block(*languages: str) -> Iterator[Block]:
    """The blocks in one of these languages, page by page."""
    for page in every_page():
        yield from (block for block in page.blocks if block.language in languages)


def _anchors(tokens: Sequence[Token]) -> Iterator[str]:
    """As GitHub makes them: of two headings that are alike the second has a number."""
    seen = Counter[str]()
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            shown = "".join(
                child.content for child in following.children or () if child.type in ("text", "code_inline")
            )
            anchor = _NOT_IN_ANCHORS.sub("", shown.lower()).replace(" ", "-")
            yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
            seen[anchor] += 1


def _blocks(tokens: Sequence[Token], page: str) -> Iterator[Block]:
    mark = ""
    for token in tokens:
        if token.type == "html_block":
            found = re.fullmatch(r"<!--\s*(.*?)\s*-->", token.content.strip(), re.DOTALL)
            mark = found[1] if found else ""
        elif token.type == "fence":
            line = token.map[0] + 2 if token.map else 0
            yield Block(page=page, line=line, language=token.info.strip(), mark=mark, text=token.content)
            mark = ""
        elif token.type in ("inline", "code_block"):
            mark = ""


def _rows(tokens: Sequence[Token]) -> Iterator[Sequence[str]]:
    cells: list[str] = []
    for token in tokens:
        if token.type == "tr_open":
            cells = []
        elif token.type == "inline" and token.level >= 0:
            cells.append(token.content)
        elif token.type == "tr_close":
            yield tuple(cells)


def tables_by_first_cell(page: Page) -> Mapping[str, Sequence[str]]:
    """The rows of a page's tables by what stands in their first cell, without its backquotes.

    Raises:
        AssertionError: two rows begin alike.
    """
    found = dict[str, Sequence[str]]()
    for first, *rest in page.rows:
        name = first.strip("`")
        assert name not in found or not first.startswith("`"), f"{page.name}: {name} is told of twice"
        found[name] = rest
    return found
