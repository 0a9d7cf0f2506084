"""Run in an environment that holds the core's wheel alone: every module imports, and drags in nothing but msgspec."""

import importlib
import pkgutil
import sys
from importlib.metadata import distributions

import paywall_core


def main() -> None:
    """Import everything; exit with a message when something foreign was needed or came along."""
    for module in pkgutil.walk_packages(paywall_core.__path__, "paywall_core."):
        importlib.import_module(module.name)
    top_level = {name.split(".")[0] for name in sys.modules}
    foreign = top_level - set(sys.stdlib_module_names) - {"paywall_core", "msgspec", "__main__", "__mp_main__"}
    foreign = {name for name in foreign if not name.startswith(("_", "sitecustomize", "usercustomize"))}
    if foreign:
        sys.exit(f"the core loaded {sorted(foreign)}")
    installed = {distribution.name for distribution in distributions()} - {"pip", "setuptools"}
    if installed != {"paywall-core", "msgspec"}:
        sys.exit(f"the core's wheel brought {sorted(installed)}")
    sys.stdout.write(f"paywall-core alone: {len(sys.modules)} modules, nothing foreign\n")


if __name__ == "__main__":
    main()
