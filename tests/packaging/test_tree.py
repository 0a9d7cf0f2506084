"""What the project's own files may not name: a package registry, and the directories of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Written with a class of one letter, so that this file does not name what it looks for.
FORBIDDEN = re.compile(
    r"""
      [p]ypi\.org | [p]ypi\.python\.org | [p]ythonhosted\.org | [r]egistry\.npmjs | [p]roxy\.golang\.org
    | [a]rtifactory | [/]simple/?(?:["'\s]|$)
    | --(?:extra-)?[i]ndex-url[=\s]+\S | --[f]ind-links[=\s]+\S
    | (?<![\w.}>-])/[h]ome/\w | (?<![\w.}>-])/[r]oot/ | (?<![\w.}>-])/[w]ork/ | (?<![\w.}>-])/[U]sers/\w
    """,
    re.VERBOSE,
)


def files() -> list[Path]:
    """Every file that is tracked or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607  - the user's own git
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def named_in(text: str) -> list[str]:
    """The lines that name what is forbidden."""
    return [line for line in text.splitlines() if FORBIDDEN.search(line)]


def test_no_file_names_a_registry_or_a_directory_of_one_machine() -> None:
    """A clone works anywhere: no file says where one machine keeps its packages or its work."""
    found = {
        f"{path.relative_to(ROOT)}: {line.strip()[:120]}"
        for path in files()
        for line in named_in(path.read_bytes().decode("utf-8", errors="replace"))
    }
    assert found == set()


def test_the_search_sees_the_project() -> None:
    """The list of files is the tree's, not an empty one."""
    seen = {path.relative_to(ROOT).as_posix() for path in files()}
    assert {"pyproject.toml", "constraints.txt", "src/paywall_core/lifecycle.py"} <= seen


@pytest.mark.parametrize(
    "line",
    [
        "https://py" + "pi.org/project/x",
        "https://files.python" + "hosted.org/packages/x.whl",
        "--index" + "-url http://packages.internal",
        "see /ho" + "me/anna/project",
        "cd /wo" + "rk/main",
        "open('/ro" + "ot/.bashrc')",
        "/Use" + "rs/anna",
    ],
)
def test_a_forbidden_name_is_found(line: str) -> None:
    """Each kind of forbidden name is seen."""
    assert named_in(f"a line\n{line}\n") == [line]


@pytest.mark.parametrize(
    "line",
    ["https://pay.example.com/home/page", "docs/wo" + "rk/notes", "--no-emit-index-url", "{base}/wo" + "rk/x"],
)
def test_an_innocent_line_is_not_found(line: str) -> None:
    """A path of a site or of the tree is no machine's directory."""
    assert named_in(line) == []
