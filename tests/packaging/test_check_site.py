"""What a browser would fetch from elsewhere is found in a built site, and what a reader may follow is not."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "packaging" / "check_site.py"


def check(site: Path) -> subprocess.CompletedProcess[str]:
    """As the session `docs` does it."""
    return subprocess.run([sys.executable, SCRIPT, site], capture_output=True, text=True, check=False)  # noqa: S603  - ours


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("index.html", '<script src="https://cdn.example/mermaid.js"></script>'),
        ("index.html", '<link rel="stylesheet" href="//fonts.example/css">'),
        ("index.html", '<img src="https://img.example/badge.svg">'),
        ("index.html", '<img src="a.png" srcset="a.png 1x, https://img.example/a@2.png 2x">'),
        ("index.html", '<video poster="//img.example/a.png">'),
        ("index.html", "<style>@import 'https://fonts.example/a.css';</style>"),
        ("index.html", '<svg><image xlink:href="http://img.example/a.png"/></svg>'),
        ("a/page.html", '<p style="background: url(https://img.example/a.png)">'),
        ("_static/site.css", "@font-face {src: url('https://fonts.example/a.woff2')}"),
        ("_static/site.js", "await import('https://cdn.example/x.js')"),
    ],
)
def test_what_is_fetched_from_elsewhere_is_found(tmp_path: Path, name: str, text: str) -> None:
    """In pages, styles and scripts."""
    (tmp_path / "index.html").write_text("<p>", encoding="utf-8")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = check(tmp_path)
    assert done.returncode == 1
    assert f"{name}: " in done.stderr


def test_what_is_near_or_only_named_is_left_alone(tmp_path: Path) -> None:
    """Links, names of SVG's namespaces, and files beside the page."""
    (tmp_path / "index.html").write_text(
        '<link rel="canonical" href="https://docs.example/"><a href="https://stripe.com/docs">Stripe</a>'
        '<svg xmlns="http://www.w3.org/2000/svg"></svg><img src="images/a.png" srcset="a.png 1x, b//c.png 2x">'
        '<script src="_static/a.js"></script>',
        encoding="utf-8",
    )
    assert check(tmp_path).returncode == 0


def test_no_site_is_no_good_site(tmp_path: Path) -> None:
    """An empty directory has nothing foreign, and is wrong all the same."""
    assert check(tmp_path).returncode == 1
