"""Check the type tests with mypy and with pyright, in the environment that holds the built wheel.

What is accepted must pass whole; of what is refused, each marked line must be found, and no other.

python packaging/check_types.py packaging/type_tests
"""

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKERS = {
    # No configuration of ours: what counts is what somebody else's project sees.
    "mypy": ["mypy", "--strict", f"--config-file={os.devnull}", "--cache-dir", os.devnull, "accepted.py", "refused.py"],
    "pyright": ["basedpyright", "--pythonpath", sys.executable],
}
FOUND = re.compile(r"^\s*\S*refused\.py:(\d+)(?::\d+)?(?: -)?:? error", re.MULTILINE)


def main(folder: Path) -> None:
    """Exit with a message when a checker and the files disagree."""
    refused = folder / "refused.py"
    marked = {n for n, line in enumerate(refused.read_text("utf-8").splitlines(), 1) if line.endswith("# refused")}
    asked = {
        name: subprocess.Popen(  # noqa: S603  - installed beside us
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, command in CHECKERS.items()
    }
    for name, checker in asked.items():  # both at once: each takes seconds
        told, _ = checker.communicate()
        found = {int(line) for line in FOUND.findall(told)}
        if "accepted.py" in told or found != marked:
            sys.exit(f"{name} missed lines {sorted(marked - found)}, and found {sorted(found - marked)}:\n{told}")
        sys.stdout.write(f"{name}: the public API is as the type tests say; {len(found)} mistakes refused\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
