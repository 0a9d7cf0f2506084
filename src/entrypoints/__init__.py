"""Where processes begin: settings, the composition root, the command line, and the sandbox.

Stripe's SDK loads `requests` where it finds it, for calls that wait, and no process of ours makes one: a hundred and
fifty modules and 8 MB. So in our processes, which begin here, the SDK does not find it; in those of others it does.
Likewise aiogram is loaded lightly by whatever of ours loads it first (`adapters/bot`).
"""

import sys
from types import ModuleType
from typing import Any

import adapters.bot  # noqa: F401  - it sees to aiogram, and loads nothing
from adapters.loading import Execute, around


def _without_requests(execute: Execute, client: ModuleType) -> None:
    """Run the module that looks for it, as if it were not installed; afterwards it is there for whoever wants it."""
    modules: dict[str, Any] = sys.modules
    hidden = "requests" not in modules
    if hidden:
        modules["requests"] = None  # https://docs.python.org/3/reference/import.html#the-module-cache
    try:
        execute(client)
    finally:
        if hidden:
            del modules["requests"]


around("stripe._http_client", _without_requests)
