"""How the pages of this folder become a site: `nox -s docs`, by Sphinx with MyST and the theme Furo.

The pages are plain Markdown that reads well on a forge, too, and so they hold nothing that only Sphinx knows. What a
site needs beside them is made here:

- the navigation, from the lists of `index.md`: each `###` below its heading "The pages" is a group;
- the drawings, from blocks of Mermaid, as SVG within the page: no script is loaded to draw them;
- links to directories of the project, and to pages that are not among these, as their names; other files are copied.

Nothing that the built pages load is elsewhere: `packaging/check_site.py` looks.
"""

import re
from pathlib import Path
from typing import Any

import mermaidx
from docutils import nodes
from sphinx.application import Sphinx

DOCS = Path(__file__).parent

project = "Paywall"
project_copyright = "The Paywall maintainers"
extensions = ["myst_parser"]
exclude_patterns = ["images", "static"]
root_doc = "index"
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Paywall"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
nitpicky = True
highlight_options = {"default": {"stripall": False}}

_LISTS = "## The pages\n"
_ADRS = "adr/README"
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def add_navigation(_app: Sphinx, page: str, source: list[str]) -> None:
    """What stands on the left of every page: the lists of the first one, and every decision below theirs."""
    if page == "index":
        _, _, lists = source[0].partition(_LISTS)
        for group in lists.split("\n### ")[1:]:
            title, _, rest = group.partition("\n")
            entries = "\n".join(target.removesuffix(".md") for _, target in _LINK.findall(rest))
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{entries}\n```\n"
    if page == _ADRS:
        source[0] += "\n```{toctree}\n:maxdepth: 1\n:glob:\n\n0*\n```\n"


def name_what_is_elsewhere(_app: Sphinx, page: str, source: list[str]) -> None:
    """A link to what a site does not have becomes its text."""
    here = (DOCS / page).parent

    def named(link: re.Match[str]) -> str:
        text, target = link.groups()
        path = (here / target).resolve()
        is_page_elsewhere = path.suffix == ".md" and not path.is_relative_to(DOCS.resolve())
        return text if ":" not in target and (path.is_dir() or is_page_elsewhere) else link[0]

    source[0] = _LINK.sub(named, source[0])


def draw(_app: Sphinx, document: nodes.document) -> None:
    """Each block of Mermaid becomes its picture, drawn by Mermaid itself."""
    for block in list(document.findall(nodes.literal_block)):
        if block.get("language") == "mermaid":
            picture = mermaidx.render(block.astext()).svg()
            block.replace_self(nodes.raw("", f'<div class="drawing">{picture}</div>', format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls it."""
    app.connect("source-read", add_navigation)
    app.connect("source-read", name_what_is_elsewhere)
    app.connect("doctree-read", draw)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
