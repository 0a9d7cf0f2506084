"""What is done around the loading of a library's module, whoever loads it. Imports no library, and knows no adapter."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, TypeAlias

Execute: TypeAlias = Callable[[ModuleType], None]
"""Runs a module's code."""


def around(name: str, load: Callable[[Execute, ModuleType], None]) -> None:
    """Load a module by `load`, once it is wanted; one that is loaded already stays as it is.

    Args:
        name: the module's full name.
        load: is given what runs the module's code, and the module; it must run it.
    """
    if name not in sys.modules:
        sys.meta_path.insert(0, _Around(name, load))


class _Around(MetaPathFinder):
    """Stands in the way of one module."""

    def __init__(self, name: str, load: Callable[[Execute, ModuleType], None]) -> None:
        self._name = name
        self._load = load

    def find_spec(self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Where the module is, and how it is loaded here; None: as it always was."""
        if name != self._name:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            loader.exec_module = partial(self._load, loader.exec_module)
        return spec
