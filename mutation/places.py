"""Where the core, its modules and its tests are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "src" / "paywall_core"
TESTS = ROOT / "tests" / "unit" / "paywall_core"
EXPLAINED = ROOT / "mutation" / "survivors.txt"


def modules() -> list[str]:
    """Every module of the core but its ports, its test equipment, and the package's own list of names."""
    files = [file for file in sorted(CORE.rglob("*.py")) if not {"testing", "ports"} & set(file.parts)]
    return [module_of(file) for file in files if file != CORE / "__init__.py"]


def module_of(file: Path) -> str:
    """The dotted name of the module in that file."""
    parts = file.relative_to(CORE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def file_of(module: str) -> Path:
    """The file of that module."""
    path = CORE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
