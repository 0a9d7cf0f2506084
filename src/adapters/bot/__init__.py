"""The Telegram bot: the gate, the commands, and the messages that we send. aiogram; knows no other adapter.

aiogram describes every type and method of Telegram's to pydantic, and has all six hundred worked out while it is
loaded: eight seconds on a small machine, of which a bot uses a few. From here on they are left to be worked out at
their first use, as pydantic's `defer_build` has it, whoever loads aiogram. Nothing is loaded here.
"""

import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final, TypeAlias

_Exec: TypeAlias = Callable[[ModuleType], None]

_TYPES: Final = "aiogram.types"
_METHODS: Final = "aiogram.methods.base"
_NAME: Final = re.compile(r"[A-Za-z_]\w*")


class _Lightly(MetaPathFinder):
    """Stands in the way of two modules."""

    def find_spec(self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Where the module is, and how it is loaded here."""
        if name not in (_TYPES, _METHODS):
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            loader.exec_module = partial(_load_types if name == _TYPES else _load_methods, loader.exec_module)
        return spec


def _load_methods(load: _Exec, base: ModuleType) -> None:
    """What all methods have in common, their configuration as well."""
    load(base)
    base.TelegramMethod.model_config["defer_build"] = True


def _load_types(load: _Exec, types: ModuleType) -> None:
    """Load the types without having them worked out, and let each of them find what it names."""
    from pydantic import BaseModel  # noqa: PLC0415  - aiogram has loaded it; nobody else need

    names: dict[str, Any] = {}

    def later(_type: type[BaseModel], /, *, _types_namespace: dict[str, Any] | None = None, **_options: Any) -> None:
        names.update(_types_namespace or {})

    at_once = BaseModel.__dict__["model_rebuild"]
    BaseModel.model_rebuild = classmethod(later)  # type: ignore[assignment, method-assign]  # and back again
    try:
        load(types)
    finally:
        BaseModel.model_rebuild = at_once  # type: ignore[method-assign]  # as it was
    for described in (getattr(types, name) for name in types.__all__):
        if isinstance(described, type):  # or it is another name for several
            _let_find(described, names)


def _let_find(described: type, names: dict[str, Any]) -> None:
    """Put what a type's annotations name, inherited ones too, into its module, which has it for type checkers only."""
    module = sys.modules[described.__module__]
    annotations = [one for base in described.__mro__ for one in vars(base).get("__annotations__", {}).values()]
    for word in names.keys() & set(_NAME.findall(" ".join(map(str, annotations)))):
        if not hasattr(module, word):
            setattr(module, word, names[word])


if _TYPES not in sys.modules:
    sys.meta_path.insert(0, _Lightly())
