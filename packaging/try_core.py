"""Run in an environment that holds the core's wheel alone: every module imports, and drags in nothing but msgspec.

What needs Hypothesis says so.
"""

import importlib
import pkgutil
import sys
from importlib.metadata import distributions

import paywall_core
import paywall_core.testing

# The parts of the state machine, which needs Hypothesis; the extra `testing` brings it.
WITH_HYPOTHESIS = {
    f"paywall_core.testing.{name}" for name in ("machine_base", "provider_rules", "reversal_rules", "state_machine")
}


def main() -> None:
    """Import everything; exit with a message when something foreign was needed or came along."""
    for module in pkgutil.walk_packages(paywall_core.__path__, "paywall_core."):
        if module.name not in WITH_HYPOTHESIS:
            importlib.import_module(module.name)
    try:
        _ = paywall_core.testing.PaywallMachine
    except ImportError as error:
        if "paywall-core[testing]" not in str(error):
            sys.exit(f"without Hypothesis the state machine says {error}")
    else:
        sys.exit("the state machine was there without Hypothesis")
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
