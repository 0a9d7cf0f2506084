"""Where processes begin: settings, the composition root, the command line, and the sandbox.

Some libraries load another where they find it, for what no process of ours does: Stripe's SDK `requests`, for calls
that wait (a hundred and fifty modules, 8 MB); structlog `rich` and httpx `pygments`, for tracebacks and for a command
line of theirs (85 modules, 4 MB). So in our processes, which begin here, they do not find it; in those of others they
do. Likewise aiogram is loaded lightly by whatever of ours loads it first (`adapters/bot`).
"""

import sys
from functools import partial
from types import ModuleType
from typing import Any

import adapters.bot  # noqa: F401  - it sees to aiogram, and loads nothing
from adapters.loading import Execute, around


def _without(name: str, execute: Execute, module: ModuleType) -> None:
    """Run a module that looks for another, as if that were not installed; later it is there for whoever wants it."""
    modules: dict[str, Any] = sys.modules
    hidden = name not in modules
    if hidden:
        modules[name] = None  # https://docs.python.org/3/reference/import.html#the-module-cache
    try:
        execute(module)
    finally:
        if hidden:
            del modules[name]


for _module, _other in (
    ("stripe._http_client", "requests"),
    ("structlog.tracebacks", "rich"),
    ("structlog.dev", "rich"),
    ("httpx._main", "pygments"),
):
    around(_module, partial(_without, _other))
