"""Stripe: its client, its webhooks, and the translation of its words into ours. Knows no other adapter.

The SDK loads `requests` where it finds it, for calls that wait; ours never do. That is a hundred and fifty modules and
8 MB of every process, so here, before anything else loads the SDK, it is kept from finding it.
"""

import sys
from importlib import import_module
from typing import Any

_modules: dict[str, Any] = sys.modules

if "requests" not in _modules and "stripe" not in _modules:
    _modules["requests"] = None  # as if it were not installed (https://docs.python.org/3/reference/import.html)
    try:
        import_module("stripe")
    finally:
        del _modules["requests"]
