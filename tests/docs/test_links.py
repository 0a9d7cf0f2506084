"""Every link of every page leads to a file and to a heading, and every picture is there."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, Page, read

ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def broken(page: Page) -> list[str]:
    """The targets that lead nowhere."""
    return [target for target in page.targets if not ELSEWHERE.match(target) and not leads(page.path, target)]


def leads(page: Path, target: str) -> bool:
    """Whether there is such a file of the tree, and in it such a heading."""
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not (file.exists() and file.is_relative_to(ROOT)):
        return False
    return not anchor or (file.suffix == ".md" and anchor in read(file).anchors)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_link_leads_nowhere(path: Path) -> None:
    """Files, headings and pictures."""
    assert broken(read(path)) == []


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    """A file, a heading, a picture; and one that is right is none of them."""
    place = DOCS / "index.md"
    assert leads(place, "operators.md#paywall-outbox")
    assert leads(place, "images/console.png")
    for target in ("operator.md", "operators.md#paywall-outboxes", "#nothing", "images/none.png", "../../secret"):
        assert not leads(place, target)


def test_every_picture_is_shown() -> None:
    """A picture that no page shows goes stale unseen."""
    shown = {in_any_language(Path(target)) for page in map(read, PAGES) for target in page.targets}
    assert {in_any_language(path) for path in (DOCS / "images").iterdir()} - shown == set()


def in_any_language(picture: Path) -> str:
    """Of twins in two languages, one is enough to show."""
    return picture.stem.removesuffix("-ru").removesuffix("-en")
