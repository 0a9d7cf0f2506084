"""Look into the core's wheel: it holds every file of `paywall_core`, and nothing beside it but its own metadata.

That asks for msgspec alone, and for Hypothesis and pytest where the extra `testing` is wanted.

python packaging/check_wheel.py dist/paywall_core-0.1.0-py3-none-any.whl
"""

import sys
import zipfile
from email.parser import BytesParser
from pathlib import Path

REQUIRED = ["msgspec>=0.20", "hypothesis>=6.150; extra == 'testing'", "pytest>=8; extra == 'testing'"]
SOURCES = Path(__file__).parents[1] / "src"


def main(wheel: Path) -> None:
    """Compare the wheel's files with the sources; exit with a message when they differ."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        required = BytesParser().parsebytes(archive.read(metadata)).get_all("Requires-Dist", [])
        held = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    written = {
        path.relative_to(SOURCES).as_posix()
        for path in (SOURCES / "paywall_core").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    if held != written:
        sys.exit(f"the core's wheel lacks {sorted(written - held)} and holds {sorted(held - written)} too many")
    if sorted(required) != sorted(REQUIRED):
        sys.exit(f"the core's wheel requires {required}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
