"""Run in an environment that holds the core's wheel alone: every module imports, and drags in nothing but msgspec.

What needs Hypothesis or pytest says so. What an import takes and loads is printed; the time is not asserted, because
machines are noisy, but what makes it short is: the bare import loads no module of the core's, and not msgspec.
"""

import importlib
import pkgutil
import subprocess
import sys
from importlib.metadata import distributions

import paywall_core
import paywall_core.testing

# The state machine needs Hypothesis, the contracts need pytest; the extra `testing` brings both.
WITH_TESTING = tuple(
    f"paywall_core.testing.{name}"
    for name in ("contract", "machine_base", "provider_rules", "reversal_rules", "state_machine")
)
TRIES = 5
PROBE = """
import sys, time
before, start = set(sys.modules), time.perf_counter()
{statement}
took = time.perf_counter() - start
loaded = set(sys.modules) - before
print(took * 1000, len(loaded), len([m for m in loaded if m.startswith(("paywall_core.", "msgspec"))]))
"""


def import_cost(statement: str) -> tuple[float, int, int]:
    """Of a few fresh processes: the least milliseconds, all modules that are loaded, and the core's and msgspec's."""
    command = [sys.executable, "-I", "-c", PROBE.format(statement=statement)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(TRIES)]  # noqa: S603  - ourselves
    return min(float(run[0]) for run in runs), int(runs[0][1]), int(runs[0][2])


def try_imports() -> None:
    """Print what each import costs; exit with a message when the bare one loads what it need not."""
    for statement in (
        "import paywall_core",
        "from paywall_core import PlanCatalogue, RecordPayment",
        "from paywall_core import *",
    ):
        took_ms, modules, ours = import_cost(statement)
        sys.stdout.write(f"{statement}: {took_ms:.1f} ms, {modules} modules, {ours} of the core's and msgspec's\n")
        if statement == "import paywall_core" and ours:
            sys.exit("the bare import loads what nobody has asked for yet")


def try_what_is_missing() -> None:
    """Without the extra, whoever asks for what needs it is told so."""
    for what, ask in (
        ("the state machine", lambda: paywall_core.testing.PaywallMachine),
        ("the contracts", lambda: importlib.import_module("paywall_core.testing.contract")),
    ):
        try:
            ask()
        except ImportError as error:
            if "paywall-core[testing]" not in str(error):
                sys.exit(f"without the extra `testing`, {what} say {error}")
        else:
            sys.exit(f"{what} were there without the extra `testing`")


def main() -> None:
    """Import everything; exit with a message when something foreign was needed or came along."""
    try_imports()
    for module in pkgutil.walk_packages(paywall_core.__path__, "paywall_core.", onerror=lambda _: None):
        if not module.name.startswith(WITH_TESTING):
            importlib.import_module(module.name)
    try_what_is_missing()
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
